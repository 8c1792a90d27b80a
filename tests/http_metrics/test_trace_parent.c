/* The header traceparent. Source: W3C "Trace Context", 3.2 and 4.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_parent.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define GOOD "00-" TRACE "-" SPAN "-01"

/* Parses it in memory of exactly its size. */
static bool parse(struct sx__trace_parent *parent, const char *text, size_t size)
{
    char *exact = malloc(size > 0 ? size : 1);
    assert_non_null(exact);
    memcpy(exact, text, size);
    const bool is_valid = sx__trace_parent_parse(parent, (struct sx_str){exact, size});
    if (is_valid) {
        char digits[48];
        sx__trace_parent_write_id(digits, parent->trace_id[0]);
        sx__trace_parent_write_id(digits + 16, parent->trace_id[1]);
        sx__trace_parent_write_id(digits + 32, parent->span_id);
        assert_memory_equal(digits, text + 3, 32);
        assert_memory_equal(digits + 32, text + 36, 16);
    }
    free(exact);
    return is_valid;
}

static bool is_valid(const char *text)
{
    struct sx__trace_parent parent;
    return parse(&parent, text, strlen(text));
}

static void test_the_parts(void **state)
{
    (void)state;
    struct sx__trace_parent parent;
    assert_true(parse(&parent, GOOD, sizeof GOOD - 1));
    assert_true(parent.trace_id[0] == 0x4bf92f3577b34da6);
    assert_true(parent.trace_id[1] == 0xa3ce929d0e0e4736);
    assert_true(parent.span_id == 0x00f067aa0ba902b7);
    assert_true(parent.is_sampled);
}

static void test_the_flag_sampled(void **state)
{
    (void)state;
    static const struct {
        const char *flags;
        bool is_sampled;
    } cases[] = {{"00", false}, {"01", true}, {"02", false}, {"03", true},
                 {"10", false}, {"ff", true}, {"fe", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[] = "00-" TRACE "-" SPAN "-xx";
        struct sx__trace_parent parent;
        memcpy(text + 53, cases[i].flags, 2);
        assert_true(parse(&parent, text, sizeof text - 1));
        assert_int_equal(parent.is_sampled, cases[i].is_sampled);
    }
}

static void test_zero_is_no_id(void **state)
{
    (void)state;
    assert_false(is_valid("00-00000000000000000000000000000000-" SPAN "-01"));
    assert_false(is_valid("00-" TRACE "-0000000000000000-01"));
    assert_true(is_valid("00-00000000000000000000000000000001-0000000000000001-01"));
}

static void test_versions(void **state)
{
    (void)state;
    assert_false(is_valid("ff-" TRACE "-" SPAN "-01"));
    assert_true(is_valid("01-" TRACE "-" SPAN "-01"));
    assert_true(is_valid("fe-" TRACE "-" SPAN "-01"));
    /* Only a later version may have more parts. */
    assert_false(is_valid(GOOD "-more"));
    assert_false(is_valid(GOOD "-"));
    assert_true(is_valid("01-" TRACE "-" SPAN "-01-more"));
    assert_true(is_valid("01-" TRACE "-" SPAN "-01-"));
    assert_false(is_valid("01-" TRACE "-" SPAN "-01.more"));
    assert_false(is_valid("01-" TRACE "-" SPAN "-011"));
}

/* Each byte decides, and each length that is too short is refused. */
static void test_any_wrong_byte_or_length_is_refused(void **state)
{
    (void)state;
    static const char wrong[] = {'g', 'A', 'F', ' ', '\0', '/', ':', '`', '\t', '\xff'};
    struct sx__trace_parent parent;
    for (size_t at = 0; at < sizeof GOOD - 1; at++) {
        for (size_t i = 0; i < sizeof wrong; i++) {
            char text[] = GOOD;
            text[at] = wrong[i];
            assert_false(parse(&parent, text, sizeof text - 1));
        }
        char text[] = GOOD;
        text[at] = text[at] == '-' ? '0' : '-';
        assert_false(parse(&parent, text, sizeof text - 1));
        assert_false(parse(&parent, GOOD, at));
    }
    assert_false(sx__trace_parent_parse(&parent, (struct sx_str){NULL, 0}));
    assert_false(is_valid(" " GOOD));
    assert_false(is_valid(GOOD " "));
    assert_false(is_valid(GOOD "," GOOD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_parts),
        cmocka_unit_test(test_the_flag_sampled),
        cmocka_unit_test(test_zero_is_no_id),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_any_wrong_byte_or_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
