/* How many lines are written, and that each suppressed line is counted exactly once. */
#include "log_limit.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND_NS ((uint64_t)1000000000)

static void test_so_many_lines_are_written_in_so_many_seconds(void **state)
{
    (void)state;
    static const uint64_t starts[] = {0, 1, 9 * SECOND_NS, 10 * SECOND_NS, 123456789 * SECOND_NS};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct sx__log_limit limit = {0};
        unsigned left_out = 1;
        unsigned written = 0;
        for (int k = 0; k < 1000; k++) {
            written += sx__log_limit_allows(&limit, starts[i], &left_out) ? 1 : 0;
            assert_int_equal(left_out, 0);
        }
        assert_int_equal(written, SX__LOG_LINES);
        assert_int_equal(sx__log_limit_take(&limit, starts[i], false), 0);
        /* The next interval begins with the number of suppressed lines. */
        assert_true(sx__log_limit_allows(&limit, starts[i] + 10 * SECOND_NS, &left_out));
        assert_int_equal(left_out, 1000 - SX__LOG_LINES);
        assert_true(sx__log_limit_allows(&limit, starts[i] + 10 * SECOND_NS, &left_out));
        assert_int_equal(left_out, 0);
    }
}

static void test_what_was_left_out_is_said_once(void **state)
{
    (void)state;
    struct sx__log_limit limit = {0};
    unsigned left_out;
    assert_int_equal(sx__log_limit_take(&limit, 0, true), 0);
    for (int i = 0; i < SX__LOG_LINES + 3; i++) {
        sx__log_limit_allows(&limit, 0, &left_out);
    }
    assert_int_equal(sx__log_limit_take(&limit, 9 * SECOND_NS, false), 0);
    assert_int_equal(sx__log_limit_take(&limit, 9 * SECOND_NS, true), 3);
    assert_int_equal(sx__log_limit_take(&limit, 9 * SECOND_NS, true), 0);
    assert_false(sx__log_limit_allows(&limit, 9 * SECOND_NS, &left_out)); /* it is full */
    assert_int_equal(sx__log_limit_take(&limit, 10 * SECOND_NS, false), 1);
    assert_true(sx__log_limit_allows(&limit, 10 * SECOND_NS, &left_out));
    assert_int_equal(left_out, 0);
}

static struct sx__log_limit shared;

static void *write_lines(void *context)
{
    unsigned *written = context;
    for (uint64_t i = 0; i < 40000; i++) {
        unsigned left_out;
        *written += sx__log_limit_allows(&shared, i * SECOND_NS / 1000, &left_out) ? 1 : 0;
        *written += left_out;
        *written += sx__log_limit_take(&shared, i * SECOND_NS / 1000, false);
    }
    return NULL;
}

/* Each is either written or counted, once. */
static void test_none_is_lost_among_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    unsigned written[4] = {0};
    unsigned sum = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &written[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        sum += written[i];
    }
    assert_int_equal(sum + sx__log_limit_take(&shared, 0, true), 4 * 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_so_many_lines_are_written_in_so_many_seconds),
        cmocka_unit_test(test_what_was_left_out_is_said_once),
        cmocka_unit_test(test_none_is_lost_among_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
