/* What a labelled increment costs with our libprom, beside the design that prometheus-client-c
 * documents (libprom_design.h) and beside Sextant's own function: prints lines of `WHAT
 * NANOSECONDS`.
 *
 * Threads increment a counter with 3 labels, each time with other values of 1,000 series. The sides
 * take turns, a window each, and each figure is the median of its windows: of one thread the CPU
 * time, of two the time by the clock. */
#include "libprom_design.h"

#include <prom.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <time.h>

#define SERIES 1000
#define PICKS 16384 /* too many for a branch predictor to learn; a power of two */
#define WINDOWS 21
#define THREADS_MAX 2

enum side { DESIGN, LIBPROM, SEXTANT, SIDES };

static const char *const side_names[SIDES] = {"design", "libprom", "sextant"};
static const long side_updates[SIDES] = {20000, 200000, 200000}; /* in a window */
static const char *labels[] = {"method", "handler", "code", NULL};
static char texts[SERIES][3][32];
static const char *values[SERIES][3];
static unsigned picks[PICKS];
static struct design_counter design;
static prom_counter_t *libprom;
static struct sx_counter_family *sextant;

static double now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

static void fill(void)
{
    uint32_t state = 12345;
    for (int i = 0; i < PICKS; i++) {
        state = state * 1664525u + 1013904223u;
        picks[i] = (state >> 8) % SERIES;
    }
    for (int i = 0; i < SERIES; i++) {
        snprintf(texts[i][0], 32, "METHOD%d", i % 5);
        snprintf(texts[i][1], 32, "bench.handler_%d", i / 5 % 50);
        snprintf(texts[i][2], 32, "%d", 200 + i / 250);
        for (int j = 0; j < 3; j++) {
            values[i][j] = texts[i][j];
        }
    }
}

static int make(void)
{
    const struct sx_metric_options options = {
        .name = "bench_total", .help = "Updates.", .labels = labels};
    libprom = prom_counter_new("bench_total", "Updates.", 3, labels);
    prom_collector_registry_t *registry = prom_collector_registry_new("bench");
    prom_collector_t *collector = prom_collector_new("bench");
    return design_init(&design, "bench_total", labels, 3) ||
           prom_collector_add_metric(collector, libprom) ||
           prom_collector_registry_register_collector(registry, collector) ||
           sx_counter_family_register(&sextant, NULL, &options) != SX_OK;
}

static void run_side(enum side side, long updates)
{
    switch (side) {
    case DESIGN:
        for (long i = 0; i < updates; i++) {
            (void)design_inc(&design, values[picks[i & (PICKS - 1)]]);
        }
        break;
    case LIBPROM:
        for (long i = 0; i < updates; i++) {
            (void)prom_counter_inc(libprom, values[picks[i & (PICKS - 1)]]);
        }
        break;
    default:
        for (long i = 0; i < updates; i++) {
            (void)sx_counter_family_add_strings(sextant, values[picks[i & (PICKS - 1)]], 3, 1);
        }
    }
}

struct runner {
    enum side side;
    clockid_t clock;
    pthread_barrier_t *barrier;
    double ns;
};

static void *run_window(void *argument)
{
    struct runner *runner = argument;
    run_side(runner->side, side_updates[runner->side] / 10); /* a thread's first update is slow */
    (void)pthread_barrier_wait(runner->barrier);
    const double start = now_ns(runner->clock);
    run_side(runner->side, side_updates[runner->side]);
    runner->ns = (now_ns(runner->clock) - start) / (double)side_updates[runner->side];
    return NULL;
}

/* Nanoseconds of an increment, as a thread sees them. */
static double window(enum side side, unsigned threads)
{
    pthread_t ids[THREADS_MAX];
    struct runner runners[THREADS_MAX];
    pthread_barrier_t barrier;
    double sum = 0;
    (void)pthread_barrier_init(&barrier, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        runners[i] = (struct runner){side, threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC,
                                     &barrier, 0};
        (void)pthread_create(&ids[i], NULL, run_window, &runners[i]);
    }
    for (unsigned i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
        sum += runners[i].ns;
    }
    (void)pthread_barrier_destroy(&barrier);
    return sum / threads;
}

int main(void)
{
    static double windows[SIDES][WINDOWS];
    fill();
    if (make() != 0) {
        return 1;
    }
    for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
        for (int i = 0; i < WINDOWS; i++) {
            for (enum side side = 0; side < SIDES; side++) {
                windows[side][i] = window(side, threads);
            }
        }
        for (enum side side = 0; side < SIDES; side++) {
            qsort(windows[side], WINDOWS, sizeof(double), by_size);
            printf("labelled_inc_%s_%u_ns %.2f\n", side_names[side], threads,
                   windows[side][WINDOWS / 2]);
        }
    }
    return 0;
}
