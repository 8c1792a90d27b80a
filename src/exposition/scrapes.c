/* scrapes.c: limits and measures the scrapes of a page. */
#include "scrapes.h"

#include <stdio.h>
#include <stdlib.h>

struct sx_scrapes {
    unsigned scrapes_max; /* 0: no limit */
    unsigned render_timeout_ms;
    unsigned in_progress; /* atomic */
    /* NULL, unless they are measured. */
    struct sx_counter_family *answers;
    struct sx_gauge *shown_in_progress;
    struct sx_summary *durations;
    struct sx_summary *sizes;
};

static const struct sx_metric_options answers_options = {
    .name = "sextant_scrapes_total",
    .help = "Requests for the page that have been answered, by the status of the response.",
    .labels = (const char *const[]){"code", NULL},
};
static const struct sx_metric_options in_progress_options = {
    .name = "sextant_scrapes_in_progress",
    .help = "Scrapes that wait for their page, including the one that shows this.",
};
static const struct sx_metric_options durations_options = {
    .name = "sextant_scrape_duration_seconds",
    .help = "How long pages took to render and compress.",
    .unit = "seconds",
};
static const struct sx_metric_options sizes_options = {
    .name = "sextant_scrape_size_bytes",
    .help = "Sizes of pages, compressed if they were sent so.",
    .unit = "bytes",
};

static int add_answers(const struct sx_scrapes *scrapes, int status, double count)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", status);
    return sx_counter_family_add_strings(scrapes->answers, (const char *const[]){text}, 1, count);
}

/* The codes that a scrape can have are on the page from the start, so that a rate sees the first.
 */
static int declare_answers(const struct sx_scrapes *scrapes)
{
    static const int codes[] = {200, 500, 503};
    int status = SX_OK;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0] && status == SX_OK; i++) {
        status = add_answers(scrapes, codes[i], 0);
    }
    return status;
}

static int register_metrics(struct sx_scrapes *scrapes, struct sx_registry *registry)
{
    int status = sx_counter_family_register(&scrapes->answers, registry, &answers_options);
    if (status == SX_OK) {
        status = declare_answers(scrapes);
    }
    if (status == SX_OK) {
        status = sx_gauge_register(&scrapes->shown_in_progress, registry, &in_progress_options);
    }
    if (status == SX_OK) {
        status = sx_summary_register(&scrapes->durations, registry, &durations_options);
    }
    if (status == SX_OK) {
        status = sx_summary_register(&scrapes->sizes, registry, &sizes_options);
    }
    return status;
}

int sx_scrapes_new(struct sx_scrapes **scrapes, struct sx_registry *registry,
                   const struct sx_scrapes_options *options)
{
    static const struct sx_scrapes_options defaults;
    options = options == NULL ? &defaults : options;
    if (scrapes == NULL) {
        return SX_EINVAL;
    }
    struct sx_scrapes *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    made->scrapes_max = options->scrapes_max;
    made->render_timeout_ms = options->render_timeout_ms;
    const int status = options->measure ? register_metrics(made, registry) : SX_OK;
    if (status != SX_OK) {
        sx_scrapes_destroy(made);
        return status;
    }
    *scrapes = made;
    return SX_OK;
}

void sx_scrapes_destroy(struct sx_scrapes *scrapes)
{
    if (scrapes == NULL) {
        return;
    }
    (void)sx_summary_unregister(scrapes->sizes);
    (void)sx_summary_unregister(scrapes->durations);
    (void)sx_gauge_unregister(scrapes->shown_in_progress);
    (void)sx_counter_family_unregister(scrapes->answers);
    free(scrapes);
}

int sx_scrapes_begin(struct sx_scrapes *scrapes)
{
    if (scrapes == NULL) {
        return SX_OK;
    }
    unsigned others = __atomic_load_n(&scrapes->in_progress, __ATOMIC_RELAXED);
    do {
        if (scrapes->scrapes_max > 0 && others >= scrapes->scrapes_max) {
            sx__scrapes_count(scrapes, 503);
            return SX_EAGAIN;
        }
    } while (!__atomic_compare_exchange_n(&scrapes->in_progress, &others, others + 1, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    sx_gauge_inc(scrapes->shown_in_progress);
    return SX_OK;
}

void sx_scrapes_end(struct sx_scrapes *scrapes, const struct sx_exposition_response *response)
{
    if (scrapes == NULL) {
        return;
    }
    if (response != NULL) {
        sx__scrapes_count(scrapes, response->status);
    }
    if (response != NULL && response->status == 200) {
        sx_summary_observe(scrapes->durations, response->render_seconds);
        sx_summary_observe(scrapes->sizes, (double)response->content_length);
    }
    sx_gauge_dec(scrapes->shown_in_progress);
    (void)__atomic_fetch_sub(&scrapes->in_progress, 1, __ATOMIC_RELAXED);
}

unsigned sx__scrapes_timeout_ms(const struct sx_scrapes *scrapes)
{
    return scrapes == NULL ? 0 : scrapes->render_timeout_ms;
}

void sx__scrapes_count(struct sx_scrapes *scrapes, int status)
{
    if (scrapes != NULL && scrapes->answers != NULL) {
        (void)add_answers(scrapes, status, 1);
    }
}
