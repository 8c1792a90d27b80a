/* Loads plugins that have a copy of the library each, lets threads call them, closes the plugins,
 * and only then lets the threads end. Arguments: the plugins. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define PLUGINS_MAX 8
#define ROUNDS 3

typedef int count_fn(void);

static count_fn *counts[PLUGINS_MAX];
static void *handles[PLUGINS_MAX];
static int plugin_count;
static pthread_barrier_t together;

static void check(int good, const char *what)
{
    if (!good) {
        fprintf(stderr, "failed: %s\n", what);
        exit(1);
    }
}

static void *call_and_outlive(void *unused)
{
    (void)unused;
    for (int i = 0; i < plugin_count; i++) {
        check(counts[i]() > 0, "a plugin counts");
    }
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together); /* the plugins are closed here */
    return NULL;
}

static void load(int index, const char *path)
{
    handles[index] = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handles[index] == NULL) {
        fprintf(stderr, "%s\n", dlerror());
    }
    check(handles[index] != NULL, "a plugin can be loaded");
    void *symbol = dlsym(handles[index], "plugin_count");
    check(symbol != NULL, "a plugin has its function");
    memcpy(&counts[index], &symbol, sizeof counts[index]);
}

static void run(char **paths)
{
    pthread_t threads[THREADS];
    int before[PLUGINS_MAX];
    for (int i = 0; i < plugin_count; i++) {
        load(i, paths[i]);
        before[i] = counts[i]();
    }
    for (int i = 0; i < THREADS; i++) {
        check(pthread_create(&threads[i], NULL, call_and_outlive, NULL) == 0, "a thread starts");
    }
    pthread_barrier_wait(&together);
    for (int i = 0; i < plugin_count; i++) {
        check(counts[i]() == before[i] + THREADS + 1, "each plugin counts for itself");
        check(dlclose(handles[i]) == 0, "a plugin can be closed");
    }
    pthread_barrier_wait(&together);
    for (int i = 0; i < THREADS; i++) {
        check(pthread_join(threads[i], NULL) == 0, "a thread ends");
    }
}

int main(int argc, char **argv)
{
    plugin_count = argc - 1;
    check(plugin_count > 0 && plugin_count <= PLUGINS_MAX, "the number of arguments");
    check(pthread_barrier_init(&together, NULL, THREADS + 1) == 0, "a barrier");
    for (int round = 0; round < ROUNDS; round++) {
        run(argv + 1);
    }
    return 0;
}
