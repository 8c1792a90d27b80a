/* Each wiring error is logged with file and line, all of them, and the app does not start. */
#include "fixture.h"

struct thing {
    int value;
};
SX_COMPONENT_DECLARE(absent, struct thing);
SX_COMPONENT_DECLARE(app_wants_request, struct thing);
SX_COMPONENT_DECLARE(per_request, struct thing);
SX_COMPONENT_DECLARE(app_wants_query, struct thing);
SX_COMPONENT_DECLARE(worker_thing, struct thing);
SX_COMPONENT_DECLARE(app_wants_worker, struct thing);
SX_COMPONENT_DECLARE(ring_a, struct thing);
SX_COMPONENT_DECLARE(ring_b, struct thing);
SX_COMPONENT_DECLARE(ring_c, struct thing);
SX_COMPONENT_DECLARE(wants_id, struct thing);
SX_COMPONENT_DECLARE(app_wants_the_request, struct thing);

static struct sx_result plain(struct thing *self)
{
    self->value = 1;
    return sx_continue();
}
static struct sx_result with_thing(struct thing *self, struct thing *other)
{
    self->value = other->value;
    return sx_continue();
}
static struct sx_result with_id(struct thing *self, int64_t id)
{
    self->value = (int)id;
    return sx_continue();
}
static struct sx_result with_request(struct thing *self, const struct sx_request *request)
{
    self->value = request != NULL;
    return sx_continue();
}
SX_COMPONENT(absent, app, plain, NULL);
SX_COMPONENT(per_request, request, plain, NULL);
SX_COMPONENT(worker_thing, worker, plain, NULL);
SX_COMPONENT(app_wants_request, app, with_thing, NULL, (inject, per_request, other));
SX_COMPONENT(app_wants_worker, app, with_thing, NULL, (inject, worker_thing, other));
SX_COMPONENT(app_wants_query, app, with_id, NULL, (query, i64, id));
SX_COMPONENT(app_wants_the_request, app, with_request, NULL, (inject, sx_request, request));
SX_COMPONENT(ring_a, request, with_thing, NULL, (inject, ring_b, other));
SX_COMPONENT(ring_b, request, with_thing, NULL, (inject, ring_c, other));
SX_COMPONENT(ring_c, request, with_thing, NULL, (inject, ring_a, other));
SX_COMPONENT(wants_id, request, with_id, NULL, (path, i64, id));

static struct sx_result none(void)
{
    return sx_empty();
}
SX_BIND(none);
static struct sx_result by_id(int64_t id)
{
    return sx_json("{s:I}", "id", id);
}
SX_BIND(by_id, (path, i64, id));
static struct sx_result by_optional_id(const int64_t *id)
{
    return sx_json("{s:b}", "id", id != NULL);
}
SX_BIND(by_optional_id, (path, opt_i64, id));
static struct sx_result needs_absent(struct thing *thing)
{
    return sx_json("{s:i}", "value", thing->value);
}
SX_BIND(needs_absent, (inject, absent, thing));
static struct sx_result needs_wants_id(struct thing *thing)
{
    return sx_json("{s:i}", "value", thing->value);
}
SX_BIND(needs_wants_id, (inject, wants_id, thing));
static struct sx_result limited_text(const char *text)
{
    return sx_text("%s", text);
}
SX_BIND(limited_text, (query, str, text, SX_MIN(1)));
static struct sx_result bad_default(int64_t page)
{
    return sx_json("{s:I}", "page", page);
}
SX_BIND(bad_default, (query, i64, page, SX_DEFAULT("0"), SX_MIN(1)));
static struct sx_result needless_default(const char *name)
{
    return sx_text("%s", name == NULL ? "-" : name);
}
SX_BIND(needless_default, (query, opt_str, name, SX_DEFAULT("x")));
static struct sx_result header_list(struct sx_texts accept)
{
    return sx_text("%zu", accept.count);
}
SX_BIND(header_list, (header, list_str, accept));
static struct sx_result has_options(const struct thing *options)
{
    return sx_json("{s:b}", "options", options != NULL);
}
SX_BIND(has_options, (options, struct thing, options));

static struct fixture fixture;

static void assert_refused(struct sx_app_options options)
{
    assert_int_equal(fixture_try(&fixture, options), SX_EWIRING);
    assert_null(fixture.app);
    assert_logged(&fixture, "test_wiring.c:");
    assert_logged(&fixture, "not starting\n");
}

static void assert_refused_route(struct sx_route route, const char *message)
{
    route.file = __FILE__;
    route.line = 1;
    const struct sx_route routes[] = {route};
    assert_refused((struct sx_app_options){.routes = SX_LIST(routes)});
    assert_logged(&fixture, message);
}

static void test_routes_and_handlers_must_fit(void **state)
{
    (void)state;
    const struct sx_route missing_argument = SX_GET("/users/{id}", none);
    assert_refused_route(missing_argument,
                         "route GET /users/{id}: handler 'none' has no path argument 'id'");
    const struct sx_route missing_parameter = SX_GET("/users", by_id);
    assert_refused_route(missing_parameter, "route GET /users has no {id}, which handler 'by_id'");
    const struct sx_route never_there = SX_GET("/users", by_optional_id);
    assert_refused_route(never_there,
                         "route GET /users has no {id}, which handler 'by_optional_id'");
    const struct sx_route template = SX_GET("users", none);
    assert_refused_route(template, "route GET users: a path must begin with '/'");
    const struct sx_route method = SX_ROUTE("GET IT", "/", none);
    assert_refused_route(method, "its method is not a token");
    assert_refused_route((struct sx_route){.method = "GET", .path = "/"}, "it has no handler");
    const struct sx_route text = SX_GET("/", limited_text);
    assert_refused_route(text, "handler 'limited_text': 'text' has limits, but is not a number");
    const struct sx_route default_value = SX_GET("/", bad_default);
    assert_refused_route(default_value,
                         "handler 'bad_default': the default \"0\" of 'page' must be a "
                         "whole number of at least 1");
    const struct sx_route needless = SX_GET("/", needless_default);
    assert_refused_route(needless, "'name' cannot have a default: only a required scalar");
    const struct sx_route list = SX_GET("/", header_list);
    assert_refused_route(list, "a list_str comes from the query or a form, not 'accept'");
    const struct sx_route options = SX_GET("/", has_options);
    assert_refused_route(options, "only the init of a component has options ('options')");
}

static struct sx_result needs_ring(struct thing *ring_a)
{
    (void)ring_a;
    return sx_empty();
}
SX_BIND(needs_ring, (inject, ring_a, ring_a));

static void test_two_routes_must_not_answer_the_same(void **state)
{
    (void)state;
    static const struct sx_route routes[] = {
        SX_GET("/users/{id}", by_id),
        SX_GET("/none", none),
        SX_GET("/users/{id}", by_id),
    };
    assert_refused((struct sx_app_options){.routes = SX_LIST(routes)});
    assert_logged(&fixture, "route GET /users/{id} answers the same requests as GET /users/{id}");
}

static void test_a_component_that_is_needed_must_be_there(void **state)
{
    (void)state;
    static const struct sx_route routes[] = {SX_GET("/", needs_absent)};
    assert_refused((struct sx_app_options){.routes = SX_LIST(routes)});
    assert_logged(&fixture, "handler 'needs_absent' needs component 'absent' (defined at ");
    assert_logged(&fixture, "add it to .components");
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes),
                                                   .components = SX_COMPONENTS(absent)});
    fixture_clean_up(&fixture);
}

static void test_a_component_must_not_outlive_what_it_needs(void **state)
{
    (void)state;
    assert_refused((struct sx_app_options){
        .components = SX_COMPONENTS(app_wants_request, per_request, app_wants_worker, worker_thing,
                                    app_wants_query, app_wants_the_request)});
    assert_logged(&fixture, "component 'app_wants_request' has the lifetime app and cannot "
                            "depend on 'per_request', which has the lifetime request");
    assert_logged(&fixture, "cannot depend on 'worker_thing', which has the lifetime worker");
    assert_logged(&fixture, "component 'app_wants_query' has the lifetime app and cannot take "
                            "'id' from a request");
    assert_logged(&fixture, "cannot depend on 'sx_request', which has the lifetime request");
    assert_logged(&fixture, "4 wiring errors: not starting");
}

static void test_components_must_not_go_in_circles(void **state)
{
    (void)state;
    assert_refused((struct sx_app_options){.components = SX_COMPONENTS(ring_a, ring_b, ring_c)});
    assert_logged(
        &fixture,
        "components depend on each other in a circle: ring_a -> ring_b -> ring_c -> ring_a");
    assert_logged(&fixture, "1 wiring error: not starting");
}

/* One of them is not there, so that it is no circle among those that are. */
static void test_a_circle_may_lead_through_what_is_missing(void **state)
{
    (void)state;
    static const struct sx_route routes[] = {SX_GET("/", needs_ring)};
    assert_refused((struct sx_app_options){.routes = SX_LIST(routes),
                                           .components = SX_COMPONENTS(ring_a, ring_b)});
    assert_logged(&fixture, "component 'ring_b' needs component 'ring_c'");
    assert_refused((struct sx_app_options){.routes = SX_LIST(routes)});
    assert_logged(&fixture, "handler 'needs_ring' needs component 'ring_a'");
}

static void test_a_component_is_registered_once(void **state)
{
    (void)state;
    assert_refused((struct sx_app_options){.components = SX_COMPONENTS(absent, absent)});
    assert_logged(&fixture, "component 'absent' is in .components twice");
    assert_int_equal(
        fixture_try(&fixture, (struct sx_app_options){.components = SX_COMPONENTS(sx_request)}),
        SX_EWIRING);
    assert_logged(&fixture, "component 'sx_request' is built in");
}

static void test_what_a_component_takes_from_the_path_must_be_in_it(void **state)
{
    (void)state;
    static const struct sx_route routes[] = {SX_GET("/things", needs_wants_id)};
    assert_refused(
        (struct sx_app_options){.routes = SX_LIST(routes), .components = SX_COMPONENTS(wants_id)});
    assert_logged(&fixture, "route GET /things has no {id}, which component 'wants_id'");
}

static void test_a_hook_cannot_need_a_path_parameter(void **state)
{
    (void)state;
    static const struct sx_hook hooks[] = {SX_HOOK_ENTER(by_id), SX_HOOK_ENTER(by_optional_id)};
    assert_refused((struct sx_app_options){.hooks = SX_LIST(hooks)});
    assert_logged(&fixture, "hook 'by_id' needs {id} of the path, but also runs if no "
                            "route answers: make it opt_");
    assert_logged(&fixture, "1 wiring error: not starting");
}

/* Like a function of the same name in a file of the same name, in another folder. */
static const struct sx_handler twin = {.name = "none", .file = "other/test_wiring.c", .line = 3};

static void test_two_handlers_may_have_one_name(void **state)
{
    (void)state;
    const struct sx_route routes[] = {
        SX_GET("/a", none),
        {.method = "GET", .path = "/b", .handler = &twin, .file = __FILE__, .line = __LINE__},
    };
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    assert_string_equal(sx_app_get_route_handler(fixture.app, 0), "test_wiring.none");
    assert_string_equal(sx_app_get_route_handler(fixture.app, 1), "test_wiring.none");
    fixture_clean_up(&fixture);
}

static void test_a_name_of_a_route_takes_the_place_of_its_handlers(void **state)
{
    (void)state;
    static const struct sx_route routes[] = {SX_GET("/a", none, .name = "nothing"),
                                             SX_GET("/b", none), SX_POST("/b", none, .name = "b")};
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    assert_string_equal(sx_app_get_route_handler(fixture.app, 0), "nothing");
    assert_string_equal(sx_app_get_route_handler(fixture.app, 1), "test_wiring.none");
    assert_string_equal(sx_app_get_route_handler(fixture.app, 2), "b");
    fixture_clean_up(&fixture);
}

static void test_two_handlers_must_not_share_the_name_of_a_route(void **state)
{
    (void)state;
    const struct sx_route routes[] = {
        SX_GET("/a", none, .name = "same"),
        {.method = "GET", .path = "/b", .handler = &twin, .name = "same", .file = __FILE__},
        {.method = "GET", .path = "/c", .handler = &twin, .name = "", .file = __FILE__},
    };
    assert_refused((struct sx_app_options){.routes = SX_LIST(routes)});
    assert_logged(&fixture, "route GET /b: its name 'same' is that of GET /a (");
    assert_logged(&fixture, "), which has another handler: give it another .name");
    assert_logged(&fixture, "route GET /c: its name is empty");
    const struct sx_route taken[] = {
        SX_GET("/a", none),
        {.method = "GET",
         .path = "/b",
         .handler = &twin,
         .name = "test_wiring.none",
         .file = __FILE__},
    };
    assert_refused((struct sx_app_options){.routes = SX_LIST(taken)});
    assert_logged(&fixture, "route GET /b: its name 'test_wiring.none' is that of GET /a (");
}

static void test_an_include_has_no_name(void **state)
{
    (void)state;
    static const struct sx_route inner[] = {SX_GET("/a", none)};
    static const struct sx_route routes[] = {SX_INCLUDE("/b", inner, .name = "b")};
    assert_int_equal(fixture_try(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)}),
                     SX_EWIRING);
    assert_logged(&fixture, "include /b: an include cannot have a name");
}

static void test_all_faults_are_told_at_once(void **state)
{
    (void)state;
    static const struct sx_route routes[] = {
        SX_GET("/{x}", none),
        SX_GET("/a", by_id),
        SX_GET("/b", needs_absent),
    };
    assert_refused((struct sx_app_options){.routes = SX_LIST(routes)});
    assert_logged(&fixture, "has no path argument 'x'");
    assert_logged(&fixture, "has no {id}");
    assert_logged(&fixture, "needs component 'absent'");
    assert_logged(&fixture, "3 wiring errors: not starting");
}

static void test_one_handler_may_have_several_routes(void **state)
{
    (void)state;
    static const struct sx_route routes[] = {SX_GET("/a", none), SX_POST("/a", none),
                                             SX_GET("/b", none)};
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    assert_string_equal(sx_app_get_route_handler(fixture.app, 2), "test_wiring.none");
    assert_null(sx_app_get_route_handler(fixture.app, 3));
    fixture_clean_up(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_and_handlers_must_fit),
        cmocka_unit_test(test_two_routes_must_not_answer_the_same),
        cmocka_unit_test(test_a_component_that_is_needed_must_be_there),
        cmocka_unit_test(test_a_component_must_not_outlive_what_it_needs),
        cmocka_unit_test(test_components_must_not_go_in_circles),
        cmocka_unit_test(test_a_circle_may_lead_through_what_is_missing),
        cmocka_unit_test(test_a_component_is_registered_once),
        cmocka_unit_test(test_what_a_component_takes_from_the_path_must_be_in_it),
        cmocka_unit_test(test_a_hook_cannot_need_a_path_parameter),
        cmocka_unit_test(test_two_handlers_may_have_one_name),
        cmocka_unit_test(test_a_name_of_a_route_takes_the_place_of_its_handlers),
        cmocka_unit_test(test_two_handlers_must_not_share_the_name_of_a_route),
        cmocka_unit_test(test_an_include_has_no_name),
        cmocka_unit_test(test_all_faults_are_told_at_once),
        cmocka_unit_test(test_one_handler_may_have_several_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
