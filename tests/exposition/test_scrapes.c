/* Limits of scrapes, and the metrics of scrapes. The clock can be put forward, so that no test
 * waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/testing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atomic_llong clock_ahead_ms;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int status = __real_clock_gettime(clock, now);
    const long long ahead_ms = atomic_load(&clock_ahead_ms);
    now->tv_sec += (time_t)(ahead_ms / 1000);
    now->tv_nsec += (long)(ahead_ms % 1000) * 1000000;
    if (now->tv_nsec >= 1000000000) {
        now->tv_sec++;
        now->tv_nsec -= 1000000000;
    }
    return status;
}

#define LIMIT_MS 3600000 /* more than a test takes */

static struct sx_registry *registry;
static struct sx_registry *second;
static struct sx_page page;
static struct sx_scrapes *scrapes;
static struct sx_exposition_response response;
static int collected;
static bool is_asked_for_value;

static const struct sx_registry_options small = {
    .thread_rows = 8, .row_bytes = 64 << 10, .directory_bytes = 64 << 10};

static int set_up(void **state)
{
    (void)state;
    scrapes = NULL;
    page = (struct sx_page){0};
    collected = 0;
    return sx_registry_new(&registry, &small) | sx_registry_new(&second, &small);
}

static int tear_down(void **state)
{
    (void)state;
    sx_scrapes_destroy(scrapes);
    sx_page_clean_up(&page);
    sx_registry_destroy(second);
    sx_registry_destroy(registry);
    return 0;
}

static void make(struct sx_scrapes_options options)
{
    assert_int_equal(sx_scrapes_new(&scrapes, registry, &options), SX_OK);
}

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static int ask(const char *method, const char *accept)
{
    const struct sx_exposition_request request = {
        .method = view(method), .accept = view(accept), .scrapes = scrapes};
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &request), SX_OK);
    return response.status;
}

/* Renders a page, too; the collectors of this file then do nothing. */
static double value_of(const char *name, const char *code)
{
    char series[64];
    snprintf(series, sizeof series, code == NULL ? "%s%s" : "%s{code=\"%s\"}", name,
             code == NULL ? "" : code);
    is_asked_for_value = true;
    const double value = sx_testing_value(registry, series);
    is_asked_for_value = false;
    return value;
}

static void assert_codes(double of_200, double of_500, double of_503)
{
    assert_true(value_of("sextant_scrapes_total", "200") == of_200);
    assert_true(value_of("sextant_scrapes_total", "500") == of_500);
    assert_true(value_of("sextant_scrapes_total", "503") == of_503);
}

static void refused_with(const char *sentence)
{
    assert_int_equal(response.status, 503);
    assert_string_equal(response.content_type, "text/plain; charset=utf-8");
    assert_int_equal(response.body.size, strlen(sentence));
    assert_memory_equal(response.body.data, sentence, response.body.size);
    assert_int_equal(response.content_length, response.body.size);
    assert_int_equal(response.page_size, 0);
    assert_int_equal(response.header_count, 0);
}

/* ---- how many ---- */

static int nested_status;

/* Scrapes while a page is rendered, so while one scrape is in progress. */
static int scrape_again(void *context, struct sx_collection *collection)
{
    (void)collection;
    if (is_asked_for_value) {
        return SX_OK;
    }
    struct sx_page other = {0};
    struct sx_exposition_response answer;
    const struct sx_exposition_request request = {.scrapes = context};
    assert_int_equal(sx_exposition_respond(&answer, &other, registry, &request), SX_OK);
    nested_status = answer.status;
    if (answer.status == 503) {
        response = answer;
        refused_with("too many scrapes at the same time\n");
    }
    sx_page_clean_up(&other);
    return SX_OK;
}

static void test_a_scrape_beyond_the_limit_is_a_503(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.scrapes_max = 1, .measure = true});
    assert_int_equal(sx_collector_register(registry, scrape_again, scrapes), SX_OK);
    assert_int_equal(ask("GET", ""), 200);
    assert_int_equal(nested_status, 503);
    assert_codes(1, 0, 1);
    assert_int_equal(ask("GET", ""), 200);
    assert_codes(2, 0, 2);
    assert_int_equal(sx_collector_unregister(registry, scrape_again, scrapes), 1);
}

static void test_up_to_the_limit_all_are_answered(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.scrapes_max = 2, .measure = true});
    assert_int_equal(sx_collector_register(registry, scrape_again, scrapes), SX_OK);
    assert_int_equal(ask("GET", ""), 200);
    assert_int_equal(nested_status, 500); /* a collector must not render */
    assert_codes(1, 1, 0);
    assert_int_equal(sx_collector_unregister(registry, scrape_again, scrapes), 1);
}

static void test_a_queue_begins_and_ends_scrapes(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.scrapes_max = 2, .measure = true});
    assert_int_equal(sx_scrapes_begin(scrapes), SX_OK);
    assert_int_equal(sx_scrapes_begin(scrapes), SX_OK);
    assert_true(value_of("sextant_scrapes_in_progress", NULL) == 2);
    assert_int_equal(sx_scrapes_begin(scrapes), SX_EAGAIN);
    assert_codes(0, 0, 1);
    assert_int_equal(ask("GET", ""), 503);
    assert_codes(0, 0, 2);
    const struct sx_exposition_request begun = {.scrapes = scrapes, .scrape_has_begun = true};
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &begun), SX_OK);
    assert_int_equal(response.status, 200);
    assert_codes(0, 0, 2); /* the caller counts and observes it */
    assert_true(value_of("sextant_scrape_size_bytes_count", NULL) == 0);
    assert_true(value_of("sextant_scrapes_in_progress", NULL) == 2);
    sx_scrapes_end(scrapes, &response);
    assert_codes(1, 0, 2);
    assert_true(value_of("sextant_scrape_size_bytes_sum", NULL) == (double)response.content_length);
    assert_true(value_of("sextant_scrape_duration_seconds_sum", NULL) == response.render_seconds);
    assert_true(response.render_seconds > 0);
    sx_scrapes_end(scrapes, NULL);
    assert_codes(1, 0, 2);
    assert_true(value_of("sextant_scrape_size_bytes_count", NULL) == 1);
    assert_true(value_of("sextant_scrapes_in_progress", NULL) == 0);
    assert_int_equal(ask("GET", ""), 200);
}

/* The page was rendered, but too late: the server has answered by itself. */
static void test_a_page_that_was_not_sent_is_not_observed(void **state)
{
    (void)state;
    const struct sx_exposition_response sent = {.status = 503};
    make((struct sx_scrapes_options){.measure = true});
    const struct sx_exposition_request begun = {.scrapes = scrapes, .scrape_has_begun = true};
    assert_int_equal(sx_scrapes_begin(scrapes), SX_OK);
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &begun), SX_OK);
    assert_int_equal(response.status, 200);
    sx_scrapes_end(scrapes, &sent);
    assert_codes(0, 0, 1);
    assert_true(value_of("sextant_scrape_duration_seconds_count", NULL) == 0);
    assert_true(value_of("sextant_scrape_size_bytes_count", NULL) == 0);
}

static void test_a_405_of_a_scrape_that_has_begun_is_counted_once(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.measure = true});
    const struct sx_exposition_request begun = {
        .method = view("POST"), .scrapes = scrapes, .scrape_has_begun = true};
    assert_int_equal(sx_scrapes_begin(scrapes), SX_OK);
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &begun), SX_OK);
    assert_int_equal(response.status, 405);
    sx_scrapes_end(scrapes, &response);
    assert_true(value_of("sextant_scrapes_total", "405") == 1);
    assert_true(value_of("sextant_scrape_size_bytes_count", NULL) == 0);
}

#define THREADS 4
#define SCRAPES 200

static atomic_int at_once, at_once_most, answered, refused;

static int collect_slowly(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    const int now = atomic_fetch_add(&at_once, 1) + 1;
    int most = atomic_load(&at_once_most);
    while (now > most && !atomic_compare_exchange_weak(&at_once_most, &most, now)) {
    }
    atomic_fetch_sub(&at_once, 1);
    return SX_OK;
}

static void *scrape_often(void *context)
{
    (void)context;
    struct sx_page own = {0};
    struct sx_exposition_response answer = {0};
    const struct sx_exposition_request request = {.scrapes = scrapes};
    for (int i = 0; i < SCRAPES; i++) {
        if (sx_exposition_respond(&answer, &own, registry, &request) != SX_OK) {
            abort();
        }
        atomic_fetch_add(answer.status == 200 ? &answered : &refused, 1);
    }
    sx_page_clean_up(&own);
    return NULL;
}

static void test_threads_keep_the_limit_and_the_counts(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    make((struct sx_scrapes_options){.scrapes_max = 2, .measure = true});
    assert_int_equal(sx_collector_register(registry, collect_slowly, NULL), SX_OK);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, scrape_often, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_in_range(at_once_most, 1, 2);
    assert_int_equal(answered + refused, THREADS * SCRAPES);
    assert_codes(answered, 0, refused);
    assert_true(value_of("sextant_scrapes_in_progress", NULL) == 0);
    assert_true(value_of("sextant_scrape_duration_seconds_count", NULL) == answered);
}

/* ---- how long ---- */

static int collect_for_the_limit(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    if (is_asked_for_value) {
        return SX_OK;
    }
    collected++;
    atomic_fetch_add(&clock_ahead_ms, LIMIT_MS);
    return SX_OK;
}

static double value_after_the_limit(void *context)
{
    (void)context;
    collected++;
    atomic_fetch_add(&clock_ahead_ms, LIMIT_MS);
    return 1;
}

static void test_after_the_limit_no_collector_is_called(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.render_timeout_ms = LIMIT_MS, .measure = true});
    assert_int_equal(ask("GET", ""), 200);
    assert_int_equal(sx_collector_register(registry, collect_for_the_limit, NULL), SX_OK);
    assert_int_equal(sx_collector_register(registry, collect_for_the_limit, &collected), SX_OK);
    assert_int_equal(ask("GET", ""), 503);
    refused_with("the metrics page was not rendered in time\n");
    assert_int_equal(collected, 1);
    assert_int_equal(page.size, 0);
    assert_codes(1, 0, 1);
    assert_true(value_of("sextant_scrape_duration_seconds_count", NULL) == 1);
    assert_int_equal(sx_collector_unregister(registry, collect_for_the_limit, &collected), 1);
}

/* A page that was queued for the whole time is given up before its first collector. */
static void test_the_limit_counts_from_when_the_scrape_was_begun(void **state)
{
    (void)state;
    struct timespec now;
    make((struct sx_scrapes_options){.render_timeout_ms = LIMIT_MS});
    assert_int_equal(sx_collector_register(registry, collect_for_the_limit, NULL), SX_OK);
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t begun_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    const struct sx_exposition_request request = {.scrapes = scrapes, .begun_ns = begun_ns};
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &request), SX_OK);
    assert_int_equal(response.status, 200);
    assert_int_equal(collected, 1); /* it has put the clock forward */
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &request), SX_OK);
    refused_with("the metrics page was not rendered in time\n");
    assert_int_equal(collected, 1);
}

static void test_after_the_limit_no_family_is_begun(void **state)
{
    (void)state;
    struct sx_registry *const both[] = {registry, second};
    struct sx_page_options options = {.timeout_ms = LIMIT_MS};
    struct sx_counter *counter = NULL;
    const struct sx_metric_options slow = {.name = "slow", .help = "H."};
    const struct sx_metric_options other = {.name = "other_total", .help = "H."};
    assert_int_equal(sx_gauge_register_callback(registry, &slow, value_after_the_limit, NULL),
                     SX_OK);
    assert_int_equal(sx_counter_register(&counter, second, &other), SX_OK);
    for (size_t count = 1; count <= 2; count++) {
        options.timeout_ms = LIMIT_MS;
        assert_int_equal(sx_page_render_options(&page, both, count, &options), SX_ETIMEOUT);
        assert_int_equal(page.size, 0);
        options.timeout_ms = 2 * LIMIT_MS;
        assert_int_equal(sx_page_render_options(&page, both, count, &options), SX_OK);
        assert_non_null(strstr(page.data, "slow 1\n"));
        options.timeout_ms = 0;
        assert_int_equal(sx_page_render_options(&page, both, count, &options), SX_OK);
    }
    assert_int_equal(collected, 6);
}

/* ---- what is measured ---- */

static void test_the_page_shows_its_own_scrape_in_progress(void **state)
{
    (void)state;
    static const char expected[] =
        "# HELP sextant_scrapes_total Requests for the page that have been answered, by the status "
        "of the response.\n"
        "# TYPE sextant_scrapes_total counter\n"
        "sextant_scrapes_total{code=\"200\"} 0\n"
        "sextant_scrapes_total{code=\"500\"} 0\n"
        "sextant_scrapes_total{code=\"503\"} 0\n"
        "# HELP sextant_scrapes_in_progress Scrapes that wait for their page, including the one "
        "that shows this.\n"
        "# TYPE sextant_scrapes_in_progress gauge\n"
        "sextant_scrapes_in_progress 1\n";
    make((struct sx_scrapes_options){.measure = true});
    assert_int_equal(ask("GET", ""), 200);
    assert_true(page.size > sizeof expected);
    assert_memory_equal(page.data, expected, sizeof expected - 1);
}

static int shrink(struct sx_page *one)
{
    one->size = 17;
    return SX_OK;
}

static void test_requests_are_counted_and_pages_observed(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.measure = true});
    const int64_t before = (int64_t)clock_ahead_ms;
    assert_int_equal(ask("GET", ""), 200);
    double bytes = (double)response.content_length;
    assert_int_equal(ask("HEAD", ""), 200);
    bytes += (double)response.content_length;
    const struct sx_exposition_request compressed = {
        .scrapes = scrapes, .gzip = shrink, .accept_encoding = view("gzip")};
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &compressed), SX_OK);
    bytes += page.size == 17 ? 17 : (double)response.content_length;
    assert_int_equal(ask("POST", ""), 405);
    assert_int_equal(ask("PUT", ""), 405);
    assert_codes(3, 0, 0);
    assert_true(value_of("sextant_scrapes_total", "405") == 2);
    assert_true(value_of("sextant_scrape_size_bytes_count", NULL) == 3);
    assert_true(value_of("sextant_scrape_size_bytes_sum", NULL) == bytes);
    assert_true(value_of("sextant_scrape_duration_seconds_count", NULL) == 3);
    assert_true(value_of("sextant_scrape_duration_seconds_sum", NULL) > 0);
    assert_true(value_of("sextant_scrape_duration_seconds_sum", NULL) < 3600);
    assert_int_equal(before, (int64_t)clock_ahead_ms);
}

static void test_the_duration_is_that_of_collectors_too(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.measure = true});
    assert_int_equal(sx_collector_register(registry, collect_for_the_limit, NULL), SX_OK);
    assert_int_equal(ask("GET", ""), 200);
    assert_true(value_of("sextant_scrape_duration_seconds_sum", NULL) >= LIMIT_MS / 1000.0);
}

static int print_violation(void *context, const struct sx_violation *violation)
{
    (void)context;
    print_error("%zu: %s (%s)\n", violation->line, violation->text, violation->rule);
    return 0;
}

static void test_the_lint_finds_nothing(void **state)
{
    (void)state;
    static const char *const accepts[] = {"text/plain", "application/openmetrics-text"};
    static const enum sx_format formats[] = {SX_FORMAT_TEXT, SX_FORMAT_OPENMETRICS};
    make((struct sx_scrapes_options){.measure = true});
    for (size_t i = 0; i < 4; i++) {
        const struct sx_check_options options = {.format = formats[i % 2], .lint = true};
        assert_int_equal(ask("GET", accepts[i % 2]), 200);
        assert_int_equal(sx_exposition_check(response.body, &options, print_violation, NULL), 0);
    }
}

static void test_without_the_option_nothing_is_measured(void **state)
{
    (void)state;
    make((struct sx_scrapes_options){.scrapes_max = 1});
    assert_int_equal(ask("GET", ""), 200);
    assert_int_equal(page.size, 0);
    assert_int_equal(ask("POST", ""), 405);
    assert_int_equal(sx_scrapes_begin(scrapes), SX_OK);
    assert_int_equal(ask("GET", ""), 503);
    sx_scrapes_end(scrapes, NULL);
    assert_int_equal(ask("GET", ""), 200);
    assert_int_equal(page.size, 0);
}

static void test_two_measure_together_and_limit_apart(void **state)
{
    (void)state;
    struct sx_scrapes *other = NULL;
    const struct sx_exposition_response sent = {.status = 200};
    make((struct sx_scrapes_options){.scrapes_max = 1, .measure = true});
    assert_int_equal(
        sx_scrapes_new(&other, registry,
                       &(struct sx_scrapes_options){.scrapes_max = 1, .measure = true}),
        SX_OK);
    assert_int_equal(sx_scrapes_begin(scrapes), SX_OK);
    assert_int_equal(sx_scrapes_begin(other), SX_OK);
    assert_true(value_of("sextant_scrapes_in_progress", NULL) == 2);
    sx_scrapes_end(other, &sent);
    sx_scrapes_end(scrapes, &sent);
    assert_codes(2, 0, 0);
    sx_scrapes_destroy(other);
    assert_codes(2, 0, 0);
    sx_scrapes_destroy(scrapes);
    scrapes = NULL;
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_int_equal(page.size, 0);
}

static void test_null_arguments(void **state)
{
    (void)state;
    assert_int_equal(sx_scrapes_new(NULL, registry, NULL), SX_EINVAL);
    assert_int_equal(sx_scrapes_new(&scrapes, registry, NULL), SX_OK);
    assert_int_equal(sx_scrapes_begin(NULL), SX_OK);
    sx_scrapes_end(NULL, &response);
    sx_scrapes_destroy(NULL);
}

static void test_a_name_that_is_taken_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const names[] = {"sextant_scrapes_total", "sextant_scrapes_in_progress",
                                        "sextant_scrape_duration_seconds",
                                        "sextant_scrape_size_bytes"};
    const struct sx_scrapes_options options = {.measure = true};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sx_histogram *taken = NULL;
        struct sx_counter *counter = NULL;
        const struct sx_metric_options metric = {.name = names[i], .help = "H."};
        if (i == 0) {
            assert_int_equal(sx_counter_register(&counter, registry, &metric), SX_OK);
        } else {
            assert_int_equal(sx_histogram_register(&taken, registry, &metric), SX_OK);
        }
        assert_int_equal(sx_scrapes_new(&scrapes, registry, &options), SX_EEXIST);
        assert_null(scrapes);
        if (i == 0) {
            assert_int_equal(sx_counter_unregister(counter), 1);
        } else {
            assert_int_equal(sx_histogram_unregister(taken), 1);
        }
        assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
        assert_int_equal(page.size, 0);
    }
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    const struct sx_scrapes_options options = {.measure = true};
    bool has_failed = true;
    int failures = 0;
    for (long successes = 0; has_failed; successes++) {
        sx_scrapes_destroy(scrapes); /* the directory manages without some of its memory */
        scrapes = NULL;
        fail_one_allocation(successes);
        const int status = sx_scrapes_new(&scrapes, registry, &options);
        has_failed = end_failing_allocations();
        assert_true(status == SX_OK || (has_failed && status == SX_ENOMEM));
        assert_true((status == SX_OK) == (scrapes != NULL));
        failures += status != SX_OK;
    }
    assert_true(failures > 0);
    has_failed = true;
    failures = 0;
    for (long successes = 0; has_failed; successes++) {
        sx_page_clean_up(&page);
        fail_one_allocation(successes);
        const int status = ask("GET", "");
        has_failed = end_failing_allocations();
        assert_true(status == 200 || (has_failed && status == 500));
        assert_true(value_of("sextant_scrapes_in_progress", NULL) == 0);
        failures += status != 200;
    }
    assert_true(failures > 0);
    assert_true(value_of("sextant_scrapes_total", "500") == failures);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_scrape_beyond_the_limit_is_a_503),
        CASE(test_up_to_the_limit_all_are_answered),
        CASE(test_a_queue_begins_and_ends_scrapes),
        CASE(test_a_page_that_was_not_sent_is_not_observed),
        CASE(test_a_405_of_a_scrape_that_has_begun_is_counted_once),
        CASE(test_threads_keep_the_limit_and_the_counts),
        CASE(test_after_the_limit_no_collector_is_called),
        CASE(test_the_limit_counts_from_when_the_scrape_was_begun),
        CASE(test_after_the_limit_no_family_is_begun),
        CASE(test_the_page_shows_its_own_scrape_in_progress),
        CASE(test_requests_are_counted_and_pages_observed),
        CASE(test_the_duration_is_that_of_collectors_too),
        CASE(test_the_lint_finds_nothing),
        CASE(test_without_the_option_nothing_is_measured),
        CASE(test_two_measure_together_and_limit_apart),
        CASE(test_null_arguments),
        CASE(test_a_name_that_is_taken_leaves_nothing_behind),
        CASE(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
