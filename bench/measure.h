/* measure.h: how the benchmarks of metrics measure, so that each side does the same work.
 *
 * A program is run as `NAME CASE`, where CASE is counter_1, counter_2, histogram_1, histogram_2 or
 * scrape, and prints one number: nanoseconds an update and thread, or nanoseconds a scrape.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define UPDATES 20000000L
#define SERIES 100000
#define SCRAPES 3
#define VALUES 1024

static const double bench_buckets[] = {.005, .01, .025, .05, .075, .1,  .25,
                                       .5,   .75, 1,    2.5, 5,    7.5, 10};

/* Values that fall into every bucket in turn, in an order that a branch predictor cannot learn. */
static double bench_values[VALUES];

static void bench_values_fill(void)
{
    uint32_t state = 12345;
    for (int i = 0; i < VALUES; i++) {
        state = state * 1664525u + 1013904223u;
        uint32_t bucket = (state >> 16) % 15;
        bench_values[i] = bucket < 14 ? bench_buckets[bucket] * 0.99 : 11;
    }
}

static double bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

typedef void bench_loop_fn(void *metric, long updates);

struct bench_thread {
    pthread_barrier_t *start;
    bench_loop_fn *loop;
    void *metric;
    double ns;
};

static void *bench_thread_run(void *argument)
{
    struct bench_thread *thread = (struct bench_thread *)argument;
    thread->loop(thread->metric,
                 UPDATES / 100); /* the first update of a thread is not the measure */
    pthread_barrier_wait(thread->start);
    double start = bench_now_ns();
    thread->loop(thread->metric, UPDATES);
    thread->ns = bench_now_ns() - start;
    return NULL;
}

/* Nanoseconds an update, as each thread sees it, while `threads` threads update one metric. */
static double bench_updates(bench_loop_fn *loop, void *metric, int threads)
{
    pthread_barrier_t start;
    pthread_t ids[2];
    struct bench_thread states[2];
    double sum = 0;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        states[i].start = &start;
        states[i].loop = loop;
        states[i].metric = metric;
        pthread_create(&ids[i], NULL, bench_thread_run, &states[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += states[i].ns;
    }
    pthread_barrier_destroy(&start);
    return sum / threads / (double)UPDATES;
}

/* What each program defines. */
static void counter_loop(void *metric, long updates);
static void histogram_loop(void *metric, long updates);
static void *counter_make(void);
static void *histogram_make(void);
static int series_make(void);          /* SERIES counters of one family; 0: good */
static unsigned long scrape_run(void); /* the size of the page */

static int bench_main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    double ns = 0;
    bench_values_fill();
    if (strcmp(what, "counter_1") == 0 || strcmp(what, "counter_2") == 0) {
        ns = bench_updates(counter_loop, counter_make(), what[8] - '0');
    } else if (strcmp(what, "histogram_1") == 0 || strcmp(what, "histogram_2") == 0) {
        ns = bench_updates(histogram_loop, histogram_make(), what[10] - '0');
    } else if (strcmp(what, "scrape") == 0) {
        if (series_make() != 0 || scrape_run() < (unsigned long)SERIES * 50) {
            fprintf(stderr, "the page is too small\n");
            return 1;
        }
        double start = bench_now_ns();
        for (int i = 0; i < SCRAPES; i++) {
            scrape_run();
        }
        ns = (bench_now_ns() - start) / SCRAPES;
    } else {
        fprintf(stderr, "usage: %s counter_1|counter_2|histogram_1|histogram_2|scrape\n", argv[0]);
        return 2;
    }
    printf("%.3f\n", ns);
    return 0;
}

#endif
