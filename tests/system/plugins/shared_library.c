/* Loads a plugin, lets threads call it, unloads it, and only then lets the threads end, so that
 * they run the exit code of a library whose last user is gone. Arguments: the plugin, the library.
 */
#include "host.h"

int main(int argc, char **argv)
{
    check(argc == 3, "two arguments");
    check(dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) == NULL, "the library is not loaded at first");
    for (int round = 0; round < ROUNDS; round++) {
        load(argv[1]);
        start_threads();
        /* What was counted before the plugin was unloaded and loaded again is still there. */
        check(counts[0]() == (THREADS + 1) * (round + 1), "no count is lost");
        close_plugins();
        check(dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) == NULL, "the plugin is unloaded");
        end_threads();
    }
    check(dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) != NULL, "the library stays");
    return 0;
}
