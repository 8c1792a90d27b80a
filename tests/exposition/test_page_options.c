/* Which families are on a page, by options and by the query of a scrape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_page page;

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static int collect(void *context, struct sx_collection *collection)
{
    (void)context;
    int status = sx_collection_add_family(collection, SX_GAUGE,
                                          &(struct sx_metric_options){.name = "collected"});
    return status == SX_OK ? sx_collection_add_sample(collection, NULL, 0, 3) : status;
}

static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options options = {.thread_rows = 2,
                                                       .row_bytes = 64 << 10,
                                                       .directory_bytes = 64 << 10,
                                                       .name_prefix = "app_"};
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    page = (struct sx_page){0};
    int status = sx_registry_new(&registry, &options);
    if (status == SX_OK) {
        status =
            sx_counter_register(&counter, registry, &(struct sx_metric_options){.name = "c_total"});
    }
    if (status == SX_OK) {
        status = sx_gauge_register(&gauge, registry, &(struct sx_metric_options){.name = "g"});
    }
    if (status == SX_OK) {
        status = sx_collector_register(registry, collect, NULL);
    }
    return status == SX_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}

#define COUNTER "# TYPE app_c_total counter\napp_c_total 0\n"
#define GAUGE "# TYPE app_g gauge\napp_g 0\n"
#define COLLECTED "# TYPE app_collected gauge\napp_collected 3\n"

static void test_named_families_only(void **state)
{
    (void)state;
    const struct sx_str names[] = {view("app_collected"), view("none"), view("app_g")};
    const struct sx_page_options options = {.names = names, .name_count = 3};
    assert_int_equal(sx_page_render_options(&page, &registry, 1, &options), SX_OK);
    assert_string_equal(page.data, GAUGE COLLECTED);
    assert_int_equal(sx_page_render_options(&page, &registry, 1, NULL), SX_OK);
    assert_string_equal(page.data, COUNTER GAUGE COLLECTED);
}

static void test_named_families_of_several_registries(void **state)
{
    (void)state;
    struct sx_registry *second = NULL;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_registry_new(&second, NULL), SX_OK);
    assert_int_equal(sx_gauge_register(&gauge, second, &(struct sx_metric_options){.name = "g"}),
                     SX_OK);
    const struct sx_str names[] = {view("g"), view("app_c_total")};
    const struct sx_page_options options = {.names = names, .name_count = 2};
    struct sx_registry *both[] = {registry, second};
    assert_int_equal(sx_page_render_options(&page, both, 2, &options), SX_OK);
    assert_string_equal(page.data, COUNTER "# TYPE g gauge\ng 0\n");
    sx_registry_destroy(second);
}

static void test_wrong_options_are_refused(void **state)
{
    (void)state;
    const struct sx_page_options wrong[] = {
        {.format = (enum sx_format)4},
        {.format = (enum sx_format) - 1},
        {.escaping = (enum sx_escaping)5},
        {.name_count = 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(sx_page_render_options(&page, &registry, 1, &wrong[i]), SX_EINVAL);
        assert_int_equal(page.size, 0);
    }
    assert_int_equal(sx_page_render_options(&page, NULL, 1, NULL), SX_EINVAL);
    assert_int_equal(sx_page_render_options(NULL, &registry, 1, NULL), SX_EINVAL);
}

static void test_the_query_selects_families(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *page;
    } cases[] = {
        {"", COUNTER GAUGE COLLECTED},
        {"name=app_g", COUNTER GAUGE COLLECTED},
        {"names[]=app_g&x", COUNTER GAUGE COLLECTED},
        {"name[]=app_g", GAUGE},
        {"name%5B%5d=app%5Fg", GAUGE},
        {"a=b&name[]=app_g&name[]=app_c_total&&", COUNTER GAUGE},
        {"name[]=app_g&name[]=app_g", GAUGE},
        {"name[]=", ""},
        {"name[]", ""},
        {"name[]=app_", ""},
        {"name[]=app+g", ""},
        {"name[]=app_g%", ""},
        {"name[]=app_g%5", ""},
        {"name[]=app_g%zz", ""},
        {"name[]=%61pp_g", GAUGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct sx_exposition_request request = {.query = view(cases[i].query)};
        struct sx_exposition_response response;
        assert_int_equal(sx_exposition_respond(&response, &page, registry, &request), SX_OK);
        assert_int_equal(response.status, 200);
        if (strcmp(page.data, cases[i].page) != 0) {
            print_error("%s\n", cases[i].query);
        }
        assert_string_equal(page.data, cases[i].page);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_named_families_only),
        CASE(test_named_families_of_several_registries),
        CASE(test_wrong_options_are_refused),
        CASE(test_the_query_selects_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
