/* What the component's options change on the page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"
#include "tested_app.h"

#include <cmocka.h>
#include <sextant/collector.h>
#include <stdio.h>
#include <string.h>

static struct sx_result get_user(int64_t id)
{
    return sx_json("{s:I}", "id", id);
}
SX_BIND(get_user, (path, i64, id));
static struct sx_result upload(struct sx_str body)
{
    return sx_bytes(NULL, body.data, body.size);
}
SX_BIND(upload, (body, bytes, body));
static struct sx_result health(void)
{
    return sx_empty();
}
SX_BIND(health);

static const struct sx_route routes[] = {
    SX_GET("/users/{id}", get_user),
    SX_POST("/upload", upload),
    SX_GET("/health", health),
    SX_GET("/metrics", sx_expose_metrics),
};

static const char *page;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    return 0;
}

static void start(struct sx_prometheus_options options)
{
    start_app((struct sx_app_options){.routes = SX_LIST(routes)}, options);
}

static void send(const char *method, const char *target, const char *body)
{
    assert_int_equal(
        sx_client_send(client, &reply, method, target, NULL, (struct sx_str){body, strlen(body)}),
        SX_OK);
    page = page_text(registry);
}

static void test_opentelemetry_names(void **state)
{
    (void)state;
    start((struct sx_prometheus_options){.names = SX_NAMES_OPENTELEMETRY});
    send("GET", "/users/7", "");
    send("BREW", "/nowhere", "");
    page_assert_line(page, "http_server_request_duration_seconds_count{http_request_method=\"GET\","
                           "http_route=\"/users/{id}\",http_response_status_code=\"200\","
                           "url_scheme=\"http\"} 1");
    page_assert_line(page, "http_server_request_duration_seconds_count{http_request_method="
                           "\"_OTHER\",http_route=\"<builtin>\",http_response_status_code=\"404\","
                           "url_scheme=\"http\"} 1");
    page_assert_line(page, "http_server_active_requests{http_request_method=\"GET\",url_scheme="
                           "\"http\"} 0");
    assert_null(strstr(page, "http_requests_total"));
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static const char *page_after(const char *headers)
{
    assert_int_equal(
        sx_client_send(client, &reply, "GET", "/users/7", headers, (struct sx_str){NULL, 0}),
        SX_OK);
    assert_int_equal(sx_client_send(client, &reply, "GET", "/metrics",
                                    "Accept: application/openmetrics-text; version=1.0.0\r\n",
                                    (struct sx_str){NULL, 0}),
                     SX_OK);
    assert_int_equal(reply.status, 200);
    return reply.body.data;
}

static void test_a_sampled_trace_is_an_exemplar(void **state)
{
    (void)state;
    start((struct sx_prometheus_options){0});
    assert_null(strstr(page_after(NULL), " # {"));
    assert_null(strstr(page_after("traceparent: 00-" TRACE "-" SPAN "-00\r\n"), " # {"));
    assert_null(strstr(page_after("traceparent: 00-" TRACE "-" SPAN "-01\r\n"
                                  "traceparent: 00-" TRACE "-" SPAN "-01\r\n"),
                       " # {"));
    assert_non_null(strstr(page_after("TraceParent: 00-" TRACE "-" SPAN "-01\r\n"),
                           "handler=\"test_options.get_user\",code=\"200\"} 4 # {trace_id=\"" TRACE
                           "\",span_id=\"" SPAN "\"} 1"));
}

static void test_the_handler_can_be_the_route(void **state)
{
    (void)state;
    start((struct sx_prometheus_options){.handler = SX_HANDLER_ROUTE});
    send("GET", "/users/7", "");
    page_assert_line(page, "http_requests_total{method=\"GET\",handler=\"/users/{id}\",code="
                           "\"200\"} 1");
    send("GET", "/users/x", "");
    page_assert_line(page, "http_requests_total{method=\"GET\",handler=\"/users/{id}\",code="
                           "\"404\"} 1");
}

static void keep_line(void *log, enum sx_log_level level, const char *message)
{
    (void)level;
    snprintf(log, 512, "%s", message);
}

/* Their requests would be one series. */
static void test_two_handlers_of_one_name_are_refused_where_it_is_their_label(void **state)
{
    (void)state;
    static const struct sx_handler twin = {
        .name = "health", .file = "other/test_options.c", .line = 3};
    struct sx_route routes_of_twins[] = {
        SX_GET("/a", health),
        {.method = "GET", .path = "/b", .handler = &twin, .file = __FILE__, .line = __LINE__},
    };
    struct sx_prometheus_options options = {.registry = registry};
    char log[512] = "";
    const struct sx_app_options with = {.routes = SX_LIST(routes_of_twins),
                                        .components = SX_COMPONENTS((sx_prometheus, &options)),
                                        .log = keep_line,
                                        .log_context = log};
    assert_int_equal(sx_app_new(&app, &with), SX_ECOMPONENT);
    assert_non_null(strstr(log, "the handlers at tests/prometheus/test_options.c:"));
    assert_non_null(strstr(log, " and other/test_options.c:3 would both be measured as "
                                "'test_options.health': give one of their routes a .name"));
    routes_of_twins[1].name = "other.health";
    assert_int_equal(sx_app_new(&app, &with), SX_OK);
    page = page_text(registry);
    page_assert_line(page, "http_requests_inprogress{method=\"GET\",handler=\"other.health\"} 0");
    sx_app_destroy(app);
    app = NULL;
    routes_of_twins[1].name = NULL;
    options.handler = SX_HANDLER_ROUTE;
    assert_int_equal(sx_app_new(&app, &with), SX_OK);
    sx_app_destroy(app);
    app = NULL;
    static const struct sx_handler *const excluded[] = {&sx_handler_health, NULL};
    options = (struct sx_prometheus_options){.registry = registry, .excluded = excluded};
    assert_int_equal(sx_app_new(&app, &with), SX_OK);
}

static void test_the_duration_can_have_the_code(void **state)
{
    (void)state;
    start((struct sx_prometheus_options){.duration_has_code = true});
    send("GET", "/users/7", "");
    send("GET", "/users/x", "");
    page_assert_line(page, "http_request_duration_seconds_count{method=\"GET\",handler=\"test_"
                           "options.get_user\",code=\"200\"} 1");
    page_assert_line(page, "http_request_duration_seconds_count{method=\"GET\",handler=\"test_"
                           "options.get_user\",code=\"404\"} 1");
    assert_true(page_sum(page, "http_request_duration_seconds_count") ==
                page_sum(page, "http_requests_total"));
}

static void test_handlers_can_be_left_out(void **state)
{
    (void)state;
    static const struct sx_handler *const excluded[] = {&sx_handler_health,
                                                        &sx_handler_sx_expose_metrics, NULL};
    start((struct sx_prometheus_options){.excluded = excluded});
    send("GET", "/health", "");
    send("GET", "/metrics", "");
    send("GET", "/users/7", "");
    assert_null(strstr(page, "test_options.health"));
    assert_null(strstr(page, "expose_metrics"));
    assert_true(page_sum(page, "http_requests_total") == 1);
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
}

static void test_body_sizes_and_first_bytes_can_be_measured(void **state)
{
    (void)state;
    start((struct sx_prometheus_options){.measure_body_sizes = true, .measure_first_byte = true});
    send("POST", "/upload", "12345");
    page_assert_line(page, "http_request_body_bytes_sum{method=\"POST\",handler=\"test_options."
                           "upload\"} 5");
    page_assert_line(page, "http_response_body_bytes_sum{method=\"POST\",handler=\"test_options."
                           "upload\"} 5");
    page_assert_line(page, "http_response_first_byte_seconds_count{method=\"POST\",handler=\"test_"
                           "options.upload\"} 1");
    assert_true(page_sum(page, "http_response_first_byte_seconds_sum") <=
                page_sum(page, "http_request_duration_seconds_sum"));
    send("GET", "/health", "");
    page_assert_line(page, "http_response_body_bytes_sum{method=\"GET\",handler=\"test_options."
                           "health\"} 0");
}

static void test_the_process_may_be_on_the_page(void **state)
{
    (void)state;
    start((struct sx_prometheus_options){.process = SX_PROCESS_NONE});
    send("GET", "/health", "");
    assert_null(strstr(page, "process_cpu"));
    sx_client_destroy(client);
    sx_app_destroy(app);
    start((struct sx_prometheus_options){.process = SX_PROCESS_BY_WORKER});
    send("GET", "/health", ""); /* without workers there is no label */
    assert_non_null(strstr(page, "\nprocess_cpu_seconds_total "));
}

static void test_a_program_may_have_registered_the_collector_of_the_process(void **state)
{
    (void)state;
    assert_int_equal(sx_process_collector_register(registry), SX_OK);
    start((struct sx_prometheus_options){.process = SX_PROCESS_SUMMED});
    send("GET", "/health", "");
    assert_non_null(strstr(page, "\nprocess_cpu_seconds_total "));
    assert_null(strstr(page, "failures"));
}

static void test_each_worker_may_be_on_the_page(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    assert_int_equal(sx_registry_new(&registry, &(struct sx_registry_options){.shared = true}),
                     SX_OK);
    start_app((struct sx_app_options){.routes = SX_LIST(routes), .workers = 2},
              (struct sx_prometheus_options){.process = SX_PROCESS_BY_WORKER});
    send("GET", "/health", "");
    assert_non_null(strstr(page, "\nprocess_cpu_seconds_total{worker=\"0\"} "));
    page_assert_line(page, "process_cpu_seconds_total{worker=\"2\"} 0");
    assert_null(strstr(page, "process_cpu_seconds_total{worker=\"3\"}"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_opentelemetry_names),
        CASE(test_a_sampled_trace_is_an_exemplar),
        CASE(test_the_handler_can_be_the_route),
        CASE(test_two_handlers_of_one_name_are_refused_where_it_is_their_label),
        CASE(test_the_duration_can_have_the_code),
        CASE(test_handlers_can_be_left_out),
        CASE(test_body_sizes_and_first_bytes_can_be_measured),
        CASE(test_the_process_may_be_on_the_page),
        CASE(test_a_program_may_have_registered_the_collector_of_the_process),
        CASE(test_each_worker_may_be_on_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
