/* encode_protobuf.c: Prometheus protobuf, length-delimited: for each family the size of its message
 * as a varint, then the message.
 *
 * A message is written behind a gap of one byte for its size, and moved if the size needs more.
 *
 * Source: Prometheus "Exposition formats", Protobuf format; io/prometheus/client/metrics.proto;
 * Protocol Buffers, "Encoding"
 */
#include "constants.h"
#include "format.h"
#include "page.h"
#include "written_labels.h"

#include <math.h>
#include <string.h>

/* Numbers of fields, from metrics.proto. */
enum { FAMILY_NAME = 1, FAMILY_HELP = 2, FAMILY_TYPE = 3, FAMILY_METRIC = 4 };
enum { METRIC_LABEL = 1, METRIC_GAUGE = 2, METRIC_COUNTER = 3, METRIC_HISTOGRAM = 7 };
enum { LABEL_NAME = 1, LABEL_VALUE = 2 };
enum { NUMBER_VALUE = 1 }; /* of a gauge or counter */
enum { HISTOGRAM_COUNT = 1, HISTOGRAM_SUM = 2, HISTOGRAM_BUCKET = 3 };
enum { BUCKET_COUNT = 1, BUCKET_BOUND = 2 };

/* Of the enum MetricType. */
static const unsigned char protobuf_types[] = {
    [SX_COUNTER] = 0,
    [SX_GAUGE] = 1,
    [SX_HISTOGRAM] = 4,
};

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

#define VARINT_SIZE_MAX 10
#define DOUBLE_FIELD_SIZE 9
/* A bucket: its tag and size, a varint and a double. */
#define BUCKET_SIZE_MAX (2 + 1 + VARINT_SIZE_MAX + DOUBLE_FIELD_SIZE)

/* ---- the wire format; all fields have numbers below 16, so a tag is one byte ---- */

static char *put_varint(char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *at++ = (char)(value | 0x80);
    }
    *at++ = (char)value;
    return at;
}

static char *put_tag(char *at, unsigned field, unsigned wire)
{
    *at = (char)(field << 3 | wire);
    return at + 1;
}

static char *put_double(char *at, unsigned field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    at = put_tag(at, field, WIRE_FIXED64);
    for (unsigned shift = 0; shift < 64; shift += 8) { /* little-endian */
        *at++ = (char)(bits >> shift);
    }
    return at;
}

static char *put_whole(char *at, unsigned field, uint64_t value)
{
    return put_varint(put_tag(at, field, WIRE_VARINT), value);
}

/* Begins a message or string, which put_end ends. */
static char *put_begin(char *at, unsigned field)
{
    return put_tag(at, field, WIRE_BYTES) + 1;
}

/* Writes the size of the bytes between `start` and `at` into the gap before them. */
static char *put_end(char *at, char *start)
{
    char varint[VARINT_SIZE_MAX];
    const size_t size = (size_t)(at - start);
    const size_t varint_size = (size_t)(put_varint(varint, size) - varint);
    if (varint_size > 1) {
        memmove(start - 1 + varint_size, start, size);
    }
    memcpy(start - 1, varint, varint_size);
    return at + varint_size - 1;
}

static char *put_string(char *at, unsigned field, struct sx_str bytes)
{
    at = put_varint(put_tag(at, field, WIRE_BYTES), bytes.size);
    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

/* ---- families ---- */

static char *put_name(char *at, unsigned field, struct sx_str name, enum sx__name_kind kind,
                      enum sx__name_scheme scheme)
{
    char *start = put_begin(at, field);
    return put_end(sx__name_escape(start, name, kind, scheme), start);
}

static int begin_protobuf(struct sx__writer *writer, const struct sx__family *family)
{
    struct sx_page *page = writer->page;
    const struct sx_str name = sx__family_name(family);
    const struct sx_str help = sx__family_help(family);
    int status = sx__page_reserve(page, sx__name_escaped_size_max(name.size) + help.size +
                                            4 * VARINT_SIZE_MAX);
    if (status != SX_OK) {
        return status;
    }
    writer->family_start = page->size;
    char *at = sx__page_end(page) + 1; /* the gap for the size */
    at = put_name(at, FAMILY_NAME, name, SX__NAME_OF_METRIC, writer->scheme);
    if (help.size > 0) {
        at = put_string(at, FAMILY_HELP, help);
    }
    /* Proto2 writers write the type even if it is 0. */
    at = put_whole(at, FAMILY_TYPE, protobuf_types[family->type]);
    sx__page_set_end(page, at);
    return SX_OK;
}

static int end_protobuf(struct sx__writer *writer)
{
    struct sx_page *page = writer->page;
    int status = sx__page_reserve(page, VARINT_SIZE_MAX);
    if (status == SX_OK) {
        sx__page_set_end(page, put_end(sx__page_end(page), page->data + writer->family_start + 1));
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

static char *put_labels(char *at, const struct sx__writer *writer, struct sx_str labels)
{
    struct sx__written_label label;
    for (size_t i = 0; sx__written_labels_take(&labels, &label); i++) {
        char *pair = put_begin(at, METRIC_LABEL);
        at = put_name(pair, LABEL_NAME, sx__all_labels_name(writer->family, i), SX__NAME_OF_LABEL,
                      writer->scheme);
        char *value = put_begin(at, LABEL_VALUE);
        at = put_end(unescape(value, label.value), value);
        at = put_end(at, pair);
    }
    return at;
}

/* At most what a metric takes without its values. */
static size_t metric_size_max(const struct sx__writer *writer, struct sx_str labels)
{
    return sx__name_escaped_size_max(labels.size) +
           (sx__all_labels_count(writer->family) + 2) * 3 * VARINT_SIZE_MAX;
}

static int write_number(struct sx__writer *writer, struct sx_str labels,
                        const struct sx__counter_value *value)
{
    struct sx_page *page = writer->page;
    int status = sx__page_reserve(page, metric_size_max(writer, labels) + DOUBLE_FIELD_SIZE);
    if (status != SX_OK) {
        return status;
    }
    const bool is_gauge = writer->family->type == SX_GAUGE;
    char *metric = put_begin(sx__page_end(page), FAMILY_METRIC);
    char *at = put_labels(metric, writer, labels);
    char *number = put_begin(at, is_gauge ? METRIC_GAUGE : METRIC_COUNTER);
    at = put_double(number, NUMBER_VALUE, value->is_whole ? (double)value->whole : value->number);
    at = put_end(at, number);
    sx__page_set_end(page, put_end(at, metric));
    return SX_OK;
}

static int write_numbers(struct sx__writer *writer, const struct sx__simple_series *numbers,
                         size_t count)
{
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        status = write_number(writer, sx__series_labels(writer->family, numbers[i].text),
                              &numbers[i].value);
    }
    return status;
}

/* The bucket +Inf is optional, and written, so that all buckets are there. */
static char *put_buckets(char *at, const struct sx__family *family, const uint64_t *buckets)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i <= family->bound_count; i++) {
        total += buckets[i];
        char *bucket = put_begin(at, HISTOGRAM_BUCKET);
        at = put_whole(bucket, BUCKET_COUNT, total);
        at = put_double(at, BUCKET_BOUND,
                        i < family->bound_count ? sx__family_bounds(family)[i] : (double)INFINITY);
        at = put_end(at, bucket);
    }
    return at;
}

static uint64_t count_of(const struct sx__family *family, const uint64_t *buckets)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i <= family->bound_count; i++) {
        count += buckets[i];
    }
    return count;
}

static int write_histogram(struct sx__writer *writer, struct sx_str labels,
                           const struct sx__histogram_value *value)
{
    struct sx_page *page = writer->page;
    const struct sx__family *family = writer->family;
    int status = sx__page_reserve(page, metric_size_max(writer, labels) +
                                            ((size_t)family->bound_count + 2) * BUCKET_SIZE_MAX);
    if (status != SX_OK) {
        return status;
    }
    char *metric = put_begin(sx__page_end(page), FAMILY_METRIC);
    char *at = put_labels(metric, writer, labels);
    char *histogram = put_begin(at, METRIC_HISTOGRAM);
    at = put_whole(histogram, HISTOGRAM_COUNT, count_of(family, value->buckets));
    at = put_double(at, HISTOGRAM_SUM, value->sum);
    at = put_buckets(at, family, value->buckets);
    at = put_end(at, histogram);
    sx__page_set_end(page, put_end(at, metric));
    return SX_OK;
}

const struct sx__format sx__format_protobuf = {
    .begin = begin_protobuf,
    .numbers = write_numbers,
    .histogram = write_histogram,
    .end = end_protobuf,
};
