/* The benchmark of Sextant's metrics; see measure.h. */
#include "measure.h"
#include <sextant/exposition.h>
#include <sextant/metrics.h>

static struct sx_counter_family *lookups;

static void *counter_make(int index)
{
    struct sx_counter_family *family = NULL;
    int status = sx_counter_family_register(
        &family, NULL,
        &(struct sx_metric_options){
            .name = "bench_total", .help = "Updates.", .labels = SX_LABELS("worker")});
    return status == SX_OK ? sx_counter_with(family, index == 0 ? "a" : "b") : NULL;
}

static void counter_loop(void *counter, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_counter_inc(counter);
    }
}

static void *histogram_make(int index)
{
    struct sx_histogram_family *family = NULL;
    int status = sx_histogram_family_register(
        &family, NULL,
        &(struct sx_metric_options){.name = "bench_seconds",
                                    .help = "Values.",
                                    .labels = SX_LABELS("worker"),
                                    .buckets = bench_buckets,
                                    .bucket_count = sizeof bench_buckets / sizeof *bench_buckets});
    return status == SX_OK ? sx_histogram_with(family, index == 0 ? "a" : "b") : NULL;
}

static void histogram_loop(void *histogram, long updates)
{
    for (long i = 0; i < updates; i++) {
        sx_histogram_observe(histogram, bench_values[i & (VALUES - 1)]);
    }
}

static int family_make(struct sx_counter_family **family, const char *name)
{
    return sx_counter_family_register(
        family, NULL,
        &(struct sx_metric_options){.name = name,
                                    .help = "Requests.",
                                    .labels = SX_LABELS("method", "handler", "code"),
                                    .max_series = MILLION});
}

static int lookup_make(void)
{
    int status = family_make(&lookups, "bench_requests_total");
    for (int i = 0; status == SX_OK && i < CHILDREN; i++) {
        if (sx_counter_with(lookups, bench_labels[i][0], bench_labels[i][1], bench_labels[i][2]) ==
            NULL) {
            status = SX_EFULL;
        }
    }
    return status;
}

static void lookup_loop(void *unused, long updates)
{
    (void)unused;
    for (long i = 0; i < updates; i++) {
        const char(*labels)[32] = (const char(*)[32])bench_labels[bench_picks[i & (VALUES - 1)]];
        (void)sx_counter_inc_with(lookups, labels[0], labels[1], labels[2]);
    }
}

/* ---- cases of Sextant alone ---- */

static struct sx_str (*known_values)[3];

/* As lookup_loop, with values whose lengths are known. */
static void known_loop(void *unused, long updates)
{
    (void)unused;
    for (long i = 0; i < updates; i++) {
        (void)sx_counter_family_add(lookups, known_values[bench_picks[i & (VALUES - 1)]], 3, 1);
    }
}

static int known_case(void)
{
    static struct sx_str values[CHILDREN][3];
    bench_fill();
    for (int i = 0; i < CHILDREN; i++) {
        for (int j = 0; j < 3; j++) {
            values[i][j] = (struct sx_str){bench_labels[i][j], strlen(bench_labels[i][j])};
        }
    }
    void *none = NULL;
    known_values = values;
    return lookup_make() == 0 ? (bench_updates(known_loop, &none, 1), 0) : 1;
}

static int series_make(void)
{
    struct sx_counter_family *family = NULL;
    int status = family_make(&family, "bench_requests_total");
    for (int i = 0; status == SX_OK && i < bench_series_count; i++) {
        char handler[32];
        snprintf(handler, sizeof handler, "bench.handler_%d", i);
        bench_series[i] = sx_counter_with(family, "GET", handler, "200");
        if (bench_series[i] == NULL) {
            status = SX_EFULL;
        }
    }
    return status;
}

static void series_add(void *counter, int amount)
{
    sx_counter_add(counter, amount);
}

static unsigned long scrape_run(void)
{
    static struct sx_page page; /* reused, as a metrics route does */
    return sx_page_render(&page, NULL, SX_FORMAT_TEXT) == SX_OK ? page.size : 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "known_1") == 0) {
        return known_case();
    }
    return bench_main(argc, argv);
}
