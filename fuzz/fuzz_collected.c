/* Property: what a collector adds, samples of all types with native buckets, quantiles, timestamps
 * and exemplars, is on the page of each format, and so are exemplars of registered metrics. The
 * parser reads text, the checker finds no fault in it, and a decoder of its own reads protobuf.
 * Exemplars that break a rule are dropped, and counted. */
#include "protobuf.h"
#include "utf8.h"

#include <float.h>
#include <inttypes.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/parse.h>
#include <stdio.h>

#define FAMILIES_MAX 3
#define SERIES_MAX 3
#define BOUNDS_MAX 3
#define QUANTILES_MAX 3
#define SIDE_MAX 4
#define EXEMPLARS_MAX 4
#define LABELS_MAX 3
#define TEXT_MAX 160
#define NATIVE_SLOTS 8
#define STAMP_MAX INT64_C(100000000000000)

struct text {
    char bytes[TEXT_MAX * SX__UTF8_GROWTH];
    size_t size;
};

struct exemplar {
    double value;
    int64_t timestamp_ms;
    size_t label_count;
    char names[LABELS_MAX][TEXT_MAX + 1];
    struct text values[LABELS_MAX];
};

struct series {
    struct text label;
    double number; /* of a histogram or summary, the sum */
    uint64_t counts[BOUNDS_MAX + 1];
    struct sx_quantile quantiles[QUANTILES_MAX];
    size_t quantile_count;
    struct sx_native_sample native;
    struct sx_native_bucket positive[SIDE_MAX], negative[SIDE_MAX];
    bool has_timestamp;
    int64_t timestamp_ms;
    struct exemplar exemplars[EXEMPLARS_MAX];
    size_t exemplar_count;
};

struct family {
    enum sx_metric_type type;
    bool is_registered, is_labelled, has_native, has_unit;
    char name[32];
    double bounds[BOUNDS_MAX];
    size_t bound_count;
    struct series series[SERIES_MAX];
    size_t series_count;
};

static struct family families[FAMILIES_MAX];
static size_t family_count;

/* ---- from the input ---- */

static struct sx_str rest;

static uint8_t take_byte(void)
{
    return rest.size > 0 ? (uint8_t)take_char(&rest) : 0;
}

static uint64_t take_word(void)
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) {
        word = word << 8 | take_byte();
    }
    return word;
}

static double take_double(void)
{
    const uint64_t bits = take_word();
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Not NaN. */
static double take_number(void)
{
    const double value = take_double();
    return isnan(value) ? 0.5 : value;
}

static void take_text(struct text *text)
{
    text->size = take_byte() % TEXT_MAX;
    text->size = text->size < rest.size ? text->size : rest.size;
    for (size_t i = 0; i < text->size; i++) {
        text->bytes[i] = take_char(&rest);
    }
}

static void take_exemplar(struct exemplar *exemplar)
{
    struct text name;
    const uint8_t shape = take_byte();
    exemplar->value = (shape & 1) != 0 ? take_double() : (double)(shape >> 4);
    exemplar->timestamp_ms = (shape & 2) != 0 ? (int64_t)take_word() % STAMP_MAX : 0;
    exemplar->label_count = (shape >> 2) % (LABELS_MAX + 1);
    for (size_t i = 0; i < exemplar->label_count; i++) {
        take_text(&name);
        memcpy(exemplar->names[i], name.bytes, name.size);
        exemplar->names[i][name.size] = '\0';
        take_text(&exemplar->values[i]);
    }
}

static size_t take_side(struct sx_native_bucket *buckets)
{
    const size_t count = take_byte() % (SIDE_MAX + 1);
    int32_t index = -20;
    for (size_t i = 0; i < count; i++) {
        index += 1 + take_byte() % 16;
        buckets[i] = (struct sx_native_bucket){index, take_byte()};
    }
    return count;
}

static void take_native(struct series *series)
{
    struct sx_native_sample *native = &series->native;
    native->schema = take_byte() % 13 - 4;
    native->zero_threshold = (double)(take_byte() % 4) / 1024;
    native->zero_count = take_byte();
    native->positive = series->positive;
    native->positive_count = take_side(series->positive);
    native->negative = series->negative;
    native->negative_count = take_side(series->negative);
}

/* Label values of a family differ in their first character. */
static void take_label(struct text *label, size_t number)
{
    struct text raw;
    take_text(&raw);
    label->bytes[0] = (char)('a' + number);
    const struct sx_str view = {raw.bytes, raw.size < TEXT_MAX - 1 ? raw.size : TEXT_MAX - 2};
    label->size = 1 + sx__utf8_clean(label->bytes + 1, view);
}

static double number_of(enum sx_metric_type type, double number, size_t series)
{
    switch (type) {
    case SX_COUNTER:
        return isfinite(number) ? fabs(number) : 1;
    case SX_INFO:
        return 1;
    case SX_STATE_SET:
        return (double)(series % 2);
    default:
        return number;
    }
}

static void take_series(struct family *family, size_t number)
{
    struct series *series = &family->series[number];
    take_label(&series->label, number);
    series->number = number_of(family->type, take_number(), number);
    for (size_t i = 0; i <= family->bound_count; i++) {
        series->counts[i] = take_byte();
    }
    if (family->type == SX_SUMMARY) {
        series->quantile_count = take_byte() % (QUANTILES_MAX + 1);
        for (size_t i = 0; i < series->quantile_count; i++) {
            series->quantiles[i] = (struct sx_quantile){(double)i / 2, take_double()};
        }
    }
    if (family->has_native) {
        take_native(series);
        series->native.sum = series->number;
        series->native.buckets = family->bound_count > 0 ? series->counts : NULL;
    }
    const uint8_t shape = take_byte();
    series->has_timestamp = !family->is_registered && (shape & 1) != 0;
    series->timestamp_ms = (int64_t)(take_word() % (uint64_t)STAMP_MAX);
    series->exemplar_count = (shape >> 1) % (EXEMPLARS_MAX + 1);
    for (size_t i = 0; i < series->exemplar_count; i++) {
        take_exemplar(&series->exemplars[i]);
    }
}

static bool has_buckets(const struct family *family)
{
    return family->type == SX_HISTOGRAM || family->type == SX_GAUGE_HISTOGRAM;
}

/* The states of a set have the timestamp that was set last. */
static void share_timestamp(struct family *family)
{
    const struct series *last = NULL;
    for (size_t i = 0; i < family->series_count; i++) {
        last = family->series[i].has_timestamp ? &family->series[i] : last;
    }
    for (size_t i = 0; last != NULL && i < family->series_count; i++) {
        family->series[i].has_timestamp = true;
        family->series[i].timestamp_ms = last->timestamp_ms;
    }
}

static void take_family(struct family *family, unsigned number)
{
    static const enum sx_metric_type types[] = {SX_COUNTER, SX_GAUGE,   SX_HISTOGRAM,
                                                SX_SUMMARY, SX_INFO,    SX_STATE_SET,
                                                SX_UNTYPED, SX_COUNTER, SX_GAUGE_HISTOGRAM};
    const uint8_t shape = take_byte(), flags = take_byte();
    family->type = types[shape % 9];
    family->is_labelled = (flags & 1) != 0 && family->type != SX_STATE_SET;
    family->has_unit = (flags & 2) != 0 && family->type != SX_INFO && family->type != SX_STATE_SET;
    family->has_native = (flags & 4) != 0 && family->type == SX_HISTOGRAM;
    family->is_registered = (flags & 16) != 0 && !family->has_native &&
                            (family->type == SX_COUNTER || family->type == SX_HISTOGRAM);
    snprintf(family->name, sizeof family->name, "f%u%s%s", number,
             family->has_unit ? "_seconds" : "",
             family->type == SX_INFO      ? "_info"
             : family->type == SX_COUNTER ? "_total"
                                          : "");
    if (has_buckets(family) && !(family->has_native && (flags & 8) != 0)) {
        double bound = (double)(take_byte() % 8) - 2;
        family->bound_count = 1 + take_byte() % BOUNDS_MAX;
        for (size_t i = 0; i < family->bound_count; i++) {
            family->bounds[i] = bound;
            bound += 0.5 + take_byte() % 4;
        }
    }
    family->series_count =
        family->is_labelled || family->type == SX_STATE_SET ? take_byte() % (SERIES_MAX + 1) : 1;
    family->is_registered = family->is_registered && family->series_count > 0;
    for (size_t i = 0; i < family->series_count; i++) {
        take_series(family, i);
    }
    if (family->type == SX_STATE_SET) {
        share_timestamp(family);
    }
}

/* ---- the registry ---- */

static struct sx_metric_options options_of(const struct family *family)
{
    static const char *const label[] = {"l", NULL};
    struct sx_metric_options options = {.name = family->name};
    options.labels = family->is_labelled ? label : NULL;
    options.unit = family->has_unit ? "seconds" : NULL;
    options.buckets = family->bound_count > 0 ? family->bounds : NULL;
    options.bucket_count = family->bound_count;
    options.native.growth_factor = family->has_native ? 1.1 : 0;
    return options;
}

static struct sx_str view_of(const struct text *text)
{
    return (struct sx_str){text->bytes, text->size};
}

static void labels_of(const struct exemplar *exemplar, struct sx_label *labels)
{
    for (size_t i = 0; i < exemplar->label_count; i++) {
        labels[i] = (struct sx_label){exemplar->names[i], view_of(&exemplar->values[i])};
    }
}

static void add_sample(struct sx_collection *collection, const struct family *family,
                       const struct series *series)
{
    const struct sx_str value = view_of(&series->label);
    const size_t count = family->is_labelled;
    const struct sx_summary_sample summary = {.sum = series->number,
                                              .observations = series->counts[0],
                                              .quantiles = series->quantiles,
                                              .quantile_count = series->quantile_count};
    if (family->has_native) {
        check(sx_collection_add_native_histogram(collection, &value, count, &series->native) ==
              SX_OK);
    } else if (has_buckets(family)) {
        check(sx_collection_add_histogram(collection, &value, count, series->counts,
                                          series->number) == SX_OK);
    } else if (family->type == SX_SUMMARY) {
        check(sx_collection_add_summary(collection, &value, count, &summary) == SX_OK);
    } else if (family->type == SX_INFO) {
        check(sx_collection_add_info(collection, &value, count) == SX_OK);
    } else if (family->type == SX_STATE_SET) {
        check(sx_collection_add_state(collection, value, series->number != 0) == SX_OK);
    } else {
        check(sx_collection_add_sample(collection, &value, count, series->number) == SX_OK);
    }
}

static bool may_have_exemplars(const struct family *family)
{
    return family->type == SX_COUNTER || has_buckets(family);
}

static int collect(void *context, struct sx_collection *collection)
{
    (void)context;
    for (size_t f = 0; f < family_count; f++) {
        const struct family *family = &families[f];
        const struct sx_metric_options options = options_of(family);
        if (family->is_registered) {
            continue;
        }
        check(sx_collection_add_family(collection, family->type, &options) == SX_OK);
        for (size_t i = 0; i < family->series_count; i++) {
            const struct series *series = &family->series[i];
            add_sample(collection, family, series);
            if (series->has_timestamp && (family->type != SX_STATE_SET || i == 0)) {
                check(sx_collection_set_timestamp(collection, series->timestamp_ms) == SX_OK);
            }
            for (size_t e = 0; may_have_exemplars(family) && e < series->exemplar_count; e++) {
                const struct exemplar *exemplar = &series->exemplars[e];
                struct sx_label labels[LABELS_MAX];
                labels_of(exemplar, labels);
                check(sx_collection_add_exemplar(collection, exemplar->value, labels,
                                                 exemplar->label_count,
                                                 exemplar->timestamp_ms) == SX_OK);
            }
        }
    }
    return 0;
}

static size_t bucket_of_value(const struct family *family, double value)
{
    size_t bucket = 0;
    while (bucket < family->bound_count && value > family->bounds[bucket]) {
        bucket++;
    }
    return bucket;
}

/* Counts or observes the values of the exemplars, and nothing else. */
static void update(struct sx_registry *registry, const struct family *family, struct series *series)
{
    const struct sx_metric_options options = options_of(family);
    const struct sx_str value = view_of(&series->label);
    struct sx_counter *counter = NULL;
    struct sx_histogram *histogram = NULL;
    struct sx_counter_family *counters = NULL;
    struct sx_histogram_family *histograms = NULL;
    int status;
    if (family->type == SX_COUNTER && family->is_labelled) {
        status = sx_counter_family_register(&counters, registry, &options);
        check(status == SX_OK && sx_counter_family_get(&counter, counters, &value, 1) == SX_OK);
    } else if (family->type == SX_COUNTER) {
        check(sx_counter_register(&counter, registry, &options) == SX_OK);
    } else if (family->is_labelled) {
        status = sx_histogram_family_register(&histograms, registry, &options);
        check(status == SX_OK &&
              sx_histogram_family_get(&histogram, histograms, &value, 1) == SX_OK);
    } else {
        check(sx_histogram_register(&histogram, registry, &options) == SX_OK);
    }
    series->number = 0;
    memset(series->counts, 0, sizeof series->counts);
    for (size_t i = 0; i < series->exemplar_count; i++) {
        struct exemplar *exemplar = &series->exemplars[i];
        struct sx_label labels[LABELS_MAX];
        labels_of(exemplar, labels);
        /* Up to this size, sums of whole numbers and halves are exact in any order. */
        const double small = fmod(floor(exemplar->value * 2) / 2, 1e9);
        exemplar->value = isfinite(exemplar->value) ? small : (double)NAN;
        exemplar->timestamp_ms = 0; /* not used */
        sx_counter_add_with_exemplar(counter, exemplar->value, labels, exemplar->label_count);
        sx_histogram_observe_with_exemplar(histogram, exemplar->value, labels,
                                           exemplar->label_count);
        if (histogram != NULL ? !isnan(exemplar->value) : exemplar->value > 0) {
            series->number += exemplar->value;
            series->counts[bucket_of_value(family, exemplar->value)]++;
        }
    }
}

/* ---- what is expected of exemplars ---- */

static size_t code_points(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

static bool is_label_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    return name[0] != '\0' && strchr(letters, name[0]) != NULL && strncmp(name, "__", 2) != 0 &&
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789")] ==
               '\0';
}

static bool has_valid_labels(const struct exemplar *exemplar)
{
    size_t size = 0;
    for (size_t i = 0; i < exemplar->label_count; i++) {
        const struct text *value = &exemplar->values[i];
        if (!is_label_name(exemplar->names[i]) || !sx__utf8_is_valid(view_of(value))) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(exemplar->names[k], exemplar->names[i]) == 0) {
                return false;
            }
        }
        size += strlen(exemplar->names[i]) + code_points(value->bytes, value->size);
    }
    return size <= 128;
}

static bool is_native_only(const struct family *family)
{
    return family->has_native && family->bound_count == 0;
}

static uint64_t count_native(const struct series *series)
{
    uint64_t count = series->native.zero_count;
    for (size_t i = 0; i < series->native.positive_count; i++) {
        count += series->positive[i].count;
    }
    for (size_t i = 0; i < series->native.negative_count; i++) {
        count += series->negative[i].count;
    }
    return count;
}

/* Returns the slot, or SIZE_MAX if the exemplar is dropped. */
static size_t slot_of(const struct family *family, const struct series *series,
                      const struct exemplar *exemplar)
{
    const double value = exemplar->value;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value) || exemplar->timestamp_ms < 0 || !has_valid_labels(exemplar)) {
        return SIZE_MAX;
    }
    if (family->type == SX_COUNTER) {
        return value > 0 && isfinite(value) ? 0 : SIZE_MAX;
    }
    if (is_native_only(family)) {
        return count_native(series) > 0 ? (size_t)(bits >> 52) % NATIVE_SLOTS : SIZE_MAX;
    }
    const size_t bucket = bucket_of_value(family, value);
    return series->counts[bucket] > 0 ? bucket : SIZE_MAX;
}

/* The last one that was added for the slot, or NULL. */
static const struct exemplar *exemplar_of(const struct family *family, const struct series *series,
                                          size_t slot)
{
    const struct exemplar *found = NULL;
    for (size_t i = 0; may_have_exemplars(family) && i < series->exemplar_count; i++) {
        const struct exemplar *exemplar = &series->exemplars[i];
        found = slot_of(family, series, exemplar) == slot ? exemplar : found;
    }
    return found;
}

/* What a line of a bucket shows. */
static const struct exemplar *exemplar_of_bucket(const struct family *family,
                                                 const struct series *series, size_t bucket)
{
    const struct exemplar *newest = NULL;
    if (!is_native_only(family)) {
        return exemplar_of(family, series, bucket);
    }
    for (size_t slot = 0; slot < NATIVE_SLOTS; slot++) {
        const struct exemplar *one = exemplar_of(family, series, slot);
        if (one != NULL && (newest == NULL || one->timestamp_ms > newest->timestamp_ms)) {
            newest = one;
        }
    }
    return newest;
}

/* Of all that are added in one scrape. */
static uint64_t count_dropped(void)
{
    uint64_t dropped = 0;
    for (size_t f = 0; f < family_count; f++) {
        const struct family *family = &families[f];
        for (size_t i = 0; !family->is_registered && i < family->series_count; i++) {
            const struct series *series = &family->series[i];
            for (size_t e = 0; may_have_exemplars(family) && e < series->exemplar_count; e++) {
                dropped += slot_of(family, series, &series->exemplars[e]) == SIZE_MAX;
            }
        }
    }
    return dropped;
}

/* ---- text ---- */

struct page_reader {
    struct sx_parser *parser;
    struct sx_str page;
    bool is_openmetrics;
    struct sx_parsed_line line;
    double dropped; /* by collectors */
};

static bool is_named(struct sx_str name, const char *expected)
{
    return name.size == strlen(expected) && memcmp(name.data, expected, name.size) == 0;
}

/* Reads the next line that is not of the library's own metrics. */
static bool next_line(struct page_reader *reader)
{
    int status;
    bool is_own;
    do {
        status = sx_parser_next(reader->parser, &reader->line, &reader->page, true);
        check(status >= 0);
        is_own = status > 0 && reader->line.name.size > 8 &&
                 memcmp(reader->line.name.data, "sextant_", 8) == 0;
        if (is_own && reader->line.kind == SX_PARSED_SAMPLE &&
            is_named(reader->line.name, "sextant_collector_exemplars_dropped_total")) {
            reader->dropped += reader->line.value.value;
        }
    } while (is_own);
    return status > 0;
}

static void check_label(const struct sx_parsed_label *label, const char *name, struct sx_str value)
{
    char text[2 * TEXT_MAX * SX__UTF8_GROWTH];
    check(is_named(label->name, name) && label->value.size <= sizeof text);
    const size_t size = sx_parsed_unescape(text, label->value);
    check(size == value.size && memcmp(text, value.data, size) == 0);
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_seconds(struct sx_str text, int64_t ms)
{
    char expected[40];
    snprintf(expected, sizeof expected, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
    check(is_named(text, expected));
}

static void check_exemplar(const struct sx_parsed_exemplar *found, const struct family *family,
                           const struct exemplar *expected)
{
    check(found->label_count == expected->label_count);
    for (size_t i = 0; i < found->label_count; i++) {
        check_label(&found->labels[i], expected->names[i], view_of(&expected->values[i]));
    }
    check(is_same(found->value.value, expected->value));
    if (family->is_registered) {
        check(found->timestamp.value > 1e9); /* now */
    } else if (expected->timestamp_ms == 0) {
        check(found->timestamp.text.size == 0);
    } else {
        check_seconds(found->timestamp.text, expected->timestamp_ms);
    }
}

/* Reads a sample. `more` is a label besides that of the series, or NULL. */
static void expect_sample(struct page_reader *reader, const struct family *family,
                          const struct series *series, const char *suffix, const char *more,
                          double value)
{
    char name[64];
    const struct sx_parsed_line *line = &reader->line;
    snprintf(name, sizeof name, "%s%s", family->name, suffix);
    check(next_line(reader) && line->kind == SX_PARSED_SAMPLE && is_named(line->name, name));
    check(line->label_count == (size_t)family->is_labelled + (more != NULL));
    if (family->is_labelled) {
        check_label(&line->labels[0], "l", view_of(&series->label));
    }
    check(more == NULL || is_named(line->labels[line->label_count - 1].name, more));
    check(is_same(line->value.value, value));
    if (!series->has_timestamp) {
        check(line->timestamp.text.size == 0);
    } else if (reader->is_openmetrics) {
        check_seconds(line->timestamp.text, series->timestamp_ms);
    } else {
        char ms[24];
        snprintf(ms, sizeof ms, "%" PRId64, series->timestamp_ms);
        check(is_named(line->timestamp.text, ms));
    }
}

static void expect_exemplar(const struct page_reader *reader, const struct family *family,
                            const struct exemplar *expected)
{
    check(reader->line.has_exemplar == (reader->is_openmetrics && expected != NULL));
    if (reader->line.has_exemplar) {
        check_exemplar(&reader->line.exemplar, family, expected);
    }
}

/* The label that was read last has this number as its value. */
static void check_bound(const struct page_reader *reader, double bound)
{
    char text[40];
    const struct sx_str value = reader->line.labels[reader->line.label_count - 1].value;
    check(value.size < sizeof text);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    check(strtod(text, NULL) == bound);
}

static void expect_sum_and_count(struct page_reader *reader, const struct family *family,
                                 const struct series *series, uint64_t count)
{
    const bool is_gauge = reader->is_openmetrics && family->type == SX_GAUGE_HISTOGRAM;
    const bool has_negative = family->bound_count > 0 && family->bounds[0] < 0;
    bool has_sum = !reader->is_openmetrics || series->number >= 0;
    if (reader->is_openmetrics && has_negative) {
        has_sum = is_gauge;
    }
    if (has_sum) {
        expect_sample(reader, family, series, is_gauge ? "_gsum" : "_sum", NULL, series->number);
        check(!reader->line.has_exemplar);
    }
    if (has_sum || family->type == SX_SUMMARY) {
        expect_sample(reader, family, series, is_gauge ? "_gcount" : "_count", NULL, (double)count);
    }
}

static void expect_histogram(struct page_reader *reader, const struct family *family,
                             const struct series *series)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= family->bound_count; i++) {
        count += is_native_only(family) ? count_native(series) : series->counts[i];
        expect_sample(reader, family, series, "_bucket", "le", (double)count);
        check_bound(reader, i < family->bound_count ? family->bounds[i] : (double)INFINITY);
        expect_exemplar(reader, family, exemplar_of_bucket(family, series, i));
    }
    expect_sum_and_count(reader, family, series, count);
}

static void expect_series(struct page_reader *reader, const struct family *family,
                          const struct series *series)
{
    if (has_buckets(family)) {
        expect_histogram(reader, family, series);
    } else if (family->type == SX_SUMMARY) {
        for (size_t i = 0; i < series->quantile_count; i++) {
            const struct sx_quantile *quantile = &series->quantiles[i];
            if (!reader->is_openmetrics || !(quantile->value < 0)) {
                expect_sample(reader, family, series, "", "quantile", quantile->value);
                check_bound(reader, quantile->quantile);
            }
        }
        expect_sum_and_count(reader, family, series, series->counts[0]);
    } else if (family->type == SX_STATE_SET) {
        expect_sample(reader, family, series, "", family->name, series->number);
        check_label(&reader->line.labels[0], family->name, view_of(&series->label));
    } else {
        expect_sample(reader, family, series, "", NULL, series->number);
        expect_exemplar(reader, family, exemplar_of(family, series, 0));
    }
}

static enum sx_parsed_type text_type(enum sx_metric_type type, bool is_openmetrics)
{
    switch (type) {
    case SX_COUNTER:
        return SX_PARSED_COUNTER;
    case SX_HISTOGRAM:
        return SX_PARSED_HISTOGRAM;
    case SX_SUMMARY:
        return SX_PARSED_SUMMARY;
    case SX_INFO:
        return is_openmetrics ? SX_PARSED_INFO : SX_PARSED_GAUGE;
    case SX_STATE_SET:
        return is_openmetrics ? SX_PARSED_STATESET : SX_PARSED_GAUGE;
    case SX_GAUGE_HISTOGRAM:
        return is_openmetrics ? SX_PARSED_GAUGEHISTOGRAM : SX_PARSED_HISTOGRAM;
    default:
        return type == SX_GAUGE ? SX_PARSED_GAUGE : SX_PARSED_UNKNOWN;
    }
}

static void expect_family(struct page_reader *reader, const struct family *family)
{
    char name[40];
    const struct sx_parsed_line *line = &reader->line;
    const bool is_cut =
        reader->is_openmetrics && (family->type == SX_COUNTER || family->type == SX_INFO);
    snprintf(name, sizeof name, "%s", family->name);
    if (is_cut) {
        *strrchr(name, '_') = '\0';
    }
    check(next_line(reader) && line->kind == SX_PARSED_TYPE && is_named(line->name, name));
    check(line->type == text_type(family->type, reader->is_openmetrics));
    if (reader->is_openmetrics && family->has_unit) {
        check(next_line(reader) && line->kind == SX_PARSED_UNIT && is_named(line->name, name));
        check(is_named(line->text, "seconds"));
    }
    for (size_t i = 0; i < family->series_count; i++) {
        expect_series(reader, family, &family->series[i]);
    }
}

static void expect_page(struct sx_str page, enum sx_format format, uint64_t dropped)
{
    const struct sx_parser_options options = {.format = format};
    const struct sx_check_options errors_only = {.format = format, .no_advice = true};
    struct page_reader reader = {.parser = sx_parser_new(&options),
                                 .page = page,
                                 .is_openmetrics = format == SX_FORMAT_OPENMETRICS};
    check(reader.parser != NULL);
    for (int collected = 0; collected < 2; collected++) {
        for (size_t i = 0; i < family_count; i++) {
            if (families[i].is_registered == (collected == 0)) {
                expect_family(&reader, &families[i]);
            }
        }
    }
    check(!reader.is_openmetrics || (next_line(&reader) && reader.line.kind == SX_PARSED_EOF));
    check(!next_line(&reader));
    check(reader.dropped == (double)dropped);
    sx_parser_destroy(reader.parser);
    check(sx_exposition_check(page, &errors_only, NULL, NULL) == 0);
}

/* ---- protobuf ---- */

static bool has_field(struct sx_str message, unsigned number)
{
    return message.size > 0 && decode_varint(&message) >> 3 == number;
}

static void decode_labels(struct sx_str *message, size_t count, const char *const *names,
                          const struct sx_str *values)
{
    for (size_t i = 0; i < count; i++) {
        struct sx_str label = decode_field(message, 1, BYTES).bytes;
        decode_text(&label, 1, names[i], strlen(names[i]));
        decode_text(&label, 2, values[i].data, values[i].size);
        check(label.size == 0);
    }
}

static void decode_exemplar(struct sx_str *message, unsigned number, const struct family *family,
                            const struct exemplar *expected)
{
    const char *names[LABELS_MAX];
    struct sx_str values[LABELS_MAX];
    check(has_field(*message, number) == (expected != NULL));
    if (expected == NULL) {
        return;
    }
    struct sx_str exemplar = decode_field(message, number, BYTES).bytes;
    for (size_t i = 0; i < expected->label_count; i++) {
        names[i] = expected->names[i];
        values[i] = view_of(&expected->values[i]);
    }
    decode_labels(&exemplar, expected->label_count, names, values);
    decode_number(&exemplar, 2, expected->value);
    if (family->is_registered || expected->timestamp_ms != 0) {
        struct sx_str timestamp = decode_field(&exemplar, 3, BYTES).bytes;
        const uint64_t seconds = decode_field(&timestamp, 1, VARINT).whole;
        const uint64_t nanos = decode_field(&timestamp, 2, VARINT).whole;
        const uint64_t ms = seconds * 1000 + nanos / 1000000;
        check(timestamp.size == 0 && nanos % 1000000 == 0 && nanos < 1000000000);
        check(family->is_registered || ms == (uint64_t)expected->timestamp_ms);
    }
    check(exemplar.size == 0);
}

static int64_t decode_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static void decode_side(struct sx_str *histogram, unsigned spans,
                        const struct sx_native_bucket *expected, size_t expected_count)
{
    int64_t indexes[64 * SIDE_MAX], index = 0, bucket = 0;
    size_t count = 0, next = 0;
    for (bool first = true; has_field(*histogram, spans); first = false) {
        struct sx_str span = decode_field(histogram, spans, BYTES).bytes;
        const int64_t offset = decode_zigzag(decode_field(&span, 1, VARINT).whole);
        check(first || offset > 0);
        index += offset;
        for (uint64_t n = decode_field(&span, 2, VARINT).whole; n > 0; n--) {
            check(count < 64 * SIDE_MAX);
            indexes[count++] = index++;
        }
        check(span.size == 0);
    }
    struct sx_str deltas = {"", 0};
    if (has_field(*histogram, spans + 1)) {
        deltas = decode_field(histogram, spans + 1, BYTES).bytes;
    }
    for (size_t i = 0; i < count; i++) {
        bucket += decode_zigzag(decode_varint(&deltas));
        while (next < expected_count && expected[next].count == 0) {
            next++;
        }
        const bool is_there = next < expected_count && expected[next].index == indexes[i];
        check(bucket == (is_there ? (int64_t)expected[next].count : 0));
        next += is_there;
    }
    for (; next < expected_count; next++) {
        check(expected[next].count == 0);
    }
    check(deltas.size == 0);
}

static void decode_native(struct sx_str *histogram, const struct series *series)
{
    const struct sx_native_sample *native = &series->native;
    check(decode_zigzag(decode_field(histogram, 5, VARINT).whole) == native->schema);
    decode_number(histogram, 6, native->zero_threshold > 0 ? native->zero_threshold : 0x1p-128);
    check(decode_field(histogram, 7, VARINT).whole == native->zero_count);
    decode_side(histogram, 9, native->negative, native->negative_count);
    decode_side(histogram, 12, native->positive, native->positive_count);
}

static void decode_histogram(struct sx_str histogram, const struct family *family,
                             const struct series *series)
{
    uint64_t total = 0, count = 0;
    for (size_t i = 0; i <= family->bound_count; i++) {
        count += series->counts[i];
    }
    count = family->has_native ? count_native(series) : count;
    check(decode_field(&histogram, 1, VARINT).whole == count);
    decode_number(&histogram, 2, series->number);
    for (size_t i = 0; !is_native_only(family) && i <= family->bound_count; i++) {
        const bool last = i == family->bound_count;
        struct sx_str bucket = decode_field(&histogram, 3, BYTES).bytes;
        total += series->counts[i];
        check(decode_field(&bucket, 1, VARINT).whole == (last || total > count ? count : total));
        decode_number(&bucket, 2, last ? (double)INFINITY : family->bounds[i]);
        decode_exemplar(&bucket, 3, family, exemplar_of(family, series, i));
        check(bucket.size == 0);
    }
    if (family->has_native) {
        decode_native(&histogram, series);
    }
    for (size_t slot = 0; is_native_only(family) && slot < NATIVE_SLOTS; slot++) {
        const struct exemplar *exemplar = exemplar_of(family, series, slot);
        if (exemplar != NULL) {
            decode_exemplar(&histogram, 16, family, exemplar);
        }
    }
    check(histogram.size == 0);
}

static void decode_summary(struct sx_str summary, const struct series *series)
{
    check(decode_field(&summary, 1, VARINT).whole == series->counts[0]);
    decode_number(&summary, 2, series->number);
    for (size_t i = 0; i < series->quantile_count; i++) {
        struct sx_str quantile = decode_field(&summary, 3, BYTES).bytes;
        decode_number(&quantile, 1, series->quantiles[i].quantile);
        decode_number(&quantile, 2, series->quantiles[i].value);
        check(quantile.size == 0);
    }
    check(summary.size == 0);
}

static void decode_metric(struct sx_str metric, const struct family *family,
                          const struct series *series)
{
    static const unsigned fields[] = {
        [SX_COUNTER] = 3, [SX_GAUGE] = 2,     [SX_HISTOGRAM] = 7, [SX_SUMMARY] = 4,
        [SX_INFO] = 2,    [SX_STATE_SET] = 2, [SX_UNTYPED] = 5,   [SX_GAUGE_HISTOGRAM] = 7};
    const char *const label = family->is_labelled ? "l" : family->name;
    const struct sx_str value = view_of(&series->label);
    decode_labels(&metric, family->is_labelled || family->type == SX_STATE_SET, &label, &value);
    struct sx_str number = decode_field(&metric, fields[family->type], BYTES).bytes;
    if (has_buckets(family)) {
        decode_histogram(number, family, series);
    } else if (family->type == SX_SUMMARY) {
        decode_summary(number, series);
    } else {
        decode_number(&number, 1, series->number);
        decode_exemplar(&number, 2, family, exemplar_of(family, series, 0));
        check(number.size == 0);
    }
    if (series->has_timestamp) {
        check(decode_field(&metric, 6, VARINT).whole == (uint64_t)series->timestamp_ms);
    }
    check(metric.size == 0);
}

/* Returns the next family that is not one of the library's own metrics; without data at the end. */
static struct sx_str next_message(struct sx_str *page)
{
    while (page->size > 0) {
        const struct sx_str message = decode_bytes(page);
        struct sx_str copy = message;
        const struct sx_str name = decode_field(&copy, 1, BYTES).bytes;
        if (name.size < 8 || memcmp(name.data, "sextant_", 8) != 0) {
            return message;
        }
    }
    return (struct sx_str){NULL, 0};
}

static void decode_family(struct sx_str message, const struct family *family)
{
    static const unsigned types[] = {
        [SX_COUNTER] = 0, [SX_GAUGE] = 1,     [SX_HISTOGRAM] = 4, [SX_SUMMARY] = 2,
        [SX_INFO] = 1,    [SX_STATE_SET] = 1, [SX_UNTYPED] = 3,   [SX_GAUGE_HISTOGRAM] = 5};
    decode_text(&message, 1, family->name, strlen(family->name));
    check(decode_field(&message, 3, VARINT).whole == types[family->type]);
    if (family->has_unit) {
        decode_text(&message, 5, "seconds", 7);
    }
    for (size_t i = 0; i < family->series_count; i++) {
        decode_metric(decode_field(&message, 4, BYTES).bytes, family, &family->series[i]);
    }
    check(message.size == 0);
}

static void decode_page(struct sx_str page)
{
    for (int collected = 0; collected < 2; collected++) {
        for (size_t i = 0; i < family_count; i++) {
            if (families[i].is_registered == (collected == 0)) {
                decode_family(next_message(&page), &families[i]);
            }
        }
    }
    check(next_message(&page).data == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 256 << 10};
    struct sx_registry *registry = NULL;
    struct sx_page page = {0};
    memset(families, 0, sizeof families);
    rest = (struct sx_str){(const char *)data, size};
    check(sx_registry_new(&registry, &small) == SX_OK);
    family_count = 1 + take_byte() % FAMILIES_MAX;
    for (size_t f = 0; f < family_count; f++) {
        take_family(&families[f], (unsigned)f);
        for (size_t i = 0; families[f].is_registered && i < families[f].series_count; i++) {
            update(registry, &families[f], &families[f].series[i]);
        }
    }
    check(sx_collector_register(registry, collect, NULL) == SX_OK);
    for (int format = SX_FORMAT_TEXT; format <= SX_FORMAT_PROTOBUF; format++) {
        check(sx_page_render(&page, registry, (enum sx_format)format) == SX_OK);
        const struct sx_str view = {page.data, page.size};
        if (format == SX_FORMAT_PROTOBUF) {
            decode_page(view);
        } else {
            expect_page(view, (enum sx_format)format,
                        count_dropped() * (uint64_t)(format - SX_FORMAT_TEXT + 1));
        }
    }
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}
