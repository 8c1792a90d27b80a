/* Loads a plugin, lets threads call it, unloads it, and only then lets the threads end, so that
 * they run the exit code of a library whose last user is gone. Arguments: the plugin, the library.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define ROUNDS 3

typedef int count_fn(void);

static count_fn *count;
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
    check(count() > 0, "the plugin counts");
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together); /* the plugin is unloaded here */
    return NULL;
}

static void run(const char *plugin, int round)
{
    pthread_t threads[THREADS];
    void *handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    check(handle != NULL, "the plugin can be loaded");
    void *symbol = dlsym(handle, "plugin_count");
    check(symbol != NULL, "the plugin has its function");
    memcpy(&count, &symbol, sizeof count);
    for (int i = 0; i < THREADS; i++) {
        check(pthread_create(&threads[i], NULL, call_and_outlive, NULL) == 0, "a thread starts");
    }
    pthread_barrier_wait(&together);
    /* What was counted before the plugin was unloaded and loaded again is still there. */
    check(count() == (THREADS + 1) * (round + 1), "no count is lost");
    check(dlclose(handle) == 0, "the plugin can be unloaded");
    check(dlopen(plugin, RTLD_NOW | RTLD_NOLOAD) == NULL, "the plugin is unloaded");
    pthread_barrier_wait(&together);
    for (int i = 0; i < THREADS; i++) {
        check(pthread_join(threads[i], NULL) == 0, "a thread ends");
    }
}

int main(int argc, char **argv)
{
    check(argc == 3, "two arguments");
    check(dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) == NULL, "the library is not loaded at first");
    check(pthread_barrier_init(&together, NULL, THREADS + 1) == 0, "a barrier");
    for (int round = 0; round < ROUNDS; round++) {
        run(argv[1], round);
    }
    check(dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) != NULL, "the library stays");
    return 0;
}
