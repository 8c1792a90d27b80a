/* Every allocation of an app's life fails once, in turn: the app does not start and says so, or the
 * request is answered with an error; nothing crashes, leaks or is left in progress. */
#include "fixture.h"

#include "failing_allocation.h"

#include <jansson.h>
#include <stdlib.h>

static int begins;
static int ends;
static void on_begin(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    begins++;
}
static void on_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)self;
    (void)record;
    (void)outcome;
    ends++;
}
static const struct sx_observer observer = {.begin = on_begin, .end = on_end};

struct thing {
    int value;
};
static int things;
SX_COMPONENT_DECLARE(thing, struct thing);
SX_COMPONENT_DECLARE(part, struct thing);
static struct sx_result thing_init(struct thing *self, struct sx_app *app)
{
    if (sx_app_observe(app, &observer, NULL) < 0) {
        return sx_startup_error("no memory to observe");
    }
    self->value = 7;
    things++;
    return sx_continue();
}
static void thing_fini(struct thing *self)
{
    self->value = 0;
    things--;
}
SX_COMPONENT(thing, app, thing_init, thing_fini, (inject, sx_app, app));
static struct sx_result part_init(struct thing *self, struct thing *thing)
{
    self->value = thing->value;
    things++;
    return sx_continue();
}
SX_COMPONENT(part, request, part_init, thing_fini, (inject, thing, thing));

static struct sx_result get_thing(int64_t id, const char *q, struct thing *part)
{
    return sx_with_header(sx_json("{s:I, s:s, s:i}", "id", id, "q", q, "value", part->value),
                          "X-Id", "1");
}
SX_BIND(get_thing, (path, i64, id), (query, str, q), (inject, part, part));
static struct sx_result mark(struct sx_response *response)
{
    return sx_response_set_header(response, "X-Hook", "yes") < 0 ? sx_fail(503, "no memory")
                                                                 : sx_continue();
}
SX_BIND(mark, (inject, sx_response, response));

static struct sx_result render_value(json_t *thing)
{
    assert_non_null(thing);
    return sx_text("%lld", json_integer_value(json_object_get(thing, "value")));
}
static const struct sx_renderer renderers[] = {{"text/plain", render_value, {0}}};

static const struct sx_route routes[] = {
    SX_GET("/things/{id}", get_thing),
    SX_GET("/texts/{id}", get_thing, .renderers = SX_LIST(renderers)),
};
static const struct sx_hook hooks[] = {SX_HOOK(mark, mark)};
static struct fixture fixture;

/* A life with one failure; gives whether the failure was reached. */
static bool live(long fail_at, const char *target, int status)
{
    begins = ends = 0;
    fail_one_allocation(fail_at);
    int made = fixture_try(&fixture, (struct sx_app_options){
                                         .routes = SX_LIST(routes),
                                         .hooks = SX_LIST(hooks),
                                         .components = SX_COMPONENTS(thing, part),
                                     });
    if (made == SX_OK && sx_client_new(&fixture.client, fixture.app) == SX_OK) {
        int sent = sx_client_get(fixture.client, &fixture.reply, target);
        if (sent == SX_OK && fixture.reply.status != status && fixture.reply.status < 500) {
            fail_msg("allocation %ld: status %d", fail_at, fixture.reply.status);
        }
        if (sent == SX_OK && !has_failed_allocation()) {
            assert_int_equal(fixture.reply.status, status);
        }
    } else if (made != SX_OK && made != SX_ENOMEM && made != SX_ECOMPONENT) {
        fail_msg("allocation %ld: %s", fail_at, sx_status_name(made));
    }
    const bool reached = end_failing_allocations();
    fixture_clean_up(&fixture);
    assert_int_equal(things, 0);
    assert_int_equal(begins, ends);
    return reached;
}

static void test_an_app_survives_every_failing_allocation(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        int status;
    } requests[] = {{"/things/7?q=x", 200},
                    {"/things/7?q=%22", 200},
                    {"/texts/7?q=x", 200},
                    {"/things/x", 404},
                    {"/nowhere", 404}};
    json_set_alloc_funcs(malloc, free);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        long allocations = 0;
        while (live(allocations, requests[i].target, requests[i].status)) {
            allocations++;
        }
        assert_true(allocations > 20);
    }
}

/* Gives whether the failure was reached. */
static bool listen_once(long fail_at)
{
    assert_int_equal(fixture_try(&fixture, (struct sx_app_options){.routes = {0}}), SX_OK);
    fail_one_allocation(fail_at);
    const int status = sx_app_listen(fixture.app, &(struct sx_run_options){.threads = 1});
    const bool reached = end_failing_allocations();
    if (status < 0) {
        assert_logged(&fixture, "cannot listen");
    }
    fixture_clean_up(&fixture);
    return reached;
}

static void test_an_app_that_cannot_listen_for_want_of_memory_says_so(void **state)
{
    (void)state;
    long allocations = 0;
    while (listen_once(allocations)) {
        allocations++;
    }
    assert_true(allocations > 2);
}

/* Without memory even for its cause. */
static void test_a_fault_stays_one(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free);
    fail_all_allocations(0);
    struct sx_result results[] = {
        sx_with_status(sx_text("x"), 201),
        sx_with_status(sx_json("{s:s}", "a", "x"), 201),
        sx_with_content_type(sx_with_status(sx_bytes(NULL, "x", 1), 201), "text/html"),
        sx_redirect(303, "/%d", 1),
        sx_with_status(sx_with_header(sx_empty(), "X", "y"), 201),
        sx_fail(404, "no %d", 1),
    };
    end_failing_allocations();
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        assert_int_equal(results[i].status, 500);
        assert_null(results[i].content_type);
        assert_string_equal(results[i].cause, "out of memory");
        sx_result_clean_up(&results[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_app_survives_every_failing_allocation),
        cmocka_unit_test(test_an_app_that_cannot_listen_for_want_of_memory_says_so),
        cmocka_unit_test(test_a_fault_stays_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
