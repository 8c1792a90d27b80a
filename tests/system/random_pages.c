/* Fills a registry at random, and prints it. test_formats.py has the pages judged.
 *
 * `random_pages SEED` prints what the registry has; `random_pages SEED FORMAT ESCAPING` its page.
 * Both are numbers of the enums. The same seed always fills the same registry.
 *
 * Texts are printed in hexadecimal and numbers as C's %a, so that nothing of what is tested is
 * needed to read them. A family is a line `F TYPE NAME HELP BOUND...`, and then come its series: `S
 * LABEL=VALUE... | NUMBER...`, of a histogram the observations of each bucket and the sum. Then
 * follows `V NUMBER...`, what was added or observed, some of it with `@TRACE`, an exemplar. A
 * histogram that has native buckets has the type `native`, or `both`. The bounds of a summary are
 * its quantiles. */
#include <inttypes.h>
#include <math.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAMILIES_MAX 12
#define SERIES_MAX 6
#define LABELS_MAX 3
#define BOUNDS_MAX 5
#define TEXT_SIZE 64

static uint64_t state;
static bool is_printed; /* as a model, not as a page */

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * UINT64_C(2685821657736338717);
}

static unsigned below(unsigned limit)
{
    return (unsigned)(next_random() >> 33) % limit;
}

static void random_text(char *text)
{
    static const char *const pieces[] = {"a",
                                         "B",
                                         "0",
                                         " ",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "n",
                                         "\\n",
                                         "{",
                                         "}",
                                         ",",
                                         "=",
                                         "#",
                                         "# EOF",
                                         "\t",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x94\xAD",
                                         "\r",
                                         "\x01",
                                         "total",
                                         "'"};
    text[0] = '\0';
    for (unsigned count = below(8); count > 0; count--) {
        strcat(text, pieces[below(sizeof pieces / sizeof pieces[0])]);
    }
}

static double random_number(void)
{
    static const double special[] = {0, 1, 0.1, 1e21, 1e-9, 12345678, 0x1p53, 1e300, 5e-324};
    if (below(2) == 0) {
        return special[below(sizeof special / sizeof special[0])];
    }
    double value;
    do {
        const uint64_t bits = next_random();
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

/* Prints a number that is added or observed, and writes the trace of its exemplar, or "". */
static void announce(double value, char *trace)
{
    trace[0] = '\0';
    if (below(3) == 0) {
        random_text(trace);
    }
    /* prometheus_client takes any brace for the end of the exemplar's labels. */
    for (char *at = trace; (at = strchr(at, '}')) != NULL;) {
        *at = '>';
    }
    if (is_printed) {
        printf(" %a", value);
    }
    if (is_printed && trace[0] != '\0') {
        fputs("@", stdout);
        for (const char *at = trace; *at != '\0'; at++) {
            printf("%02x", (unsigned char)*at);
        }
    }
}

static void print_text(const char *prefix, const char *text)
{
    fputs(prefix, stdout);
    for (; *text != '\0'; text++) {
        printf("%02x", (unsigned char)*text);
    }
}

/* ---- families ---- */

struct family {
    enum sx_metric_type type;
    struct sx_counter_family *counters;
    struct sx_gauge_family *gauges;
    struct sx_histogram_family *histograms;
    struct sx_summary_family *summaries;
    struct sx_counter *counter; /* without labels */
    struct sx_gauge *gauge;
    struct sx_histogram *histogram;
    struct sx_summary *summary;
    struct sx_info *info;
    struct sx_state_set *states;
    size_t label_count;
    double bounds[BOUNDS_MAX];
    size_t bound_count;
    bool has_native;
    const char *const *label_names;
};

static const char *const legacy_labels[LABELS_MAX] = {"first", "Second_2", "_third"};
static const char *const utf8_labels[LABELS_MAX] = {"fir.st",
                                                    "l2\xC3\xA9_:", "x\xF0\x9F\x94\xAD{}"};

static const char *const state_names[] = {"on", "off", "stand \"by\"", NULL};

static const double quantiles[] = {0, .25, .5, .99, 1};

static void take_bounds(struct family *family)
{
    double bound = below(3) == 0 ? -2.5 : below(2) * 0.001;
    family->bound_count = 1 + below(BOUNDS_MAX);
    for (size_t i = 0; i < family->bound_count; i++) {
        family->bounds[i] = bound;
        bound += below(2) == 0 ? 1 : 999999;
    }
}

static int register_labelled(struct family *family, struct sx_registry *registry,
                             const struct sx_metric_options *options)
{
    switch (family->type) {
    case SX_COUNTER:
        return sx_counter_family_register(&family->counters, registry, options);
    case SX_GAUGE:
        return sx_gauge_family_register(&family->gauges, registry, options);
    case SX_UNTYPED:
        return sx_untyped_family_register(&family->gauges, registry, options);
    case SX_SUMMARY:
        return sx_summary_family_register(&family->summaries, registry, options);
    case SX_INFO:
        return sx_info_register(&family->info, registry, options);
    default:
        return sx_histogram_family_register(&family->histograms, registry, options);
    }
}

static int register_plain(struct family *family, struct sx_registry *registry,
                          const struct sx_metric_options *options)
{
    switch (family->type) {
    case SX_COUNTER:
        return sx_counter_register(&family->counter, registry, options);
    case SX_GAUGE:
        return sx_gauge_register(&family->gauge, registry, options);
    case SX_UNTYPED:
        return sx_untyped_register(&family->gauge, registry, options);
    case SX_SUMMARY:
        return sx_summary_register(&family->summary, registry, options);
    case SX_STATE_SET:
        return sx_state_set_register(&family->states, registry, options, state_names);
    default:
        return sx_histogram_register(&family->histogram, registry, options);
    }
}

static int register_family(struct family *family, struct sx_registry *registry, unsigned number)
{
    static const char *const types[] = {"counter",  "gauge",   "histogram", "summary", "info",
                                        "stateset", "unknown", "both",      "native"};
    static const enum sx_metric_type values[] = {SX_COUNTER, SX_GAUGE,     SX_HISTOGRAM, SX_SUMMARY,
                                                 SX_INFO,    SX_STATE_SET, SX_UNTYPED};
    char name[TEXT_SIZE];
    char help[TEXT_SIZE];
    const char *labels[LABELS_MAX + 1] = {NULL};
    const unsigned type = below(7);
    *family = (struct family){.type = values[type], .label_count = below(LABELS_MAX + 1)};
    if (family->type == SX_STATE_SET) {
        family->label_count = 0;
        snprintf(name, sizeof name, "m_%u_state", number);
    } else if (family->type == SX_INFO) {
        family->label_count += family->label_count == 0;
        snprintf(name, sizeof name, "m:%u_build_info", number);
    } else {
        snprintf(name, sizeof name, "m:%u_%s", number,
                 type == 0 && below(2) == 0 ? "requests_total" : "seconds");
    }
    const bool has_utf8_names = below(4) == 0;
    family->label_names = has_utf8_names ? utf8_labels : legacy_labels;
    if (has_utf8_names) {
        char utf8_name[TEXT_SIZE];
        snprintf(utf8_name, sizeof utf8_name, "m.%u-\xC3\xA9_%s", number,
                 strchr(name + 2, '_') + 1);
        strcpy(name, utf8_name);
    }
    random_text(help);
    const char *unit = strstr(name, "seconds") != NULL && below(2) == 0 ? "seconds" : "";
    struct sx_metric_options options = {
        .name = name, .help = help, .unit = unit, .utf8_names = has_utf8_names};
    if (family->type == SX_HISTOGRAM) {
        const unsigned kind = below(3);
        if (kind < 2) {
            take_bounds(family);
            options.buckets = family->bounds;
            options.bucket_count = family->bound_count;
        }
        if (kind > 0) {
            family->has_native = true;
            options.native.growth_factor = below(2) == 0 ? 1.1 : 2;
            options.native.max_buckets = 4 + below(8);
        }
    }
    if (family->type == SX_SUMMARY && below(3) > 0) {
        options.quantiles = quantiles;
        options.quantile_count = sizeof quantiles / sizeof quantiles[0];
        for (size_t i = 0; i < options.quantile_count; i++) {
            family->bounds[i] = quantiles[i];
        }
        family->bound_count = options.quantile_count;
    }
    if (is_printed) {
        const unsigned native = family->has_native ? 5 + (family->bound_count == 0) : 0;
        printf("F %s %s %s", types[type + native], name, unit);
        print_text(" x", help);
        for (size_t i = 0; i < family->bound_count; i++) {
            printf(" %a", family->bounds[i]);
        }
        puts("");
    }
    for (size_t i = 0; i < family->label_count; i++) {
        labels[i] = family->label_names[i];
    }
    options.labels = family->label_count > 0 ? labels : NULL;
    return family->label_count > 0 ? register_labelled(family, registry, &options)
                                   : register_plain(family, registry, &options);
}

/* ---- series ---- */

static int find_series(struct family *family, const struct sx_str *values)
{
    if (family->label_count == 0) {
        return SX_OK;
    }
    switch (family->type) {
    case SX_COUNTER:
        return sx_counter_family_get(&family->counter, family->counters, values,
                                     family->label_count);
    case SX_SUMMARY:
        return sx_summary_family_get(&family->summary, family->summaries, values,
                                     family->label_count);
    case SX_INFO:
        return sx_info_set(family->info, values, family->label_count);
    case SX_GAUGE:
    case SX_UNTYPED:
        return sx_gauge_family_get(&family->gauge, family->gauges, values, family->label_count);
    default:
        return sx_histogram_family_get(&family->histogram, family->histograms, values,
                                       family->label_count);
    }
}

static void observe(const struct family *family)
{
    uint64_t buckets[BOUNDS_MAX + 1] = {0};
    double values[8];
    double sum = 0;
    const unsigned count = below(8);
    for (unsigned n = 0; n < count; n++) {
        size_t i = 0;
        values[n] = below(4) == 0 ? ldexp(1, (int)below(40) - 20) : (double)below(4000000) / 2 - 9;
        while (i < family->bound_count && values[n] > family->bounds[i]) {
            i++;
        }
        buckets[i]++;
        sum += values[n];
    }
    for (size_t i = 0; is_printed && i <= family->bound_count; i++) {
        printf(" %" PRIu64, buckets[i]);
    }
    if (is_printed) {
        printf(" %a\nV", sum);
    }
    for (unsigned n = 0; n < count; n++) {
        char trace[TEXT_SIZE];
        announce(values[n], trace);
        if (trace[0] == '\0') {
            sx_histogram_observe(family->histogram, values[n]);
        } else {
            const struct sx_label label = {"trace_id", {trace, strlen(trace)}};
            sx_histogram_observe_with_exemplar(family->histogram, values[n], &label, 1);
        }
    }
}

static void count(const struct family *family)
{
    char trace[TEXT_SIZE];
    const double value = fabs(random_number());
    if (is_printed) {
        printf(" %a\nV", value);
    }
    announce(value, trace);
    if (trace[0] == '\0') {
        sx_counter_add(family->counter, value);
    } else {
        const struct sx_label label = {"trace_id", {trace, strlen(trace)}};
        sx_counter_add_with_exemplar(family->counter, value, &label, 1);
    }
}

static void summarize(const struct family *family)
{
    double values[12];
    double sum = 0;
    const unsigned count = below(12);
    for (unsigned i = 0; i < count; i++) {
        values[i] = below(4) == 0 ? ldexp(1, (int)below(40) - 20) : (double)below(1000) / 4 - 20;
        sum += values[i];
        sx_summary_observe(family->summary, values[i]);
    }
    if (is_printed) {
        printf(" %u %a\nV", count, sum);
    }
    for (unsigned i = 0; is_printed && i < count; i++) {
        printf(" %a", values[i]);
    }
}

static void set_states(const struct family *family)
{
    for (size_t i = 0; state_names[i] != NULL; i++) {
        const bool is_true = below(2) == 0;
        sx_state_set_set(family->states, i, is_true);
        if (is_printed) {
            printf(" %d", is_true);
        }
    }
    if (is_printed) {
        printf("\nV");
    }
}

static void update(const struct family *family)
{
    if (family->type == SX_HISTOGRAM) {
        observe(family);
    } else if (family->type == SX_SUMMARY) {
        summarize(family);
    } else if (family->type == SX_STATE_SET) {
        set_states(family);
    } else if (family->type == SX_INFO) {
        if (is_printed) {
            printf(" 0x1p0\nV");
        }
    } else if (family->type == SX_COUNTER) {
        count(family);
    } else {
        const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, random_number()};
        const double value = odd[below(4)];
        if (is_printed) {
            printf(" %a\nV", value);
        }
        sx_gauge_set(family->gauge, value);
    }
    if (is_printed) {
        puts("");
    }
}

static int fill_family(struct family *family)
{
    const bool is_one = family->label_count == 0 || family->type == SX_INFO;
    const unsigned count = is_one ? 1 : below(SERIES_MAX);
    int status = SX_OK;
    for (unsigned i = 0; i < count && status == SX_OK; i++) {
        char texts[LABELS_MAX][TEXT_SIZE];
        struct sx_str values[LABELS_MAX];
        if (is_printed) {
            printf("S");
        }
        for (size_t n = 0; n < family->label_count; n++) {
            random_text(texts[n]);
            if (n == 0) { /* so that no series comes twice */
                snprintf(texts[n] + strlen(texts[n]), 4, "%u", i);
            }
            values[n] = (struct sx_str){texts[n], strlen(texts[n])};
            if (is_printed) {
                printf(" %s", family->label_names[n]);
                print_text("=", texts[n]);
            }
        }
        if (is_printed) {
            printf(" |");
        }
        status = find_series(family, values);
        update(family);
    }
    return status;
}

/* ---- a collector ---- */

/* A counter and a histogram, and what was counted there last, some of it with an exemplar. */
static struct {
    double counted;
    char counted_trace[TEXT_SIZE];
    double bounds[BOUNDS_MAX];
    size_t bound_count;
    uint64_t buckets[BOUNDS_MAX + 1];
    double sum;
    double observed[8];
    char observed_traces[8][TEXT_SIZE];
    unsigned observed_count;
} collected;

static void add_exemplar(struct sx_collection *collection, double value, const char *trace)
{
    const struct sx_label label = {"trace_id", {trace, strlen(trace)}};
    if (trace[0] != '\0') {
        (void)sx_collection_add_exemplar(collection, value, &label, 1,
                                         (int64_t)time(NULL) * 1000 + 7);
    }
}

static int collect(void *context, struct sx_collection *collection)
{
    const struct sx_metric_options counter = {.name = "collected_total", .help = "C."};
    const struct sx_metric_options histogram = {.name = "collected_seconds",
                                                .help = "H.",
                                                .buckets = collected.bounds,
                                                .bucket_count = collected.bound_count};
    (void)context;
    (void)sx_collection_add_family(collection, SX_COUNTER, &counter);
    (void)sx_collection_add_sample(collection, NULL, 0, collected.counted);
    add_exemplar(collection, collected.counted, collected.counted_trace);
    (void)sx_collection_add_family(collection, SX_HISTOGRAM, &histogram);
    (void)sx_collection_add_histogram(collection, NULL, 0, collected.buckets, collected.sum);
    for (unsigned i = 0; i < collected.observed_count; i++) {
        add_exemplar(collection, collected.observed[i], collected.observed_traces[i]);
    }
    return 0;
}

/* Chooses what is collected, and prints it. */
static void choose_collected(void)
{
    struct family family;
    take_bounds(&family);
    memcpy(collected.bounds, family.bounds, sizeof collected.bounds);
    collected.bound_count = family.bound_count;
    /* Not 0: a counter that has counted nothing has no exemplar. */
    collected.counted = fmax(fabs(random_number()), 5e-324);
    if (is_printed) {
        printf("F counter collected_total  x%s\nS | %a\nV", "432e", collected.counted);
    }
    announce(collected.counted, collected.counted_trace);
    if (is_printed) {
        printf("\nF histogram collected_seconds  x%s", "482e");
    }
    for (size_t i = 0; is_printed && i < collected.bound_count; i++) {
        printf(" %a", collected.bounds[i]);
    }
    collected.observed_count = below(8);
    for (unsigned n = 0; n < collected.observed_count; n++) {
        size_t i = 0;
        collected.observed[n] = (double)below(4000000) / 2 - 9;
        while (i < collected.bound_count && collected.observed[n] > collected.bounds[i]) {
            i++;
        }
        collected.buckets[i]++;
        collected.sum += collected.observed[n];
    }
    if (is_printed) {
        printf("\nS |");
    }
    for (size_t i = 0; is_printed && i <= collected.bound_count; i++) {
        printf(" %" PRIu64, collected.buckets[i]);
    }
    if (is_printed) {
        printf(" %a\nV", collected.sum);
    }
    for (unsigned n = 0; n < collected.observed_count; n++) {
        announce(collected.observed[n], collected.observed_traces[n]);
    }
    if (is_printed) {
        puts("");
    }
}

static int fill(struct sx_registry **registry)
{
    char value[TEXT_SIZE];
    random_text(value);
    const struct sx_label constant = {"constant", {value, strlen(value)}};
    struct sx_registry_options options = {.constant_labels = &constant,
                                          .constant_label_count = below(2)};
    int status = sx_registry_new(registry, &options);
    if (is_printed && options.constant_label_count > 0) {
        print_text("C constant=", value);
        puts("");
    }
    for (unsigned i = 0, count = below(FAMILIES_MAX); i < count && status == SX_OK; i++) {
        struct family family;
        status = register_family(&family, *registry, i);
        if (status == SX_OK) {
            status = fill_family(&family);
        }
    }
    choose_collected();
    return status == SX_OK ? sx_collector_register(*registry, collect, NULL) : status;
}

int main(int argc, char **argv)
{
    struct sx_registry *registry = NULL;
    struct sx_page page = {0};
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: %s SEED [FORMAT ESCAPING]\n", argv[0]);
        return 2;
    }
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    is_printed = argc == 2;
    int status = fill(&registry);
    if (status == SX_OK && !is_printed) {
        const struct sx_page_options options = {.format = (enum sx_format)atoi(argv[2]),
                                                .escaping = (enum sx_escaping)atoi(argv[3])};
        status = sx_page_render_options(&page, &registry, 1, &options);
        fwrite(page.data, 1, page.size, stdout);
    }
    if (status != SX_OK) {
        fprintf(stderr, "%s: %s\n", sx_status_name(status), sx_status_text(status));
    }
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return status != SX_OK;
}
