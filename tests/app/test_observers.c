/* What observers see: for each request begin, at most one respond, and one end. */
#include "fixture.h"

struct seen {
    unsigned begins, responds, ends, rejects;
    unsigned in_progress;
    char handler[64];
    char method[16];
    char target[64];
    int status;
    enum sx_method method_id;
    size_t route_index;
    bool routed;
    uint64_t request_bytes, response_bytes;
    enum sx_outcome outcome;
    enum sx_reason reason;
    bool clock_ran;
};
static struct seen seen;

static void copy(char *to, size_t size, struct sx_str from)
{
    size_t copied = from.size < size ? from.size : size - 1;
    memcpy(to, from.data, copied);
    to[copied] = '\0';
}

static void on_begin(void *self, const struct sx_record *record)
{
    struct seen *to = self;
    to->begins++;
    to->in_progress++;
    assert_int_equal(record->status, 0);
    assert_true(record->started_ns > 0);
    to->routed = record->route != NULL;
    to->route_index = record->route_index;
    to->method_id = record->method_id;
    copy(to->method, sizeof to->method, record->method);
    copy(to->target, sizeof to->target, record->target);
    snprintf(to->handler, sizeof to->handler, "%s", record->handler);
}
static void on_respond(void *self, const struct sx_record *record)
{
    struct seen *to = self;
    to->responds++;
    to->status = record->status;
    to->request_bytes = record->request_body_bytes;
    assert_int_equal(to->in_progress, 1);
}
static void on_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    struct seen *to = self;
    to->ends++;
    to->in_progress--;
    to->outcome = outcome;
    to->response_bytes = record->response_body_bytes;
    to->clock_ran = record->ended_ns >= record->started_ns;
}
static void on_rejected(void *self, enum sx_reason reason)
{
    struct seen *to = self;
    to->rejects++;
    to->reason = reason;
}
static const struct sx_observer observer = {
    .begin = on_begin, .respond = on_respond, .end = on_end, .rejected = on_rejected};
static const struct sx_observer deaf = {0}; /* each callback may be missing */

struct watcher {
    struct sx_app *app;
};
SX_COMPONENT_DECLARE(watcher, struct watcher);
static struct sx_result watcher_init(struct watcher *self, struct sx_app *app)
{
    self->app = app;
    return sx_app_observe(app, &observer, &seen) < 0 || sx_app_observe(app, &deaf, NULL) < 0 ||
                   sx_app_observe(app, &observer, &seen) < 0 /* twice is once */
               ? sx_startup_error("cannot observe")
               : sx_continue();
}
SX_COMPONENT(watcher, app, watcher_init, NULL, (inject, sx_app, app));

static struct sx_result hello(void)
{
    return sx_text("hello");
}
SX_BIND(hello);
static struct sx_result user(int64_t id)
{
    return sx_json("{s:I}", "id", id);
}
SX_BIND(user, (path, i64, id));
static struct sx_result broken(void)
{
    return sx_fail(500, "broken");
}
SX_BIND(broken);

static const struct sx_route routes[] = {
    SX_GET("/", hello),
    SX_GET("/users/{id}", user),
    SX_POST("/broken", broken),
};
static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    seen = (struct seen){0};
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes),
                                                   .components = SX_COMPONENTS(watcher)});
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    fixture_clean_up(&fixture);
    assert_int_equal(seen.in_progress, 0);
    assert_int_equal(seen.begins, seen.ends);
    return 0;
}

static void assert_seen(const char *method, const char *target, int status, const char *handler,
                        size_t route_index)
{
    unsigned before = seen.begins;
    assert_int_equal(fixture_send(&fixture, method, target, NULL), status);
    assert_int_equal(seen.begins, before + 1);
    assert_int_equal(seen.responds, before + 1);
    assert_int_equal(seen.ends, before + 1);
    assert_int_equal(seen.status, status);
    assert_string_equal(seen.handler, handler);
    assert_string_equal(seen.method, method);
    assert_string_equal(seen.target, target);
    assert_int_equal(seen.route_index, route_index);
    assert_int_equal(seen.routed, route_index < 3);
    assert_int_equal(seen.outcome, SX_OUTCOME_COMPLETE);
    assert_true(seen.clock_ran);
}

static void test_every_request_is_seen_with_its_handler_and_status(void **state)
{
    (void)state;
    assert_seen("GET", "/", 200, "test_observers.hello", 0);
    assert_int_equal(seen.response_bytes, 5);
    assert_seen("HEAD", "/", 200, "test_observers.hello", 0);
    assert_int_equal(seen.response_bytes, 0);
    assert_seen("GET", "/users/7", 200, "test_observers.user", 1);
    /* a path that matches but does not convert is that route's 404 */
    assert_seen("GET", "/users/zero", 404, "test_observers.user", 1);
    assert_seen("POST", "/broken", 500, "test_observers.broken", 2);
    assert_seen("GET", "/nowhere", 404, "<builtin>", 3);
    assert_seen("DELETE", "/", 405, "<builtin>", 3);
    assert_seen("GET", "/%zz", 400, "<builtin>", 3);
}

static void test_methods_are_one_of_ten(void **state)
{
    (void)state;
    assert_seen("BREW", "/", 405, "<builtin>", 3);
    assert_int_equal(seen.method_id, SX_METHOD_OTHER);
    assert_seen("PATCH", "/", 405, "<builtin>", 3);
    assert_int_equal(seen.method_id, SX_METHOD_PATCH);
    assert_string_equal(sx_method_name(SX_METHOD_OTHER), "_OTHER");
    assert_string_equal(sx_method_name((enum sx_method)99), "_OTHER");
    assert_string_equal(sx_method_name(SX_METHOD_GET), "GET");
    assert_string_equal(sx_reason_name(SX_REASON_TARGET_TOO_LONG), "target_too_long");
    assert_string_equal(sx_reason_name((enum sx_reason)99), "unknown");
}

static void test_request_bodies_are_weighed(void **state)
{
    (void)state;
    assert_int_equal(sx_client_send(fixture.client, &fixture.reply, "POST", "/broken", NULL,
                                    (struct sx_str){"12345", 5}),
                     SX_OK);
    assert_int_equal(seen.request_bytes, 5);
}

static void test_what_is_not_http_is_rejected_once(void **state)
{
    (void)state;
    assert_int_equal(fixture_send(&fixture, "GET", "/", "Host: two\r\n"), 400);
    assert_int_equal(seen.rejects, 1);
    assert_int_equal(seen.reason, SX_REASON_MALFORMED);
    assert_int_equal(seen.begins, 0);
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200); /* a new connection */
    assert_int_equal(seen.begins, 1);
}

/* ---- the memory of a request ---- */

struct remembered {
    max_align_t aligned;
    char target[32];
};
static unsigned forgotten;
static void remember(void *self, const struct sx_record *record)
{
    struct remembered *memory = record->memory;
    (void)self;
    assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
    for (size_t i = 0; i < sizeof *memory; i++) {
        assert_int_equal(((unsigned char *)memory)[i], 0);
    }
    snprintf(memory->target, sizeof memory->target, "%.*s", (int)record->target.size,
             record->target.data);
}
static void recall(void *self, const struct sx_record *record)
{
    const struct remembered *memory = record->memory;
    (void)self;
    assert_int_equal(strlen(memory->target), record->target.size);
    assert_memory_equal(memory->target, record->target.data, record->target.size);
}
static void forget(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)outcome;
    recall(self, record);
    memset(record->memory, 0xff, sizeof(struct remembered));
    forgotten++;
}
static const struct sx_observer rememberer = {.begin = remember,
                                              .respond = recall,
                                              .end = forget,
                                              .request_bytes = sizeof(struct remembered)};

static void test_each_observer_has_memory_of_its_own_for_each_request(void **state)
{
    (void)state;
    int first;
    int second;
    assert_int_equal(sx_app_observe(fixture.app, &rememberer, &first), SX_OK);
    assert_int_equal(sx_app_observe(fixture.app, &deaf, &first), SX_OK);
    assert_int_equal(sx_app_observe(fixture.app, &rememberer, &second), SX_OK);
    forgotten = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_send(&fixture, "GET", "/users/7", NULL), 200);
        assert_int_equal(fixture_send(&fixture, "GET", "/nowhere", NULL), 404);
    }
    assert_int_equal(forgotten, 12);
}

static unsigned without_memory;
static void expect_no_memory(void *self, const struct sx_record *record)
{
    (void)self;
    assert_null(record->memory);
    without_memory++;
}
static void expect_no_memory_at_end(void *self, const struct sx_record *record,
                                    enum sx_outcome outcome)
{
    (void)outcome;
    expect_no_memory(self, record);
}
static const struct sx_observer forgetful = {
    .begin = expect_no_memory, .respond = expect_no_memory, .end = expect_no_memory_at_end};

static void test_an_observer_without_request_bytes_has_no_memory(void **state)
{
    (void)state;
    int first;
    int second;
    assert_int_equal(sx_app_observe(fixture.app, &forgetful, &first), SX_OK);
    assert_int_equal(sx_app_observe(fixture.app, &rememberer, NULL), SX_OK);
    assert_int_equal(sx_app_observe(fixture.app, &forgetful, &second), SX_OK);
    without_memory = 0;
    assert_int_equal(fixture_send(&fixture, "GET", "/users/7", NULL), 200);
    assert_int_equal(without_memory, 6);
}

static void test_there_is_a_limit_to_the_memory_of_all_observers(void **state)
{
    (void)state;
    static const struct sx_observer all = {.request_bytes = 192};
    static const struct sx_observer more = {.request_bytes = 193};
    static const struct sx_observer one = {.request_bytes = 1};
    static const struct sx_observer none = {.request_bytes = 0};
    assert_int_equal(sx_app_observe(fixture.app, &more, NULL), SX_EFULL);
    assert_int_equal(sx_app_observe(fixture.app, &all, NULL), SX_OK);
    assert_int_equal(sx_app_observe(fixture.app, &one, NULL), SX_EFULL);
    assert_int_equal(sx_app_observe(fixture.app, &none, NULL), SX_OK);
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_request_is_seen_with_its_handler_and_status,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_methods_are_one_of_ten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_request_bodies_are_weighed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_http_is_rejected_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_observer_has_memory_of_its_own_for_each_request,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_observer_without_request_bytes_has_no_memory,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_there_is_a_limit_to_the_memory_of_all_observers,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
