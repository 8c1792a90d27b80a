/* Property: for any name, help, labels, bounds and values, the registered metrics render to a page
 * in each format without an error. Strict parsers read the same labels and the same numbers from
 * it. */
#include "protobuf.h"
#include "utf8.h"

#include <math.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64
#define LABELS_MAX 3
#define SERIES_MAX 8
#define BOUNDS_MAX 4

enum kind { COUNTER, GAUGE, HISTOGRAM, KINDS };

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* What was registered, and what the page must contain. */
struct series {
    char values[LABELS_MAX][TEXT_MAX * SX__UTF8_GROWTH];
    size_t sizes[LABELS_MAX];
    double number; /* of a histogram, the sum */
    uint64_t counts[BOUNDS_MAX + 1];
};

struct model {
    enum kind kind;
    char name[TEXT_MAX], help[TEXT_MAX], labels[LABELS_MAX][TEXT_MAX];
    const char *label_list[LABELS_MAX + 1];
    size_t label_count;
    double bounds[BOUNDS_MAX];
    size_t bound_count;
    struct series series[SERIES_MAX];
    size_t series_count;
    unsigned ignored; /* updates with impossible values */
};

/* ---- from the input ---- */

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take_byte(struct input *input)
{
    if (input->size == 0) {
        return 0;
    }
    input->size--;
    return *input->data++;
}

static size_t take_bytes(struct input *input, char *bytes)
{
    size_t size = take_byte(input) % TEXT_MAX;
    size = size < input->size ? size : input->size;
    if (size > 0) {
        memcpy(bytes, input->data, size);
    }
    input->data += size;
    input->size -= size;
    return size;
}

static void take_text(struct input *input, char *text)
{
    text[take_bytes(input, text)] = '\0';
}

static double take_double(struct input *input)
{
    double value = 0;
    size_t size = sizeof value < input->size ? sizeof value : input->size;
    if (size > 0) {
        memcpy(&value, input->data, size);
    }
    input->data += size;
    input->size -= size;
    return value;
}

static void take_model(struct model *model, struct input *input)
{
    uint8_t shape = take_byte(input);
    model->kind = (enum kind)(shape % KINDS);
    model->label_count = shape / KINDS % (LABELS_MAX + 1);
    take_text(input, model->name);
    take_text(input, model->help);
    for (size_t i = 0; i < model->label_count; i++) {
        take_text(input, model->labels[i]);
        model->label_list[i] = model->labels[i];
    }
    if (model->kind == HISTOGRAM) {
        model->bound_count = 1 + take_byte(input) % BOUNDS_MAX;
        for (size_t i = 0; i < model->bound_count; i++) {
            model->bounds[i] = take_double(input);
        }
    }
}

/* ---- the registry, and what is expected of it ---- */

union family {
    struct sx_counter_family *counters;
    struct sx_gauge_family *gauges;
    struct sx_histogram_family *histograms;
};

static int register_family(union family *family, struct sx_registry *registry,
                           const struct model *model)
{
    struct sx_metric_options options = {
        .name = model->name, .help = model->help, .labels = model->label_list};
    switch (model->kind) {
    case COUNTER:
        return sx_counter_family_register(&family->counters, registry, &options);
    case GAUGE:
        return sx_gauge_family_register(&family->gauges, registry, &options);
    default:
        options.buckets = model->bounds;
        options.bucket_count = model->bound_count;
        return sx_histogram_family_register(&family->histograms, registry, &options);
    }
}

static struct series *expect_series(struct model *model, const struct series *wanted)
{
    for (size_t i = 0; i < model->series_count; i++) {
        struct series *series = &model->series[i];
        bool equal = true;
        for (size_t n = 0; n < model->label_count; n++) {
            equal = equal && series->sizes[n] == wanted->sizes[n] &&
                    memcmp(series->values[n], wanted->values[n], wanted->sizes[n]) == 0;
        }
        if (equal) {
            return series;
        }
    }
    model->series[model->series_count] = *wanted;
    return &model->series[model->series_count++];
}

static void observe(struct model *model, struct series *series, double number)
{
    size_t bucket = 0;
    if (isnan(number)) {
        model->ignored++;
        return;
    }
    while (bucket < model->bound_count && number > model->bounds[bucket]) {
        bucket++;
    }
    series->counts[bucket]++;
    series->number += number;
    if (isnan(series->number)) { /* infinities of both signs */
        series->number = (double)INFINITY;
    }
}

static void update(const union family *family, struct model *model, const struct sx_str *values,
                   struct series *series, double number)
{
    size_t count = model->label_count;
    if (model->kind == COUNTER) {
        struct sx_counter *counter = NULL;
        /* Up to this size, sums of whole numbers and halves are exact in any order. */
        number = isfinite(number) ? fmod(floor(number * 2) / 2, 1e9) : number;
        check(sx_counter_family_get(&counter, family->counters, values, count) == SX_OK);
        sx_counter_add(counter, number);
        if (number >= 0 && isfinite(number)) {
            series->number += number;
        } else {
            model->ignored++;
        }
    } else if (model->kind == GAUGE) {
        struct sx_gauge *gauge = NULL;
        check(sx_gauge_family_get(&gauge, family->gauges, values, count) == SX_OK);
        sx_gauge_set(gauge, number);
        series->number = number;
    } else {
        struct sx_histogram *histogram = NULL;
        check(sx_histogram_family_get(&histogram, family->histograms, values, count) == SX_OK);
        sx_histogram_observe(histogram, number);
        observe(model, series, number);
    }
}

static void take_series(const union family *family, struct model *model, struct input *input)
{
    while (input->size > 0 && model->series_count < SERIES_MAX) {
        char bytes[LABELS_MAX][TEXT_MAX];
        struct sx_str values[LABELS_MAX];
        struct series wanted = {.number = 0};
        for (size_t i = 0; i < model->label_count; i++) {
            values[i] = (struct sx_str){bytes[i], take_bytes(input, bytes[i])};
            wanted.sizes[i] = sx__utf8_clean(wanted.values[i], values[i]);
        }
        update(family, model, values, expect_series(model, &wanted), take_double(input));
    }
}

/* ---- the parser of text: it shares no code with the encoder ---- */

static bool is_openmetrics; /* not text 0.0.4 */

/* What the samples of a counter append to its name. */
static bool ends_with_total(const char *name)
{
    const size_t size = strlen(name);
    return size > 6 && strcmp(name + size - 6, "_total") == 0;
}

static void expect(struct sx_str *page, const char *text)
{
    size_t size = strlen(text);
    check(page->size >= size && memcmp(page->data, text, size) == 0);
    page->data += size;
    page->size -= size;
}

/* Parses up to the character `end`, which is removed, too. `escapable` may follow a backslash. */
static size_t parse_escaped(struct sx_str *page, char end, const char *escapable, char *text)
{
    size_t size = 0;
    for (char c = take_char(page); c != end; c = take_char(page)) {
        check(c != '\n');
        if (c == '\\') {
            c = take_char(page);
            check(c != '\0' && strchr(escapable, c) != NULL);
            c = c == 'n' ? '\n' : c;
        }
        check(size < TEXT_MAX * SX__UTF8_GROWTH);
        text[size++] = c;
    }
    return size;
}

static double parse_number(struct sx_str *page)
{
    char text[32];
    size_t size = 0;
    for (char c = take_char(page); c != '\n'; c = take_char(page)) {
        check(strchr("0123456789+-.eINafn", c) != NULL && size < sizeof text - 1);
        text[size++] = c;
    }
    text[size] = '\0';
    char *end = NULL;
    double number = strtod(text, &end);
    check(size > 0 && *end == '\0');
    return number;
}

static void parse_labels(struct sx_str *page, const struct model *model,
                         const struct series *series)
{
    expect(page, "{");
    for (size_t i = 0; i < model->label_count; i++) {
        char value[TEXT_MAX * SX__UTF8_GROWTH];
        expect(page, i > 0 ? "," : "");
        expect(page, model->labels[i]);
        expect(page, "=\"");
        size_t size = parse_escaped(page, '"', "\\\"n", value);
        check(size == series->sizes[i] && memcmp(value, series->values[i], size) == 0);
        check(sx__utf8_is_valid((struct sx_str){value, size}));
    }
}

static void check_number(struct sx_str *page, double expected)
{
    double number = parse_number(page);
    check(number == expected || (isnan(number) && isnan(expected)));
}

static void parse_histogram(struct sx_str *page, const struct model *model,
                            const struct series *series)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= model->bound_count; i++) {
        bool last = i == model->bound_count;
        count += series->counts[i];
        if (!last && isinf(model->bounds[i])) {
            continue; /* this bucket is implied: its observations are in the last one, too */
        }
        char bound[TEXT_MAX * SX__UTF8_GROWTH + 1];
        char *end = NULL;
        expect(page, model->name);
        expect(page, "_bucket");
        parse_labels(page, model, series);
        expect(page, ",le=\"");
        bound[parse_escaped(page, '"', "", bound)] = '\0';
        check(strtod(bound, &end) == (last ? INFINITY : model->bounds[i]) && *end == '\0');
        expect(page, "} ");
        check_number(page, (double)count);
    }
    if (is_openmetrics && (model->bounds[0] < 0 || series->number < 0)) {
        return; /* it must not have a sum */
    }
    expect(page, model->name);
    expect(page, "_sum");
    parse_labels(page, model, series);
    expect(page, "} ");
    check_number(page, series->number);
    expect(page, model->name);
    expect(page, "_count");
    parse_labels(page, model, series);
    expect(page, "} ");
    check_number(page, (double)count);
}

/* HELP and TYPE of a family, in the order of the format. `text` receives the help. */
static size_t parse_head(struct sx_str *page, const char *name, const char *kind, bool has_help,
                         char *text)
{
    size_t size = 0;
    char family[TEXT_MAX + 64];
    snprintf(family, sizeof family, "%s", name);
    if (is_openmetrics && strcmp(kind, "counter") == 0 && ends_with_total(name)) {
        family[strlen(name) - 6] = '\0';
    }
    for (int line = 0; line < 2; line++) {
        if ((line == 0) == is_openmetrics) {
            expect(page, "# TYPE ");
            expect(page, family);
            expect(page, " ");
            expect(page, kind);
            expect(page, "\n");
        } else if (has_help) {
            expect(page, "# HELP ");
            expect(page, family);
            expect(page, " ");
            size = parse_escaped(page, '\n', is_openmetrics ? "\\n\"" : "\\n", text);
        }
    }
    return size;
}

static void parse_ignored(struct sx_str *page, const struct model *model)
{
    static const char name[] = "sextant_updates_ignored_total";
    char help[TEXT_MAX * SX__UTF8_GROWTH];
    parse_head(page, name, "counter", true, help);
    expect(page, name);
    expect(page, "{family=\"");
    expect(page, model->name);
    expect(page, "\"} ");
    check_number(page, model->ignored);
}

static void parse_page(struct sx_str page, const struct model *model)
{
    char help[TEXT_MAX * SX__UTF8_GROWTH];
    const bool has_help = model->help[0] != '\0';
    const size_t size = parse_head(&page, model->name, kind_names[model->kind], has_help, help);
    size_t expected = strlen(model->help);
    while (is_openmetrics && expected > 0 && model->help[expected - 1] == '\r') {
        expected--; /* a line of OpenMetrics must not end so */
    }
    check(size == expected && memcmp(help, model->help, size) == 0);
    for (size_t i = 0; i < model->series_count; i++) {
        if (model->kind == HISTOGRAM) {
            parse_histogram(&page, model, &model->series[i]);
            continue;
        }
        expect(&page, model->name);
        if (is_openmetrics && model->kind == COUNTER && !ends_with_total(model->name)) {
            expect(&page, "_total");
        }
        parse_labels(&page, model, &model->series[i]);
        expect(&page, "} ");
        check_number(&page, model->series[i].number);
    }
    if (model->ignored > 0) {
        parse_ignored(&page, model);
    }
    expect(&page, is_openmetrics ? "# EOF\n" : "");
    check(page.size == 0);
}

/* ---- protobuf ---- */

static void decode_histogram(struct sx_str histogram, const struct model *model,
                             const struct series *series)
{
    uint64_t count = 0;
    const uint64_t total = decode_field(&histogram, 1, VARINT).whole;
    decode_number(&histogram, 2, series->number);
    for (size_t i = 0; i <= model->bound_count; i++) {
        const bool last = i == model->bound_count;
        count += series->counts[i];
        if (!last && isinf(model->bounds[i])) {
            continue;
        }
        struct sx_str bucket = decode_field(&histogram, 3, BYTES).bytes;
        check(decode_field(&bucket, 1, VARINT).whole == count);
        decode_number(&bucket, 2, last ? (double)INFINITY : model->bounds[i]);
        check(bucket.size == 0);
    }
    check(histogram.size == 0 && total == count);
}

static void decode_metric(struct sx_str metric, const struct model *model,
                          const struct series *series)
{
    static const unsigned fields[] = {[COUNTER] = 3, [GAUGE] = 2, [HISTOGRAM] = 7};
    for (size_t i = 0; i < model->label_count; i++) {
        struct sx_str label = decode_field(&metric, 1, BYTES).bytes;
        decode_text(&label, 1, model->labels[i], strlen(model->labels[i]));
        decode_text(&label, 2, series->values[i], series->sizes[i]);
        check(label.size == 0);
    }
    struct sx_str value = decode_field(&metric, fields[model->kind], BYTES).bytes;
    check(metric.size == 0);
    if (model->kind == HISTOGRAM) {
        decode_histogram(value, model, series);
    } else {
        decode_number(&value, 1, series->number);
        check(value.size == 0);
    }
}

static void decode_page(struct sx_str page, const struct model *model)
{
    static const unsigned types[] = {[COUNTER] = 0, [GAUGE] = 1, [HISTOGRAM] = 4};
    struct sx_str family = decode_bytes(&page);
    decode_text(&family, 1, model->name, strlen(model->name));
    if (model->help[0] != '\0') {
        decode_text(&family, 2, model->help, strlen(model->help));
    }
    check(decode_field(&family, 3, VARINT).whole == types[model->kind]);
    for (size_t i = 0; i < model->series_count; i++) {
        decode_metric(decode_field(&family, 4, BYTES).bytes, model, &model->series[i]);
    }
    check(family.size == 0);
    if (model->ignored > 0) {
        (void)decode_bytes(&page);
    }
    check(page.size == 0);
}

static void check_formats(struct sx_registry *registry, const struct model *model)
{
    struct sx_page page = {0};
    for (int format = SX_FORMAT_TEXT; format <= SX_FORMAT_PROTOBUF; format++) {
        check(sx_page_render(&page, registry, (enum sx_format)format) == SX_OK);
        const struct sx_str view = {page.data, page.size};
        is_openmetrics = format == SX_FORMAT_OPENMETRICS;
        if (format == SX_FORMAT_PROTOBUF) {
            decode_page(view, model);
        } else {
            parse_page(view, model);
        }
        if (format != SX_FORMAT_PROTOBUF) {
            const struct sx_check_options errors_only = {.format = (enum sx_format)format,
                                                         .no_advice = true};
            check(sx_exposition_check(view, &errors_only, NULL, NULL) == 0);
        }
    }
    sx_page_clean_up(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model model;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 64 << 10};
    struct input input = {data, size};
    struct sx_registry *registry = NULL;
    union family family = {NULL};

    memset(&model, 0, sizeof model);
    take_model(&model, &input);
    check(sx_registry_new(&registry, &small) == SX_OK);
    if (register_family(&family, registry, &model) == SX_OK) {
        take_series(&family, &model, &input);
        check_formats(registry, &model);
    } else {
        check(family.counters == NULL);
    }
    sx_registry_destroy(registry);
    return 0;
}
