/* Names with any characters: quoted, or escaped, and never two that are the same when escaped. The
 * expected pages are written by hand, from Prometheus' "Exposition formats" and "Escaping schemes".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/registration.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_page page;

static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 64 << 10};
    page = (struct sx_page){0};
    return sx_registry_new(&registry, &small) == SX_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}

static int gauge(const char *name, const char *const *labels)
{
    struct sx_gauge *plain = NULL;
    struct sx_gauge_family *family = NULL;
    const struct sx_metric_options options = {.name = name, .labels = labels, .utf8_names = true};
    return labels == NULL ? sx_gauge_register(&plain, registry, &options)
                          : sx_gauge_family_register(&family, registry, &options);
}

static void assert_page(enum sx_format format, enum sx_escaping escaping, const char *expected)
{
    const struct sx_page_options options = {.format = format, .escaping = escaping};
    assert_int_equal(sx_page_render_options(&page, &registry, 1, &options), SX_OK);
    assert_string_equal(page.data, expected);
}

static void fill(void)
{
    static const double bounds[] = {1};
    struct sx_counter_family *counters = NULL;
    struct sx_histogram *histogram = NULL;
    assert_int_equal(
        sx_counter_family_register(&counters, registry,
                                   &(struct sx_metric_options){.name = "my.req\"s",
                                                               .help = "Help.",
                                                               .labels = SX_LABELS("a.b", "plain"),
                                                               .utf8_names = true}),
        SX_OK);
    assert_int_equal(sx_histogram_register(&histogram, registry,
                                           &(struct sx_metric_options){.name = "d\xC3\xA9lai",
                                                                       .buckets = bounds,
                                                                       .bucket_count = 1,
                                                                       .utf8_names = true}),
                     SX_OK);
    assert_int_equal(gauge("g.x", NULL), SX_OK);
    sx_counter_inc_with(counters, "v\"1", "");
    sx_histogram_observe(histogram, 0.5);
}

/* "If the metric name … contains characters outside of the legacy set, it is put in quotes within
 * the braces" */
static void test_text_1_0_0_quotes_names(void **state)
{
    (void)state;
    fill();
    assert_page(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_ALLOW_UTF_8,
                "# HELP \"my.req\\\"s\" Help.\n"
                "# TYPE \"my.req\\\"s\" counter\n"
                "{\"my.req\\\"s\",\"a.b\"=\"v\\\"1\",plain=\"\"} 1\n"
                "# TYPE \"d\xC3\xA9lai\" histogram\n"
                "{\"d\xC3\xA9lai_bucket\",le=\"1\"} 1\n"
                "{\"d\xC3\xA9lai_bucket\",le=\"+Inf\"} 1\n"
                "{\"d\xC3\xA9lai_sum\"} 0.5\n"
                "{\"d\xC3\xA9lai_count\"} 1\n"
                "# TYPE \"g.x\" gauge\n"
                "{\"g.x\"} 0\n");
}

static void test_openmetrics_quotes_names(void **state)
{
    (void)state;
    fill();
    assert_page(SX_FORMAT_OPENMETRICS, SX_ESCAPING_ALLOW_UTF_8,
                "# TYPE \"my.req\\\"s\" counter\n"
                "# HELP \"my.req\\\"s\" Help.\n"
                "{\"my.req\\\"s_total\",\"a.b\"=\"v\\\"1\",plain=\"\"} 1\n"
                "# TYPE \"d\xC3\xA9lai\" histogram\n"
                "{\"d\xC3\xA9lai_bucket\",le=\"1.0\"} 1\n"
                "{\"d\xC3\xA9lai_bucket\",le=\"+Inf\"} 1\n"
                "{\"d\xC3\xA9lai_sum\"} 0.5\n"
                "{\"d\xC3\xA9lai_count\"} 1\n"
                "# TYPE \"g.x\" gauge\n"
                "{\"g.x\"} 0\n"
                "# EOF\n");
}

static void test_other_schemes_escape_names(void **state)
{
    (void)state;
    fill();
    const char *const underscores = "# HELP my_req_s Help.\n"
                                    "# TYPE my_req_s counter\n"
                                    "my_req_s{a_b=\"v\\\"1\",plain=\"\"} 1\n"
                                    "# TYPE d_lai histogram\n"
                                    "d_lai_bucket{le=\"1\"} 1\n"
                                    "d_lai_bucket{le=\"+Inf\"} 1\n"
                                    "d_lai_sum 0.5\n"
                                    "d_lai_count 1\n"
                                    "# TYPE g_x gauge\n"
                                    "g_x 0\n";
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT, underscores);
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_ALLOW_UTF_8, underscores);
    assert_page(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_DEFAULT, underscores);
    assert_page(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_UNDERSCORES, underscores);
    assert_page(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_DOTS,
                "# HELP my_dot_req__s Help.\n"
                "# TYPE my_dot_req__s counter\n"
                "my_dot_req__s{a_dot_b=\"v\\\"1\",plain=\"\"} 1\n"
                "# TYPE d__lai histogram\n"
                "d__lai_bucket{le=\"1\"} 1\n"
                "d__lai_bucket{le=\"+Inf\"} 1\n"
                "d__lai_sum 0.5\n"
                "d__lai_count 1\n"
                "# TYPE g_dot_x gauge\n"
                "g_dot_x 0\n");
    assert_page(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_VALUES,
                "# HELP U__my_2e_req_22_s Help.\n"
                "# TYPE U__my_2e_req_22_s counter\n"
                "U__my_2e_req_22_s{U__a_2e_b=\"v\\\"1\",plain=\"\"} 1\n"
                "# TYPE U__d_e9_lai histogram\n"
                "U__d_e9_lai_bucket{le=\"1\"} 1\n"
                "U__d_e9_lai_bucket{le=\"+Inf\"} 1\n"
                "U__d_e9_lai_sum 0.5\n"
                "U__d_e9_lai_count 1\n"
                "# TYPE U__g_2e_x gauge\n"
                "U__g_2e_x 0\n");
}

static void test_names_must_differ_when_they_are_escaped(void **state)
{
    (void)state;
    assert_int_equal(gauge("a.b", NULL), SX_OK);
    assert_int_equal(gauge("a.b", NULL), SX_OK); /* the same again */
    assert_int_equal(gauge("a_b", NULL), SX_ECLASH);
    assert_int_equal(gauge("a-b", NULL), SX_ECLASH);
    assert_int_equal(gauge("a:b", NULL), SX_OK);
    assert_int_equal(gauge("1", NULL), SX_OK);
    assert_int_equal(gauge("_", NULL), SX_ECLASH);
    assert_int_equal(gauge("\xF0\x9F\x94\xAD", NULL), SX_ECLASH); /* one character */
    assert_int_equal(gauge("\xF0\x9F\x94\xAD.", NULL), SX_OK);
    /* the names of samples, too */
    struct sx_histogram *histogram = NULL;
    assert_int_equal(gauge("h-x.count", NULL), SX_OK);
    assert_int_equal(
        sx_histogram_register(&histogram, registry,
                              &(struct sx_metric_options){.name = "h.x", .utf8_names = true}),
        SX_ECLASH);
}

static void test_labels_must_differ_when_they_are_escaped(void **state)
{
    (void)state;
    assert_int_equal(gauge("g", SX_LABELS("a.b", "a_b")), SX_ELABEL);
    assert_int_equal(gauge("g", SX_LABELS("a-b", "a.b")), SX_ELABEL);
    assert_int_equal(gauge("g", SX_LABELS("a:b", "a.b")), SX_ELABEL);
    assert_int_equal(gauge("g", SX_LABELS("")), SX_ELABEL);
    assert_int_equal(gauge("g", SX_LABELS("\xFF")), SX_ELABEL);
    assert_int_equal(gauge("g", SX_LABELS("..a")), SX_ELABEL); /* __a, which is reserved */
    assert_int_equal(gauge("g", SX_LABELS("_.")), SX_ELABEL);
    assert_int_equal(gauge("g", SX_LABELS("a..", ".", "1")), SX_ELABEL); /* `_` twice */
    assert_int_equal(gauge("g", SX_LABELS("a..", ".", "1b")), SX_OK);
}

static void test_a_constant_label_must_differ_too(void **state)
{
    (void)state;
    static const struct sx_label constant = {"a_b", {"x", 1}};
    struct sx_registry *other = NULL;
    struct sx_gauge_family *family = NULL;
    assert_int_equal(
        sx_registry_new(&other, &(struct sx_registry_options){.constant_labels = &constant,
                                                              .constant_label_count = 1}),
        SX_OK);
    assert_int_equal(
        sx_gauge_family_register(&family, other,
                                 &(struct sx_metric_options){
                                     .name = "g", .labels = SX_LABELS("a.b"), .utf8_names = true}),
        SX_ELABEL);
    sx_registry_destroy(other);
}

static void test_such_names_must_be_asked_for(void **state)
{
    (void)state;
    struct sx_gauge *plain = NULL;
    struct sx_gauge_family *family = NULL;
    assert_int_equal(
        sx_gauge_register(&plain, registry, &(struct sx_metric_options){.name = "a.b"}), SX_ENAME);
    assert_int_equal(sx_gauge_family_register(
                         &family, registry,
                         &(struct sx_metric_options){.name = "g", .labels = SX_LABELS("a.b")}),
                     SX_ELABEL);
    assert_int_equal(gauge("", NULL), SX_ENAME);
    assert_int_equal(gauge(NULL, NULL), SX_ENAME);
    assert_int_equal(gauge("\xC3", NULL), SX_ENAME);
}

static int collect(void *context, struct sx_collection *collection)
{
    (void)context;
    int status = sx_collection_add_family(
        collection, SX_GAUGE,
        &(struct sx_metric_options){.name = "c.x", .labels = SX_LABELS("l.x"), .utf8_names = true});
    const struct sx_str value = {"v", 1};
    return status == SX_OK ? sx_collection_add_sample(collection, &value, 1, 3) : status;
}

static void test_collectors_may_have_such_names(void **state)
{
    (void)state;
    assert_int_equal(sx_collector_register(registry, collect, NULL), SX_OK);
    assert_page(SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_ALLOW_UTF_8,
                "# TYPE \"c.x\" gauge\n{\"c.x\",\"l.x\"=\"v\"} 3\n");
    assert_page(SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT, "# TYPE c_x gauge\nc_x{l_x=\"v\"} 3\n");
}

static void test_registries_join_families_of_such_names(void **state)
{
    (void)state;
    struct sx_registry *second = NULL;
    struct sx_gauge_family *families[2] = {NULL, NULL};
    assert_int_equal(sx_registry_new(&second, NULL), SX_OK);
    struct sx_registry *both[] = {registry, second};
    const struct sx_metric_options options = {
        .name = "g.x", .labels = SX_LABELS("l.x"), .utf8_names = true};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sx_gauge_family_register(&families[i], both[i], &options), SX_OK);
        sx_gauge_set(sx_gauge_with(families[i], "same"), 1);
    }
    sx_gauge_set(sx_gauge_with(families[1], "other"), 2);
    const struct sx_page_options written = {.format = SX_FORMAT_TEXT_1_0_0,
                                            .escaping = SX_ESCAPING_ALLOW_UTF_8};
    assert_int_equal(sx_page_render_options(&page, both, 2, &written), SX_OK);
    assert_string_equal(page.data, "# TYPE \"g.x\" gauge\n"
                                   "{\"g.x\",\"l.x\"=\"same\"} 1\n"
                                   "{\"g.x\",\"l.x\"=\"other\"} 2\n");
    sx_registry_destroy(second);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_text_1_0_0_quotes_names),
        CASE(test_openmetrics_quotes_names),
        CASE(test_other_schemes_escape_names),
        CASE(test_names_must_differ_when_they_are_escaped),
        CASE(test_labels_must_differ_when_they_are_escaped),
        CASE(test_a_constant_label_must_differ_too),
        CASE(test_such_names_must_be_asked_for),
        CASE(test_collectors_may_have_such_names),
        CASE(test_registries_join_families_of_such_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
