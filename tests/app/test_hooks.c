/* Hooks and request components: who runs, in which order, and what the client gets. The steps write
 * what they do into a trace: E enter, L leave, I init, F fini, H handler. */
#include "fixture.h"

static char trace[256];

static void note(const char *what)
{
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
    strncat(trace, " ", sizeof trace - strlen(trace) - 1);
}

/* What the request asks the step to do, by ?step=code. */
static struct sx_result asked(const struct sx_request *request, const char *step)
{
    const char *what = sx_request_get_query(request, step);
    if (what == NULL) {
        return sx_continue();
    }
    return what[0] == '5' ? sx_fail(500, "%s failed", step)
                          : sx_with_status(sx_text("by %s", step), (what[0] - '0') * 100);
}

struct part {
    int number;
};
SX_COMPONENT_DECLARE(one, struct part);
SX_COMPONENT_DECLARE(two, struct part);

static struct sx_result one_init(struct part *self, const struct sx_request *request)
{
    note("I1");
    assert_int_equal(self->number, 0); /* zeroed, whatever an earlier request left */
    self->number = 1;
    return asked(request, "one");
}
static void one_fini(struct part *self)
{
    assert_int_equal(self->number, 1);
    note("F1");
}
SX_COMPONENT(one, request, one_init, one_fini, (inject, sx_request, request));

static struct sx_result two_init(struct part *self, struct part *one,
                                 const struct sx_request *request)
{
    note("I2");
    self->number = one->number + 1;
    return asked(request, "two");
}
static void two_fini(struct part *self)
{
    assert_int_equal(self->number, 2);
    note("F2");
}
SX_COMPONENT(two, request, two_init, two_fini, (inject, one, one), (inject, sx_request, request));

static struct sx_result enter_a(const struct sx_request *request)
{
    note("Ea");
    return asked(request, "enter_a");
}
SX_BIND(enter_a, (inject, sx_request, request));

static struct sx_result leave_a(const struct sx_request *request, struct sx_response *response)
{
    note("La");
    char status[4] = {(char)('0' + sx_response_get_status(response) / 100), '0', '0', '\0'};
    assert_int_equal(sx_response_set_header(response, "X-Seen", status), SX_OK);
    return asked(request, "leave_a");
}
SX_BIND(leave_a, (inject, sx_request, request), (inject, sx_response, response));

/* Its component is there before its enter, which has none. */
static struct sx_result leave_b(struct part *one, const struct sx_request *request)
{
    assert_int_equal(one->number, 1);
    note("Lb");
    return asked(request, "leave_b");
}
SX_BIND(leave_b, (inject, one, one), (inject, sx_request, request));

static struct sx_result enter_c(struct sx_response *response, const int64_t *c)
{
    note("Ec");
    assert_int_equal(sx_response_get_status(response), 0);
    assert_int_equal(sx_response_set_header(response, "X-C", c == NULL ? "default" : "asked"),
                     SX_OK);
    return sx_continue();
}
SX_BIND(enter_c, (inject, sx_response, response), (query, opt_i64, c));

static struct sx_result handler(struct part *two, const struct sx_request *request)
{
    assert_int_equal(two->number, 2);
    note("H");
    struct sx_result result = asked(request, "handler");
    return result.status != 0 ? result : sx_text("handled");
}
SX_BIND(handler, (inject, two, two), (inject, sx_request, request));

static struct sx_result continues(void)
{
    return sx_continue();
}
SX_BIND(continues);

static struct sx_result odd_status(void)
{
    struct sx_result result = sx_text("odd");
    result.status = 99;
    return result;
}
SX_BIND(odd_status);

static struct sx_result weird(void)
{
    return sx_with_header(sx_with_status(sx_text("weird"), 299), "X-C", "handler");
}
SX_BIND(weird);

static const struct sx_hook hooks[] = {
    SX_HOOK(enter_a, leave_a),
    SX_HOOK_LEAVE(leave_b),
    SX_HOOK_ENTER(enter_c),
};
static const struct sx_route routes[] = {
    SX_GET("/", handler),    SX_GET("/continues", continues),          SX_GET("/odd", odd_status),
    SX_GET("/weird", weird), SX_GET("/admin", handler, .admin = true),
};

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes),
                                                   .hooks = SX_LIST(hooks),
                                                   .components = SX_COMPONENTS(one, two)});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_clean_up(&fixture);
    return 0;
}

static void assert_request(const char *method, const char *target, int status, const char *steps)
{
    trace[0] = '\0';
    fixture.log[0] = '\0';
    int have = fixture_send(&fixture, method, target, NULL);
    if (have != status || strcmp(trace, steps) != 0) {
        fail_msg("%s %s: %d, not %d; steps %s, not %s", method, target, have, status, trace, steps);
    }
}

static void test_steps_run_in_order_and_unwind_in_reverse(void **state)
{
    (void)state;
    assert_request("GET", "/", 200, "Ea I1 Ec I2 H F2 Lb F1 La ");
    assert_body(&fixture, "handled");
    assert_header(&fixture, "X-Seen", "200");
}

/* The rows of what API Star did oddly: there a 404 ran the leaves without the enters. */
static void test_hooks_run_around_404_and_405_too(void **state)
{
    (void)state;
    assert_request("GET", "/nowhere", 404, "Ea I1 Ec Lb F1 La ");
    assert_body(&fixture, "{\"message\":\"not found\"}");
    assert_header(&fixture, "X-Seen", "400");
    assert_request("POST", "/", 405, "Ea I1 Ec Lb F1 La ");
    assert_header(&fixture, "Allow", "GET, HEAD, OPTIONS");
    assert_request("GET", "/%zz", 400, "Ea I1 Ec Lb F1 La ");
}

static void test_an_enter_that_answers_skips_its_own_leave(void **state)
{
    (void)state;
    assert_request("GET", "/?enter_a=4", 400, "Ea ");
    assert_body(&fixture, "by enter_a");
}

static void test_a_component_that_fails_is_the_response_and_has_no_fini(void **state)
{
    (void)state;
    assert_request("GET", "/?one=4", 400, "Ea I1 La ");
    assert_body(&fixture, "by one");
    assert_request("GET", "/?two=4", 400, "Ea I1 Ec I2 Lb F1 La ");
    assert_body(&fixture, "by two");
}

static void test_a_handler_that_fails_is_unwound_like_any_other(void **state)
{
    (void)state;
    assert_request("GET", "/?handler=5", 500, "Ea I1 Ec I2 H F2 Lb F1 La ");
    assert_body(&fixture, "{\"message\":\"internal server error\"}");
    assert_header(&fixture, "X-Seen", "500");
    assert_logged(&fixture, "GET /?handler=5 (test_hooks.handler): handler failed");
}

/* In API Star an after-hook that raised ran all after-hooks again. */
static void test_a_leave_may_replace_the_response_and_the_rest_run_once(void **state)
{
    (void)state;
    assert_request("GET", "/?leave_b=4", 400, "Ea I1 Ec I2 H F2 Lb F1 La ");
    assert_body(&fixture, "by leave_b");
    assert_header(&fixture, "X-Seen", "400");
    assert_request("GET", "/?leave_a=5", 500, "Ea I1 Ec I2 H F2 Lb F1 La ");
    assert_body(&fixture, "{\"message\":\"internal server error\"}");
}

static void test_a_wrong_parameter_of_a_hook_is_a_400_before_it_runs(void **state)
{
    (void)state;
    assert_request("GET", "/?c=x", 400, "Ea I1 Lb F1 La ");
}

static void test_headers_set_early_are_defaults(void **state)
{
    (void)state;
    assert_request("GET", "/", 200, "Ea I1 Ec I2 H F2 Lb F1 La ");
    assert_header(&fixture, "X-C", "default");
    assert_request("GET", "/weird", 299, "Ea I1 Ec Lb F1 La ");
    assert_header(&fixture, "X-C", "handler");
}

static void test_a_handler_cannot_go_on_or_have_an_odd_status(void **state)
{
    (void)state;
    assert_request("GET", "/continues", 500, "Ea I1 Ec Lb F1 La ");
    assert_logged(&fixture, "sx_continue()");
    assert_request("GET", "/odd", 500, "Ea I1 Ec Lb F1 La ");
    assert_logged(&fixture, "status 99");
}

static void test_admin_routes_skip_the_hooks(void **state)
{
    (void)state;
    assert_request("GET", "/admin", 200, "I1 I2 H F2 F1 ");
}

static void test_head_is_answered_without_a_body(void **state)
{
    (void)state;
    assert_request("HEAD", "/", 200, "Ea I1 Ec I2 H F2 Lb F1 La ");
    assert_header(&fixture, "Content-Length", "7");
    assert_int_equal(fixture.reply.body.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_run_in_order_and_unwind_in_reverse),
        cmocka_unit_test(test_hooks_run_around_404_and_405_too),
        cmocka_unit_test(test_an_enter_that_answers_skips_its_own_leave),
        cmocka_unit_test(test_a_component_that_fails_is_the_response_and_has_no_fini),
        cmocka_unit_test(test_a_handler_that_fails_is_unwound_like_any_other),
        cmocka_unit_test(test_a_leave_may_replace_the_response_and_the_rest_run_once),
        cmocka_unit_test(test_a_wrong_parameter_of_a_hook_is_a_400_before_it_runs),
        cmocka_unit_test(test_headers_set_early_are_defaults),
        cmocka_unit_test(test_a_handler_cannot_go_on_or_have_an_odd_status),
        cmocka_unit_test(test_admin_routes_skip_the_hooks),
        cmocka_unit_test(test_head_is_answered_without_a_body),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
