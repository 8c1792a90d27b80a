/* Each MUST of OpenMetrics that a page can break is checked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing_allocation.h"
#include "openmetrics_cases.h"

#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Violations as the cases have them: "3 no-inf; 4 bound". */
struct found {
    char text[512];
    size_t size;
};

static int note(void *context, const struct sx_violation *violation)
{
    struct found *found = context;
    size_t room = sizeof found->text - found->size;
    int size = snprintf(found->text + found->size, room, "%s%zu %s", found->size > 0 ? "; " : "",
                        violation->line, violation->rule);
    assert_true(size > 0 && (size_t)size < room);
    assert_true(strlen(violation->text) > 10);
    found->size += (size_t)size;
    return 0;
}

static const struct sx_check_options openmetrics = {.format = SX_FORMAT_OPENMETRICS};

static int check_page(struct found *found, const char *page, size_t size)
{
    *found = (struct found){.size = 0};
    return sx_exposition_check((struct sx_str){page, size}, &openmetrics, note, found);
}

static int compare(const struct openmetrics_case *test, const char *kind,
                   const struct openmetrics_page *page, const char *expected)
{
    struct found found;
    assert_true(check_page(&found, page->text, page->size) >= 0);
    if (strcmp(found.text, expected) == 0) {
        return 0;
    }
    print_error("%s: %s (%s page): found \"%s\" instead of \"%s\"\n", test->section, test->rule,
                kind, found.text, expected);
    return 1;
}

static void test_each_must_has_a_page_that_keeps_it_and_one_that_breaks_it(void **state)
{
    (void)state;
    int failed = 0;
    for (size_t i = 0; i < OPENMETRICS_CASES; i++) {
        const struct openmetrics_case *test = &openmetrics_cases[i];
        failed += compare(test, "good", &test->good, "");
        failed += compare(test, "bad", &test->bad, test->violations);
    }
    assert_int_equal(failed, 0);
}

#define CHECK(found, page) check_page(&(found), page, sizeof(page) - 1)

/* The examples of the specification, quoted. */
static void test_the_examples_of_the_specification_are_good(void **state)
{
    (void)state;
    struct found found;
    static const char overall[] =
        "# TYPE acme_http_router_request_seconds summary\n"
        "# UNIT acme_http_router_request_seconds seconds\n"
        "# HELP acme_http_router_request_seconds Latency though all of ACME's HTTP request "
        "router.\n"
        "acme_http_router_request_seconds_sum{path=\"/api/v1\",method=\"GET\"} 9036.32\n"
        "acme_http_router_request_seconds_count{path=\"/api/v1\",method=\"GET\"} 807283.0\n"
        "acme_http_router_request_seconds_created{path=\"/api/v1\",method=\"GET\"} 1605281325.0\n"
        "acme_http_router_request_seconds_sum{path=\"/api/v2\",method=\"POST\"} 479.3\n"
        "acme_http_router_request_seconds_count{path=\"/api/v2\",method=\"POST\"} 34.0\n"
        "acme_http_router_request_seconds_created{path=\"/api/v2\",method=\"POST\"} 1605281325.0\n"
        "# TYPE go_goroutines gauge\n"
        "# HELP go_goroutines Number of goroutines that currently exist.\n"
        "go_goroutines 69\n"
        "# TYPE process_cpu_seconds counter\n"
        "# UNIT process_cpu_seconds seconds\n"
        "# HELP process_cpu_seconds Total user and system CPU time spent in seconds.\n"
        "process_cpu_seconds_total 4.20072246e+06\n"
        "# EOF\n";
    assert_int_equal(CHECK(found, overall), 0);
    static const char histogram[] =
        "# TYPE foo histogram\nfoo_bucket{le=\"0.0\"} 0\nfoo_bucket{le=\"1e-05\"} 0\n"
        "foo_bucket{le=\"0.0001\"} 5\nfoo_bucket{le=\"0.1\"} 8\nfoo_bucket{le=\"1.0\"} 10\n"
        "foo_bucket{le=\"10.0\"} 11\nfoo_bucket{le=\"100000.0\"} 11\nfoo_bucket{le=\"1e+06\"} 15\n"
        "foo_bucket{le=\"1e+23\"} 16\nfoo_bucket{le=\"1.1e+23\"} 17\nfoo_bucket{le=\"+Inf\"} 17\n"
        "foo_count 17\nfoo_sum 324789.3\nfoo_created 1520430000.123\n# EOF\n";
    assert_int_equal(CHECK(found, histogram), 0);
    /* It breaks its own rule of canonical numbers, and has two spaces in its last line. */
    static const char exemplars[] =
        "# TYPE foo histogram\nfoo_bucket{le=\"0.01\"} 0\nfoo_bucket{le=\"0.1\"} 8 # {} 0.054\n"
        "foo_bucket{le=\"1\"} 11 # {trace_id=\"KOO5S4vxi0o\"} 0.67\n"
        "foo_bucket{le=\"10\"} 17 # {trace_id=\"oHg5SJYRHA0\"} 9.8 1520879607.789\n"
        "foo_bucket{le=\"+Inf\"} 17\nfoo_count 17\nfoo_sum 324789.3\n"
        "foo_created  1520430000.123\n# EOF\n";
    assert_int_equal(CHECK(found, exemplars), 3);
    assert_string_equal(found.text, "4 bound-canonical; 5 bound-canonical; 9 blanks");
    static const char states[] =
        "# TYPE foo stateset\nfoo{entity=\"controller\",foo=\"a\"} 1.0\n"
        "foo{entity=\"controller\",foo=\"bb\"} 0.0\nfoo{entity=\"controller\",foo=\"ccc\"} 0.0\n"
        "foo{entity=\"replica\",foo=\"a\"} 1.0\nfoo{entity=\"replica\",foo=\"bb\"} 0.0\n"
        "foo{entity=\"replica\",foo=\"ccc\"} 1.0\n# EOF\n";
    assert_int_equal(CHECK(found, states), 0);
    static const char info[] =
        "# TYPE foo info\n"
        "foo_info{entity=\"controller\",name=\"pretty name\",version=\"8.2.7\"} 1.0\n"
        "foo_info{entity=\"replica\",name=\"prettier name\",version=\"8.1.9\"} 1.0\n# EOF\n";
    assert_int_equal(CHECK(found, info), 0);
    static const char points[] =
        "# TYPE foo_seconds summary\n# UNIT foo_seconds seconds\n"
        "foo_seconds_count{a=\"bb\"} 0 123\nfoo_seconds_sum{a=\"bb\"} 0 123\n"
        "foo_seconds_count{a=\"bb\"} 0 456\nfoo_seconds_sum{a=\"bb\"} 0 456\n"
        "foo_seconds_count{a=\"ccc\"} 0 123\nfoo_seconds_sum{a=\"ccc\"} 0 123\n"
        "foo_seconds_count{a=\"ccc\"} 0 456\nfoo_seconds_sum{a=\"ccc\"} 0 456\n# EOF\n";
    assert_int_equal(CHECK(found, points), 0);
}

static void test_what_else_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *page, *violations;
    } cases[] = {
        /* a sample of an earlier family */
        {"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\ng 1\nh_sum 1\nh_count 1\n# EOF\n",
         "2 no-sum; 4 split; 4 interleaved; 4 no-inf"},
        {"a{b=\"1\"} inf\na{b=\"2\"} nan\na{b=\"3\"} +Infinity\n# EOF\n",
         "1 number-spelling; 2 number-spelling; 3 number-spelling"},
        {"a{b=\"1\"} 1\na{c=\"1\"} 1\n# EOF\n", "2 label-names"},
        {"# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"5e-1\"} 1\n# EOF\n",
         "3 bound-canonical; 3 duplicate"},
        {"# TYPE c counter\nc_created +Inf\nc_total 1\n# EOF\n", "2 created"},
        {"# TYPE h_count gauge\n# TYPE h histogram\n# HELP h_count x\n# EOF\n", "2 clash; 3 split"},
        {"# TYPE h histogram\n# HELP h_count x\n# TYPE h_count gauge\nh_count 1\n# EOF\n",
         "2 clash"},
        {"# TYPE a gauge\na 1\n# TYPE a gauge\n# HELP a x\n# EOF\n", "3 type; 4 late"},
        {"# HELP a \\x\na{b=\"\\t\"} 1\n# EOF\n", "1 undefined-escape; 2 undefined-escape"},
        {"# TYPE a counter\na_total 1 # {_b=\"1\"} 1\n# EOF\n", "2 reserved"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct found found;
        check_page(&found, cases[i].page, strlen(cases[i].page));
        assert_string_equal(found.text, cases[i].violations);
    }
}

static void test_quoted_names_are_an_option(void **state)
{
    (void)state;
    static const char page[] = "# TYPE \"a.b\" counter\n{\"a.b_total\",\"c d\"=\"1\"} 1\n# EOF\n";
    struct sx_check_options options = openmetrics;
    struct found found = {.size = 0};
    struct sx_str view = {page, sizeof page - 1};
    assert_int_equal(sx_exposition_check(view, &options, note, &found), 2);
    assert_string_equal(found.text, "1 metric-name; 2 metric-name");
    options.utf8_names = true;
    assert_int_equal(sx_exposition_check(view, &options, NULL, NULL), 0);
}

/* A page of many families, series and points, so that every array and table grows. */
static size_t put_many(char *page, size_t room, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        int added = snprintf(page + size, room - size,
                             "# TYPE h%d histogram\nh%d_bucket{a=\"b\",le=\"+Inf\"} 1\n"
                             "h%d_count{a=\"b\"} 1\nh%d_sum{a=\"b\"} 1\n",
                             i, i, i, i);
        assert_true(added > 0 && (size_t)added < room - size);
        size += (size_t)added;
    }
    return size + (size_t)snprintf(page + size, room - size, "# EOF\n");
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static char page[1 << 16];
    struct sx_str view = {page, put_many(page, sizeof page, 300)};
    int failures = 0;
    for (;; failures++) {
        fail_all_allocations(failures);
        int status = sx_exposition_check(view, &openmetrics, NULL, NULL);
        end_failing_allocations();
        if (status == 0) {
            break;
        }
        assert_int_equal(status, SX_ENOMEM);
    }
    assert_in_range(failures, 12, 100);
}

static void test_many_labels_are_compared_quickly(void **state)
{
    (void)state;
    enum { LABELS = 200000, ROOM = LABELS * 16 };
    char *page = malloc(ROOM);
    struct found found;
    assert_non_null(page);
    size_t size = (size_t)snprintf(page, ROOM, "a{");
    for (int i = 0; i < LABELS; i++) {
        size += (size_t)snprintf(page + size, ROOM - size, "%sl%d=\"\"", i > 0 ? "," : "", i);
    }
    size += (size_t)snprintf(page + size, ROOM - size, "} 1\n# EOF\n");
    assert_int_equal(check_page(&found, page, size), 1);
    assert_string_equal(found.text, "1 label-count");
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_must_has_a_page_that_keeps_it_and_one_that_breaks_it),
        cmocka_unit_test(test_the_examples_of_the_specification_are_good),
        cmocka_unit_test(test_what_else_is_found),
        cmocka_unit_test(test_quoted_names_are_an_option),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_many_labels_are_compared_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
