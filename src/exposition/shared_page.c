/* shared_page.c: the page of a registry with a name, for a program that takes no part in it.
 *
 * A collector adds what a copy of the registry has to a registry of its own, for as long as the
 * page is rendered. So names, labels and values of the copy are checked like those of any
 * collector, and each format can be written.
 */
#include "shared_page.h"

#include "cells.h"
#include "constants.h"
#include "desc.h"
#include "histogram_cells.h"
#include "multiprocess.h"
#include "quoted_labels.h"
#include "self_metrics.h"
#include "series_values.h"

#include <sextant/collector.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is passed to the collector. */
struct showing {
    struct sx__shared_copy *copy;
    size_t constant_count; /* of the constant labels, with which the text of each series begins */
    char *memory;          /* for the label values of a series: as large as the copy */
    struct sx_collection *collection;
    int status;
    bool has_counts; /* the library's own metrics are shown; see sx_registry_new */
};

/* ---- values ---- */

static uint64_t sum_cell(const struct sx__shared_copy *copy, uint32_t cell)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < copy->thread_rows; i++) {
        const uint64_t amount = sx__shared_copy_thread_cell(copy, i, cell);
        sum += amount;
        sum |= sum < amount ? UINT64_MAX : 0;
    }
    return sum;
}

static double sum_doubles(const struct sx__shared_copy *copy, uint32_t cell)
{
    double sum = 0;
    for (size_t i = 0; i < copy->thread_rows; i++) {
        sum += sx__double_of(sx__shared_copy_thread_cell(copy, i, cell));
    }
    return sx__sum_or_inf(sum);
}

static int read_copied_counter(struct sx__shared_copy *copy, const struct sx__series *series,
                               double *value)
{
    const struct sx__cells *cells;
    const uint32_t cell = series->handle.cell;
    int status = sx__shared_copy_cells(copy, series, &cells);
    if (status != SX_OK || !sx__shared_copy_take_cells(copy, cell, 1)) {
        return SX_EPROTO;
    }
    struct sx__counter_value sum = {.whole = sum_cell(copy, cell), .is_whole = true};
    if (cells->more != 0) {
        if (!sx__shared_copy_take_cells(copy, cells->more, 1)) {
            return SX_EPROTO;
        }
        const double fraction = sum_doubles(copy, cells->more);
        if (!(fraction >= 0)) {
            return SX_EPROTO;
        }
        sum = sx__counter_add_parts(sum.whole, fraction);
    }
    *value = sum.is_whole ? (double)sum.whole : sum.number;
    return SX_OK;
}

static double copied_double(const struct sx__shared_copy *copy, size_t row, uint32_t cell)
{
    return sx__double_of(sx__shared_copy_process_cell(copy, row, cell));
}

static struct sx__stamped copied_stamped(const struct sx__shared_copy *copy, size_t row,
                                         uint32_t cell, uint32_t stamp_cell)
{
    return (struct sx__stamped){copied_double(copy, row, cell),
                                sx__shared_copy_process_cell(copy, row, stamp_cell)};
}

static double sum_of_rows(const struct sx__shared_copy *copy, size_t rows, uint32_t cell)
{
    double sum = rows == 0 ? 0 : -0.0; /* so that the sum of a single -0 is -0 */
    for (size_t i = 0; i < rows; i++) {
        sum += copied_double(copy, i, cell);
    }
    return sum;
}

static double selected_of_rows(const struct sx__shared_copy *copy, size_t rows,
                               const struct sx__cells *cells, enum sx__merge merge)
{
    struct sx__stamped best = {0};
    for (size_t i = 0; i < rows; i++) {
        best = sx__merge(best, copied_stamped(copy, i, cells->cell, cells->more), merge);
    }
    return best.value;
}

/* The cells of a gauge, both in process rows. */
static int gauge_cells(const struct sx__shared_copy *copy, const struct sx__series *series,
                       const struct sx__cells **cells)
{
    const int status = sx__shared_copy_cells(copy, series, cells);
    return status == SX_OK &&
                   ((*cells)->cell != series->handle.cell ||
                    (*cells)->cell >= copy->process_cells || (*cells)->more >= copy->process_cells)
               ? SX_EPROTO
               : status;
}

static int read_copied_gauge(const struct sx__shared_copy *copy, uint32_t mode,
                             const struct sx__series *series, double *value)
{
    const size_t living = copy->process_rows;
    const size_t all = living + copy->left_rows;
    const struct sx__cells *cells;
    const int status = gauge_cells(copy, series, &cells);
    if (status != SX_OK) {
        return status;
    }
    switch (mode) {
    case SX_MODE_LIVE_SUM:
        *value = sum_of_rows(copy, living, cells->cell);
        break;
    case SX_MODE_SUM:
        *value = sum_of_rows(copy, all, cells->cell);
        break;
    case SX_MODE_SHARED:
        *value = copied_double(copy, all - 1, cells->cell);
        break;
    default:
        *value = selected_of_rows(copy, sx__multiprocess_is_live(mode) ? living : all, cells,
                                  sx__multiprocess_merge(mode));
        break;
    }
    return SX_OK;
}

/* Adds a series of SX_MODE_LIVE_ALL for each process that has set it. */
static int show_each_process(const struct showing *showing, const struct sx__family *family,
                             const struct sx__series *series, struct sx_str *values)
{
    const struct sx__shared_copy *copy = showing->copy;
    const struct sx__cells *cells;
    char number[8];
    int status = gauge_cells(copy, series, &cells);
    for (size_t i = 0; i < copy->process_rows && status == SX_OK; i++) {
        const struct sx__stamped stamped = copied_stamped(copy, i, cells->cell, cells->more);
        const int size = snprintf(number, sizeof number, "%u", (unsigned)copy->process_numbers[i]);
        values[family->label_count] = (struct sx_str){number, (size_t)size};
        if (stamped.stamp != 0) {
            status = sx_collection_add_sample(showing->collection, values, family->label_count + 1,
                                              stamped.value);
        }
    }
    return status;
}

static int read_copied_state(const struct sx__shared_copy *copy, const struct sx__series *series,
                             double *value)
{
    const uint32_t cell = series->handle.cell;
    uint64_t states = 0;
    if (cell >= copy->process_cells || series->increments >= 64) {
        return SX_EPROTO;
    }
    for (size_t i = 0; i < copy->process_rows; i++) {
        states |= sx__shared_copy_process_cell(copy, i, cell);
    }
    *value = (double)(states >> series->increments & 1);
    return SX_OK;
}

/* ---- samples ---- */

static int show_number(const struct showing *showing, const struct sx__family *family,
                       const struct sx__series *series, const struct sx_str *values)
{
    double value = 1; /* of an info */
    int status = SX_OK;
    if (family->type == SX_COUNTER) {
        status = read_copied_counter(showing->copy, series, &value);
    } else if (family->type == SX_STATE_SET) {
        status = read_copied_state(showing->copy, series, &value);
    } else if (family->type != SX_INFO) {
        status = read_copied_gauge(showing->copy, family->multiprocess_mode, series, &value);
    }
    return status != SX_OK
               ? status
               : sx_collection_add_sample(showing->collection, values, family->label_count, value);
}

static int show_histogram(const struct showing *showing, const struct sx__family *family,
                          const struct sx__series *series, const struct sx_str *values)
{
    struct sx__shared_copy *copy = showing->copy;
    uint64_t buckets[SX_BUCKETS_MAX + 1];
    const uint32_t bound_count = family->type == SX_SUMMARY ? 0 : family->bound_count;
    const uint32_t cell = series->handle.cell;
    if (!sx__shared_copy_take_cells(copy, cell, bound_count + 2)) {
        return SX_EPROTO;
    }
    for (uint32_t i = 0; i <= bound_count; i++) {
        buckets[i] = sum_cell(copy, cell + SX__HISTOGRAM_BUCKETS + i);
    }
    const double sum = sum_doubles(copy, cell + SX__HISTOGRAM_SUM);
    if (family->type == SX_SUMMARY) {
        const struct sx_summary_sample sample = {.sum = sum, .observations = buckets[0]};
        return sx_collection_add_summary(showing->collection, values, family->label_count, &sample);
    }
    return sx_collection_add_histogram(showing->collection, values, family->label_count, buckets,
                                       sum);
}

/* Reads the values of the labels, and adds the series. */
static int show_series(const struct showing *showing, const struct sx__family *family,
                       const struct sx__series *series)
{
    struct sx_str values[SX_LABELS_MAX];
    struct sx__quoted_labels labels = {.at = sx__series_text(series),
                                       .end = sx__series_text(series) + series->text_size,
                                       .out = showing->memory};
    const size_t count = showing->constant_count + family->label_count;
    if (series->retired.removed == SX__SERIES_REMOVED) {
        return SX_OK;
    }
    bool is_good = count == 0 || sx__has_buckets(family) || sx__quoted_labels_skip_name(&labels);
    for (size_t i = 0; i < count && is_good; i++) {
        struct sx_str value;
        is_good = sx__quoted_labels_next(&labels, &value);
        if (is_good && i >= showing->constant_count) {
            values[i - showing->constant_count] = value;
        }
    }
    if (!is_good) {
        return SX_EPROTO;
    }
    if (family->multiprocess_mode == SX_MODE_LIVE_ALL) {
        return show_each_process(showing, family, series, values);
    }
    return sx__has_buckets(family) ? show_histogram(showing, family, series, values)
                                   : show_number(showing, family, series, values);
}

/* ---- families ---- */

/* The strings of a family, each ended by NUL. */
struct strings {
    char *memory;
    char *at;
    const char *labels[SX_LABELS_MAX + 1];
};

static const char *put_string(struct strings *strings, struct sx_str text)
{
    char *start = strings->at;
    memcpy(start, text.data, text.size);
    start[text.size] = '\0';
    strings->at += text.size + 1;
    return start;
}

/* The spans of a family do not overlap, or it is damaged. */
static size_t strings_size(const struct sx__family *family)
{
    size_t size = sx__family_name(family).size + sx__family_help(family).size +
                  sx__family_unit(family).size + 3;
    for (uint32_t i = 0; i < family->label_count; i++) {
        size += sx__family_label(family, i).size + 1;
    }
    return size <= (size_t)family->size + 3 + SX_LABELS_MAX ? size : 0;
}

/* Infos and state sets are gauges, as in the text format: the constant labels would not fit. */
static enum sx_metric_type shown_type(const struct sx__family *family)
{
    return family->type == SX_INFO || family->type == SX_STATE_SET
               ? SX_GAUGE
               : (enum sx_metric_type)family->type;
}

/* An only bound of +Inf stands for no bounds. */
static void set_bounds(struct sx_metric_options *options, const struct sx__family *family)
{
    static const double infinity = HUGE_VAL;
    if (family->type == SX_HISTOGRAM || family->type == SX_GAUGE_HISTOGRAM) {
        options->bucket_count = family->bound_count > 0 ? family->bound_count : 1;
        options->buckets = family->bound_count > 0 ? sx__family_bounds(family) : &infinity;
    }
}

static int show_family_head(const struct showing *showing, const struct sx__family *family)
{
    const size_t size = strings_size(family);
    struct strings strings = {.memory = size > 0 ? malloc(size) : NULL};
    if (strings.memory == NULL) {
        return size > 0 ? SX_ENOMEM : SX_EPROTO;
    }
    strings.at = strings.memory;
    for (uint32_t i = 0; i < family->label_count; i++) {
        strings.labels[i] = put_string(&strings, sx__family_label(family, i));
    }
    if (family->multiprocess_mode == SX_MODE_LIVE_ALL) {
        strings.labels[family->label_count] = SX__PROCESS_LABEL;
    }
    struct sx_metric_options options = {
        .name = put_string(&strings, sx__family_name(family)),
        .help = put_string(&strings, sx__family_help(family)),
        .unit = put_string(&strings, sx__family_unit(family)),
        .labels = strings.labels,
        .utf8_names = true,
    };
    set_bounds(&options, family);
    const int status = sx_collection_add_family(showing->collection, shown_type(family), &options);
    free(strings.memory);
    return status;
}

static int show_family(const struct showing *showing, const struct sx__family *family)
{
    const struct sx__series *series = NULL;
    int status = show_family_head(showing, family);
    if (status == SX_OK) {
        status = sx__shared_copy_next_series(showing->copy, family, NULL, &series);
    }
    while (status == SX_OK && series != NULL) {
        status = show_series(showing, family, series);
        if (status == SX_OK) {
            status = sx__shared_copy_next_series(showing->copy, family, series, &series);
        }
    }
    return status;
}

/* What callbacks of the participants show is not in the registry. */
static int show_families(const struct showing *showing)
{
    const struct sx__family *family = NULL;
    int status = sx__shared_copy_next_family(showing->copy, NULL, &family);
    while (status == SX_OK && family != NULL) {
        if (family->source == SX__FROM_CELLS && family->retired.removed == 0) {
            status = show_family(showing, family);
        }
        if (status == SX_OK) {
            status = sx__shared_copy_next_family(showing->copy, family, &family);
        }
    }
    return status;
}

/* What is counted about the families. */
static int show_counts(const struct showing *showing, enum sx__self_metric metric)
{
    const struct sx__family *family = NULL;
    bool has_any = false;
    sx__shared_copy_rewind(showing->copy);
    int status = sx__shared_copy_next_family(showing->copy, NULL, &family);
    while (status == SX_OK && family != NULL) {
        const struct sx_str name = sx__family_name(family);
        const double count = (double)family->self_metrics[metric];
        if (count > 0 && !has_any) {
            has_any = true;
            status = sx_collection_add_family(showing->collection, SX_COUNTER,
                                              sx__self_metric_options(metric));
        }
        if (count > 0 && status == SX_OK) {
            status = sx_collection_add_sample(showing->collection, &name, 1, count);
        }
        if (status == SX_OK) {
            status = sx__shared_copy_next_family(showing->copy, family, &family);
        }
    }
    return status;
}

static int collect_copy(void *context, struct sx_collection *collection)
{
    struct showing *showing = context;
    showing->collection = collection;
    int status = show_families(showing);
    for (unsigned i = 0; i < SX__SELF_METRICS && showing->has_counts && status == SX_OK; i++) {
        status = show_counts(showing, (enum sx__self_metric)i);
    }
    if (status == SX_OK && showing->has_counts) {
        status = sx__self_metric_add_processes(
            collection, sx__shared_copy_header(showing->copy)->processes_without_gauges);
    }
    showing->status = status;
    return status;
}

/* ---- the page ---- */

/* Reads the constant labels. Their strings lie in `memory`, where each has more room than in the
 * text that it is read from, because there a name is followed by `="`. */
static int read_constant_labels(struct sx_registry_options *options, struct sx_label *labels,
                                const struct sx__shared_copy *copy, char *memory)
{
    struct sx_str text;
    int status = sx__shared_copy_constant_labels(copy, &text);
    if (status != SX_OK || text.size == 0) {
        return status;
    }
    struct sx__quoted_labels reading = {text.data, text.data + text.size, memory, NULL};
    options->constant_labels = labels;
    do {
        if (options->constant_label_count == SX_LABELS_MAX ||
            !sx__quoted_labels_next(&reading, &labels[options->constant_label_count].value)) {
            return SX_EPROTO;
        }
        labels[options->constant_label_count++].name = reading.name;
    } while (reading.at < reading.end);
    return SX_OK;
}

static int render_shown(struct sx_page *page, struct showing *showing, struct sx_registry *registry,
                        const struct sx_page_options *options)
{
    int status = sx_collector_register(registry, collect_copy, showing);
    if (status == SX_OK) {
        status = sx_page_render_options(page, &registry, 1, options);
    }
    if (status == SX_OK) {
        status = showing->status;
    }
    /* What is not valid has another error for each thing, but all mean the same here. */
    return status == SX_OK || status == SX_ENOMEM || status == SX_ETIMEOUT ? status : SX_EPROTO;
}

/* The page of a copy. The collector's memory is as large as the copy, of which it uses little. */
static int render_copy(struct sx_page *page, struct sx__shared_copy *copy,
                       const struct sx_page_options *options)
{
    struct sx_label constants[SX_LABELS_MAX];
    struct sx_registry_options registry_options = {.shared = false};
    struct sx_registry *registry = NULL;
    char *memory = malloc(2 * copy->directory_bytes);
    if (memory == NULL) {
        return SX_ENOMEM;
    }
    int status = read_constant_labels(&registry_options, constants, copy, memory);
    if (status == SX_OK) {
        status = sx_registry_new(&registry, &registry_options);
        status =
            status == SX_EREGISTRIES || status == SX_ENOMEM || status == SX_OK ? status : SX_EPROTO;
    }
    if (status == SX_OK) {
        struct showing showing = {.copy = copy,
                                  .constant_count = registry_options.constant_label_count,
                                  .memory = memory + copy->directory_bytes,
                                  .has_counts = !sx__constants_have_label(registry, "family") &&
                                                !sx__constants_have_label(registry, "error")};
        status = render_shown(page, &showing, registry, options);
        sx_registry_destroy(registry);
    }
    free(memory);
    return status;
}

int sx__page_render_bytes(struct sx_page *page, const struct sx__bytes *bytes,
                          const struct sx_page_options *options)
{
    struct sx__shared_copy copy;
    int status = sx__shared_copy_make(&copy, bytes);
    if (status == SX_OK) {
        status = render_copy(page, &copy, options);
        sx__shared_copy_clean_up(&copy);
    }
    if (status != SX_OK) {
        page->size = 0;
    }
    return status;
}
