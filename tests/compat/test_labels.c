/* Names, labels, help and bounds that libprom let pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "packed_labels.h"
#include "page.h"

#include <cmocka.h>
#include <math.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 20

static const char *many_keys[MANY];
static const char *many_values[MANY];

static int fill_many(void **state)
{
    static char keys[MANY][16];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i], sizeof keys[i], "key_%d", i);
        many_keys[i] = keys[i];
        many_values[i] = "v";
    }
    many_values[1] = NULL;
    many_values[2] = "a \"quote\", a \\ and a\nline, prom_packed_labels=\"x\"";
    return 0;
}

static void invalid_names_are_repaired_and_logged_once(void **state)
{
    (void)state;
    const char *keys[] = {"a-b", "a.b", "1c", "", "ok"};
    const char *values[] = {"1", "2", "3", "4", "5"};
    begin_stderr();
    prom_counter_t *counter = prom_counter_new("http.requests-total", "H.", 5, keys);
    prom_counter_t *again = prom_counter_new("http.requests-total", "H.", 5, keys);
    prom_gauge_t *gauge = prom_gauge_new("1gauge", "G.", 0, NULL);
    prom_collector_registry_t *registry = registry_with(counter, gauge, NULL);
    assert_int_equal(prom_counter_inc(counter, values), 0);
    const char *page = bridged(registry);
    const char *printed = end_stderr();
    page_assert_line(page,
                     "http_requests_total{a_b=\"1\",a_b_=\"2\",_1c=\"3\",_=\"4\",ok=\"5\"} 1");
    page_assert_line(page, "_1gauge 0");
    const char *line = strstr(printed, "\"http.requests-total\"");
    assert_non_null(line);
    assert_null(strstr(line + 1, "\"http.requests-total\""));
    assert_non_null(strstr(printed, "\"a.b\""));
    assert_null(strstr(printed, "\"ok\""));
    assert_int_equal(prom_counter_destroy(again), 0);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void equal_labels_are_made_different(void **state)
{
    (void)state;
    const char *keys[] = {"a", "a", "a_", "__name__", "prom_packed_labels"};
    const char *values[] = {"1", "2", "3", "4", "prom_packed_labels=\"5\""};
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 5, keys);
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    assert_int_equal(prom_counter_inc(counter, values), 0);
    page_assert_line(bridged(registry), "c_total{a=\"1\",a_=\"2\",a__=\"3\",__name___=\"4\","
                                        "prom_packed_labels_=\"prom_packed_labels=\\\"5\\\"\"} 1");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void reserved_labels_are_refused_as_by_libprom(void **state)
{
    (void)state;
    const char *le[] = {"a", "le"};
    const char *quantile[] = {"quantile"};
    const char *null[] = {NULL};
    assert_null(prom_histogram_new("h", "H.", NULL, 2, le));
    assert_null(prom_counter_new("c_total", "C.", 2, le));
    assert_null(prom_gauge_new("g", "G.", 1, quantile));
    assert_null(prom_gauge_new("g", "G.", 1, null));
}

/* A page may have such a label, though Prometheus reserves it. */
static void labels_with_two_underscores_are_accepted(void **state)
{
    (void)state;
    const char *keys[] = {"__shard", "b"};
    const char *values[] = {"1", "{}"};
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 2, keys);
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    assert_int_equal(prom_counter_add(counter, 2, values), 0);
    page_assert_line(bridged(registry), "c_total{__shard=\"1\",b=\"{}\"} 2");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void help_that_is_not_utf8_is_repaired(void **state)
{
    (void)state;
    begin_stderr();
    prom_gauge_t *good = prom_gauge_new("good",
                                        "Temperatur in \xc2\xb0"
                                        "C {a=\"b\"}.",
                                        0, NULL);
    prom_gauge_t *bad = prom_gauge_new("bad",
                                       "Temperatur in \xb0"
                                       "C.",
                                       0, NULL);
    prom_gauge_t *none = prom_gauge_new("none", NULL, 0, NULL);
    prom_collector_registry_t *registry = registry_with(good, bad, none, NULL);
    const char *page = bridged(registry);
    const char *printed = end_stderr();
    page_assert_line(page, "# HELP good Temperatur in \xc2\xb0"
                           "C {a=\"b\"}.");
    page_assert_line(page, "# HELP bad Temperatur in ?C.");
    page_assert_line(page, "none 0");
    assert_non_null(strstr(printed, "bad"));
    assert_null(strstr(printed, "good"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void values_that_are_not_utf8_are_repaired(void **state)
{
    (void)state;
    const char *keys[] = {"a"};
    const char *values[] = {"x\xff"};
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 1, keys);
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    assert_int_equal(prom_counter_inc(counter, values), 0);
    page_assert_line(bridged(registry), "c_total{a=\"x\xef\xbf\xbd\"} 1");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

#define MANY_TEXT             \
    "key_0=\"v\",key_1=\"\"," \
    "key_2=\"a \\\"quote\\\", a \\\\ and a\\nline, prom_packed_labels=\\\"x\\\"\","

static void more_than_16_labels_of_every_type(void **state)
{
    (void)state;
    prom_counter_t *counter =
        prom_counter_new("c_total", "{prom_packed_labels=\"x\"}", MANY, many_keys);
    prom_gauge_t *gauge = prom_gauge_new("g", "G.", MANY, many_keys);
    prom_histogram_t *histogram = prom_histogram_new("h", "H.", NULL, MANY, many_keys);
    const char *keys[] = {"plain"};
    const char *values[] = {"{prom_packed_labels=\"x\"}"};
    prom_counter_t *plain = prom_counter_new("plain_total", "P.", 1, keys);
    assert_int_equal(prom_counter_inc(counter, many_values), 0);
    prom_collector_registry_t *registry = registry_with(counter, gauge, histogram, plain, NULL);
    prom_metric_sample_t *sample = prom_metric_sample_from_labels(counter, many_values);
    assert_int_equal(prom_metric_sample_add(sample, 2), 0);
    assert_ptr_equal(sample, prom_metric_sample_from_labels(counter, many_values));
    assert_int_equal(prom_gauge_set(gauge, 7, many_values), 0);
    assert_int_equal(prom_gauge_dec(gauge, many_values), 0);
    assert_int_equal(prom_histogram_observe(histogram, .3, many_values), 0);
    assert_int_equal(prom_counter_inc(plain, values), 0);
    assert_int_not_equal(prom_counter_inc(counter, NULL), 0);
    const char *page = bridged(registry);
    assert_true(page_has(page, "c_total{" MANY_TEXT "key_3=\"v\""));
    assert_true(page_has(page, "h_bucket{" MANY_TEXT "key_3=\"v\""));
    assert_non_null(strstr(page, "key_19=\"v\",le=\"0.5\"} 1\n"));
    assert_non_null(strstr(page, "key_19=\"v\"} 0.3\n"));
    assert_true(page_sum(page, "c_total") == 3);
    assert_true(page_sum(page, "g") == 6);
    page_assert_line(page, "# HELP c_total {prom_packed_labels=\"x\"}");
    page_assert_line(page, "plain_total{plain=\"{prom_packed_labels=\\\"x\\\"}\"} 1");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

/* Values that do not fit into the room on the stack. */
static void many_long_values(void **state)
{
    (void)state;
    static char value[5000];
    memset(value, '"', sizeof value - 1);
    const char *values[MANY];
    for (int i = 0; i < MANY; i++) {
        values[i] = i == 7 ? value : "";
    }
    prom_counter_t *counter = prom_counter_new("c_total", "C.", MANY, many_keys);
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    assert_int_equal(prom_counter_inc(counter, values), 0);
    assert_non_null(prom_metric_sample_from_labels(counter, values));
    assert_true(strlen(bridged(registry)) > 2 * sizeof value);
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

/* It has no labels of the program, so nothing replaces the packed one. */
static void the_overflow_series_stays_packed(void **state)
{
    (void)state;
    static const char text[] = "c_total{prom_packed_labels=\"__overflow__\"} 3\n"
                               "c_total{prom_packed_labels=\"a=\\\"1\\\"\"} 2\n";
    struct sx_page page = {.data = malloc(sizeof text), .size = sizeof text - 1};
    memcpy(page.data, text, sizeof text);
    assert_int_equal(prom__packed_expand(&page), 0);
    assert_string_equal(page.data, "c_total{prom_packed_labels=\"__overflow__\"} 3\n"
                                   "c_total{a=\"1\"} 2\n");
    assert_int_equal(page.size, strlen(page.data));
    sx_page_clean_up(&page);
}

/* ---- bounds ---- */

static void bounds_are_sorted_and_logged_once(void **state)
{
    (void)state;
    begin_stderr();
    prom_histogram_t *mixed = prom_histogram_new(
        "mixed", "M.", prom_histogram_buckets_new(5, 3.0, 1.0, (double)NAN, 3.0, 2.0), 0, NULL);
    prom_histogram_t *infinite = prom_histogram_new(
        "infinite", "I.", prom_histogram_buckets_new(2, 1.0, (double)INFINITY), 0, NULL);
    prom_histogram_t *empty =
        prom_histogram_new("empty", "E.", prom_histogram_buckets_new(0, 0), 0, NULL);
    const char *printed = end_stderr();
    assert_non_null(strstr(printed, "mixed"));
    assert_null(strstr(printed, "infinite"));
    assert_null(strstr(printed, "empty"));
    assert_int_equal(prom_histogram_observe(mixed, 2.5, NULL), 0);
    prom_collector_registry_t *registry = registry_with(mixed, infinite, empty, NULL);
    const char *page = bridged(registry);
    assert_non_null(strstr(page, "\nmixed_bucket{le=\"1\"} 0\nmixed_bucket{le=\"2\"} 0\n"
                                 "mixed_bucket{le=\"3\"} 1\nmixed_bucket{le=\"+Inf\"} 1\n"));
    assert_non_null(
        strstr(page, "\ninfinite_bucket{le=\"1\"} 0\ninfinite_bucket{le=\"+Inf\"} 0\n"));
    assert_non_null(strstr(page, "TYPE empty histogram\nempty_bucket{le=\"+Inf\"} 0\n"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void buckets_are_made_and_shared(void **state)
{
    (void)state;
    prom_histogram_buckets_t *linear = prom_histogram_buckets_linear(1, 2, 3);
    prom_histogram_buckets_t *exponential = prom_histogram_buckets_exponential(1, 10, 3);
    assert_int_equal(prom_histogram_buckets_count(linear), 3);
    assert_true(linear->count == 3 && linear->upper_bounds[2] == 5);
    assert_true(exponential->upper_bounds[2] == 100);
    assert_null(prom_histogram_buckets_linear(1, 2, 1));
    assert_null(prom_histogram_buckets_exponential(0, 2, 3));
    assert_null(prom_histogram_buckets_exponential(1, 1, 3));
    assert_null(prom_histogram_buckets_exponential(1, 2, 0));
    assert_int_equal(prom_histogram_buckets_count(NULL), 0);
    assert_int_equal(prom_histogram_buckets_destroy(NULL), 0);
    assert_int_equal(prom_histogram_buckets_destroy(exponential), 0);
    prom_histogram_t *one = prom_histogram_new("one", "O.", linear, 0, NULL);
    prom_histogram_t *other = prom_histogram_new("other", "O.", linear, 0, NULL);
    assert_int_equal(prom_histogram_destroy(one), 0);
    assert_true(linear->upper_bounds[0] == 1); /* still another's */
    assert_int_equal(prom_histogram_destroy(other), 0);
}

static void more_bounds_than_sextant_has_are_refused(void **state)
{
    (void)state;
    prom_histogram_buckets_t *buckets = prom_histogram_buckets_linear(1, 1, 257);
    begin_stderr();
    assert_null(prom_histogram_new("h", "H.", buckets, 0, NULL));
    assert_non_null(strstr(end_stderr(), "256"));
    assert_int_equal(prom_histogram_buckets_destroy(buckets), 0);
}

static void the_default_bounds_can_be_replaced(void **state)
{
    (void)state;
    assert_int_equal(prom_histogram_buckets_count(prom_histogram_default_buckets), 11);
    assert_int_equal(prom_histogram_buckets_destroy(prom_histogram_default_buckets), 0);
    prom_histogram_buckets_t *former = prom_histogram_default_buckets;
    prom_histogram_default_buckets = prom_histogram_buckets_new(1, 42.0);
    prom_histogram_t *histogram = prom_histogram_new("h", "H.", NULL, 0, NULL);
    prom_collector_registry_t *registry = registry_with(histogram, NULL);
    page_assert_line(bridged(registry), "h_bucket{le=\"42\"} 0");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
    prom_histogram_buckets_t *own = prom_histogram_default_buckets;
    prom_histogram_default_buckets = former;
    assert_int_equal(prom_histogram_buckets_destroy(own), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_names_are_repaired_and_logged_once),
        cmocka_unit_test(equal_labels_are_made_different),
        cmocka_unit_test(reserved_labels_are_refused_as_by_libprom),
        cmocka_unit_test(labels_with_two_underscores_are_accepted),
        cmocka_unit_test(help_that_is_not_utf8_is_repaired),
        cmocka_unit_test(values_that_are_not_utf8_are_repaired),
        cmocka_unit_test(more_than_16_labels_of_every_type),
        cmocka_unit_test(many_long_values),
        cmocka_unit_test(the_overflow_series_stays_packed),
        cmocka_unit_test(bounds_are_sorted_and_logged_once),
        cmocka_unit_test(buckets_are_made_and_shared),
        cmocka_unit_test(more_bounds_than_sextant_has_are_refused),
        cmocka_unit_test(the_default_bounds_can_be_replaced),
    };
    return cmocka_run_group_tests(tests, fill_many, NULL);
}
