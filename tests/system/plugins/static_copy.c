/* Loads plugins that have a copy of the library each, lets threads call them, closes the plugins,
 * and only then lets the threads end. Arguments: the plugins. */
#include "host.h"

static void run(char **paths, int count)
{
    int before[PLUGINS_MAX];
    for (int i = 0; i < count; i++) {
        load(paths[i]);
        before[i] = counts[i]();
    }
    start_threads();
    for (int i = 0; i < count; i++) {
        check(counts[i]() == before[i] + THREADS + 1, "each plugin counts for itself");
    }
    close_plugins();
    end_threads();
}

int main(int argc, char **argv)
{
    check(argc > 1 && argc - 1 <= PLUGINS_MAX, "the number of arguments");
    for (int round = 0; round < ROUNDS; round++) {
        run(argv + 1, argc - 1);
    }
    return 0;
}
