/* What an update costs in a module that is loaded with dlopen: bench/metrics loads it and runs its
 * loops. The program's own code reads the thread's rows with one instruction, a module calls a
 * function for it. */
#include <sextant/metrics.h>

void module_counter_loop(void *counter, long updates);
void module_histogram_loop(void *histogram, long updates);

__attribute__((visibility("default"))) void module_counter_loop(void *counter, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_counter_inc(counter);
    }
}

__attribute__((visibility("default"))) void module_histogram_loop(void *histogram, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_histogram_observe(histogram, (double)(i & 15));
    }
}
