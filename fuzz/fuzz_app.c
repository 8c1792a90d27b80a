/* Property: for any bytes, each request that begins also ends, each response is counted once, and
 * nothing is left in progress. */
#include "application.h"
#include "clock.h"
#include "inprocess.h"
#include "run_options.h"

#include <jansson.h>
#include <sextant/exposition.h>
#include <sextant/prometheus.h>
#include <stdlib.h>
#include <string.h>

static struct sx_result get_user(int64_t id, const char *q, struct sx_texts tag)
{
    return sx_json("{s:I, s:s*, s:I}", "id", id, "q", q, "tags", (json_int_t)tag.count);
}
SX_BIND(get_user, (path, i64, id, SX_MIN(1)), (query, opt_str, q), (query, list_str, tag));
static struct sx_result put_json(json_t *body, const uint64_t *n)
{
    return n != NULL && *n > 5 ? sx_fail(409, "too much") : sx_json("O", body);
}
SX_BIND(put_json, (body, json, body), (header, opt_u64, x_n));
static struct sx_result post_form(const char *name, double f)
{
    return sx_with_header(sx_text("%s", name), "X-F", f > 0 ? "more" : "less");
}
SX_BIND(post_form, (form, str, name), (form, f64, f, SX_DEFAULT("0.5")));
static struct sx_result file(const char *rest)
{
    return sx_bytes(NULL, rest, strlen(rest));
}
SX_BIND(file, (path, str, rest));
static struct sx_result check(const char *cookie)
{
    return cookie != NULL && strcmp(cookie, "no") == 0 ? sx_fail(403, "no") : sx_continue();
}
SX_BIND(check, (header, opt_str, cookie));

static const struct sx_hook hooks[] = {SX_HOOK_ENTER(check)};
static const struct sx_route routes[] = {
    SX_GET("/users/{id}", get_user),       SX_PUT("/json", put_json),
    SX_POST("/form", post_form),           SX_GET("/files/{*rest}", file),
    SX_GET("/metrics", sx_expose_metrics),
};

static unsigned long begun, ended, responded;
static void on_begin(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    begun++;
}
static void on_respond(void *self, const struct sx_record *record)
{
    (void)self;
    if (record->status < 200 || record->status > 599) {
        abort();
    }
    responded++;
}
static void on_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)self;
    (void)record;
    (void)outcome;
    ended++;
}
static const struct sx_observer observer = {
    .begin = on_begin, .respond = on_respond, .end = on_end};

static void quiet(void *context, enum sx_log_level level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
}

static struct sx_registry *registry;
static struct sx_app *app;

static void start(void)
{
    static struct sx_prometheus_options options;
    if (sx_registry_new(&registry, NULL) < 0) {
        abort();
    }
    options.registry = registry;
    if (sx_app_new(&app,
                   &(struct sx_app_options){
                       .routes = SX_LIST(routes),
                       .hooks = SX_LIST(hooks),
                       .components = SX_COMPONENTS((sx_prometheus, &options)),
                       .log = quiet,
                   }) < 0 ||
        sx_app_observe(app, &observer, NULL) < 0) {
        abort();
    }
}

static double page_sum(const char *page, const char *name)
{
    double sum = 0;
    for (const char *at = page; (at = strstr(at, name)) != NULL; at++) {
        const char *blank = strchr(at, '}');
        if (at > page && at[-1] == '\n' && blank != NULL) {
            sum += strtod(blank + 1, NULL);
        }
    }
    return sum;
}

static void check_page(void)
{
    struct sx_page page = {0};
    if (sx_page_render(&page, registry, SX_FORMAT_TEXT) < 0) {
        abort();
    }
    page.data[page.size - 1] = '\0';
    if (page_sum(page.data, "http_requests_inprogress{") != 0 ||
        page_sum(page.data, "http_requests_total{") != (double)responded ||
        page_sum(page.data, "http_request_duration_seconds_count{") != (double)responded) {
        abort();
    }
    sx_page_clean_up(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (app == NULL) {
        start();
    }
    struct sx__service service = sx__dispatch_service(app, 8192);
    struct sx__inprocess *connection = NULL;
    char *out = NULL;
    size_t out_size = 0;
    static const struct sx__inprocess_clock clock = {sx__clock_now_ns, sx__clock_date};
    struct sx_run_options defaults;
    if (sx__run_options_resolve(&defaults, NULL) < 0) {
        return 0;
    }
    if (sx__inprocess_new(&connection, &service, &defaults, &clock) < 0) {
        return 0;
    }
    (void)sx__inprocess_send(connection, (const char *)data, size, &out, &out_size);
    sx__inprocess_close(connection);
    sx__inprocess_destroy(connection);
    free(out);
    if (begun != ended) {
        abort();
    }
    check_page();
    return 0;
}
