/* The numbers are the truth: what the page says after known requests, read from the registry's
 * page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"
#include "tested_app.h"

#include <cmocka.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <string.h>

static const char *page;

static struct sx_result index_page(void)
{
    return sx_text("index");
}
SX_BIND(index_page);
static struct sx_result broken(void)
{
    return sx_fail(500, "broken");
}
SX_BIND(broken);
static struct sx_result weird(void)
{
    return sx_with_status(sx_text("weird"), 299);
}
SX_BIND(weird);
static struct sx_result get_user(int64_t id)
{
    return sx_json("{s:I}", "id", id);
}
SX_BIND(get_user, (path, i64, id, SX_MIN(1)));

/* A handler that sees its own request in progress, and asks the same app again from within. */
static struct sx_result nested(struct sx_app *self)
{
    struct sx_client *inner = NULL;
    struct sx_reply inner_reply = {0};
    int status = sx_client_new(&inner, self);
    if (status == SX_OK) {
        status = sx_client_get(inner, &inner_reply, "/");
    }
    struct sx_result result = sx_text("%d", status < 0 ? status : inner_reply.status);
    sx_reply_clean_up(&inner_reply);
    sx_client_destroy(inner);
    return result;
}
SX_BIND(nested, (inject, sx_app, app));

static struct sx_result forbid(const struct sx_request *request)
{
    return sx_request_get_query(request, "forbid") != NULL ? sx_fail(403, "no") : sx_continue();
}
SX_BIND(forbid, (inject, sx_request, request));

static const struct sx_hook hooks[] = {SX_HOOK_ENTER(forbid)};
static const struct sx_route routes[] = {
    SX_GET("/", index_page),   SX_POST("/broken", broken),
    SX_GET("/weird", weird),   SX_GET("/users/{id}", get_user),
    SX_GET("/nested", nested), SX_GET("/metrics", sx_expose_metrics),
};

static void quiet(void *context, enum sx_log_level level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    start_app((struct sx_app_options){.routes = SX_LIST(routes), .hooks = SX_LIST(hooks)},
              (struct sx_prometheus_options){.registry = NULL});
    return 0;
}

static int get(const char *target)
{
    assert_int_equal(sx_client_get(client, &reply, target), SX_OK);
    return reply.status;
}

static int send_as(const char *method, const char *target)
{
    assert_int_equal(sx_client_send(client, &reply, method, target, NULL, (struct sx_str){NULL, 0}),
                     SX_OK);
    return reply.status;
}

static void read_page(void)
{
    page = page_text(registry);
}

static void assert_line(const char *line)
{
    page_assert_line(page, line);
}

static double sum_of(const char *name)
{
    return page_sum(page, name);
}

static void test_declared_routes_are_on_the_page_from_the_start(void **state)
{
    (void)state;
    read_page();
    assert_line(
        "http_requests_inprogress{method=\"GET\",handler=\"test_prometheus.index_page\"} 0");
    assert_line("http_request_duration_seconds_bucket{method=\"POST\",handler="
                "\"test_prometheus.broken\",le=\"0.005\"} 0");
    assert_line("http_requests_rejected_total{reason=\"malformed\"} 0");
    assert_true(sum_of("http_requests_total") == 0);
    assert_null(strstr(page, "<builtin>"));
}

static void test_every_request_is_counted_by_method_handler_and_code(void **state)
{
    (void)state;
    assert_int_equal(get("/"), 200);
    assert_int_equal(get("/"), 200);
    assert_int_equal(send_as("HEAD", "/"), 200);
    assert_int_equal(send_as("POST", "/broken"), 500);
    assert_int_equal(get("/weird"), 299);
    assert_int_equal(get("/users/1"), 200);
    assert_int_equal(get("/users/zero"), 404);
    assert_int_equal(get("/idontexist"), 404);
    assert_int_equal(send_as("DELETE", "/"), 405);
    assert_int_equal(send_as("BREW", "/"), 405);
    assert_int_equal(get("/?forbid"), 403);
    read_page();
#define TOTAL(method, handler, code) \
    "http_requests_total{method=\"" method "\",handler=\"" handler "\",code=\"" code "\"} "
    assert_line(TOTAL("GET", "test_prometheus.index_page", "200") "2");
    assert_line(TOTAL("HEAD", "test_prometheus.index_page", "200") "1");
    assert_line(TOTAL("GET", "test_prometheus.index_page", "403") "1");
    assert_line(TOTAL("POST", "test_prometheus.broken", "500") "1");
    assert_line(TOTAL("GET", "test_prometheus.weird", "299") "1");
    assert_line(TOTAL("GET", "test_prometheus.get_user", "200") "1");
    assert_line(TOTAL("GET", "test_prometheus.get_user", "404") "1");
    assert_line(TOTAL("GET", "<builtin>", "404") "1");
    assert_line(TOTAL("DELETE", "<builtin>", "405") "1");
    assert_line(TOTAL("_OTHER", "<builtin>", "405") "1");
    assert_true(sum_of("http_requests_total") == 11);
    assert_true(sum_of("http_request_duration_seconds_count") == 11);
    assert_true(sum_of("http_requests_inprogress") == 0);
    assert_true(sum_of("http_request_duration_seconds_sum") > 0);
}

static void test_what_was_not_routed_is_rejected_with_its_reason(void **state)
{
    (void)state;
    assert_int_equal(
        sx_client_send(client, &reply, "GET", "/", "Host: two\r\n", (struct sx_str){NULL, 0}),
        SX_OK);
    assert_int_equal(reply.status, 400);
    read_page();
    assert_line("http_requests_rejected_total{reason=\"malformed\"} 1");
    assert_true(sum_of("http_requests_total") == 0);
}

static void test_the_page_is_served_and_counts_itself(void **state)
{
    (void)state;
    char type[64];
    assert_int_equal(get("/metrics?forbid"), 200); /* no hook keeps the page away */
    assert_true(sx_reply_get_header(&reply, "Content-Type", type, sizeof type));
    assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(reply.body.data,
                           "http_requests_inprogress{method=\"GET\",handler=\"prometheus."
                           "sx_expose_metrics\"} 1\n"));
    read_page();
    assert_line("http_requests_total{method=\"GET\",handler=\"prometheus.sx_expose_metrics\",code="
                "\"200\"} 1");
    assert_true(sum_of("http_requests_inprogress") == 0);
}

static void test_the_page_has_what_its_registry_shows(void **state)
{
    (void)state;
    static const struct sx_label plugin = {"plugin", {"geo", 3}};
    static const struct sx_registry_options options = {.constant_labels = &plugin,
                                                       .constant_label_count = 1};
    struct sx_registry *shown = NULL;
    struct sx_gauge *gauge = NULL;
    assert_int_equal(sx_registry_new(&shown, &options), SX_OK);
    assert_int_equal(sx_gauge_register(&gauge, shown, &(struct sx_metric_options){.name = "g"}),
                     SX_OK);
    assert_int_equal(sx_registry_show(registry, shown, NULL), SX_OK);
    assert_int_equal(get("/metrics"), 200);
    assert_non_null(strstr(reply.body.data, "# TYPE g gauge\ng{plugin=\"geo\"} 0\n"));
    assert_non_null(strstr(reply.body.data, "http_requests_inprogress{"));
    sx_registry_destroy(shown);
    assert_int_equal(get("/metrics"), 200);
    assert_null(strstr(reply.body.data, "plugin"));
}

/* A handler that calls the app again does not overwrite the start of the outer request. */
static void test_a_request_within_a_request_is_counted_like_any_other(void **state)
{
    (void)state;
    assert_int_equal(get("/nested"), 200);
    assert_string_equal(reply.body.data, "200");
    read_page();
    assert_line("http_requests_total{method=\"GET\",handler=\"test_prometheus.nested\",code="
                "\"200\"} 1");
    assert_line("http_requests_total{method=\"GET\",handler=\"test_prometheus.index_page\",code="
                "\"200\"} 1");
    assert_true(sum_of("http_requests_inprogress") == 0);
}

static void test_no_client_can_make_series(void **state)
{
    (void)state;
    (void)send_as("BREW", "/nowhere");
    (void)get("/nowhere");
    (void)get("/users/x");
    read_page();
    size_t before = page_count_lines(page);
    for (int i = 0; i < 1000; i++) {
        char method[16];
        char target[48];
        snprintf(method, sizeof method, "M%d", i);
        snprintf(target, sizeof target, "/nowhere/%d?x=%d", i, i);
        assert_int_equal(send_as(method, target), 404);
        assert_int_equal(get(target), 404);
        snprintf(target, sizeof target, "/users/x%d", i);
        assert_int_equal(get(target), 404);
    }
    read_page();
    assert_int_equal(page_count_lines(page), before);
    assert_true(sum_of("http_requests_total") == 3003);
}

static void test_a_second_app_on_the_same_registry_goes_on_counting(void **state)
{
    (void)state;
    assert_int_equal(get("/"), 200);
    sx_client_destroy(client);
    sx_app_destroy(app);
    client = NULL;
    const struct sx_prometheus_options options = {.registry = registry};
    assert_int_equal(sx_app_new(&app,
                                &(struct sx_app_options){
                                    .routes = SX_LIST(routes),
                                    .components = SX_COMPONENTS((sx_prometheus, &options)),
                                    .log = quiet,
                                }),
                     SX_OK);
    assert_int_equal(sx_client_new(&client, app), SX_OK);
    assert_int_equal(get("/"), 200);
    read_page();
    assert_line("http_requests_total{method=\"GET\",handler=\"test_prometheus.index_page\",code="
                "\"200\"} 2");
    assert_true(sum_of("http_requests_inprogress") == 0);
}

static char logged[1024];
static void keep_log(void *context, enum sx_log_level level, const char *message)
{
    (void)context;
    (void)level;
    snprintf(logged, sizeof logged, "%s", message);
}

static void test_options_that_do_not_fit_keep_the_app_from_starting(void **state)
{
    (void)state;
    struct sx_app *wrong = NULL;
    const double buckets[] = {2, 1};
    const struct sx_prometheus_options options = {
        .registry = registry, .buckets = buckets, .bucket_count = 2};
    struct sx_registry *fresh = NULL;
    assert_int_equal(sx_registry_new(&fresh, NULL), SX_OK);
    struct sx_prometheus_options fresh_options = options;
    fresh_options.registry = fresh;
    assert_int_equal(sx_app_new(&wrong,
                                &(struct sx_app_options){
                                    .components = SX_COMPONENTS((sx_prometheus, &fresh_options)),
                                    .log = keep_log,
                                }),
                     SX_ECOMPONENT);
    assert_non_null(strstr(logged, "component 'sx_prometheus' cannot start: "
                                   "http_request_duration_seconds: "));
    sx_registry_destroy(fresh);
}

static void test_buckets_can_be_chosen(void **state)
{
    (void)state;
    const double buckets[] = {0.5, 60};
    struct sx_registry *fresh = NULL;
    assert_int_equal(sx_registry_new(&fresh, NULL), SX_OK);
    const struct sx_prometheus_options options = {
        .registry = fresh, .buckets = buckets, .bucket_count = 2};
    struct sx_app *second = NULL;
    assert_int_equal(sx_app_new(&second,
                                &(struct sx_app_options){
                                    .routes = SX_LIST(routes),
                                    .components = SX_COMPONENTS((sx_prometheus, &options)),
                                    .log = quiet,
                                }),
                     SX_OK);
    struct sx_page rendered = {0};
    assert_int_equal(sx_page_render(&rendered, fresh, SX_FORMAT_TEXT), SX_OK);
    rendered.data[rendered.size - 1] = '\0';
    assert_non_null(strstr(rendered.data, "test_prometheus.weird\",le=\"60\"} 0"));
    assert_null(strstr(rendered.data, "le=\"0.005\""));
    sx_page_clean_up(&rendered);
    sx_app_destroy(second);
    sx_registry_destroy(fresh);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_declared_routes_are_on_the_page_from_the_start),
        CASE(test_every_request_is_counted_by_method_handler_and_code),
        CASE(test_what_was_not_routed_is_rejected_with_its_reason),
        CASE(test_the_page_is_served_and_counts_itself),
        CASE(test_the_page_has_what_its_registry_shows),
        CASE(test_a_request_within_a_request_is_counted_like_any_other),
        CASE(test_no_client_can_make_series),
        CASE(test_a_second_app_on_the_same_registry_goes_on_counting),
        CASE(test_options_that_do_not_fit_keep_the_app_from_starting),
        CASE(test_buckets_can_be_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
