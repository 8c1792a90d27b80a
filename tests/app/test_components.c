/* App and worker components: when they are made and ended, and what happens when one cannot be. */
#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>

static char trace[256];

static void note(const char *what)
{
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
    strncat(trace, " ", sizeof trace - strlen(trace) - 1);
}

struct base_options {
    int start;
    bool fails;
};
struct base {
    int number;
    const struct base_options *options;
};
SX_COMPONENT_DECLARE(base, struct base);
SX_COMPONENT_DECLARE(above, struct base);
SX_COMPONENT_DECLARE(worker, struct base);
SX_COMPONENT_DECLARE(per_request, struct base);

static struct sx_result base_init(struct base *self, const struct base_options *options)
{
    note("base");
    self->options = options;
    self->number = options == NULL ? 10 : options->start;
    return sx_continue();
}
static void base_fini(struct base *self)
{
    (void)self;
    note("/base");
}
SX_COMPONENT(base, app, base_init, base_fini, (options, struct base_options, options));

static struct sx_result above_init(struct base *self, const struct base_options *options,
                                   struct base *base)
{
    note("above");
    self->number = base->number + 1;
    return options != NULL && options->fails ? sx_startup_error("no disk") : sx_continue();
}
static void above_fini(struct base *self)
{
    (void)self;
    note("/above");
}
SX_COMPONENT(above, app, above_init, above_fini, (options, struct base_options, options),
             (inject, base, base));

static struct sx_result worker_init(struct base *self, const struct base_options *options,
                                    struct base *above)
{
    note("worker");
    self->number = above->number + 1;
    return options != NULL && options->fails
               ? sx_with_status(sx_json("{s:s}", "message", "no connection"), 503)
               : sx_continue();
}
static void worker_fini(struct base *self)
{
    (void)self;
    note("/worker");
}
SX_COMPONENT(worker, worker, worker_init, worker_fini, (options, struct base_options, options),
             (inject, above, above));

static struct sx_result per_request_init(struct base *self, struct base *worker,
                                         const struct base_options *options)
{
    self->number = worker->number + 1 + (options == NULL ? 0 : options->start);
    return sx_continue();
}
SX_COMPONENT(per_request, request, per_request_init, NULL, (inject, worker, worker),
             (options, struct base_options, options));

static struct sx_result show(struct base *base, struct base *above, struct base *worker,
                             struct base *per_request)
{
    return sx_text("%d %d %d %d", base->number, above->number, worker->number, per_request->number);
}
SX_BIND(show, (inject, base, base), (inject, above, above), (inject, worker, worker),
        (inject, per_request, per_request));

static struct sx_result show_nothing(void)
{
    return sx_empty();
}
SX_BIND(show_nothing);
static void count_begin(void *self, const struct sx_record *record)
{
    (void)record;
    ++*(int *)self;
}

/* More than malloc gives. */
struct vector {
    _Alignas(1024) char bytes[1024];
};
SX_COMPONENT_DECLARE(vector, struct vector);
static struct sx_result vector_init(struct vector *self)
{
    memset(self->bytes, 1, sizeof self->bytes);
    return sx_continue();
}
SX_COMPONENT(vector, request, vector_init, NULL);
static struct sx_result show_alignment(const char *q, struct vector *vector)
{
    return sx_text("%s %d", q, (int)((uintptr_t)vector % _Alignof(struct vector)));
}
SX_BIND(show_alignment, (query, str, q), (inject, vector, vector));

/* Observes with what it has itself allocated. */
struct watcher {
    int begun;
};
static int watched;
static void watch(void *self, const struct sx_record *record)
{
    (void)record;
    watched += ++((struct watcher *)self)->begun;
}
static const struct sx_observer watch_observer = {.begin = watch};
SX_COMPONENT_DECLARE(watcher, struct watcher);
static struct sx_result watcher_open(struct watcher **out, struct sx_app *app)
{
    *out = calloc(1, sizeof **out);
    return *out == NULL || sx_app_observe(app, &watch_observer, *out) < 0
               ? sx_startup_error("no memory")
               : sx_continue();
}
static void watcher_close(struct watcher *watcher)
{
    free(watcher);
}
SX_PROVIDER(watcher, worker, watcher_open, watcher_close, (inject, sx_app, app));

static void test_an_observer_ends_with_its_worker_component(void **state)
{
    (void)state;
    static const struct sx_route route[] = {SX_GET("/", show_nothing)};
    struct fixture fixture;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(route),
                                                   .components = SX_COMPONENTS(watcher)});
    int mine = 0;
    static const struct sx_observer count = {.begin = count_begin};
    assert_int_equal(sx_app_observe(fixture.app, &count, &mine), SX_OK);
    for (int i = 0; i < 5; i++) {
        watched = 0;
        assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 204);
        assert_int_equal(watched, 1);
        sx_reply_clean_up(&fixture.reply);
        sx_client_destroy(fixture.client);
        assert_int_equal(sx_client_new(&fixture.client, fixture.app), SX_OK);
    }
    assert_int_equal(mine, 5);
    fixture_clean_up(&fixture);
}

static void test_a_component_of_a_request_is_aligned(void **state)
{
    (void)state;
    static const struct sx_route route[] = {SX_GET("/", show_alignment)};
    struct fixture fixture;
    for (int i = 0; i < 4; i++) {
        fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(route),
                                                       .components = SX_COMPONENTS(vector)});
        assert_int_equal(fixture_send(&fixture, "GET", "/?q=a", NULL), 200);
        assert_body(&fixture, "a 0");
        fixture_clean_up(&fixture);
    }
}

/* What a library allocates: the framework holds the pointer. */
SX_COMPONENT_DECLARE(given, struct base);
SX_COMPONENT_DECLARE(given_request, struct base);
static struct sx_result given_open(struct base **out, struct base *base)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return sx_startup_error("no memory");
    }
    (*out)->number = base->number * 2;
    note("given");
    return sx_continue();
}
static void given_close(struct base *given)
{
    note("/given");
    free(given);
}
SX_PROVIDER(given, worker, given_open, given_close, (inject, base, base));
static struct sx_result given_request_open(struct base **out)
{
    *out = calloc(1, sizeof **out);
    note("request");
    return *out == NULL ? sx_fail(500, "no memory") : sx_continue();
}
static void given_request_close(struct base *given)
{
    note("/request");
    free(given);
}
SX_PROVIDER(given_request, request, given_request_open, given_request_close);

static struct sx_result show_given(struct base *given, struct base *given_request)
{
    return sx_text("%d %d", given->number, given_request->number);
}
SX_BIND(show_given, (inject, given, given), (inject, given_request, given_request));
static const struct sx_route given_routes[] = {SX_GET("/", show_given)};

static struct sx_result ask(const struct sx_request *request, const struct sx_headers *headers,
                            struct sx_app *app)
{
    const struct sx_route *route = sx_request_get_route(request);
    const char *name;
    const char *value;
    sx_headers_get(headers, sx_headers_get_count(headers), &name, &value);
    assert_null(name);
    assert_null(value);
    sx_headers_get(headers, 1, &name, &value);
    return sx_text("%s %s %s %s %zu %s=%s %zu", sx_request_get_method(request),
                   sx_request_get_path(request), route->path, route->handler->name,
                   sx_headers_get_count(headers), name, value, sx_app_get_route_count(app));
}
SX_BIND(ask, (inject, sx_request, request), (inject, sx_headers, headers), (inject, sx_app, app));
static const struct sx_route ask_routes[] = {SX_GET("/x/ask", ask)};

static const struct sx_route routes[] = {SX_GET("/", show)};
static struct fixture fixture;

static void test_components_are_made_in_the_order_of_their_needs(void **state)
{
    (void)state;
    trace[0] = '\0';
    /* registered the other way round */
    fixture_init(&fixture, (struct sx_app_options){
                               .routes = SX_LIST(routes),
                               .components = SX_COMPONENTS(per_request, worker, above, base)});
    assert_string_equal(trace, "base above worker ");
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200);
    assert_body(&fixture, "10 11 12 13");
    assert_string_equal(trace, "base above worker ");
    fixture_clean_up(&fixture);
    assert_string_equal(trace, "base above worker /worker /above /base ");
}

static void test_options_come_with_the_registration(void **state)
{
    (void)state;
    const struct base_options start = {.start = 100};
    const struct base_options more = {.start = 1000};
    fixture_init(&fixture,
                 (struct sx_app_options){.routes = SX_LIST(routes),
                                         .components = SX_COMPONENTS((base, &start), above, worker,
                                                                     (per_request, &more))});
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200);
    assert_body(&fixture, "100 101 102 1103");
    fixture_clean_up(&fixture);
}

static void test_an_app_component_that_fails_keeps_the_app_from_starting(void **state)
{
    (void)state;
    trace[0] = '\0';
    const struct base_options fails = {.fails = true};
    assert_int_equal(fixture_try(&fixture, (struct sx_app_options){.routes = SX_LIST(routes),
                                                                   .components = SX_COMPONENTS(
                                                                       base, (above, &fails),
                                                                       worker, per_request)}),
                     SX_ECOMPONENT);
    assert_string_equal(trace, "base above /base ");
    assert_logged(&fixture, "component 'above' cannot start: no disk");
}

static void test_a_worker_component_that_fails_keeps_it_from_serving(void **state)
{
    (void)state;
    trace[0] = '\0';
    const struct base_options fails = {.fails = true};
    assert_int_equal(
        fixture_try(&fixture,
                    (struct sx_app_options){
                        .routes = SX_LIST(routes),
                        .components = SX_COMPONENTS(base, above, (worker, &fails), per_request)}),
        SX_OK);
    assert_int_equal(sx_client_new(&fixture.client, fixture.app), SX_ECOMPONENT);
    assert_null(fixture.client);
    assert_logged(
        &fixture,
        "component 'worker' cannot start: no connection (its init returned a response with "
        "status 503; expected sx_startup_error)");
    fixture_clean_up(&fixture);
    assert_string_equal(trace, "base above worker /above /base ");
}

static void test_worker_components_are_there_as_long_as_somebody_needs_them(void **state)
{
    (void)state;
    trace[0] = '\0';
    fixture_init(&fixture, (struct sx_app_options){
                               .routes = SX_LIST(routes),
                               .components = SX_COMPONENTS(base, above, worker, per_request)});
    struct sx_client *second = NULL;
    assert_int_equal(sx_client_new(&second, fixture.app), SX_OK);
    sx_client_destroy(second);
    assert_string_equal(trace, "base above worker ");
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200);
    fixture_clean_up(&fixture);
    assert_string_equal(trace, "base above worker /worker /above /base ");
}

static struct sx_result starts_nothing(void)
{
    return sx_startup_error("no %s", "disk");
}
SX_BIND(starts_nothing);

static void test_a_start_up_error_of_a_handler_is_a_500(void **state)
{
    (void)state;
    static const struct sx_route own[] = {SX_GET("/", starts_nothing)};
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(own)});
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 500);
    assert_body(&fixture, "{\"message\":\"internal server error\"}");
    assert_logged(&fixture, "no disk (sx_startup_error is only for the init of app and worker "
                            "components)");
    fixture_clean_up(&fixture);
}

/* A worker component that makes a client of its own app, which needs that very component. */
SX_COMPONENT_DECLARE(narcissus, struct base);
static struct sx_result narcissus_init(struct base *self, struct sx_app *app)
{
    struct sx_client *own = NULL;
    self->number = sx_client_new(&own, app);
    sx_client_destroy(own);
    return self->number < 0 ? sx_startup_error("%s", sx_status_text(self->number)) : sx_continue();
}
SX_COMPONENT(narcissus, worker, narcissus_init, NULL, (inject, sx_app, app));

static void test_a_worker_component_cannot_ask_for_itself(void **state)
{
    (void)state;
    assert_int_equal(
        fixture_try(&fixture, (struct sx_app_options){.components = SX_COMPONENTS(narcissus)}),
        SX_OK);
    assert_int_equal(sx_client_new(&fixture.client, fixture.app), SX_ECOMPONENT);
    assert_logged(&fixture, sx_status_text(SX_ESTATE));
    fixture_clean_up(&fixture);
}

static unsigned made, alive_twice;
SX_COMPONENT_DECLARE(single, struct base);
static struct sx_result single_init(struct base *self)
{
    self->number = 1;
    alive_twice += __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED) != 0;
    return sx_continue();
}
static void single_fini(struct base *self)
{
    self->number = 0;
    alive_twice += __atomic_fetch_sub(&made, 1, __ATOMIC_RELAXED) != 1;
}
SX_COMPONENT(single, worker, single_init, single_fini);

static void *come_and_go(void *app)
{
    for (int i = 0; i < 500; i++) {
        struct sx_client *client = NULL;
        if (sx_client_new(&client, app) < 0 || __atomic_load_n(&made, __ATOMIC_RELAXED) != 1) {
            return app;
        }
        sx_client_destroy(client);
    }
    return NULL;
}

static void test_clients_of_many_threads_share_the_worker_components(void **state)
{
    (void)state;
    pthread_t threads[4];
    assert_int_equal(
        fixture_try(&fixture, (struct sx_app_options){.components = SX_COMPONENTS(single)}), SX_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, fixture.app), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *fault = NULL;
        assert_int_equal(pthread_join(threads[i], &fault), 0);
        assert_null(fault);
    }
    fixture_clean_up(&fixture);
    assert_int_equal(made, 0);
    assert_int_equal(alive_twice, 0);
}

static void test_a_provider_gives_a_pointer(void **state)
{
    (void)state;
    trace[0] = '\0';
    fixture_init(&fixture,
                 (struct sx_app_options){.routes = SX_LIST(given_routes),
                                         .components = SX_COMPONENTS(base, given, given_request)});
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200);
    assert_body(&fixture, "20 0");
    fixture_clean_up(&fixture);
    assert_string_equal(trace, "base given request /request /given /base ");
}

static void test_what_is_built_in_can_be_injected(void **state)
{
    (void)state;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(ask_routes)});
    assert_int_equal(fixture_send(&fixture, "GET", "/x/%61sk", "X-One: 1\r\n"), 200);
    assert_body(&fixture, "GET /x/ask /x/ask ask 2 X-One=1 1");
    fixture_clean_up(&fixture);
}

SX_COMPONENT_DECLARE(fake_base, struct base);
SX_COMPONENT_DECLARE(fake_per_request, struct base);
static struct sx_result fake_init(struct base *self)
{
    note("fake");
    self->number = 500;
    return sx_continue();
}
SX_COMPONENT(fake_base, app, fake_init, NULL);
static struct sx_result fake_per_request_init(struct base *self, struct base *above)
{
    self->number = above->number * 2;
    return sx_continue();
}
SX_COMPONENT(fake_per_request, request, fake_per_request_init, NULL, (inject, above, above));

static void test_a_test_can_override_a_component(void **state)
{
    (void)state;
    static const struct sx_override overrides[] = {SX_OVERRIDE(base, fake_base),
                                                   SX_OVERRIDE(per_request, fake_per_request)};
    trace[0] = '\0';
    fixture_init(&fixture, (struct sx_app_options){
                               .routes = SX_LIST(routes),
                               .components = SX_COMPONENTS(base, above, worker, per_request),
                               .overrides = SX_LIST(overrides)});
    assert_string_equal(trace, "fake above worker ");
    assert_int_equal(fixture_send(&fixture, "GET", "/", NULL), 200);
    assert_body(&fixture, "500 501 502 1002");
    fixture_clean_up(&fixture);
    static const struct sx_override wrong[] = {SX_OVERRIDE(base, fake_per_request),
                                               SX_OVERRIDE(given, given)};
    assert_int_equal(
        fixture_try(&fixture, (struct sx_app_options){.components = SX_COMPONENTS(base, above),
                                                      .overrides = SX_LIST(wrong)}),
        SX_EWIRING);
    assert_logged(&fixture, "component 'fake_per_request' cannot override 'base'");
    assert_logged(&fixture, "component 'given' overrides 'given', which the app does not have");
}

static void test_bad_arguments_are_told(void **state)
{
    (void)state;
    struct sx_app *app = NULL;
    assert_int_equal(sx_app_new(&app, NULL), SX_EINVAL);
    assert_int_equal(sx_app_new(NULL, &(struct sx_app_options){0}), SX_EINVAL);
    assert_int_equal(sx_app_new(&app, &(struct sx_app_options){.routes = {NULL, 3}}), SX_EINVAL);
    assert_int_equal(sx_app_run(NULL), SX_EINVAL);
    assert_int_equal(sx_app_listen(NULL, NULL), SX_EINVAL);
    assert_int_equal(sx_app_new(&app, &(struct sx_app_options){0}), SX_OK);
    assert_int_equal(sx_app_run(app), SX_ESTATE);
    assert_int_equal(sx_app_observe(app, NULL, NULL), SX_EINVAL);
    sx_app_stop(app);
    sx_app_destroy(app);
    sx_app_destroy(NULL);
    sx_app_stop(NULL);
    sx_client_destroy(NULL);
    sx_reply_clean_up(NULL);
    sx_result_clean_up(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_component_of_a_request_is_aligned),
        cmocka_unit_test(test_an_observer_ends_with_its_worker_component),
        cmocka_unit_test(test_components_are_made_in_the_order_of_their_needs),
        cmocka_unit_test(test_options_come_with_the_registration),
        cmocka_unit_test(test_an_app_component_that_fails_keeps_the_app_from_starting),
        cmocka_unit_test(test_a_worker_component_that_fails_keeps_it_from_serving),
        cmocka_unit_test(test_a_start_up_error_of_a_handler_is_a_500),
        cmocka_unit_test(test_worker_components_are_there_as_long_as_somebody_needs_them),
        cmocka_unit_test(test_a_worker_component_cannot_ask_for_itself),
        cmocka_unit_test(test_clients_of_many_threads_share_the_worker_components),
        cmocka_unit_test(test_a_provider_gives_a_pointer),
        cmocka_unit_test(test_what_is_built_in_can_be_injected),
        cmocka_unit_test(test_a_test_can_override_a_component),
        cmocka_unit_test(test_bad_arguments_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
