/* The matrix of what can happen to a request, against what runs: two hooks around a handler, one
 * component of the request. API Star, after which this is made, did something odd in most rows; the
 * comment of each row says what, and the row says what is right.
 *
 * Trace: 1 2 the enters, H the handler, b a the leaves of the second and the first hook, I F the
 * component. */
#include "fixture.h"

#include <jansson.h>

static char trace[64];
static void note(char what)
{
    size_t used = strlen(trace);
    if (used + 1 < sizeof trace) {
        trace[used] = what;
        trace[used + 1] = '\0';
    }
}

struct part {
    unsigned made; /* the how-manieth object it is */
};
SX_COMPONENT_DECLARE(part, struct part);
static unsigned parts_made;
static unsigned part_seen_by_hook, part_seen_by_leave;
static struct sx_result part_init(struct part *part)
{
    part->made = ++parts_made;
    note('I');
    return sx_continue();
}
static void part_fini(struct part *part)
{
    part->made = 0;
    note('F');
}
SX_COMPONENT(part, request, part_init, part_fini);

static struct sx_result asked(const char *what, const char *who)
{
    return what != NULL && strcmp(what, who) == 0 ? sx_fail(403, "by %s", who) : sx_continue();
}
static struct sx_result first_enter(const char *fail, struct part *part)
{
    note('1');
    part_seen_by_hook = part->made;
    return asked(fail, "first_enter");
}
SX_BIND(first_enter, (query, opt_str, fail), (inject, part, part));
static struct sx_result first_leave(const char *fail, struct part *part)
{
    note('a');
    part_seen_by_leave = part->made;
    return asked(fail, "first_leave");
}
SX_BIND(first_leave, (query, opt_str, fail), (inject, part, part));
static struct sx_result second_enter(const char *fail)
{
    note('2');
    return asked(fail, "second_enter");
}
SX_BIND(second_enter, (query, opt_str, fail));
static struct sx_result second_leave(const char *fail)
{
    note('b');
    return asked(fail, "second_leave");
}
SX_BIND(second_leave, (query, opt_str, fail));

static struct sx_result handler(const char *fail)
{
    note('H');
    return fail != NULL && strcmp(fail, "handler") == 0  ? sx_fail(403, "by handler")
           : fail != NULL && strcmp(fail, "broken") == 0 ? sx_fail(500, "broken")
           : fail != NULL && strcmp(fail, "bytes") == 0  ? sx_json("{s:s}", "bytes", "\xff")
           : fail != NULL && strcmp(fail, "empty") == 0  ? sx_empty()
                                                         : sx_json("{s:s}", "all", "well");
}
SX_BIND(handler, (query, opt_str, fail));
static struct sx_result typed(int64_t id, int64_t n)
{
    note('H');
    return sx_json("[I, I]", id, n);
}
SX_BIND(typed, (path, i64, id), (query, i64, n));
static struct sx_result with_body(json_t *body)
{
    note('H');
    return sx_json("O", body);
}
SX_BIND(with_body, (body, json, body));

static const struct sx_hook hooks[] = {SX_HOOK(first_enter, first_leave),
                                       SX_HOOK(second_enter, second_leave)};
static const struct sx_renderer renderers[] = {{"application/json", sx_render_json, {0}}};
static const struct sx_route routes[] = {
    SX_GET("/", handler),
    SX_GET("/typed/{id}", typed),
    SX_POST("/body", with_body),
};

static const struct {
    const char *event, *method, *target, *headers;
    int status;
    const char *trace;
} rows[] = {
    {"normal", "GET", "/", NULL, 200, "I12HbaF"},
    {"nothing to say: 200 without content became 204 by itself; here it is said", "GET",
     "/?fail=empty", NULL, 204, "I12HbaF"},
    /* no before-hook ran, and every after-hook did */
    {"404", "GET", "/nowhere", NULL, 404, "I12baF"},
    {"405", "PUT", "/", NULL, 405, "I12baF"},
    {"a slash too many", "GET", "/body/", NULL, 308, "I12baF"},
    /* the after-hooks of before-hooks that never ran, ran */
    {"the first enter answers", "GET", "/?fail=first_enter", NULL, 403, "I1F"},
    {"the second enter answers", "GET", "/?fail=second_enter", NULL, 403, "I12aF"},
    {"the handler fails", "GET", "/?fail=handler", NULL, 403, "I12HbaF"},
    {"a path parameter does not convert", "GET", "/typed/x?n=1", NULL, 404, "I12baF"},
    {"a query parameter does not convert", "GET", "/typed/1?n=x", NULL, 400, "I12baF"},
    {"a query parameter is missing: the handler got None", "GET", "/typed/1", NULL, 400, "I12baF"},
    {"a body of another type", "POST", "/body", "Content-Type: text/plain\r\n", 415, "I12baF"},
    /* all after-hooks ran again */
    {"the second leave fails", "GET", "/?fail=second_leave", NULL, 403, "I12HbaF"},
    {"the first leave fails", "GET", "/?fail=first_leave", NULL, 403, "I12HbaF"},
    /* no after-hook ran, and the server's own 500 was sent */
    {"any other failure", "GET", "/?fail=broken", NULL, 500, "I12HbaF"},
    {"a value that cannot be serialised", "GET", "/?fail=bytes", NULL, 500, "I12HbaF"},
    /* was an uncaught exception, and a 500 */
    {"nothing acceptable", "GET", "/", "Accept: text/html\r\n", 406, "I12HbaF"},
};

static struct fixture fixture;

static void test_every_row_of_the_matrix(void **state)
{
    (void)state;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes),
                                                   .hooks = SX_LIST(hooks),
                                                   .renderers = SX_LIST(renderers),
                                                   .components = SX_COMPONENTS(part)});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const bool body = strcmp(rows[i].target, "/body") == 0;
        trace[0] = '\0';
        part_seen_by_hook = part_seen_by_leave = 0;
        assert_int_equal(sx_client_send(fixture.client, &fixture.reply, rows[i].method,
                                        rows[i].target, rows[i].headers,
                                        (struct sx_str){"{}", body ? 2 : 0}),
                         SX_OK);
        if (fixture.reply.status != rows[i].status || strcmp(trace, rows[i].trace) != 0) {
            fail_msg("%s: %d, not %d; %s, not %s", rows[i].event, fixture.reply.status,
                     rows[i].status, trace, rows[i].trace);
        }
        /* The after-hooks saw another object than the before-hooks had seen. */
        if (part_seen_by_leave != 0) {
            assert_int_equal(part_seen_by_leave, part_seen_by_hook);
        }
        assert_int_equal(parts_made, i + 1);
    }
    fixture_clean_up(&fixture);
}

/* The last row: an unresolvable dependency was a 500 of every request. */
SX_COMPONENT_DECLARE(missing, struct part);
SX_COMPONENT(missing, app, part_init, NULL);
static struct sx_result needs_missing(struct part *part)
{
    return sx_json("{s:i}", "made", (int)part->made);
}
SX_BIND(needs_missing, (inject, missing, part));

static void test_an_unresolvable_dependency_keeps_the_app_from_starting(void **state)
{
    (void)state;
    static const struct sx_route wrong[] = {SX_GET("/", needs_missing)};
    assert_int_equal(fixture_try(&fixture, (struct sx_app_options){.routes = SX_LIST(wrong)}),
                     SX_EWIRING);
    assert_logged(&fixture, "needs component 'missing'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_of_the_matrix),
        cmocka_unit_test(test_an_unresolvable_dependency_keeps_the_app_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
