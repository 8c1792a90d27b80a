/* http_series.c: making the series of a handler. See http_series.h. */
#include "http_series.h"

#include <stdlib.h>
#include <string.h>

/* ---- label values ---- */

struct http_values {
    char code[3];
    struct sx_str values[SX__HTTP_LABELS_MOST];
};

static struct sx_str view_of(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void set_values(struct http_values *values, const struct sx__http_labels *labels,
                       const struct sx__http_sources *sources)
{
    values->code[0] = (char)('0' + sources->code / 100);
    values->code[1] = (char)('0' + sources->code / 10 % 10);
    values->code[2] = (char)('0' + sources->code % 10);
    const struct sx_str all[] = {
        [SX__HTTP_SOURCE_METHOD] = view_of(sx__http_method_name(sources->method)),
        [SX__HTTP_SOURCE_HANDLER] = view_of(sources->handler->label),
        [SX__HTTP_SOURCE_CODE] = {values->code, sizeof values->code},
        [SX__HTTP_SOURCE_SCHEME] = view_of(sources->scheme == 0 ? "http" : "https"),
        [SX__HTTP_SOURCE_PHASE] = view_of(sources->phase == NULL ? "" : sources->phase),
    };
    for (size_t i = 0; i < labels->count; i++) {
        values->values[i] = all[labels->sources[i]];
    }
}

/* ---- making ---- */

/* A histogram, or NULL if its family was left out. */
static int get_histogram(struct sx_histogram **histogram, struct sx_histogram_family *family,
                         const struct sx__http_labels *labels,
                         const struct sx__http_sources *sources)
{
    struct http_values values;
    set_values(&values, labels, sources);
    return family == NULL
               ? SX_OK
               : sx_histogram_family_get(histogram, family, values.values, labels->count);
}

static bool have_handler(const struct sx__http_labels *labels)
{
    bool have = false;
    for (size_t i = 0; i < labels->count; i++) {
        have |= labels->sources[i] == SX__HTTP_SOURCE_HANDLER;
    }
    return have;
}

/* Counts the requests that are in progress in a process when it ends. If the gauge is that of all
 * handlers, the handler is not known: its label is empty. */
static int count_abandoned(const struct sx__http_series *made,
                           const struct sx__http_sources *sources)
{
    const struct sx__http_families *families = &sources->handler->http->families;
    struct sx__http_sources of_process = *sources;
    struct http_values values;
    struct sx_counter *aborted = NULL;
    of_process.phase = "process";
    set_values(&values, &families->aborted_labels, &of_process);
    for (size_t i = 0; i < families->aborted_labels.count; i++) {
        if (families->aborted_labels.sources[i] == SX__HTTP_SOURCE_HANDLER &&
            !have_handler(&families->in_progress_labels)) {
            values.values[i] = (struct sx_str){"", 0};
        }
    }
    int status = sx_counter_family_get(&aborted, families->aborted, values.values,
                                       families->aborted_labels.count);
    if (status == SX_OK) {
        status = sx_gauge_count_abandoned(made->in_progress, aborted);
        sx_counter_release(aborted);
    }
    return status;
}

static int fill_series(struct sx__http_series *made, const struct sx__http_sources *sources)
{
    const struct sx__http_families *families = &sources->handler->http->families;
    struct http_values values;
    set_values(&values, &families->in_progress_labels, sources);
    int status = sx_gauge_family_get(&made->in_progress, families->in_progress, values.values,
                                     families->in_progress_labels.count);
    if (status == SX_OK && families->are_shared) {
        status = count_abandoned(made, sources);
    }
    if (status == SX_OK && !families->duration_has_code) {
        status = get_histogram(&made->duration, families->durations, &families->duration_labels,
                               sources);
    }
    struct sx_histogram **const optional[] = {&made->request_size, &made->response_size,
                                              &made->first_byte};
    struct sx_histogram_family *const from[] = {families->request_sizes, families->response_sizes,
                                                families->first_bytes};
    for (size_t i = 0; i < 3 && status == SX_OK; i++) {
        status = get_histogram(optional[i], from[i], &families->handler_labels, sources);
    }
    return status;
}

int sx__http_series_make(struct sx__http_series **series, struct sx_http_handler *handler,
                         unsigned short method, unsigned short scheme)
{
    const struct sx__http_sources sources = {
        .handler = handler, .method = method, .scheme = scheme};
    struct sx__http_series *made = calloc(1, sizeof *made);
    const int status = made == NULL ? SX_ENOMEM : fill_series(made, &sources);
    if (status < 0) {
        sx__http_series_destroy(made);
        return status;
    }
    struct sx__http_series *first = NULL;
    if (!atomic_compare_exchange_strong_explicit(&handler->series[method][scheme], &first, made,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        sx__http_series_destroy(made); /* another thread was first; its handles are the same */
        made = first;
    }
    *series = made;
    return SX_OK;
}

static int fill_code_series(struct sx__http_code_series *made,
                            const struct sx__http_sources *sources)
{
    const struct sx__http_families *families = &sources->handler->http->families;
    int status = SX_OK;
    if (families->requests != NULL) {
        struct http_values values;
        set_values(&values, &families->request_labels, sources);
        status = sx_counter_family_get(&made->requests, families->requests, values.values,
                                       families->request_labels.count);
    }
    if (status == SX_OK && families->duration_has_code) {
        status = get_histogram(&made->duration, families->durations, &families->duration_labels,
                               sources);
    }
    return status;
}

static void code_series_destroy(struct sx__http_code_series *code_series)
{
    if (code_series != NULL) {
        sx_counter_release(code_series->requests);
        sx_histogram_release(code_series->duration);
        free(code_series);
    }
}

int sx__http_code_series_make(struct sx__http_code_series **code_series,
                              struct sx__http_series *series,
                              const struct sx__http_sources *sources)
{
    struct sx__http_code_series *made = calloc(1, sizeof *made);
    const int status = made == NULL ? SX_ENOMEM : fill_code_series(made, sources);
    if (status < 0) {
        code_series_destroy(made);
        return status;
    }
    struct sx__http_code_series *first = NULL;
    if (!atomic_compare_exchange_strong_explicit(&series->codes[sources->code - SX__HTTP_CODE_MIN],
                                                 &first, made, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        code_series_destroy(made);
        made = first;
    }
    *code_series = made;
    return SX_OK;
}

void sx__http_count_abort(const struct sx__http_sources *sources)
{
    const struct sx__http_families *families = &sources->handler->http->families;
    struct http_values values;
    set_values(&values, &families->aborted_labels, sources);
    (void)sx_counter_family_add(families->aborted, values.values, families->aborted_labels.count,
                                1);
}

void sx__http_series_destroy(struct sx__http_series *series)
{
    if (series == NULL) {
        return;
    }
    for (size_t i = 0; i < SX__HTTP_CODE_COUNT; i++) {
        code_series_destroy(atomic_load(&series->codes[i]));
    }
    sx_gauge_release(series->in_progress);
    sx_histogram_release(series->duration);
    sx_histogram_release(series->request_size);
    sx_histogram_release(series->response_size);
    sx_histogram_release(series->first_byte);
    free(series);
}
