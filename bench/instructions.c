/* What bench/instructions.py counts of the metrics: `instructions CASE COUNT` does one thing COUNT
 * times, on one thread. What happens once, such as registering, is the same for every COUNT. */
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES 1000

static struct sx_counter_family *requests;
static struct sx_histogram_family *durations;
static char routes[SERIES][32];

static int inc(long count)
{
    struct sx_counter *counter = sx_counter_with(requests, "GET", routes[0], "200");
    for (long i = 0; i < count; i++) {
        sx_counter_inc(counter);
    }
    return counter == NULL ? SX_EFULL : SX_OK;
}

static int observe(long count)
{
    struct sx_histogram *histogram = sx_histogram_with(durations, "GET");
    for (long i = 0; i < count; i++) {
        sx_histogram_observe(histogram, (double)(i % 128) / 10);
    }
    return histogram == NULL ? SX_EFULL : SX_OK;
}

static int look_up(long count)
{
    int status = SX_OK;
    for (long i = 0; i < count && status == SX_OK; i++) {
        status = sx_counter_inc_with(requests, "GET", routes[i % SERIES], "200");
    }
    return status;
}

/* One page per SERIES counts, so that the count is that of series written. */
static int scrape(long count)
{
    struct sx_page page = {0};
    int status = SX_OK;
    for (long i = 0; i < count && status == SX_OK; i += SERIES) {
        status = sx_page_render(&page, NULL, SX_FORMAT_TEXT);
    }
    sx_page_clean_up(&page);
    return status;
}

static int prepare(void)
{
    int status = sx_counter_family_register(&requests, NULL,
                                            &(struct sx_metric_options){
                                                .name = "requests_total",
                                                .help = "Requests.",
                                                .labels = SX_LABELS("method", "handler", "code"),
                                            });
    if (status == SX_OK) {
        status = sx_histogram_family_register(&durations, NULL,
                                              &(struct sx_metric_options){
                                                  .name = "durations_seconds",
                                                  .help = "Durations.",
                                                  .labels = SX_LABELS("method"),
                                              });
    }
    for (int i = 0; i < SERIES && status == SX_OK; i++) {
        snprintf(routes[i], sizeof routes[i], "/items/%d", i);
        sx_counter_add(sx_counter_with(requests, "GET", routes[i], "200"), i * 37);
    }
    return status;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(long count);
    } cases[] = {
        {"counter_inc", inc},
        {"histogram_observe", observe},
        {"look_up", look_up},
        {"scrape_series", scrape},
    };
    if (argc == 3 && prepare() == SX_OK) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            if (strcmp(argv[1], cases[i].name) == 0) {
                return cases[i].run(atol(argv[2])) == SX_OK ? 0 : 1;
            }
        }
    }
    fprintf(stderr, "usage: %s CASE COUNT\n", argv[0]);
    return 2;
}
