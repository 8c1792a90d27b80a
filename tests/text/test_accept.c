/* RFC 9110, 12.4.2 (weights), 12.5.1 (Accept) and 12.5.3 (Accept-Encoding). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    const char *accept;
    const char *media_type;
    unsigned weight;
};

/* From memory of exactly its size, so that a sanitizer sees one byte too many. */
static struct sx__preference weigh(const char *accept, const char *media_type)
{
    size_t size = strlen(accept);
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, accept, size);
    char *exact = realloc(copy, size > 0 ? size : 1);
    assert_non_null(exact);
    struct sx__preference preference = sx__accept_weigh(
        (struct sx_str){exact, size}, (struct sx_str){media_type, strlen(media_type)});
    free(exact);
    return preference;
}

static void weigh_all(const struct wish *wishes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned have = weigh(wishes[i].accept, wishes[i].media_type).weight;
        if (have != wishes[i].weight) {
            fail_msg("%s of \"%s\": %u, not %u", wishes[i].media_type, wishes[i].accept, have,
                     wishes[i].weight);
        }
    }
}

#define WEIGH_ALL(wishes) weigh_all(wishes, sizeof(wishes) / sizeof *(wishes))

/* 12.5.1: "A request without any Accept header field implies that the user agent will accept any
 * media type in response." */
static void test_without_a_header_anything_is_fine(void **state)
{
    (void)state;
    static const struct wish wishes[] = {{"", "a/b", 1000}, {" \t", "a/b", 1000}};
    WEIGH_ALL(wishes);
    assert_int_equal(sx__accept_weigh((struct sx_str){NULL, 0}, (struct sx_str){"a/b", 3}).weight,
                     1000);
}

/* 12.5.1: "Media ranges can be overridden by more specific media ranges or specific media types. If
 * more than one media range applies to a given type, the most specific reference has precedence."
 */
static void test_the_most_specific_range_decides(void **state)
{
    (void)state;
    static const struct wish wishes[] = {
        {"*/*", "a/b", 1000},
        {"a/*", "a/b", 1000},
        {"a/*", "b/b", 0},
        {"A/B", "a/b", 1000},
        {"a/b", "a/b; charset=utf-8", 1000},
        {"a/bc", "a/b", 0},
        {"a/b;q=0.1, a/b;q=0.4, a/b;q=0.3", "a/b", 400},
        /* the example of the section */
        {"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, "
         "*/*;q=0.5",
         "text/plain;format=flowed", 1000},
        {"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, "
         "*/*;q=0.5",
         "text/plain; format=fixed", 400},
        {"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed;q=0.4, */*;q=0.5",
         "text/plain;format=fixed", 700},
        {"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "text/html", 300},
        {"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "image/jpeg", 500},
    };
    WEIGH_ALL(wishes);
    assert_int_equal(weigh("x/y, */*;q=0.1, a/b", "a/b").position, 2);
    assert_int_equal(weigh("x/y, */*;q=0.1, a/b", "a/c").position, 1);
    assert_int_equal(weigh("a/b;v=1", "a/b;v=1").specificity, 3);
    assert_int_equal(weigh("a/b;v=1", "a/b").specificity, 2);
    assert_int_equal(weigh("a/*", "a/b").specificity, 1);
    assert_int_equal(weigh("*/*", "a/b").specificity, 0);
}

static void test_a_parameter_that_the_type_has_too_must_be_equal(void **state)
{
    (void)state;
    static const struct wish wishes[] = {
        {"a/b;v=1", "a/b", 1000},
        {"a/b;v=1", "a/b;w=2", 1000},
        {"a/b;v=1", "a/b;w=2;v=1", 1000},
        {"a/b;v=1", "a/b;w=2;v=2", 0},
        {"a/b; V=X", "a/b; v=x", 1000},
        {"a/b;v=\"1\"", "a/b;v=1", 1000},
        {"a/b;v=1;w=3", "a/b;v=1;w=2", 0},
        {"a/b;v", "a/b;v=1", 0},
        {"a/b;v", "a/b", 1000},
        {"a/b;;v=1;", "a/b;v=1", 1000},
    };
    WEIGH_ALL(wishes);
}

/* 12.4.2: "weight = OWS ";" OWS "q=" qvalue; qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "."
 * 0*3("0") ] )"; "a value of 0 means "not acceptable". If no "q" parameter is present, the default
 * weight is 1." */
static void test_a_weight_is_0_to_1_with_up_to_three_decimals(void **state)
{
    (void)state;
    static const struct wish wishes[] = {
        {"a/b;q=1", "a/b", 1000},      {"a/b;q=1.000", "a/b", 1000},  {"a/b;q=0.5", "a/b", 500},
        {"a/b;q=0.", "a/b", 0},        {"a/b;q=1.", "a/b", 1000},     {"a/b;q=0.05", "a/b", 50},
        {"a/b ; q=0.123", "a/b", 123}, {"a/b;v=1;Q=0.2", "a/b", 200}, {"a/b;q=0.001;v=1", "a/b", 1},
        {"*/*, a/b;q=0", "a/b", 0},    {"*/*, a/b;q=0", "a/c", 1000},
    };
    WEIGH_ALL(wishes);
}

static void test_what_is_malformed_is_skipped_and_the_others_count(void **state)
{
    (void)state;
    static const struct wish wishes[] = {
        {"nonsense, a/b;q=2, ;, a/, /b, */b, a/b;q=0.4", "a/b", 400},
        {"*/*;q=0.1, a/b;q=2", "a/b", 100},
        {"a/b;q=1.5", "a/b", 0},
        {"a/b;q=1.001", "a/b", 0},
        {"a/b;q=2", "a/b", 0},
        {"a/b;q=", "a/b", 0},
        {"a/b;q=a", "a/b", 0},
        {"a/b;q=.5", "a/b", 0},
        {"a/b;q=01", "a/b", 0},
        {"a/b;q=-1", "a/b", 0},
        {"a/b;q=0.1234", "a/b", 0},
        {"a/b;q=0.1x", "a/b", 0},
        {"*", "a/b", 0},
        {"a", "a/b", 0},
        {"a /b", "a/b", 0},
        {"a/ b", "a/b", 0},
        {"a/b c", "a/b", 0},
        {"a/b/c", "a/b", 0},
        {"\"a/b\"", "a/b", 0},
        {"a/b", "nonsense", 0},
    };
    WEIGH_ALL(wishes);
}

/* 5.6.4: a quoted string may contain the delimiters, and itself the quote behind a backslash. */
static void test_a_comma_in_quotes_ends_no_range(void **state)
{
    (void)state;
    static const struct wish wishes[] = {
        {"x/y;p=\"a,a/b\"", "a/b", 0},
        {"x/y;p=\"\\\",a/b\"", "a/b", 0},
        {"x/y;p=\"\\\",a/b\",a/b;q=0.1", "a/b", 100},
        {"x/y;p=\"\\\\\",a/b;q=0.1", "a/b", 100},
        {"a/b;p=\";q=0.3\";q=0.2", "a/b", 200},
        {"x/y;p=\"\\", "a/b", 0},
    };
    WEIGH_ALL(wishes);
}

/* 12.5.3: "If the representation has no content coding, then it is acceptable by default unless
 * specifically excluded", and "the asterisk "*" symbol in an Accept-Encoding field matches any
 * available content coding not explicitly listed in the field". */
static void test_a_coding_is_used_if_it_is_accepted_and_not_preferred_less(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool accepted;
    } cases[] = {
        {"gzip", true},
        {"GZip", true},
        {"deflate, gzip, br, zstd", true},
        {"gzip;q=1.0", true},
        {" gzip ; q=0.001 ", true},
        {"br;q=1, gzip;q=0.1", true},
        {"identity, gzip", true},
        {"identity;q=0.5, gzip;q=0.5", true},
        {"gzip;q=0.5, *;q=0", true},
        {"gzip;q=0.5, *;q=0.5", true},
        {"gzip;q=0.2, *;q=0.9, identity;q=0.1", true},
        {"*", true},
        {"*;q=0.1", true},
        {"identity;q=0", false},
        {"identity;q=0, *", true},
        {"gzip, gzip;q=0", true}, /* the larger weight counts */
        {"", false},              /* "only identity" */
        {" ", false},
        {",,", false},
        {"identity", false},
        {"br, deflate", false},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0, *", false},
        {"gzip;q=0, identity;q=0", false},
        {"*;q=0", false},
        {"gzip;q=0.5, identity;q=0.6", false},
        {"gzip;q=0.5, identity", false},
        {"gzip;q=0.5, *;q=0.6", false}, /* the asterisk covers identity */
        {"*;q=0.5, identity", false},
        {"gzipped", false},
        {"x-gzip", true}, /* 8.4.1.3 */
        {"X-GZIP;q=0.5, identity;q=0.4", true},
        {"x-gzip;q=0, *", false},
        {"x-gzip, gzip;q=0", true},
        {"x-gzi", false},
        {"x-gzipped", false},
        {"xgzip", false},
        {"gzi", false},
        {"gzip;q=2", false},
        {"gzip;q=-1", false},
        {"gzip;q=", false},
        {"gzip;q", false},
        {"gzip;=1", false},
        {"gzip;level=9", false},
        {"gzip;q=1;q=1", false},
        {"gzip q=1", false},
        {"gzip;q=nan", false},
        /* It is listed, so the asterisk does not cover it; how it is weighed is not known. */
        {"gzip;q=0.0000, *", false},
        {"gzip;q=0;a=1, *", false},
        {"gzip;q=2, *", false},
        {"gzip;level=9, *", false},
        {"gzip;q=0.0000, gzip;q=0.5, *;q=0.1", true},
        {"identity;q=2, gzip;q=0.5, *", true},
        {"*;q=2, gzip;q=0.5", true},
        {"gzip, *;q=2", true},
        {"*;q=2", false},
        {"\"gzip\"", false},
        {"\"a, gzip", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t size = strlen(cases[i].header);
        char *exact = malloc(size > 0 ? size : 1);
        assert_non_null(exact);
        memcpy(exact, cases[i].header, size);
        if (sx__accepts_coding((struct sx_str){exact, size}, "gzip") != cases[i].accepted) {
            fail_msg("gzip by \"%s\": not %d", cases[i].header, cases[i].accepted);
        }
        free(exact);
    }
    assert_false(sx__accepts_coding((struct sx_str){NULL, 0}, "gzip"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_header_anything_is_fine),
        cmocka_unit_test(test_the_most_specific_range_decides),
        cmocka_unit_test(test_a_parameter_that_the_type_has_too_must_be_equal),
        cmocka_unit_test(test_a_weight_is_0_to_1_with_up_to_three_decimals),
        cmocka_unit_test(test_what_is_malformed_is_skipped_and_the_others_count),
        cmocka_unit_test(test_a_comma_in_quotes_ends_no_range),
        cmocka_unit_test(test_a_coding_is_used_if_it_is_accepted_and_not_preferred_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
