/* Requests that fail are logged with their cause, but a client that repeats them does not fill the
 * log. The tests set the clock. */
#define _POSIX_C_SOURCE 200809L
#include "fixture.h"

#include <time.h>

static time_t seconds_more;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int result = __real_clock_gettime(clock, now);
    now->tv_sec = seconds_more; /* so that the interval of ten seconds does not end during a test */
    return result;
}

static struct sx_result broken(void)
{
    return sx_fail(500, "out of order");
}
SX_BIND(broken);

static const struct sx_route routes[] = {SX_GET("/fail", broken)};
static const char line[] = "GET /fail (test_failures.broken): out of order\n";

static size_t count(const char *log, const char *part)
{
    size_t found = 0;
    while ((log = strstr(log, part)) != NULL) {
        log += strlen(part);
        found++;
    }
    return found;
}

static void test_a_client_that_repeats_a_failure_does_not_fill_the_log(void **state)
{
    (void)state;
    struct fixture fixture;
    seconds_more = 5;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fixture_send(&fixture, "GET", "/fail", NULL), 500);
    }
    assert_int_equal(count(fixture.log, "\n"), 10);
    assert_int_equal(count(fixture.log, line), 10);
    seconds_more = 10;
    assert_int_equal(fixture_send(&fixture, "GET", "/fail", NULL), 500);
    assert_int_equal(count(fixture.log, line), 11);
    assert_logged(&fixture, "90 more failed requests were not logged\nGET /fail ");
    seconds_more = 30;
    assert_int_equal(fixture_send(&fixture, "GET", "/fail", NULL), 500);
    assert_int_equal(count(fixture.log, "\n"), 13);
    fixture_clean_up(&fixture);
}

static void test_what_was_left_out_is_said_when_the_app_stops(void **state)
{
    (void)state;
    struct fixture fixture;
    seconds_more = 5;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    for (int i = 0; i < 13; i++) {
        assert_int_equal(fixture_send(&fixture, "GET", "/fail", NULL), 500);
    }
    sx_client_destroy(fixture.client);
    fixture.client = NULL;
    sx_reply_clean_up(&fixture.reply);
    fixture.reply = (struct sx_reply){0};
    assert_int_equal(count(fixture.log, "\n"), 10);
    sx_app_destroy(fixture.app);
    fixture.app = NULL;
    assert_int_equal(count(fixture.log, "\n"), 11);
    assert_logged(&fixture, "3 more failed requests were not logged\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_client_that_repeats_a_failure_does_not_fill_the_log),
        cmocka_unit_test(test_what_was_left_out_is_said_when_the_app_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
