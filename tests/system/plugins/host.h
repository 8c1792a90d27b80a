/* host.h: what the programs share that load plugins, let threads call them, and unload them. */
#ifndef SX_TESTS_PLUGINS_HOST_H
#define SX_TESTS_PLUGINS_HOST_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 3
#define PLUGINS_MAX 8

typedef int count_fn(void);

static void *handles[PLUGINS_MAX];
static count_fn *counts[PLUGINS_MAX];
static int loaded; /* how many of them */
static pthread_t threads[THREADS];
static pthread_barrier_t together;

static inline void check(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static inline void load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
    }
    check(handle != NULL, "a plugin can be loaded");
    void *symbol = dlsym(handle, "plugin_count");
    check(symbol != NULL, "a plugin has its function");
    check(loaded < PLUGINS_MAX, "there is room for a plugin");
    memcpy(&counts[loaded], &symbol, sizeof counts[loaded]);
    handles[loaded++] = handle;
}

static inline void *call_and_outlive(void *unused)
{
    (void)unused;
    for (int i = 0; i < loaded; i++) {
        check(counts[i]() > 0, "a plugin counts");
    }
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together); /* the plugins are closed here */
    return NULL;
}

/* Starts threads that call each plugin once; returns when they have. */
static inline void start_threads(void)
{
    check(pthread_barrier_init(&together, NULL, THREADS + 1) == 0, "a barrier");
    for (int i = 0; i < THREADS; i++) {
        check(pthread_create(&threads[i], NULL, call_and_outlive, NULL) == 0, "a thread starts");
    }
    pthread_barrier_wait(&together);
}

static inline void close_plugins(void)
{
    while (loaded > 0) {
        check(dlclose(handles[--loaded]) == 0, "a plugin can be closed");
    }
}

/* Lets the threads end. */
static inline void end_threads(void)
{
    pthread_barrier_wait(&together);
    for (int i = 0; i < THREADS; i++) {
        check(pthread_join(threads[i], NULL) == 0, "a thread ends");
    }
    pthread_barrier_destroy(&together);
}

#endif
