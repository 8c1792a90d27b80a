/* Limits of the scrapes of sx_expose_metrics, and their metrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tested_app.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/testing.h>
#include <string.h>
#include <time.h>

static const struct sx_route routes[] = {SX_GET("/metrics", sx_expose_metrics)};

static struct sx_prometheus_options options;

static int set_up(void **state)
{
    (void)state;
    options = (struct sx_prometheus_options){.measure_scrapes = true};
    return sx_registry_new(&registry, NULL);
}

static void start(void)
{
    start_app((struct sx_app_options){.routes = SX_LIST(routes)}, options);
}

static bool shows(const char *series, double value)
{
    return sx_testing_value(registry, series) == value;
}

/* ---- how many ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moves = PTHREAD_COND_INITIALIZER;
static bool holds, is_held;

static int collect_behind_gate(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    pthread_mutex_lock(&gate);
    is_held = holds;
    pthread_cond_broadcast(&gate_moves);
    while (holds) {
        pthread_cond_wait(&gate_moves, &gate);
    }
    pthread_mutex_unlock(&gate);
    return SX_OK;
}

static void *scrape(void *context)
{
    struct sx_client *other = NULL;
    struct sx_reply *got = context;
    if (sx_client_new(&other, app) != SX_OK || sx_client_get(other, got, "/metrics") != SX_OK) {
        got->status = -1;
    }
    sx_client_destroy(other);
    return NULL;
}

static void test_a_scrape_beyond_the_limit_is_a_503(void **state)
{
    (void)state;
    pthread_t thread;
    struct sx_reply first = {0};
    options.scrapes_max = 1;
    start();
    assert_int_equal(sx_collector_register(registry, collect_behind_gate, NULL), SX_OK);
    holds = true;
    assert_int_equal(pthread_create(&thread, NULL, scrape, &first), 0);
    pthread_mutex_lock(&gate);
    while (!is_held) {
        pthread_cond_wait(&gate_moves, &gate);
    }
    pthread_mutex_unlock(&gate);
    assert_int_equal(sx_client_get(client, &reply, "/metrics"), SX_OK);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.body.data, "too many scrapes at the same time"));
    pthread_mutex_lock(&gate);
    holds = false;
    pthread_cond_broadcast(&gate_moves);
    pthread_mutex_unlock(&gate);
    pthread_join(thread, NULL);
    assert_int_equal(first.status, 200);
    assert_non_null(strstr(first.body.data, "\nsextant_scrapes_in_progress 1\n"));
    sx_reply_clean_up(&first);
    assert_int_equal(sx_client_get(client, &reply, "/metrics"), SX_OK);
    assert_int_equal(reply.status, 200);
    assert_true(shows("sextant_scrapes_total{code=\"503\"}", 1));
    assert_true(shows("sextant_scrapes_total{code=\"200\"}", 2));
    assert_true(shows("sextant_scrapes_in_progress", 0));
}

/* ---- how long ---- */

static int collected_after;

static int collect_until_later(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000000000 + (now.tv_nsec - start.tv_nsec) < 2000000);
    return SX_OK;
}

static int collect_after(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    collected_after++;
    return SX_OK;
}

static void test_a_page_that_takes_too_long_is_a_503(void **state)
{
    (void)state;
    options.render_timeout_ms = 1;
    start();
    assert_int_equal(sx_collector_register(registry, collect_until_later, NULL), SX_OK);
    assert_int_equal(sx_collector_register(registry, collect_after, NULL), SX_OK);
    assert_int_equal(sx_client_get(client, &reply, "/metrics"), SX_OK);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.body.data, "not rendered in time"));
    assert_int_equal(collected_after, 0);
    assert_int_equal(sx_collector_unregister(registry, collect_until_later, NULL), 1);
    assert_true(shows("sextant_scrapes_total{code=\"503\"}", 1));
    assert_true(shows("http_requests_total{method=\"GET\",handler=\"prometheus.sx_expose_metrics\","
                      "code=\"503\"}",
                      1));
}

/* ---- what is measured ---- */

static void test_nothing_is_measured_by_default(void **state)
{
    (void)state;
    options.measure_scrapes = false;
    start();
    assert_int_equal(sx_client_get(client, &reply, "/metrics"), SX_OK);
    assert_int_equal(reply.status, 200);
    assert_null(strstr(reply.body.data, "sextant_scrape"));
}

static void test_a_name_that_is_taken_is_an_error_at_start_up(void **state)
{
    (void)state;
    struct sx_counter *taken = NULL;
    assert_int_equal(
        sx_counter_register(&taken, registry,
                            &(struct sx_metric_options){.name = "sextant_scrapes_total"}),
        SX_OK);
    assert_int_equal(try_app((struct sx_app_options){.routes = SX_LIST(routes)}, options),
                     SX_ECOMPONENT);
}

static void test_the_metrics_end_with_the_app(void **state)
{
    (void)state;
    start();
    assert_int_equal(sx_testing_count(registry, "sextant_scrapes_total"), 3);
    sx_client_destroy(client);
    sx_app_destroy(app);
    client = NULL;
    app = NULL;
    assert_int_equal(sx_testing_count(registry, "sextant_scrapes_total"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_scrape_beyond_the_limit_is_a_503),
        TEST(test_a_page_that_takes_too_long_is_a_503),
        TEST(test_nothing_is_measured_by_default),
        TEST(test_a_name_that_is_taken_is_an_error_at_start_up),
        TEST(test_the_metrics_end_with_the_app),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
