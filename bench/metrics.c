/* The benchmark of Sextant's metrics; see measure.h. */
#include "measure.h"
#include <sextant/exposition.h>
#include <sextant/metrics.h>

static void *counter_make(void)
{
    struct sx_counter *counter = NULL;
    int status = sx_counter_register(
        &counter, NULL, &(struct sx_metric_options){.name = "bench_total", .help = "Updates."});
    return status == SX_OK ? counter : NULL;
}

static void counter_loop(void *metric, long updates)
{
    struct sx_counter *counter = metric;
    for (long i = 0; i < updates; i++) {
        sx_counter_inc(counter);
    }
}

static void *histogram_make(void)
{
    struct sx_histogram *histogram = NULL;
    int status = sx_histogram_register(
        &histogram, NULL,
        &(struct sx_metric_options){.name = "bench_seconds",
                                    .help = "Values.",
                                    .buckets = bench_buckets,
                                    .bucket_count = sizeof bench_buckets / sizeof *bench_buckets});
    return status == SX_OK ? histogram : NULL;
}

static void histogram_loop(void *metric, long updates)
{
    struct sx_histogram *histogram = metric;
    for (long i = 0; i < updates; i++) {
        sx_histogram_observe(histogram, bench_values[i % VALUES]);
    }
}

static int series_make(void)
{
    struct sx_counter_family *family = NULL;
    int status = sx_counter_family_register(
        &family, NULL,
        &(struct sx_metric_options){.name = "bench_requests_total",
                                    .help = "Requests.",
                                    .labels = SX_LABELS("method", "handler", "code"),
                                    .max_series = SERIES});
    for (int i = 0; status == SX_OK && i < SERIES; i++) {
        char handler[32];
        snprintf(handler, sizeof handler, "bench.handler_%d", i);
        struct sx_counter *counter = sx_counter_with(family, "GET", handler, "200");
        if (counter == NULL) {
            return SX_EFULL;
        }
        sx_counter_add(counter, i * 37.0);
    }
    return status;
}

static unsigned long scrape_run(void)
{
    static struct sx_page page; /* reused, as a metrics route does */
    return sx_page_render(&page, NULL, SX_FORMAT_TEXT) == SX_OK ? page.size : 0;
}

int main(int argc, char **argv)
{
    return bench_main(argc, argv);
}
