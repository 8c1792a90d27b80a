/* measure.h: how the benchmarks of metrics measure, so that each side does the same work.
 *
 * `NAME CASE` prints lines of `WHAT VALUE DISTURBED`. Updates are timed in windows of some
 * milliseconds, and a window in which the machine took a processor from us for another program is
 * marked as disturbed, since threads that do not run at the same time do not get into each other's
 * way. What one thread does alone is given in CPU time. The clients in other languages do the same;
 * docs/benchmarks.md says what each case is.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* ru_nivcsw */
#endif

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define WINDOWS 15      /* undisturbed ones that are wanted */
#define WINDOWS_MAX 500 /* and how many are tried for them */
#define WINDOW_NS 2e6   /* at least; short, so that most windows are undisturbed */
#define VALUES 16384    /* too many for a branch predictor to learn; a power of two */
#define METHODS 5
#define HANDLERS 50
#define CODES 4
#define CHILDREN (METHODS * HANDLERS * CODES)
#define SERIES 100000
#define MILLION 1000000
#define SCRAPES 5
#define ROWS_TOUCHED 10
#define HOT 1000 /* series that are updated while a scraper loops */

static const double bench_buckets[] = {.005, .01, .025, .05, .075, .1,  .25,
                                       .5,   .75, 1,    2.5, 5,    7.5, 10};
static double bench_values[VALUES];
static unsigned bench_picks[VALUES];
static char bench_labels[CHILDREN][3][32]; /* method, handler, code */
static void **bench_series;
static int bench_series_count;

/* What each program defines. */
static void *counter_make(int index);
static void counter_loop(void *counter, long updates);
static void *histogram_make(int index);
static void histogram_loop(void *histogram, long updates);
static void *gauge_make(void);
static void gauge_loop(void *gauge, long updates); /* each: an increment and a decrement */
static int lookup_make(void);                      /* a family with the three labels; 0: good */
static void lookup_loop(void *unused, long updates);
static int series_make(void); /* fills bench_series */
static void series_add(void *counter, int amount);
static unsigned long scrape_run(void); /* the size of the page */

/* Values that fall into every bucket, and picks of a child, in random order. */
static void bench_fill(void)
{
    uint32_t state = 12345;
    for (int i = 0; i < VALUES; i++) {
        state = state * 1664525u + 1013904223u;
        uint32_t bucket = (state >> 16) % 15;
        bench_values[i] = bucket < 14 ? bench_buckets[bucket] * 0.99 : 11;
        bench_picks[i] = (state >> 8) % CHILDREN;
    }
    for (int i = 0; i < CHILDREN; i++) {
        snprintf(bench_labels[i][0], 32, "METHOD%d", i % METHODS);
        snprintf(bench_labels[i][1], 32, "bench.handler_%d", i / METHODS % HANDLERS);
        snprintf(bench_labels[i][2], 32, "%d", 200 + i / METHODS / HANDLERS);
    }
}

static double bench_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* How often a processor was taken from us. */
static long bench_disturbances(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

static void bench_print(const char *what, double value, int disturbed)
{
    printf("%s %.3f %d\n", what, value, disturbed);
}

/* ---- updates ---- */

typedef void bench_loop_fn(void *metric, long updates);

/* What the threads of a window share. */
struct bench_race {
    int threads;
    int arrived;
    int go;
    long before; /* disturbances, when all threads were ready */
};

struct bench_thread {
    struct bench_race *race;
    bench_loop_fn *loop;
    void *metric;
    long updates;
    double start;
    double end;
};

static void *bench_thread_run(void *argument)
{
    struct bench_thread *thread = (struct bench_thread *)argument;
    struct bench_race *race = thread->race;
    thread->loop(thread->metric, thread->updates / 8 + 1); /* a thread's first update is slow */
    if (__atomic_add_fetch(&race->arrived, 1, __ATOMIC_SEQ_CST) == race->threads) {
        race->before = bench_disturbances();
        __atomic_store_n(&race->go, 1, __ATOMIC_SEQ_CST);
    }
    while (!__atomic_load_n(&race->go, __ATOMIC_SEQ_CST)) {
    }
    thread->start = bench_ns(CLOCK_MONOTONIC);
    thread->loop(thread->metric, thread->updates);
    thread->end = bench_ns(CLOCK_MONOTONIC);
    return NULL;
}

/* Nanoseconds of one window, as a thread sees them. It is disturbed also where the threads did not
 * run at the same time. */
static double bench_window(bench_loop_fn *loop, void **metrics, int threads, long updates,
                           int *disturbed)
{
    pthread_t ids[2];
    struct bench_thread states[2];
    struct bench_race race = {threads, 0, 0, 0};
    double sum = 0, start = 1e300, end = 0;
    for (int i = 0; i < threads; i++) {
        struct bench_thread state = {&race, loop, metrics[i], updates, 0, 0};
        states[i] = state;
        pthread_create(&ids[i], NULL, bench_thread_run, &states[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += states[i].end - states[i].start;
        start = states[i].start < start ? states[i].start : start;
        end = states[i].end > end ? states[i].end : end;
    }
    *disturbed = bench_disturbances() != race.before || end - start > 1.2 * sum / threads;
    return sum / threads;
}

static void bench_updates(bench_loop_fn *loop, void **metrics, int threads)
{
    long updates = 1000;
    int wanted = WINDOWS;
    for (int i = 0; i < WINDOWS_MAX && wanted > 0; i++) {
        int disturbed;
        double ns = bench_window(loop, metrics, threads, updates, &disturbed);
        if (ns < WINDOW_NS / 2) {
            updates *= 2;
            continue;
        }
        bench_print("update", ns / (double)updates, disturbed);
        wanted -= !disturbed;
        if (disturbed && ns > WINDOW_NS * 2) {
            updates /= 2;
        }
    }
}

/* counter_1, counter_2_same, counter_2_own, and so on; gauge_2 */
static int bench_update_case(const char *what)
{
    void *metrics[2] = {NULL, NULL};
    const char *shape = strchr(what, '_');
    int threads = shape[1] - '0';
    int own = strstr(shape, "own") != NULL;
    bench_loop_fn *loop = lookup_loop;
    if (what[0] == 'l') {
        return lookup_make() == 0 ? (bench_updates(loop, metrics, threads), 0) : 1;
    }
    if (what[0] == 'g') {
        metrics[0] = metrics[1] = gauge_make();
        return metrics[0] != NULL ? (bench_updates(gauge_loop, metrics, threads), 0) : 1;
    }
    loop = what[0] == 'c' ? counter_loop : histogram_loop;
    for (int i = 0; i < 2; i++) {
        metrics[i] = what[0] == 'c' ? counter_make(own * i) : histogram_make(own * i);
        if (metrics[i] == NULL) {
            return 1;
        }
    }
    bench_updates(loop, metrics, threads);
    return 0;
}

/* ---- many series ---- */

struct bench_toucher {
    pthread_barrier_t *barrier;
    int amount;
};

static void *bench_touch_run(void *argument)
{
    struct bench_toucher *toucher = (struct bench_toucher *)argument;
    for (int i = 0; i < bench_series_count; i++) {
        series_add(bench_series[i], i * 37 + toucher->amount);
    }
    pthread_barrier_wait(toucher->barrier); /* all at once, so that each has a row of its own */
    return NULL;
}

/* Each of so many threads adds to every series. */
static void bench_touch(int threads)
{
    pthread_t ids[ROWS_TOUCHED];
    struct bench_toucher touchers[ROWS_TOUCHED];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        touchers[i].barrier = &barrier;
        touchers[i].amount = i + 1;
        pthread_create(&ids[i], NULL, bench_touch_run, &touchers[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
    pthread_barrier_destroy(&barrier);
}

/* The place for the handles is touched here, as it does not count as the memory of a series. */
static int bench_series_prepare(int count)
{
    bench_series_count = count;
    bench_series = (void **)malloc((size_t)count * sizeof *bench_series);
    if (bench_series != NULL) {
        memset(bench_series, 1, (size_t)count * sizeof *bench_series);
    }
    return bench_series == NULL;
}

static int bench_scrapes(int count)
{
    if (scrape_run() < (unsigned long)bench_series_count * 50) {
        fprintf(stderr, "the page is too small\n");
        return 1;
    }
    for (int i = 0; i < count; i++) {
        double start = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
        (void)scrape_run();
        bench_print("scrape", bench_ns(CLOCK_PROCESS_CPUTIME_ID) - start, 0);
    }
    return 0;
}

static int bench_scrape_case(void)
{
    if (bench_series_prepare(SERIES) != 0 || series_make() != 0) {
        return 1;
    }
    bench_touch(ROWS_TOUCHED);
    return bench_scrapes(SCRAPES);
}

static double bench_resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1) {
        fprintf(stderr, "cannot read /proc/self/statm\n");
        exit(1);
    }
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int bench_million_case(int threads)
{
    if (bench_series_prepare(MILLION) != 0) {
        return 1;
    }
    double before = bench_resident_bytes();
    double start = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (series_make() != 0) {
        return 1;
    }
    bench_print("create", (bench_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / MILLION, 0);
    bench_touch(threads);
    bench_print("bytes", (bench_resident_bytes() - before) / MILLION, 0);
    return bench_scrapes(1);
}

/* ---- updates while a scraper loops ---- */

static int bench_stop;

static void *bench_scraper_run(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&bench_stop, __ATOMIC_RELAXED)) {
        (void)scrape_run();
    }
    return NULL;
}

static double bench_hot_window(long rounds)
{
    double start = bench_ns(CLOCK_MONOTONIC);
    for (long round = 0; round < rounds; round++) {
        for (int i = 0; i < HOT; i++) {
            counter_loop(bench_series[i * (SERIES / HOT)], 1);
        }
    }
    return bench_ns(CLOCK_MONOTONIC) - start;
}

/* Where there is a scraper it must have run all the while: else the window counts as disturbed. */
static void bench_hot_windows(const char *what, long rounds, const clockid_t *scraper)
{
    int wanted = WINDOWS;
    for (int i = 0; i < WINDOWS_MAX && wanted > 0; i++) {
        long before = bench_disturbances();
        double busy = scraper == NULL ? 0 : bench_ns(*scraper);
        double ns = bench_hot_window(rounds);
        busy = scraper == NULL ? ns : bench_ns(*scraper) - busy;
        int disturbed = bench_disturbances() != before || busy < 0.9 * ns;
        bench_print(what, ns / (double)rounds / HOT, disturbed);
        wanted -= !disturbed;
    }
}

static int bench_scraping_case(void)
{
    long rounds = 16;
    if (bench_series_prepare(SERIES) != 0 || series_make() != 0) {
        return 1;
    }
    bench_touch(ROWS_TOUCHED);
    while (bench_hot_window(rounds) < WINDOW_NS) {
        rounds *= 2;
    }
    for (int i = 0; i < 3; i++) {
        pthread_t scraper;
        clockid_t clock;
        bench_hot_windows("alone", rounds, NULL);
        __atomic_store_n(&bench_stop, 0, __ATOMIC_RELAXED);
        pthread_create(&scraper, NULL, bench_scraper_run, NULL);
        pthread_getcpuclockid(scraper, &clock);
        bench_hot_windows("scraped", rounds, &clock);
        __atomic_store_n(&bench_stop, 1, __ATOMIC_RELAXED);
        pthread_join(scraper, NULL);
    }
    return 0;
}

static int bench_main(int argc, char **argv)
{
    static const char *const updates[] = {
        "counter_1",       "counter_2_same", "counter_2_own", "histogram_1", "histogram_2_same",
        "histogram_2_own", "gauge_1",        "gauge_2",       "lookup_1",    "lookup_2"};
    const char *what = argc == 2 ? argv[1] : "";
    bench_fill();
    for (size_t i = 0; i < sizeof updates / sizeof *updates; i++) {
        if (strcmp(what, updates[i]) == 0) {
            return bench_update_case(what);
        }
    }
    if (strcmp(what, "scrape") == 0) {
        return bench_scrape_case();
    }
    if (strcmp(what, "million_1") == 0 || strcmp(what, "million_8") == 0) {
        return bench_million_case(what[8] - '0');
    }
    if (strcmp(what, "scraping") == 0) {
        return bench_scraping_case();
    }
    fprintf(stderr, "usage: %s CASE; see bench/run\n", argv[0]);
    return 2;
}

#endif
