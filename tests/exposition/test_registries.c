/* Several registries on one page, and registries and families that others show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"

#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }

/* Small mappings, which valgrind's search for leaks reads completely. */
#define SMALL .thread_rows = 4, .row_bytes = 256 << 10, .directory_bytes = 8 << 20

static const struct sx_registry_options small = {SMALL};

static struct sx_registry *a;
static struct sx_registry *b;
static struct sx_registry *labelled; /* all of its series have zone="z" */
static struct sx_page page;
static char said[1024];
static int said_count;

static void note(void *context, const char *message)
{
    (void)context;
    snprintf(said, sizeof said, "%s", message);
    said_count++;
}

static int set_up(void **state)
{
    static const struct sx_label zone = {"zone", TEXT("z")};
    static const struct sx_registry_options with_zone = {SMALL, .constant_labels = &zone,
                                                         .constant_label_count = 1};
    (void)state;
    page = (struct sx_page){0};
    said[0] = '\0';
    said_count = 0;
    if (sx_registry_new(&a, &small) != SX_OK || sx_registry_new(&b, &small) != SX_OK ||
        sx_registry_new(&labelled, &with_zone) != SX_OK) {
        return -1;
    }
    sx_registry_set_log(a, note, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(a);
    sx_registry_destroy(b);
    sx_registry_destroy(labelled);
    return 0;
}

/* ---- pages ---- */

static int print_violation(void *context, const struct sx_violation *violation)
{
    (void)context;
    print_error("line %zu: %s\n", violation->line, violation->text);
    return 0;
}

static void assert_valid(bool no_advice)
{
    const struct sx_check_options options = {.no_advice = no_advice};
    const struct sx_str view = {page.data, page.size};
    assert_int_equal(sx_exposition_check(view, &options, print_violation, NULL), 0);
}

/* Label names may differ between registries, which is advice. */
static const char *render(struct sx_registry *const *registries, size_t count)
{
    assert_int_equal(sx_page_render_registries(&page, registries, count, SX_FORMAT_TEXT), SX_OK);
    assert_valid(true);
    assert_int_equal(strlen(page.data == NULL ? "" : page.data), page.size);
    return page.data == NULL ? "" : page.data;
}

#define RENDER(...)                                    \
    render((struct sx_registry *const[]){__VA_ARGS__}, \
           sizeof((struct sx_registry *const[]){__VA_ARGS__}) / sizeof(struct sx_registry *))

static const char *render_one(struct sx_registry *registry)
{
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_valid(true);
    return page.data == NULL ? "" : page.data;
}

static void assert_has(const char *text, const char *line)
{
    if (strstr(text, line) == NULL) {
        fail_msg("there is no\n%s\nin\n%s", line, text);
    }
}

static void assert_has_not(const char *text, const char *line)
{
    if (strstr(text, line) != NULL) {
        fail_msg("there is\n%s\nin\n%s", line, text);
    }
}

/* ---- metrics ---- */

static struct sx_gauge *add_gauge(struct sx_registry *registry, const char *name, const char *help,
                                  double value)
{
    struct sx_gauge *gauge = NULL;
    const struct sx_metric_options options = {.name = name, .help = help};
    assert_int_equal(sx_gauge_register(&gauge, registry, &options), SX_OK);
    sx_gauge_set(gauge, value);
    return gauge;
}

static struct sx_counter_family *add_requests(struct sx_registry *registry)
{
    struct sx_counter_family *family = NULL;
    const struct sx_metric_options options = {.name = "requests_total",
                                              .labels = SX_LABELS("method")};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    return family;
}

static struct sx_histogram_family *add_durations(struct sx_registry *registry, double bound)
{
    struct sx_histogram_family *family = NULL;
    const struct sx_metric_options options = {.name = "duration_seconds",
                                              .labels = SX_LABELS("method"),
                                              .buckets = &bound,
                                              .bucket_count = 1};
    assert_int_equal(sx_histogram_family_register(&family, registry, &options), SX_OK);
    return family;
}

static double five(void *context)
{
    (void)context;
    return 5;
}

struct to_collect {
    enum sx_metric_type type;
    const char *name;
    const char *label; /* NULL: none */
    double value;
};

static int collect(void *context, struct sx_collection *collection)
{
    const struct to_collect *what = context;
    const struct sx_str value = TEXT("v");
    const char *labels[] = {what->label, NULL};
    const struct sx_metric_options options = {.name = what->name, .labels = labels};
    (void)sx_collection_add_family(collection, what->type, &options);
    (void)sx_collection_add_sample(collection, &value, what->label != NULL, what->value);
    return 0;
}

/* ---- the list ---- */

static void test_no_registry_is_an_empty_page(void **state)
{
    (void)state;
    assert_string_equal(render(NULL, 0), "");
    assert_int_equal(page.size, 0);
    (void)add_gauge(a, "x", "X.", 1);
    (void)render_one(a);
    assert_string_equal(render(NULL, 0), "");
}

static void test_registries_follow_each_other(void **state)
{
    (void)state;
    (void)add_gauge(a, "x", "X.", 1);
    (void)add_gauge(b, "y", "Y.", 2);
    assert_int_equal(
        sx_gauge_register_callback(a, &(struct sx_metric_options){.name = "z"}, five, NULL), SX_OK);
    assert_string_equal(RENDER(a, b), "# HELP x X.\n# TYPE x gauge\nx 1\n"
                                      "# TYPE z gauge\nz 5\n"
                                      "# HELP y Y.\n# TYPE y gauge\ny 2\n");
    assert_string_equal(RENDER(b, a), "# HELP y Y.\n# TYPE y gauge\ny 2\n"
                                      "# HELP x X.\n# TYPE x gauge\nx 1\n"
                                      "# TYPE z gauge\nz 5\n");
    assert_string_equal(RENDER(a), "# HELP x X.\n# TYPE x gauge\nx 1\n# TYPE z gauge\nz 5\n");
}

static void test_a_registry_twice_is_on_the_page_once(void **state)
{
    (void)state;
    (void)add_gauge(a, "x", "X.", 1);
    (void)add_gauge(b, "y", "Y.", 2);
    assert_string_equal(RENDER(a, a), "# HELP x X.\n# TYPE x gauge\nx 1\n");
    assert_string_equal(RENDER(a, b, a),
                        "# HELP x X.\n# TYPE x gauge\nx 1\n# HELP y Y.\n# TYPE y gauge\ny 2\n");
    assert_int_equal(said_count, 0);
}

static void test_null_in_the_list_is_the_default_registry(void **state)
{
    (void)state;
    (void)add_gauge(a, "x", "X.", 1);
    (void)add_gauge(NULL, "in_default", "D.", 3);
    assert_string_equal(RENDER(a, NULL), "# HELP x X.\n# TYPE x gauge\nx 1\n"
                                         "# HELP in_default D.\n# TYPE in_default gauge\n"
                                         "in_default 3\n");
    assert_string_equal(RENDER(NULL, sx_registry_default()),
                        "# HELP in_default D.\n# TYPE in_default gauge\nin_default 3\n");
}

static void test_wrong_arguments_are_refused(void **state)
{
    (void)state;
    (void)add_gauge(a, "x", "X.", 1);
    (void)render_one(a);
    assert_int_equal(sx_page_render_registries(NULL, &a, 1, SX_FORMAT_TEXT), SX_EINVAL);
    assert_int_equal(sx_page_render_registries(&page, NULL, 1, SX_FORMAT_TEXT), SX_EINVAL);
    assert_int_equal(page.size, 0);
    assert_int_equal(sx_page_render_registries(&page, &a, 1, (enum sx_format)9), SX_EINVAL);
}

/* ---- the same family in several registries ---- */

/* Prometheus "Exposition formats": "Only one HELP line may exist for any given metric name", "All
 * lines for a given metric must be provided as one single group" */
static void test_families_of_one_name_are_one_group(void **state)
{
    (void)state;
    sx_counter_inc_with(add_requests(a), "GET");
    (void)add_gauge(a, "x", "", 1);
    (void)add_gauge(labelled, "x", "The second.", 2);
    sx_counter_add_with(add_requests(labelled), 2, "GET");
    sx_counter_add_with(add_requests(b), 3, "PUT");
    (void)add_gauge(b, "y", "", 3);
    assert_string_equal(RENDER(a, labelled, b), "# TYPE requests_total counter\n"
                                                "requests_total{method=\"GET\"} 1\n"
                                                "requests_total{zone=\"z\",method=\"GET\"} 2\n"
                                                "requests_total{method=\"PUT\"} 3\n"
                                                "# TYPE x gauge\n"
                                                "x 1\n"
                                                "x{zone=\"z\"} 2\n"
                                                "# TYPE y gauge\n"
                                                "y 3\n");
    assert_int_equal(said_count, 0);
}

static void test_help_is_that_of_the_first(void **state)
{
    (void)state;
    (void)add_gauge(a, "x", "The first.", 1);
    (void)add_gauge(labelled, "x", "The second.", 2);
    assert_string_equal(RENDER(labelled, a), "# HELP x The second.\n# TYPE x gauge\n"
                                             "x{zone=\"z\"} 2\nx 1\n");
}

static void test_the_bounds_of_histograms_may_differ(void **state)
{
    (void)state;
    sx_histogram_observe_with(add_durations(a, 1), .5, "GET");
    sx_histogram_observe_with(add_durations(labelled, 2), 1.5, "GET");
    assert_string_equal(RENDER(a, labelled),
                        "# TYPE duration_seconds histogram\n"
                        "duration_seconds_bucket{method=\"GET\",le=\"1\"} 1\n"
                        "duration_seconds_bucket{method=\"GET\",le=\"+Inf\"} 1\n"
                        "duration_seconds_sum{method=\"GET\"} 0.5\n"
                        "duration_seconds_count{method=\"GET\"} 1\n"
                        "duration_seconds_bucket{zone=\"z\",method=\"GET\",le=\"2\"} 1\n"
                        "duration_seconds_bucket{zone=\"z\",method=\"GET\",le=\"+Inf\"} 1\n"
                        "duration_seconds_sum{zone=\"z\",method=\"GET\"} 1.5\n"
                        "duration_seconds_count{zone=\"z\",method=\"GET\"} 1\n");
}

static void test_families_of_callbacks_and_collectors_join_as_well(void **state)
{
    (void)state;
    struct to_collect first = {SX_GAUGE, "x", "from", 7};
    struct to_collect second = {SX_GAUGE, "x", "by", 8};
    (void)add_gauge(a, "x", "", 1);
    assert_int_equal(
        sx_gauge_register_callback(labelled, &(struct sx_metric_options){.name = "x"}, five, NULL),
        SX_OK);
    assert_int_equal(sx_collector_register(b, collect, &first), SX_OK);
    assert_string_equal(RENDER(a, labelled, b),
                        "# TYPE x gauge\nx 1\nx{zone=\"z\"} 5\nx{from=\"v\"} 7\n");
    assert_int_equal(sx_collector_unregister(b, collect, &first), 1);
    assert_int_equal(sx_collector_register(b, collect, &second), SX_OK);
    assert_string_equal(RENDER(b, labelled), "# TYPE x gauge\nx{by=\"v\"} 8\nx{zone=\"z\"} 5\n");
    assert_int_equal(said_count, 0);
}

/* ---- what is left out ---- */

static void test_a_series_of_two_registries_is_the_first_ones(void **state)
{
    (void)state;
    struct sx_counter_family *in_a = add_requests(a);
    struct sx_counter_family *in_b = add_requests(b);
    sx_counter_add_with(in_a, 1, "GET");
    sx_counter_add_with(in_b, 10, "PUT");
    sx_counter_add_with(in_b, 20, "GET");
    sx_counter_add_with(in_a, 2, "a b\n\"} 7");
    sx_counter_add_with(in_b, 30, "a b\n\"} 7");
    const char *expected = "# TYPE requests_total counter\n"
                           "requests_total{method=\"GET\"} 1\n"
                           "requests_total{method=\"a b\\n\\\"} 7\"} 2\n"
                           "requests_total{method=\"PUT\"} 10\n";
    assert_string_equal(RENDER(a, b), expected);
    assert_int_equal(said_count, 1);
    assert_string_equal(said, "2 series of `requests_total` were left out of the page: an earlier "
                              "registry of the page has the same series");
    const char *next = RENDER(a, b);
    assert_int_equal(strncmp(next, expected, strlen(expected)), 0);
    assert_has(next, "\nsextant_page_conflicts_total{family=\"requests_total\","
                     "error=\"SX_EEXIST\"} 1\n");
    assert_has_not(render_one(b), "sextant_");
}

static void test_a_histogram_of_two_registries_is_the_first_ones(void **state)
{
    (void)state;
    struct sx_histogram_family *in_b = add_durations(b, 2);
    sx_histogram_observe_with(add_durations(a, 1), .5, "GET");
    sx_histogram_observe_with(in_b, .25, "GET");
    sx_histogram_observe_with(in_b, .25, "PUT");
    assert_string_equal(RENDER(a, b), "# TYPE duration_seconds histogram\n"
                                      "duration_seconds_bucket{method=\"GET\",le=\"1\"} 1\n"
                                      "duration_seconds_bucket{method=\"GET\",le=\"+Inf\"} 1\n"
                                      "duration_seconds_sum{method=\"GET\"} 0.5\n"
                                      "duration_seconds_count{method=\"GET\"} 1\n"
                                      "duration_seconds_bucket{method=\"PUT\",le=\"2\"} 1\n"
                                      "duration_seconds_bucket{method=\"PUT\",le=\"+Inf\"} 1\n"
                                      "duration_seconds_sum{method=\"PUT\"} 0.25\n"
                                      "duration_seconds_count{method=\"PUT\"} 1\n");
    assert_string_equal(said, "1 series of `duration_seconds` were left out of the page: an "
                              "earlier registry of the page has the same series");
}

static void set_gauge_of(struct sx_registry *registry, const char *const *labels,
                         const char *const *values, size_t count, double value)
{
    struct sx_gauge_family *family = NULL;
    const struct sx_metric_options options = {.name = "g", .labels = labels};
    assert_int_equal(sx_gauge_family_register(&family, registry, &options), SX_OK);
    assert_int_equal(sx_gauge_family_set_strings(family, values, count, value), SX_OK);
}

/* To Prometheus a label with an empty value is none, and labels have no order. */
static void test_series_are_compared_by_their_labels(void **state)
{
    (void)state;
    struct sx_registry *c = NULL;
    assert_int_equal(sx_registry_new(&c, &small), SX_OK);
    set_gauge_of(a, SX_LABELS("m", "n"), (const char *const[]){"x\\", ",\"n"}, 2, 1);
    set_gauge_of(a, SX_LABELS("m", "n"), (const char *const[]){"x\\", ""}, 2, 2);
    set_gauge_of(a, SX_LABELS("m", "n"), (const char *const[]){"", ""}, 2, 3);
    set_gauge_of(b, SX_LABELS("n", "e", "m"), (const char *const[]){",\"n", "", "x\\"}, 3, 4);
    set_gauge_of(b, SX_LABELS("n", "e", "m"), (const char *const[]){"x\\", "", ",\"n"}, 3, 5);
    set_gauge_of(b, SX_LABELS("n", "e", "m"), (const char *const[]){"", "", "x\\"}, 3, 6);
    set_gauge_of(b, SX_LABELS("n", "e", "m"), (const char *const[]){"", "m", "x\\"}, 3, 7);
    (void)add_gauge(c, "g", "", 8);
    const char *text = RENDER(a, b, c);
    assert_string_equal(text, "# TYPE g gauge\n"
                              "g{m=\"x\\\\\",n=\",\\\"n\"} 1\n"
                              "g{m=\"x\\\\\",n=\"\"} 2\n"
                              "g{m=\"\",n=\"\"} 3\n"
                              "g{n=\"x\\\\\",e=\"\",m=\",\\\"n\"} 5\n"
                              "g{n=\"\",e=\"m\",m=\"x\\\\\"} 7\n");
    assert_int_equal(said_count, 2);
    sx_registry_destroy(c);
}

static void add_histogram(struct sx_registry *registry)
{
    struct sx_histogram *histogram = NULL;
    const struct sx_metric_options options = {.name = "h", SX_BUCKETS(1)};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_OK);
}

static void test_a_histogram_without_labels_is_the_first_ones(void **state)
{
    (void)state;
    add_histogram(a);
    add_histogram(b);
    assert_string_equal(RENDER(a, b), "# TYPE h histogram\nh_bucket{le=\"1\"} 0\n"
                                      "h_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n");
    assert_int_equal(said_count, 1);
}

static void test_a_family_of_another_type_is_left_out(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    (void)add_gauge(a, "x", "", 1);
    assert_int_equal(
        sx_counter_register(&counter, labelled, &(struct sx_metric_options){.name = "x"}), SX_OK);
    (void)add_gauge(labelled, "y", "", 2);
    assert_string_equal(RENDER(a, labelled),
                        "# TYPE x gauge\nx 1\n# TYPE y gauge\ny{zone=\"z\"} 2\n");
    assert_string_equal(said, "the family `x` was left out of the page: SX_EEXIST: it has another "
                              "type than the family of this name, which an earlier registry of "
                              "the page has");
    assert_has(render_one(a),
               "\nsextant_page_conflicts_total{family=\"x\",error=\"SX_EEXIST\"} 1\n");
}

static void test_a_family_with_a_sample_name_of_another_is_left_out(void **state)
{
    (void)state;
    add_histogram(a);
    (void)add_gauge(b, "h_count", "", 1);
    (void)add_gauge(b, "y", "", 2);
    assert_has_not(RENDER(a, b), "h_count gauge");
    assert_string_equal(said, "the family `h_count` was left out of the page: SX_ECLASH: its name "
                              "clashes with a sample name of another metric, which an earlier "
                              "registry of the page has");
    assert_has(RENDER(a, b), "\nsextant_page_conflicts_total{family=\"h_count\","
                             "error=\"SX_ECLASH\"} 1\n");
    const char *other_way_round = RENDER(b, a);
    assert_has(other_way_round, "# TYPE h_count gauge\nh_count 1\n# TYPE y gauge\ny 2\n");
    assert_has_not(other_way_round, "histogram");
}

static void test_a_collector_loses_only_the_family_that_clashes(void **state)
{
    (void)state;
    struct to_collect wrong = {SX_COUNTER, "x", NULL, 7};
    struct to_collect good = {SX_COUNTER, "z", NULL, 8};
    (void)add_gauge(a, "x", "", 1);
    assert_int_equal(sx_collector_register(b, collect, &wrong), SX_OK);
    assert_int_equal(sx_collector_register(b, collect, &good), SX_OK);
    assert_string_equal(RENDER(a, b), "# TYPE x gauge\nx 1\n# TYPE z counter\nz 8\n");
    assert_int_equal(said_count, 1);
    assert_string_equal(render_one(b), "# TYPE x counter\nx 7\n# TYPE z counter\nz 8\n");
}

/* Both registries may have counted something; that is no conflict of the program. */
static void test_the_librarys_own_metrics_do_not_conflict(void **state)
{
    (void)state;
    struct sx_registry *both[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        struct sx_counter *counter = NULL;
        const struct sx_metric_options options = {.name = i == 0 ? "x_total" : "y_total"};
        assert_int_equal(sx_counter_register(&counter, both[i], &options), SX_OK);
        sx_counter_add(counter, -1);
        struct to_collect wrong = {SX_COUNTER, "w", "not-valid", 7};
        assert_int_equal(sx_collector_register(both[i], collect, &wrong), SX_OK);
        (void)render_one(both[i]);
        assert_int_equal(sx_collector_unregister(both[i], collect, &wrong), 1);
    }
    said_count = 0;
    const char *text = RENDER(a, b);
    assert_has(text, "\nsextant_updates_ignored_total{family=\"x_total\"} 1\n"
                     "sextant_updates_ignored_total{family=\"y_total\"} 1\n");
    assert_has(text, "\nsextant_collector_failures_total{error=\"SX_ELABEL\"} 1\n");
    assert_int_equal(said_count, 0);
    assert_has_not(RENDER(a, b), "sextant_page_conflicts_total");
}

/* ---- many ---- */

static void test_many_families_and_series_are_joined(void **state)
{
    (void)state;
    enum { FAMILIES = 300, SERIES = 40 };
    struct sx_registry *list[] = {a, b, labelled};
    for (size_t r = 0; r < 3; r++) {
        for (int f = 0; f < FAMILIES; f++) {
            char name[32];
            struct sx_gauge_family *family = NULL;
            snprintf(name, sizeof name, "family_%d", r == 1 ? FAMILIES - 1 - f : f);
            const struct sx_metric_options options = {.name = name, .labels = SX_LABELS("n")};
            assert_int_equal(sx_gauge_family_register(&family, list[r], &options), SX_OK);
            for (int s = 0; s < SERIES; s++) {
                char value[16];
                snprintf(value, sizeof value, "%d", r == 1 ? s + SERIES / 2 : s);
                sx_gauge_set_with(family, (double)r, value);
            }
        }
    }
    (void)render(list, 3);
    size_t lines = 0;
    for (size_t i = 0; i < page.size; i++) {
        lines += page.data[i] == '\n';
    }
    /* Half of the series of b are those of a. */
    assert_int_equal(lines, FAMILIES * (1 + SERIES * 5 / 2));
    char wanted[64];
    for (int f = 0; f < FAMILIES; f++) {
        snprintf(wanted, sizeof wanted, "\nfamily_%d{n=\"39\"} 0\nfamily_%d{n=\"40\"} 1\n", f, f);
        assert_has(page.data, wanted);
    }
}

#define SEED 14u
static uint32_t random_state = SEED;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % bound;
}

/* A family of a random name, type and labels, with some series, unless its registry refuses it. */
static void add_random_family(struct sx_registry *registry)
{
    static const char *const names[] = {"x",        "x_total",   "x_count", "x_sum",
                                        "x_bucket", "x_created", "y",       "y_total"};
    static const char *const label_lists[][3] = {
        {"m", NULL}, {"n", NULL}, {"m", "n", NULL}, {"n", "m", NULL}};
    static const char *const values[] = {"", "a", "b\\\"", ",n=\"a\""};
    static const double bounds[] = {1, 2, 3};
    const enum sx_metric_type type = (enum sx_metric_type)random_below(3);
    const char *const *labels = label_lists[random_below(4)];
    struct sx_metric_options options = {.name = names[random_below(8)], .labels = labels};
    struct sx_counter_family *counters = NULL;
    struct sx_gauge_family *gauges = NULL;
    struct sx_histogram_family *histograms = NULL;
    int status;
    if (type == SX_HISTOGRAM) {
        options.buckets = bounds;
        options.bucket_count = 1 + random_below(3);
        status = sx_histogram_family_register(&histograms, registry, &options);
    } else if (type == SX_COUNTER) {
        status = sx_counter_family_register(&counters, registry, &options);
    } else {
        status = sx_gauge_family_register(&gauges, registry, &options);
    }
    const size_t count = labels[1] == NULL ? 1 : 2;
    for (uint32_t i = random_below(4); i > 0 && status == SX_OK; i--) {
        const char *const chosen[] = {values[random_below(4)], values[random_below(4)]};
        (void)sx_counter_family_add_strings(counters, chosen, count, 1);
        (void)sx_gauge_family_set_strings(gauges, chosen, count, 2);
        (void)sx_histogram_family_observe_strings(histograms, chosen, count, 1.5);
    }
}

/* Whether the joined page has all samples of the page of the first registry. */
static bool has_all_samples(const char *joined, const struct sx_page *first)
{
    const char *line = first->data;
    for (const char *end; line != NULL && *line != '\0'; line = end + 1) {
        char wanted[256];
        end = strchr(line, '\n');
        snprintf(wanted, sizeof wanted, "\n%.*s\n", (int)(end - line), line);
        if (line[0] != '#' && strncmp(line, "sextant_", 8) != 0 && strstr(joined, wanted) == NULL) {
            print_error("missing:%s", wanted);
            return false;
        }
    }
    return true;
}

static void test_random_registries_make_valid_pages(void **state)
{
    (void)state;
    static const struct sx_label constant = {"m", TEXT("a")};
    size_t left_out = 0;
    for (int round = 0; round < 80; round++) {
        struct sx_registry *list[4] = {NULL};
        struct sx_page first = {0};
        said_count = 0;
        for (size_t r = 0; r < 4; r++) {
            const struct sx_registry_options options = {
                SMALL,
                .constant_labels = &constant,
                .constant_label_count = random_below(4) == 0,
            };
            assert_int_equal(sx_registry_new(&list[r], &options), SX_OK);
            for (int f = 0; f < 5; f++) {
                add_random_family(list[r]);
            }
        }
        sx_registry_set_log(list[0], note, NULL);
        assert_int_equal(sx_page_render(&first, list[0], SX_FORMAT_TEXT), SX_OK);
        const char *joined = render(list, 4);
        assert_true(has_all_samples(joined, &first));
        left_out += (size_t)said_count;
        sx_page_clean_up(&first);
        for (size_t r = 0; r < 4; r++) {
            sx_registry_destroy(list[r]);
        }
    }
    assert_true(left_out > 80); /* else the registries had too little in common */
}

static void test_a_page_without_memory_is_empty(void **state)
{
    (void)state;
    struct sx_registry *list[] = {a, b, labelled};
    sx_counter_inc_with(add_requests(a), "GET");
    sx_counter_inc_with(add_requests(labelled), "GET");
    sx_counter_inc_with(add_requests(b), "PUT");
    (void)add_gauge(a, "x", "", 1);
    add_histogram(a);
    (void)add_gauge(b, "h", "", 1); /* of another type */
    (void)add_gauge(b, "x", "", 1); /* the same series */
    (void)render(list, 3);          /* makes the metric that counts them */
    int failures = 0;
    for (long i = 0;; i++) {
        sx_page_clean_up(&page);
        fail_one_allocation(i);
        int status = sx_page_render_registries(&page, list, 3, SX_FORMAT_TEXT);
        if (!end_failing_allocations()) {
            assert_int_equal(status, SX_OK);
            break;
        }
        if (status != SX_OK) {
            assert_int_equal(status, SX_ENOMEM);
            assert_int_equal(page.size, 0);
            failures++;
        }
    }
    assert_in_range(failures, 8, 40);
    assert_valid(true);
}

/* ---- answering a scrape ---- */

static void test_a_scrape_is_answered_with_several_registries(void **state)
{
    (void)state;
    struct sx_exposition_response response;
    struct sx_registry *const list[] = {a, b};
    struct sx_exposition_request request = {.registries = list, .registry_count = 2};
    (void)add_gauge(a, "x", "", 1);
    (void)add_gauge(b, "y", "", 2);
    assert_int_equal(sx_exposition_respond(&response, &page, NULL, &request), SX_OK);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.content_length, page.size);
    assert_string_equal(response.body.data, "# TYPE x gauge\nx 1\n# TYPE y gauge\ny 2\n");
    assert_int_equal(sx_exposition_respond(&response, &page, a, &request), SX_EINVAL);
    request.registries = NULL;
    assert_int_equal(sx_exposition_respond(&response, &page, NULL, &request), SX_EINVAL);
}

/* ---- showing ---- */

static void test_a_registry_shows_another(void **state)
{
    (void)state;
    struct to_collect what = {SX_GAUGE, "z", NULL, 3};
    (void)add_gauge(a, "x", "", 1);
    (void)add_gauge(b, "y", "", 2);
    assert_int_equal(sx_collector_register(b, collect, &what), SX_OK);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    assert_string_equal(render_one(a),
                        "# TYPE x gauge\nx 1\n# TYPE y gauge\ny 2\n# TYPE z gauge\nz 3\n");
    assert_string_equal(render_one(b), "# TYPE y gauge\ny 2\n# TYPE z gauge\nz 3\n");
    assert_string_equal(RENDER(b, a), "# TYPE y gauge\ny 2\n# TYPE z gauge\nz 3\n"
                                      "# TYPE x gauge\nx 1\n");
    assert_int_equal(sx_registry_hide(a, b, NULL), 1);
    assert_string_equal(render_one(a), "# TYPE x gauge\nx 1\n");
    assert_int_equal(sx_registry_hide(a, b, NULL), 0);
}

static void test_one_family_is_shown_by_two_registries(void **state)
{
    (void)state;
    sx_counter_inc_with(add_requests(a), "GET");
    (void)add_gauge(a, "x", "", 1);
    (void)add_gauge(b, "y", "", 2);
    assert_int_equal(sx_registry_show(b, a, "requests_total"), SX_OK);
    assert_string_equal(render_one(b), "# TYPE y gauge\ny 2\n"
                                       "# TYPE requests_total counter\n"
                                       "requests_total{method=\"GET\"} 1\n");
    assert_int_equal(sx_registry_show(b, a, "x"), SX_OK);
    assert_string_equal(render_one(b), "# TYPE y gauge\ny 2\n"
                                       "# TYPE requests_total counter\n"
                                       "requests_total{method=\"GET\"} 1\n"
                                       "# TYPE x gauge\nx 1\n");
    assert_int_equal(sx_registry_hide(b, a, "requests_total"), 1);
    assert_string_equal(render_one(b), "# TYPE y gauge\ny 2\n# TYPE x gauge\nx 1\n");
}

static int times_called;

static double count_calls(void *context)
{
    (void)context;
    times_called++;
    return 5;
}

/* Of a registry that is shown in part, a scrape calls the callbacks that it needs. */
static void test_a_callback_is_shown_by_its_name(void **state)
{
    (void)state;
    struct to_collect what = {SX_GAUGE, "z", NULL, 3};
    times_called = 0;
    assert_int_equal(
        sx_gauge_register_callback(a, &(struct sx_metric_options){.name = "idle"}, five, NULL),
        SX_OK);
    assert_int_equal(sx_gauge_register_callback(a, &(struct sx_metric_options){.name = "other"},
                                                count_calls, NULL),
                     SX_OK);
    assert_int_equal(sx_collector_register(a, collect, &what), SX_OK);
    assert_int_equal(sx_registry_show(b, a, "idle"), SX_OK);
    assert_string_equal(render_one(b), "# TYPE idle gauge\nidle 5\n");
    assert_int_equal(times_called, 0);
}

static void test_a_name_is_given_without_the_prefix_and_may_come_later(void **state)
{
    (void)state;
    struct sx_registry *prefixed = NULL;
    const struct sx_registry_options options = {SMALL, .name_prefix = "p_"};
    assert_int_equal(sx_registry_new(&prefixed, &options), SX_OK);
    assert_int_equal(sx_registry_show(a, prefixed, "x"), SX_OK);
    assert_string_equal(render_one(a), "");
    (void)add_gauge(prefixed, "x", "", 1);
    (void)add_gauge(prefixed, "p_x", "", 2);
    assert_string_equal(render_one(a), "# TYPE p_x gauge\np_x 1\n");
    sx_registry_destroy(prefixed);
}

static void test_all_of_a_registry_covers_a_name(void **state)
{
    (void)state;
    (void)add_gauge(b, "x", "", 1);
    (void)add_gauge(b, "y", "", 2);
    assert_int_equal(sx_registry_show(a, b, "x"), SX_OK);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    assert_string_equal(render_one(a), "# TYPE x gauge\nx 1\n# TYPE y gauge\ny 2\n");
    assert_int_equal(sx_registry_hide(a, b, NULL), 1);
    assert_string_equal(render_one(a), "# TYPE x gauge\nx 1\n");
    assert_string_equal(RENDER(a, b), "# TYPE x gauge\nx 1\n# TYPE y gauge\ny 2\n");
    assert_int_equal(said_count, 0);
}

static void test_what_is_shown_is_not_passed_on(void **state)
{
    (void)state;
    (void)add_gauge(a, "x", "", 1);
    (void)add_gauge(b, "y", "", 2);
    (void)add_gauge(labelled, "z", "", 3);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    assert_int_equal(sx_registry_show(b, labelled, NULL), SX_OK);
    assert_int_equal(sx_registry_show(b, a, NULL), SX_OK); /* each other: no loop */
    assert_string_equal(render_one(a), "# TYPE x gauge\nx 1\n# TYPE y gauge\ny 2\n");
    assert_string_equal(render_one(b), "# TYPE y gauge\ny 2\n# TYPE z gauge\nz{zone=\"z\"} 3\n"
                                       "# TYPE x gauge\nx 1\n");
}

static void test_a_name_in_utf_8_can_be_shown(void **state)
{
    (void)state;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_gauge_register(
                         &gauge, b, &(struct sx_metric_options){.name = "a-b", .utf8_names = true}),
                     SX_OK);
    assert_int_equal(sx_registry_show(a, b, "a-b"), SX_OK);
    assert_non_null(strstr(render_one(a), "a_b 0\n"));
    assert_int_equal(sx_registry_hide(a, b, "a-b"), 1);
    assert_null(strstr(render_one(a), "a_b"));
}

static void test_showing_is_checked(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_show(a, a, NULL), SX_EINVAL);
    assert_int_equal(sx_registry_show(NULL, sx_registry_default(), "x"), SX_EINVAL);
    assert_int_equal(sx_registry_show(a, b, ""), SX_ENAME);
    assert_int_equal(sx_registry_show(a, b, "\xFF"), SX_ENAME);
    assert_int_equal(sx_registry_hide(a, b, "\xFF"), SX_ENAME);
    assert_int_equal(sx_registry_show(a, b, "x"), SX_OK);
    assert_int_equal(sx_registry_show(a, b, "x"), SX_EEXIST);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_EEXIST);
    fail_one_allocation(0);
    int status = sx_registry_show(b, a, "x");
    assert_true(end_failing_allocations());
    assert_int_equal(status, SX_ENOMEM);
}

static void test_null_is_the_default_registry(void **state)
{
    (void)state;
    (void)add_gauge(NULL, "in_default", "D.", 3);
    (void)add_gauge(a, "x", "", 1);
    assert_int_equal(sx_registry_show(a, NULL, NULL), SX_OK);
    assert_int_equal(sx_registry_show(NULL, a, "x"), SX_OK);
    assert_string_equal(render_one(a), "# TYPE x gauge\nx 1\n# HELP in_default D.\n"
                                       "# TYPE in_default gauge\nin_default 3\n");
    assert_string_equal(render_one(NULL), "# HELP in_default D.\n# TYPE in_default gauge\n"
                                          "in_default 3\n# TYPE x gauge\nx 1\n");
    assert_int_equal(sx_registry_hide(NULL, a, "x"), 1);
    assert_int_equal(sx_registry_hide(a, NULL, NULL), 1);
}

static void test_a_destroyed_registry_is_no_longer_shown(void **state)
{
    (void)state;
    (void)add_gauge(a, "x", "", 1);
    for (int i = 0; i < 100; i++) {
        struct sx_registry *plugin = NULL;
        assert_int_equal(sx_registry_new(&plugin, &small), SX_OK);
        (void)add_gauge(plugin, "y", "", 2);
        assert_int_equal(sx_registry_show(a, plugin, i % 2 == 0 ? NULL : "y"), SX_OK);
        assert_int_equal(sx_registry_show(plugin, a, NULL), SX_OK);
        assert_string_equal(render_one(a), "# TYPE x gauge\nx 1\n# TYPE y gauge\ny 2\n");
        sx_registry_destroy(plugin);
        assert_string_equal(render_one(a), "# TYPE x gauge\nx 1\n");
    }
}

static int scrape_within(void *context, struct sx_collection *collection)
{
    struct sx_page inner = {0};
    (void)context;
    (void)collection;
    assert_int_equal(sx_page_render(&inner, a, SX_FORMAT_TEXT), SX_ESTATE);
    assert_int_equal(sx_page_render_registries(&inner, &a, 1, SX_FORMAT_TEXT), SX_ESTATE);
    sx_page_clean_up(&inner);
    return 0;
}

static void test_a_collector_must_not_scrape_its_own_page(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    assert_int_equal(sx_collector_register(b, scrape_within, NULL), SX_OK);
    (void)render_one(a);
    assert_int_equal(sx_registry_hide(a, b, NULL), 1);
}

static void test_a_child_of_fork_shows_the_same(void **state)
{
    (void)state;
    (void)add_gauge(b, "y", "", 2);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool good = strcmp(render_one(a), "# TYPE y gauge\ny 2\n") == 0;
        good = good && sx_registry_hide(a, b, NULL) == 1;
        _exit(good && strcmp(render_one(a), "") == 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_equal(render_one(a), "# TYPE y gauge\ny 2\n");
}

static pid_t forked;

/* The child is in the scrape of its parent, and ends it. */
static int fork_within(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    fflush(NULL);
    forked = fork();
    return 0;
}

static void test_a_fork_within_a_scrape_keeps_what_it_holds(void **state)
{
    (void)state;
    (void)add_gauge(b, "y", "", 2);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    assert_int_equal(sx_collector_register(b, fork_within, NULL), SX_OK);
    const char *text = render_one(a);
    if (forked == 0) {
        bool good = strcmp(text, "# TYPE y gauge\ny 2\n") == 0;
        _exit(good && sx_registry_hide(a, b, NULL) == 1 ? 0 : 1); /* hangs if it were held */
    }
    int status = -1;
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_int_equal(status, 0);
}

/* ---- threads ---- */

enum { SCRAPERS = 2, BATCHES = 4, PLUGINS = 40 };
static int running;

static void *scrape(void *context)
{
    struct sx_registry *const list[] = {a, b};
    struct sx_page own = {0};
    int status = SX_OK;
    for (int i = 0; __atomic_load_n(&running, __ATOMIC_ACQUIRE) && status >= 0; i++) {
        status = i % 2 == 0 ? sx_page_render(&own, a, SX_FORMAT_TEXT)
                            : sx_page_render_registries(&own, list, 2, SX_FORMAT_TEXT);
        if (status == SX_OK) {
            const struct sx_check_options options = {.no_advice = true};
            status = sx_exposition_check((struct sx_str){own.data, own.size}, &options, NULL, NULL);
        }
        if (status != 0) {
            break;
        }
    }
    sx_page_clean_up(&own);
    return status == 0 ? NULL : context;
}

static void *update(void *context)
{
    struct sx_counter_family *in_a = add_requests(a);
    struct sx_counter_family *in_b = add_requests(b);
    (void)context;
    for (uint64_t i = 0; __atomic_load_n(&running, __ATOMIC_ACQUIRE); i++) {
        char value[8];
        snprintf(value, sizeof value, "%u", (unsigned)(i % 50));
        sx_counter_inc_with(in_a, value);
        sx_counter_inc_with(in_b, value);
        if (i % 10 == 0) {
            const struct sx_str removed = {value, strlen(value)};
            (void)sx_counter_family_remove(in_b, &removed, 1);
        }
    }
    return NULL;
}

/* A plugin comes, is shown, is scraped while it registers and updates, and goes. Its context is
 * written without synchronisation, a race that ThreadSanitizer reports if a scrape still had it. */
static void come_and_go(int i)
{
    static struct to_collect what;
    struct sx_registry *plugin = NULL;
    char name[32];
    const struct sx_registry_options options = {SMALL,
                                                .shared = i % 5 == 0 && has_shared_registries()};
    what = (struct to_collect){i % 3 == 0 ? SX_COUNTER : SX_GAUGE, "collected", "by", i};
    assert_int_equal(sx_registry_new(&plugin, &options), SX_OK);
    assert_int_equal(sx_collector_register(plugin, collect, &what), SX_OK);
    assert_int_equal(sx_registry_show(a, plugin, NULL), SX_OK);
    assert_int_equal(sx_registry_show(b, plugin, "requests_total"), SX_OK);
    sx_counter_inc_with(add_requests(plugin), "5");
    snprintf(name, sizeof name, "gauge_%d", i % 20);
    (void)add_gauge(plugin, name, "", i);
    if (i % 4 == 0) {
        assert_int_equal(sx_registry_hide(a, plugin, NULL), 1);
    }
    sx_registry_destroy(plugin);
    what = (struct to_collect){0};
}

/* ThreadSanitizer allows a thread 64 locks, and takes the seats that a scraper had in destroyed
 * registries for locks that it still holds. So each batch has new threads. */
static void test_plugins_come_and_go_while_others_scrape(void **state)
{
    (void)state;
    sx_registry_set_log(a, NULL, NULL);
    for (int batch = 0; batch < BATCHES; batch++) {
        pthread_t threads[SCRAPERS + 1];
        __atomic_store_n(&running, 1, __ATOMIC_RELEASE);
        for (size_t i = 0; i <= SCRAPERS; i++) {
            assert_int_equal(
                pthread_create(&threads[i], NULL, i == SCRAPERS ? update : scrape, &running), 0);
        }
        for (int i = 0; i < PLUGINS; i++) {
            come_and_go(i);
        }
        __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
        for (size_t i = 0; i <= SCRAPERS; i++) {
            void *failed = NULL;
            assert_int_equal(pthread_join(threads[i], &failed), 0);
            assert_null(failed);
        }
    }
    (void)RENDER(a, b);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, before there is the large default registry. */
        CASE(test_a_child_of_fork_shows_the_same),
        CASE(test_a_fork_within_a_scrape_keeps_what_it_holds),
        CASE(test_no_registry_is_an_empty_page),
        CASE(test_registries_follow_each_other),
        CASE(test_a_registry_twice_is_on_the_page_once),
        CASE(test_null_in_the_list_is_the_default_registry),
        CASE(test_wrong_arguments_are_refused),
        CASE(test_families_of_one_name_are_one_group),
        CASE(test_help_is_that_of_the_first),
        CASE(test_the_bounds_of_histograms_may_differ),
        CASE(test_families_of_callbacks_and_collectors_join_as_well),
        CASE(test_a_series_of_two_registries_is_the_first_ones),
        CASE(test_series_are_compared_by_their_labels),
        CASE(test_a_histogram_of_two_registries_is_the_first_ones),
        CASE(test_a_histogram_without_labels_is_the_first_ones),
        CASE(test_a_family_of_another_type_is_left_out),
        CASE(test_a_family_with_a_sample_name_of_another_is_left_out),
        CASE(test_a_collector_loses_only_the_family_that_clashes),
        CASE(test_the_librarys_own_metrics_do_not_conflict),
        CASE(test_many_families_and_series_are_joined),
        CASE(test_random_registries_make_valid_pages),
        CASE(test_a_page_without_memory_is_empty),
        CASE(test_a_scrape_is_answered_with_several_registries),
        CASE(test_a_registry_shows_another),
        CASE(test_one_family_is_shown_by_two_registries),
        CASE(test_a_callback_is_shown_by_its_name),
        CASE(test_a_name_is_given_without_the_prefix_and_may_come_later),
        CASE(test_all_of_a_registry_covers_a_name),
        CASE(test_what_is_shown_is_not_passed_on),
        CASE(test_a_name_in_utf_8_can_be_shown),
        CASE(test_showing_is_checked),
        CASE(test_null_is_the_default_registry),
        CASE(test_a_destroyed_registry_is_no_longer_shown),
        CASE(test_a_collector_must_not_scrape_its_own_page),
        CASE(test_plugins_come_and_go_while_others_scrape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
