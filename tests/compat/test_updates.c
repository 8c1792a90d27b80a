/* Updates by label values and by samples, before and after a metric is registered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bridged.h"
#include "page.h"

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *keys[] = {"method", "path"};
static const char *get_root[] = {"GET", "/"};
static const char *post_root[] = {"POST", "/"};

static void what_is_counted_before_registration_is_on_the_page(void **state)
{
    (void)state;
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 2, keys);
    prom_counter_t *plain = prom_counter_new("plain_total", "Plain.", 0, NULL);
    prom_gauge_t *gauge = prom_gauge_new("g", "G.", 2, keys);
    prom_histogram_t *histogram = prom_histogram_new("h", "H.", NULL, 2, keys);
    assert_int_equal(prom_counter_inc(counter, get_root), 0);
    assert_int_equal(prom_counter_add(counter, 2.5, get_root), 0);
    assert_int_equal(prom_counter_inc(plain, NULL), 0);
    assert_int_equal(prom_gauge_set(gauge, 5, get_root), 0);
    assert_int_equal(prom_gauge_dec(gauge, get_root), 0);
    assert_int_equal(prom_histogram_observe(histogram, .3, get_root), 0);
    assert_int_equal(prom_histogram_observe(histogram, 70, get_root), 0);
    prom_collector_registry_t *registry = registry_with(counter, plain, gauge, histogram, NULL);
    assert_int_equal(prom_counter_inc(counter, get_root), 0);
    assert_int_equal(prom_counter_inc(counter, post_root), 0);
    const char *page = bridged(registry);
    page_assert_line(page, "# HELP c_total C.");
    page_assert_line(page, "# TYPE c_total counter");
    page_assert_line(page, "c_total{method=\"GET\",path=\"/\"} 4.5");
    page_assert_line(page, "c_total{method=\"POST\",path=\"/\"} 1");
    page_assert_line(page, "plain_total 1");
    page_assert_line(page, "g{method=\"GET\",path=\"/\"} 4");
    page_assert_line(page, "h_bucket{method=\"GET\",path=\"/\",le=\"0.25\"} 0");
    page_assert_line(page, "h_bucket{method=\"GET\",path=\"/\",le=\"0.5\"} 1");
    page_assert_line(page, "h_bucket{method=\"GET\",path=\"/\",le=\"+Inf\"} 2");
    page_assert_line(page, "h_sum{method=\"GET\",path=\"/\"} 70.3");
    page_assert_line(page, "h_count{method=\"GET\",path=\"/\"} 2");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void gauges_go_up_and_down(void **state)
{
    (void)state;
    prom_gauge_t *gauge = prom_gauge_new("g", "G.", 0, NULL);
    prom_collector_registry_t *registry = registry_with(gauge, NULL);
    assert_int_equal(prom_gauge_inc(gauge, NULL), 0);
    assert_int_equal(prom_gauge_add(gauge, 10, NULL), 0);
    assert_int_equal(prom_gauge_sub(gauge, 2.5, NULL), 0);
    assert_int_equal(prom_gauge_dec(gauge, NULL), 0);
    page_assert_line(bridged(registry), "g 7.5");
    assert_int_equal(prom_gauge_add(gauge, -10, NULL), 0);
    page_assert_line(bridged(registry), "g -2.5");
    assert_int_equal(prom_gauge_set(gauge, 3, NULL), 0);
    page_assert_line(bridged(registry), "g 3");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void label_values_may_be_null_and_are_escaped(void **state)
{
    (void)state;
    const char *odd[] = {NULL, "say \"a\\b\"\nc"};
    prom_counter_t *counter = prom_counter_new("c_total", NULL, 2, keys);
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    assert_int_equal(prom_counter_inc(counter, odd), 0);
    page_assert_line(bridged(registry), "c_total{method=\"\",path=\"say \\\"a\\\\b\\\"\\nc\"} 1");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void metrics_with_labels_need_an_array_of_values(void **state)
{
    (void)state;
    prom_counter_t *labelled = prom_counter_new("c_total", "C.", 2, keys);
    prom_counter_t *plain = prom_counter_new("plain_total", "P.", 0, NULL);
    prom_histogram_t *histogram = prom_histogram_new("h", "H.", NULL, 2, keys);
    assert_int_not_equal(prom_counter_inc(labelled, NULL), 0);
    assert_int_not_equal(prom_histogram_observe(histogram, 1, NULL), 0);
    assert_null(prom_metric_sample_from_labels(labelled, NULL));
    assert_null(prom_metric_sample_histogram_from_labels(histogram, NULL));
    assert_int_equal(prom_counter_inc(plain, get_root), 0);
    prom_collector_registry_t *registry = registry_with(labelled, plain, histogram, NULL);
    const char *page = bridged(registry);
    page_assert_line(page, "plain_total 1");
    assert_false(page_has(page, "c_total{"));
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void wrong_updates_fail_and_count_nothing(void **state)
{
    (void)state;
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 0, NULL);
    prom_gauge_t *gauge = prom_gauge_new("g", "G.", 0, NULL);
    prom_histogram_t *histogram = prom_histogram_new("h", "H.", NULL, 0, NULL);
    const double amounts[] = {-1, -.5, (double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < sizeof amounts / sizeof amounts[0]; i++) {
        assert_int_not_equal(prom_counter_add(counter, amounts[i], NULL), 0);
    }
    assert_int_not_equal(prom_counter_inc(gauge, NULL), 0);
    assert_int_not_equal(prom_counter_inc(histogram, NULL), 0);
    assert_int_not_equal(prom_gauge_inc(counter, NULL), 0);
    assert_int_not_equal(prom_gauge_set(histogram, 1, NULL), 0);
    assert_int_not_equal(prom_histogram_observe(counter, 1, NULL), 0);
    assert_int_not_equal(prom_histogram_observe(histogram, (double)NAN, NULL), 0);
    assert_int_not_equal(prom_counter_inc(NULL, NULL), 0);
    assert_int_not_equal(prom_gauge_set(NULL, 1, NULL), 0);
    assert_int_not_equal(prom_histogram_observe(NULL, 1, NULL), 0);
    assert_int_not_equal(prom_counter_destroy(gauge), 0);
    assert_int_not_equal(prom_gauge_destroy(counter), 0);
    assert_int_equal(prom_histogram_destroy(NULL), 0);
    prom_collector_registry_t *registry = registry_with(counter, gauge, histogram, NULL);
    const char *page = bridged(registry);
    page_assert_line(page, "c_total 0");
    page_assert_line(page, "g 0");
    page_assert_line(page, "h_count 0");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void a_sample_is_the_same_for_the_same_values(void **state)
{
    (void)state;
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 2, keys);
    prom_metric_sample_t *sample = prom_metric_sample_from_labels(counter, get_root);
    assert_non_null(sample);
    assert_ptr_equal(sample, prom_metric_sample_from_labels(counter, get_root));
    assert_ptr_not_equal(sample, prom_metric_sample_from_labels(counter, post_root));
    assert_int_equal(prom_metric_sample_add(sample, 3), 0);
    assert_int_not_equal(prom_metric_sample_add(sample, -1), 0);
    assert_int_not_equal(prom_metric_sample_add(sample, (double)NAN), 0);
    assert_int_not_equal(prom_metric_sample_sub(sample, 1), 0);
    assert_int_not_equal(prom_metric_sample_set(sample, 1), 0);
    assert_null(prom_metric_sample_histogram_from_labels(counter, get_root));
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    assert_int_equal(prom_counter_inc(counter, get_root), 0);
    const char *page = bridged(registry);
    page_assert_line(page, "c_total{method=\"GET\",path=\"/\"} 4");
    page_assert_line(page, "c_total{method=\"POST\",path=\"/\"} 0");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void samples_of_gauges_and_histograms(void **state)
{
    (void)state;
    prom_gauge_t *gauge = prom_gauge_new("g", "G.", 0, NULL);
    prom_histogram_t *histogram = prom_histogram_new("h", "H.", NULL, 2, keys);
    prom_metric_sample_t *sample = prom_metric_sample_from_labels(gauge, NULL);
    assert_int_equal(prom_metric_sample_set(sample, 9), 0);
    assert_int_equal(prom_metric_sample_sub(sample, 1), 0);
    assert_int_equal(prom_metric_sample_add(sample, -3), 0);
    prom_metric_sample_histogram_t *observed =
        prom_metric_sample_histogram_from_labels(histogram, get_root);
    assert_int_equal(prom_metric_sample_histogram_observe(observed, 2), 0);
    assert_int_not_equal(prom_metric_sample_histogram_observe(observed, (double)NAN), 0);
    assert_ptr_equal(observed, prom_metric_sample_histogram_from_labels(histogram, get_root));
    assert_null(prom_metric_sample_from_labels(histogram, get_root));
    assert_null(prom_metric_sample_from_labels(NULL, NULL));
    assert_int_not_equal(prom_metric_sample_add(NULL, 1), 0);
    assert_int_not_equal(prom_metric_sample_histogram_observe(NULL, 1), 0);
    prom_collector_registry_t *registry = registry_with(gauge, histogram, NULL);
    const char *page = bridged(registry);
    page_assert_line(page, "g 5");
    page_assert_line(page, "h_count{method=\"GET\",path=\"/\"} 1");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

/* The table of samples grows; pointers stay. */
static void many_samples_stay_valid(void **state)
{
    (void)state;
    enum { SAMPLES = 1000 };
    static prom_metric_sample_t *samples[SAMPLES];
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 2, keys);
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    char value[16];
    const char *values[] = {"GET", value};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SAMPLES; i++) {
            snprintf(value, sizeof value, "%d", i);
            prom_metric_sample_t *sample = prom_metric_sample_from_labels(counter, values);
            assert_true(round == 0 || sample == samples[i]);
            samples[i] = sample;
            assert_int_equal(prom_metric_sample_add(sample, i), 0);
        }
    }
    const char *page = bridged(registry);
    assert_true(page_sum(page, "c_total") == SAMPLES * (SAMPLES - 1));
    page_assert_line(page, "c_total{method=\"GET\",path=\"999\"} 1998");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

static void whole_numbers_are_exact(void **state)
{
    (void)state;
    prom_counter_t *counter = prom_counter_new("c_total", "C.", 2, keys);
    prom_collector_registry_t *registry = registry_with(counter, NULL);
    assert_int_equal(prom_counter_add(counter, 9007199254740991, get_root), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(prom_counter_inc(counter, get_root), 0);
    }
    page_assert_line(bridged(registry), "c_total{method=\"GET\",path=\"/\"} 9007199254740995");
    assert_int_equal(prom_collector_registry_destroy(registry), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_counted_before_registration_is_on_the_page),
        cmocka_unit_test(gauges_go_up_and_down),
        cmocka_unit_test(label_values_may_be_null_and_are_escaped),
        cmocka_unit_test(metrics_with_labels_need_an_array_of_values),
        cmocka_unit_test(wrong_updates_fail_and_count_nothing),
        cmocka_unit_test(a_sample_is_the_same_for_the_same_values),
        cmocka_unit_test(samples_of_gauges_and_histograms),
        cmocka_unit_test(many_samples_stay_valid),
        cmocka_unit_test(whole_numbers_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
