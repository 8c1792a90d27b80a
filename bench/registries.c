/* What an update costs in a program of many registries: prints lines of `WHAT NANOSECONDS`.
 *
 * One thread increments a counter of each registry in turn, as a program does whose modules have
 * registries of their own. The reference increments as many counters of one registry. Each figure
 * is the CPU time of an increment, the median of some windows. */
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REGISTRIES 32
#define ROUNDS 20000 /* in a window */
#define WINDOWS 31

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

static double median_ns(struct sx_counter *const *counters)
{
    double windows[WINDOWS];
    for (int window = 0; window < WINDOWS; window++) {
        const double start = now_ns();
        for (int i = 0; i < ROUNDS; i++) {
            for (int j = 0; j < REGISTRIES; j++) {
                sx_counter_inc(counters[j]);
            }
        }
        windows[window] = (now_ns() - start) / ROUNDS / REGISTRIES;
    }
    qsort(windows, WINDOWS, sizeof *windows, by_size);
    return windows[WINDOWS / 2];
}

static struct sx_counter *make_counter(struct sx_registry *registry, int number)
{
    struct sx_counter *counter = NULL;
    char name[32];
    snprintf(name, sizeof name, "bench_%d_total", number);
    const struct sx_metric_options options = {.name = name, .help = "Updates."};
    return sx_counter_register(&counter, registry, &options) == SX_OK ? counter : NULL;
}

int main(void)
{
    struct sx_counter *of_one[REGISTRIES];
    struct sx_counter *of_each[REGISTRIES];
    for (int i = 0; i < REGISTRIES; i++) {
        struct sx_registry *registry = NULL;
        if (sx_registry_new(&registry, NULL) != SX_OK) {
            return 1;
        }
        of_one[i] = make_counter(NULL, i);
        of_each[i] = make_counter(registry, 0);
        if (of_one[i] == NULL || of_each[i] == NULL) {
            return 1;
        }
    }
    printf("counters_of_one_registry_ns %.2f\n", median_ns(of_one));
    printf("counters_of_32_registries_ns %.2f\n", median_ns(of_each));
    return 0;
}
