/* Several struct sx_http_metrics, on one registry and on several; and what is left of one that was
 * destroyed. */
#include "measured.h"

#include "failing_allocation.h"
#include "page.h"

#include <stdio.h>

static struct measured measured;

static int set_up(void **state)
{
    (void)state;
    measured_init(&measured, (struct sx_http_metrics_options){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    measured_clean_up(&measured);
    return 0;
}

#define LINE(handler) "http_requests_total{method=\"GET\",handler=\"" handler "\",code=\"200\"} "

static void ask(struct sx_http_metrics *http, const char *label)
{
    measured_request(sx_http_get_handler(http, label), "GET", 200, SX_HTTP_COMPLETE);
}

static void test_several_on_one_registry_count_in_the_same_series(void **state)
{
    (void)state;
    struct measured second;
    measured_init(&second, (struct sx_http_metrics_options){.registry = measured.registry});
    ask(measured.http, "both");
    ask(second.http, "both");
    ask(second.http, "second");
    measured_assert_line(&measured, LINE("both") "2");
    measured_assert_line(&measured, LINE("second") "1");
    struct sx_http_request requests[2];
    sx_http_begin(&requests[0], sx_http_get_handler(measured.http, "both"), "GET", 0);
    sx_http_begin(&requests[1], sx_http_get_handler(second.http, "both"), "GET", 0);
    measured_assert_line(&measured, "http_requests_inprogress{method=\"GET\",handler=\"both\"} 2");
    sx_http_end(&requests[0], SX_HTTP_COMPLETE, NULL);
    sx_http_end(&requests[1], SX_HTTP_COMPLETE, NULL);
    measured_assert_balanced(&measured);
    measured_clean_up(&second);
}

static void test_several_with_different_names_are_beside_each_other(void **state)
{
    (void)state;
    struct measured second;
    measured_init(&second, (struct sx_http_metrics_options){.registry = measured.registry,
                                                            .names = SX_NAMES_OPENTELEMETRY});
    ask(measured.http, "h");
    ask(second.http, "h");
    const char *page = measured_page(&measured);
    assert_true(page_sum(page, "http_requests_total") == 1);
    assert_true(page_sum(page, "http_server_request_duration_seconds_count") == 1);
    measured_clean_up(&second);
}

static void test_other_buckets_or_labels_on_the_same_registry_are_refused(void **state)
{
    (void)state;
    static const double buckets[] = {1, 2};
    struct sx_http_metrics *http = NULL;
    const struct sx_http_metrics_options options = {
        .registry = measured.registry, .buckets = buckets, .bucket_count = 2};
    assert_int_equal(sx_http_metrics_new(&http, &options), SX_EEXIST);
    const struct sx_http_metrics_options with_code = {.registry = measured.registry,
                                                      .duration_has_code = true};
    assert_int_equal(sx_http_metrics_new(&http, &with_code), SX_EEXIST);
    assert_null(http);
    ask(measured.http, "h"); /* the others go on */
    measured_assert_line(&measured, LINE("h") "1");
}

static void test_each_registry_has_its_own_counts(void **state)
{
    (void)state;
    struct measured second;
    measured_init(&second, (struct sx_http_metrics_options){0});
    ask(measured.http, "h");
    ask(second.http, "h");
    ask(second.http, "h");
    measured_assert_line(&measured, LINE("h") "1");
    measured_assert_line(&second, LINE("h") "2");
    measured_clean_up(&second);
}

static void test_the_values_stay_when_the_metrics_are_destroyed(void **state)
{
    (void)state;
    struct measured first;
    measured_init(&first, (struct sx_http_metrics_options){.registry = measured.registry});
    sx_http_metrics_destroy(measured.http);
    measured.http = NULL;
    ask(first.http, "h");
    sx_http_reject(first.http, "malformed");
    measured_clean_up(&first);
    measured_assert_line(&measured, LINE("h") "1");
    measured_assert_line(&measured, "http_requests_rejected_total{reason=\"malformed\"} 1");
    measured_assert_balanced(&measured);
    measured_init(&first, (struct sx_http_metrics_options){.registry = measured.registry});
    ask(first.http, "h");
    measured_assert_line(&measured, LINE("h") "2");
    measured_clean_up(&first);
}

/* Neither memory nor the pins of series, so that what the program removes is reused. If each series
 * below stayed, this small directory would be full after about 200 of them. */
static void test_destroying_frees_all_but_the_values(void **state)
{
    (void)state;
    const long before = allocations_live();
    struct sx_counter_family *family = NULL;
    const struct sx_metric_options options = {.name = "http_requests_total",
                                              .help = "Requests answered.",
                                              .labels = SX_LABELS("method", "handler", "code"),
                                              .max_series = 1};
    struct sx_registry *registry = NULL;
    assert_int_equal(
        sx_registry_new(&registry, &(struct sx_registry_options){.directory_bytes = 1 << 16}),
        SX_OK);
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    for (int i = 0; i < 3000; i++) {
        char code[4];
        (void)snprintf(code, sizeof code, "%d", 200 + i % 400);
        struct measured first;
        measured_init(&first, (struct sx_http_metrics_options){.registry = registry});
        measured_request(sx_http_get_handler(first.http, "h"), "GET", 200 + i % 400,
                         SX_HTTP_COMPLETE);
        measured_clean_up(&first);
        const struct sx_str values[] = {{"GET", 3}, {"h", 1}, {code, 3}};
        assert_int_equal(sx_counter_family_remove(family, values, 3), 1);
    }
    sx_registry_destroy(registry);
    assert_int_equal(allocations_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_several_on_one_registry_count_in_the_same_series),
        CASE(test_several_with_different_names_are_beside_each_other),
        CASE(test_other_buckets_or_labels_on_the_same_registry_are_refused),
        CASE(test_each_registry_has_its_own_counts),
        CASE(test_the_values_stay_when_the_metrics_are_destroyed),
        CASE(test_destroying_frees_all_but_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
