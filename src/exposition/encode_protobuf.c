/* encode_protobuf.c: Prometheus protobuf, length-delimited: for each family the size of its message
 * as a varint, then the message.
 *
 * Source: Prometheus "Exposition formats", Protobuf format; io/prometheus/client/metrics.proto
 */
#include "constants.h"
#include "format.h"
#include "page.h"
#include "protobuf_wire.h"
#include "written_labels.h"

#include <math.h>

/* Numbers of fields, from metrics.proto. */
enum { FAMILY_NAME = 1, FAMILY_HELP = 2, FAMILY_TYPE = 3, FAMILY_METRIC = 4, FAMILY_UNIT = 5 };
enum {
    METRIC_LABEL = 1,
    METRIC_GAUGE = 2,
    METRIC_COUNTER = 3,
    METRIC_SUMMARY = 4,
    METRIC_UNTYPED = 5,
    METRIC_TIMESTAMP = 6,
    METRIC_HISTOGRAM = 7
};
enum { LABEL_NAME = 1, LABEL_VALUE = 2 };
enum { NUMBER_VALUE = 1, NUMBER_EXEMPLAR = 2, NUMBER_CREATED = 3 }; /* of a gauge or counter */
enum {
    HISTOGRAM_COUNT = 1,
    HISTOGRAM_SUM = 2,
    HISTOGRAM_BUCKET = 3,
    HISTOGRAM_SCHEMA = 5,
    HISTOGRAM_ZERO_THRESHOLD = 6,
    HISTOGRAM_ZERO_COUNT = 7,
    HISTOGRAM_NEGATIVE_SPAN = 9,
    HISTOGRAM_NEGATIVE_DELTA = 10,
    HISTOGRAM_POSITIVE_SPAN = 12,
    HISTOGRAM_POSITIVE_DELTA = 13,
    HISTOGRAM_CREATED = 15,
    HISTOGRAM_EXEMPLAR = 16
};
enum { SUMMARY_COUNT = 1, SUMMARY_SUM = 2, SUMMARY_QUANTILE = 3, SUMMARY_CREATED = 4 };
enum { QUANTILE_QUANTILE = 1, QUANTILE_VALUE = 2 };
enum { BUCKET_COUNT = 1, BUCKET_BOUND = 2, BUCKET_EXEMPLAR = 3 };
enum { SPAN_OFFSET = 1, SPAN_LENGTH = 2 };
enum { EXEMPLAR_LABEL = 1, EXEMPLAR_VALUE = 2, EXEMPLAR_TIMESTAMP = 3 };
enum { TIMESTAMP_SECONDS = 1, TIMESTAMP_NANOS = 2 };

/* Of the enum MetricType. */
static const unsigned char protobuf_types[] = {
    [SX_COUNTER] = 0,   [SX_GAUGE] = 1,   [SX_HISTOGRAM] = 4,
    [SX_SUMMARY] = 2,   [SX_INFO] = 1, /* which this format does not have: a gauge, as in text 0.0.4
                                        */
    [SX_STATE_SET] = 1, [SX_UNTYPED] = 3, [SX_GAUGE_HISTOGRAM] = 5,
};

#define EXEMPLAR_SIZE_MAX ((SX__EXEMPLAR_WORDS_MAX * 8) + SX_LABELS_MAX * 12 + 64)
/* The timestamp of a metric, and when it was made. */
#define TIMES_SIZE_MAX (4 * (1 + SX__WIRE_VARINT_SIZE_MAX))
#define QUANTILE_SIZE_MAX (2 + 2 * SX__WIRE_DOUBLE_SIZE)
/* At most what a native bucket takes: its delta, those of the FILLED_MAX empty buckets before it,
 * and a span. */
#define NATIVE_BUCKET_SIZE_MAX (3 * SX__WIRE_VARINT_SIZE_MAX + 16)
/* A bucket: its tag and size, a varint and a double. */
#define BUCKET_SIZE_MAX (2 + 1 + SX__WIRE_VARINT_SIZE_MAX + SX__WIRE_DOUBLE_SIZE)

/* ---- families ---- */

static char *put_escaped_name(char *at, unsigned field, struct sx_str name, enum sx__name_kind kind,
                              enum sx__name_scheme scheme)
{
    char *start = sx__wire_begin(at, field);
    return sx__wire_end(sx__name_escape(start, name, kind, scheme), start);
}

static int begin_protobuf(struct sx__writer *writer, const struct sx__family *family)
{
    struct sx_page *page = writer->page;
    const struct sx_str name = sx__family_name(family);
    const struct sx_str help = sx__family_help(family);
    const struct sx_str unit = sx__family_unit(family);
    int status = sx__page_reserve(page, sx__name_escaped_size_max(name.size) + help.size +
                                            unit.size + 5 * SX__WIRE_VARINT_SIZE_MAX);
    if (status != SX_OK) {
        return status;
    }
    writer->family_start = page->size;
    char *at = sx__page_end(page) + 1; /* the gap for the size */
    at = put_escaped_name(at, FAMILY_NAME, name, SX__NAME_OF_METRIC, writer->scheme);
    if (help.size > 0) {
        at = sx__wire_string(at, FAMILY_HELP, help);
    }
    /* Proto2 writers write the type even if it is 0. */
    at = sx__wire_whole(at, FAMILY_TYPE, protobuf_types[family->type]);
    if (unit.size > 0) {
        at = sx__wire_string(at, FAMILY_UNIT, unit);
    }
    sx__page_set_end(page, at);
    return SX_OK;
}

static int end_protobuf(struct sx__writer *writer)
{
    struct sx_page *page = writer->page;
    int status = sx__page_reserve(page, SX__WIRE_VARINT_SIZE_MAX);
    if (status == SX_OK) {
        sx__page_set_end(page,
                         sx__wire_end(sx__page_end(page), page->data + writer->family_start + 1));
    }
    return status;
}

/* ---- series ---- */

/* The opposite of label_escape.c. */
static char *unescape(char *at, struct sx_str value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '\\') {
            c = value.data[++i];
            c = c == 'n' ? '\n' : c;
        }
        *at++ = c;
    }
    return at;
}

static char *put_label_pairs(char *at, const struct sx__writer *writer, struct sx_str labels)
{
    struct sx__written_label label;
    for (size_t i = 0; sx__written_labels_take(&labels, &label); i++) {
        char *pair = sx__wire_begin(at, METRIC_LABEL);
        at = put_escaped_name(pair, LABEL_NAME, sx__all_labels_name(writer->family, i),
                              SX__NAME_OF_LABEL, writer->scheme);
        char *value = sx__wire_begin(at, LABEL_VALUE);
        at = sx__wire_end(unescape(value, label.value), value);
        at = sx__wire_end(at, pair);
    }
    return at;
}

/* At most what a metric takes without its values. */
static size_t metric_size_max(const struct sx__writer *writer, struct sx_str labels)
{
    return sx__name_escaped_size_max(labels.size) +
           (sx__all_labels_count(writer->family) + 2) * 3 * SX__WIRE_VARINT_SIZE_MAX;
}

static char *put_timestamp(char *at, unsigned field, int64_t ms)
{
    char *timestamp = sx__wire_begin(at, field);
    ms = ms > 0 ? ms : 0;
    at = sx__wire_whole(timestamp, TIMESTAMP_SECONDS, (uint64_t)(ms / 1000));
    at = sx__wire_whole(at, TIMESTAMP_NANOS, (uint64_t)(ms % 1000) * 1000000);
    return sx__wire_end(at, timestamp);
}

/* Writes at most EXEMPLAR_SIZE_MAX bytes. */
static char *put_exemplar(char *at, unsigned field, const struct sx__exemplar *exemplar)
{
    char *start = sx__wire_begin(at, field);
    size_t position = 0;
    struct sx_str name, value;
    at = start;
    while (sx__exemplar_next_label(exemplar, &position, &name, &value)) {
        char *label = sx__wire_begin(at, EXEMPLAR_LABEL);
        at = sx__wire_string(label, LABEL_NAME, name);
        at = sx__wire_string(at, LABEL_VALUE, value);
        at = sx__wire_end(at, label);
    }
    at = sx__wire_double(at, EXEMPLAR_VALUE, exemplar->value);
    if (exemplar->timestamp_ms != 0) {
        at = put_timestamp(at, EXEMPLAR_TIMESTAMP, exemplar->timestamp_ms);
    }
    return sx__wire_end(at, start);
}

static char *put_created(char *at, unsigned field, const struct sx__series_extra *extra)
{
    return extra == NULL || extra->created_ms == 0 ? at
                                                   : put_timestamp(at, field, extra->created_ms);
}

static char *put_metric_timestamp(char *at, const struct sx__series_extra *extra)
{
    return extra == NULL || !extra->has_timestamp
               ? at
               : sx__wire_whole(at, METRIC_TIMESTAMP, (uint64_t)extra->timestamp_ms);
}

static unsigned field_of(const struct sx__family *family)
{
    return family->type == SX_COUNTER   ? METRIC_COUNTER
           : family->type == SX_UNTYPED ? METRIC_UNTYPED
                                        : METRIC_GAUGE;
}

static int write_number(struct sx__writer *writer, struct sx_str labels,
                        const struct sx__simple_series *series)
{
    struct sx_page *page = writer->page;
    int status = sx__page_reserve(page, metric_size_max(writer, labels) + SX__WIRE_DOUBLE_SIZE +
                                            TIMES_SIZE_MAX + EXEMPLAR_SIZE_MAX);
    if (status != SX_OK) {
        return status;
    }
    const struct sx__counter_value *value = &series->value;
    char *metric = sx__wire_begin(sx__page_end(page), FAMILY_METRIC);
    char *at = put_label_pairs(metric, writer, labels);
    char *number = sx__wire_begin(at, field_of(writer->family));
    at = sx__wire_double(number, NUMBER_VALUE,
                         value->is_whole ? (double)value->whole : value->number);
    if (series->extra != NULL && series->extra->exemplar != NULL) {
        at = put_exemplar(at, NUMBER_EXEMPLAR, series->extra->exemplar);
    }
    at = put_created(at, NUMBER_CREATED, series->extra);
    at = sx__wire_end(at, number);
    at = put_metric_timestamp(at, series->extra);
    sx__page_set_end(page, sx__wire_end(at, metric));
    return SX_OK;
}

static int write_numbers(struct sx__writer *writer, const struct sx__simple_series *numbers,
                         size_t count)
{
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        status =
            write_number(writer, sx__series_labels(writer->family, numbers[i].text), &numbers[i]);
    }
    return status;
}

/* ---- histograms ---- */

/* The bucket +Inf is optional, and written, so that all buckets are there. No bucket may have more
 * than `count`, which was read at another moment if the histogram has native buckets, too. */
static char *put_buckets(char *at, const struct sx__family *family,
                         const struct sx__histogram_value *value, uint64_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i <= family->bound_count; i++) {
        const bool is_last = i == family->bound_count;
        total += value->buckets[i];
        char *bucket = sx__wire_begin(at, HISTOGRAM_BUCKET);
        at = sx__wire_whole(bucket, BUCKET_COUNT, total < count && !is_last ? total : count);
        at = sx__wire_double(at, BUCKET_BOUND,
                             is_last ? (double)INFINITY : sx__family_bounds(family)[i]);
        if (value->exemplar_count > 0 && value->exemplars[i] != NULL) {
            at = put_exemplar(at, BUCKET_EXEMPLAR, value->exemplars[i]);
        }
        at = sx__wire_end(at, bucket);
    }
    return at;
}

/* Buckets that are empty are written too if there are at most two of them between others, as a new
 * span would take as many bytes. */
#define FILLED_MAX 2

static char *put_spans(char *at, unsigned field, const struct sx__native_side *side)
{
    int64_t next = 0; /* the index behind the previous span */
    for (size_t i = 0; i < side->count;) {
        const int64_t first = side->buckets[i].index;
        int64_t end = first + 1;
        for (i++; i < side->count && side->buckets[i].index - end <= FILLED_MAX; i++) {
            end = side->buckets[i].index + (int64_t)1;
        }
        char *span = sx__wire_begin(at, field);
        at = sx__wire_whole(span, SPAN_OFFSET, sx__wire_zigzag(first - next));
        at = sx__wire_whole(at, SPAN_LENGTH, (uint64_t)(end - first));
        at = sx__wire_end(at, span);
        next = end;
    }
    return at;
}

/* The differences between the counts of neighbouring buckets, packed. */
static char *put_deltas(char *at, unsigned field, const struct sx__native_side *side)
{
    if (side->count == 0) {
        return at;
    }
    char *start = sx__wire_begin(at, field);
    uint64_t previous = 0;
    at = start;
    for (size_t i = 0; i < side->count; i++) {
        const struct sx__native_bucket *bucket = &side->buckets[i];
        const int64_t gap = i == 0 ? 0 : (int64_t)bucket->index - side->buckets[i - 1].index - 1;
        for (int64_t k = 0; gap <= FILLED_MAX && k < gap; k++) {
            at = sx__wire_varint(at, sx__wire_zigzag((int64_t)(0 - previous)));
            previous = 0;
        }
        at = sx__wire_varint(at, sx__wire_zigzag((int64_t)(bucket->count - previous)));
        previous = bucket->count;
    }
    return sx__wire_end(at, start);
}

static char *put_native(char *at, const struct sx__native_values *native)
{
    at = sx__wire_whole(at, HISTOGRAM_SCHEMA, sx__wire_zigzag(native->schema));
    at = sx__wire_double(at, HISTOGRAM_ZERO_THRESHOLD, native->zero_threshold);
    at = sx__wire_whole(at, HISTOGRAM_ZERO_COUNT, native->zero_count);
    at = put_spans(at, HISTOGRAM_NEGATIVE_SPAN, &native->negative);
    at = put_deltas(at, HISTOGRAM_NEGATIVE_DELTA, &native->negative);
    at = put_spans(at, HISTOGRAM_POSITIVE_SPAN, &native->positive);
    return put_deltas(at, HISTOGRAM_POSITIVE_DELTA, &native->positive);
}

static uint64_t count_of(const struct sx__family *family, const uint64_t *buckets)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i <= family->bound_count; i++) {
        count += buckets[i];
    }
    return count;
}

static size_t histogram_size_max(const struct sx__writer *writer, struct sx_str labels,
                                 const struct sx__histogram_value *value)
{
    const size_t native =
        value->native == NULL ? 0 : value->native->positive.count + value->native->negative.count;
    return metric_size_max(writer, labels) +
           ((size_t)writer->family->bound_count + 2) * BUCKET_SIZE_MAX +
           (size_t)value->exemplar_count * EXEMPLAR_SIZE_MAX + TIMES_SIZE_MAX +
           (value->extra != NULL ? value->extra->quantile_count * QUANTILE_SIZE_MAX : 0) +
           (native + 4) * NATIVE_BUCKET_SIZE_MAX;
}

/* Classic buckets, unless it has only native ones; see struct sx_native_options. */
static char *put_histogram(char *at, const struct sx__family *family,
                           const struct sx__histogram_value *value)
{
    const struct sx__native_values *native = value->native;
    const bool has_classic = native == NULL || family->bound_count > 0;
    const uint64_t count = native != NULL ? native->count : count_of(family, value->buckets);
    at = sx__wire_whole(at, HISTOGRAM_COUNT, count);
    at = sx__wire_double(at, HISTOGRAM_SUM, native != NULL ? native->sum : value->sum);
    if (has_classic) {
        at = put_buckets(at, family, value, count);
    }
    if (native != NULL) {
        at = put_native(at, native);
    }
    at = put_created(at, HISTOGRAM_CREATED, value->extra);
    for (uint32_t i = 0; i < value->exemplar_count && !has_classic; i++) {
        if (value->exemplars[i] != NULL) {
            at = put_exemplar(at, HISTOGRAM_EXEMPLAR, value->exemplars[i]);
        }
    }
    return at;
}

static char *put_summary(char *at, const struct sx__histogram_value *value)
{
    char *summary = sx__wire_begin(at, METRIC_SUMMARY);
    at = sx__wire_whole(summary, SUMMARY_COUNT, value->buckets[0]);
    at = sx__wire_double(at, SUMMARY_SUM, value->sum);
    for (size_t i = 0; value->extra != NULL && i < value->extra->quantile_count; i++) {
        char *quantile = sx__wire_begin(at, SUMMARY_QUANTILE);
        at = sx__wire_double(quantile, QUANTILE_QUANTILE, value->extra->quantiles[i].quantile);
        at = sx__wire_double(at, QUANTILE_VALUE, value->extra->quantiles[i].value);
        at = sx__wire_end(at, quantile);
    }
    at = put_created(at, SUMMARY_CREATED, value->extra);
    return sx__wire_end(at, summary);
}

static int write_histogram(struct sx__writer *writer, struct sx_str labels,
                           const struct sx__histogram_value *value)
{
    struct sx_page *page = writer->page;
    int status = sx__page_reserve(page, histogram_size_max(writer, labels, value));
    if (status != SX_OK) {
        return status;
    }
    char *metric = sx__wire_begin(sx__page_end(page), FAMILY_METRIC);
    char *at = put_label_pairs(metric, writer, labels);
    if (writer->family->type == SX_SUMMARY) {
        at = put_summary(at, value);
    } else {
        char *histogram = sx__wire_begin(at, METRIC_HISTOGRAM);
        at = put_histogram(histogram, writer->family, value);
        at = sx__wire_end(at, histogram);
    }
    at = put_metric_timestamp(at, value->extra);
    sx__page_set_end(page, sx__wire_end(at, metric));
    return SX_OK;
}

const struct sx__format sx__format_protobuf = {
    .shows_exemplars = true,
    .shows_native = true,
    .shows_created = true,
    .begin = begin_protobuf,
    .numbers = write_numbers,
    .histogram = write_histogram,
    .end = end_protobuf,
};
