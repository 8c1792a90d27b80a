/* Ill-formed UTF-8 is found and replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "utf8.h"

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* From memory of exactly the size that is promised, so that a sanitizer sees one byte too many. */
static bool cleans_to(const char *text, size_t size, const char *expected)
{
    char *copy = malloc(size + 1);
    char *cleaned = malloc(size * SX__UTF8_GROWTH + 1);
    memcpy(copy, text, size);
    size_t length = sx__utf8_clean(cleaned, (struct sx_str){copy, size});
    bool equal = length == strlen(expected) && memcmp(cleaned, expected, length) == 0;
    bool valid = sx__utf8_is_valid((struct sx_str){copy, size});
    bool same = length == size && memcmp(cleaned, text, size) == 0;
    free(copy);
    free(cleaned);
    return equal && valid == same;
}

#define CLEANS_TO(text, expected) assert_true(cleans_to(text, sizeof(text) - 1, expected))
#define BAD "\xEF\xBF\xBD"

static void test_well_formed_text_stays_as_it_is(void **state)
{
    (void)state;
    CLEANS_TO("", "");
    CLEANS_TO("plain", "plain");
    CLEANS_TO("\x7F", "\x7F");
    CLEANS_TO("\xC2\x80", "\xC2\x80");
    CLEANS_TO("\xDF\xBF", "\xDF\xBF");
    CLEANS_TO("\xE0\xA0\x80", "\xE0\xA0\x80");
    CLEANS_TO("\xED\x9F\xBF", "\xED\x9F\xBF");
    CLEANS_TO("\xEE\x80\x80", "\xEE\x80\x80");
    CLEANS_TO("\xEF\xBF\xBF", "\xEF\xBF\xBF");
    CLEANS_TO("\xF0\x90\x80\x80", "\xF0\x90\x80\x80");
    CLEANS_TO("\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF");
}

static void test_ill_formed_bytes_are_replaced(void **state)
{
    (void)state;
    CLEANS_TO("\x80", BAD);
    CLEANS_TO("a\xFF"
              "b",
              "a" BAD "b");
    CLEANS_TO("\xC0\xAF", BAD BAD);         /* overlong */
    CLEANS_TO("\xC1\xBF", BAD BAD);         /* overlong */
    CLEANS_TO("\xE0\x9F\xBF", BAD BAD BAD); /* overlong */
    CLEANS_TO("\xF0\x8F\xBF\xBF", BAD BAD BAD BAD);
    CLEANS_TO("\xED\xA0\x80", BAD BAD BAD);         /* a surrogate */
    CLEANS_TO("\xF4\x90\x80\x80", BAD BAD BAD BAD); /* above U+10FFFF */
    CLEANS_TO("\xF5", BAD);
}

static void test_a_sequence_cut_short_is_one_replacement(void **state)
{
    (void)state;
    CLEANS_TO("\xC3", BAD);
    CLEANS_TO("\xE2\x82", BAD);
    CLEANS_TO("\xF0\x9F\x98", BAD);
    CLEANS_TO("\xE2\x82z", BAD "z");
    /* Unicode 15, table 3-8: "U+FFFD for Non-Shortest Form Sequences", and 3-11 for truncated ones
     */
    CLEANS_TO("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", BAD BAD BAD BAD BAD BAD BAD BAD "A");
    CLEANS_TO("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", BAD BAD BAD BAD "A");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_formed_text_stays_as_it_is),
        cmocka_unit_test(test_ill_formed_bytes_are_replaced),
        cmocka_unit_test(test_a_sequence_cut_short_is_one_replacement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
