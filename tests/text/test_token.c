/* RFC 9110, 5.6: tokens, lists, quoted strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "token.h"

#include <cmocka.h>
#include <string.h>

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void assert_text(struct sx_str have, const char *text)
{
    assert_int_equal(have.size, strlen(text));
    assert_memory_equal(have.data, text, have.size);
}

/* 5.6.2: tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|"
 * /
 * "~" / DIGIT / ALPHA "; any VCHAR, except delimiters" */
static void test_a_token_is_visible_characters_but_delimiters(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char byte = (char)c;
        const bool is_delimiter = c != 0 && strchr("\"(),/:;<=>?@[\\]{}", c) != NULL;
        const bool expected = c > ' ' && c < 0x7f && !is_delimiter;
        assert_int_equal(sx__is_token((struct sx_str){&byte, 1}), expected);
        assert_int_equal(sx__token_size((struct sx_str){&byte, 1}), expected);
    }
    assert_true(sx__is_token(view("Content-Type")));
    assert_false(sx__is_token(view("Content Type")));
    assert_false(sx__is_token(view("")));
    assert_false(sx__is_token((struct sx_str){NULL, 0}));
    assert_int_equal(sx__token_size(view("GET /")), 3);
}

static void test_words_are_the_same_in_any_case_of_ascii_alone(void **state)
{
    (void)state;
    assert_true(sx__is_word(view("Keep-ALIVE"), "keep-alive"));
    assert_true(sx__is_word(view("az"), "AZ"));
    assert_true(sx__is_word(view(""), ""));
    assert_false(sx__is_word(view("close"), "clos"));
    assert_false(sx__is_word(view("clos"), "close"));
    assert_false(sx__is_word(view("@["), "`{")); /* a bit apart, as A and a are */
    assert_false(sx__is_word((struct sx_str){"a\0", 2}, "a"));
    assert_true(sx__is_same((struct sx_str){NULL, 0}, view("")));
    assert_false(sx__is_same(view("a"), view("b")));
}

/* 5.6.3: OWS = *( SP / HTAB ) */
static void test_white_space_is_spaces_and_tabs(void **state)
{
    (void)state;
    assert_text(sx__trim(view(" \t a b\t ")), "a b");
    assert_text(sx__trim(view(" \t ")), "");
    assert_text(sx__trim(view("\va\n")), "\va\n");
    assert_int_equal(sx__trim((struct sx_str){NULL, 0}).size, 0);
}

static void test_what_stands_before_a_separator_is_taken(void **state)
{
    (void)state;
    struct sx_str rest = view("a, \"b,c\"");
    assert_text(sx__take_until(&rest, ','), "a");
    assert_text(sx__take_until(&rest, ','), " \"b");
    assert_text(rest, "c\"");
    assert_text(sx__take_until(&rest, ','), "c\"");
    assert_int_equal(rest.size, 0);
    assert_text(sx__take_until(&rest, ','), "");
    rest = (struct sx_str){NULL, 0};
    assert_int_equal(sx__take_until(&rest, ',').size, 0);
    assert_int_equal(sx__take_part(&rest, ',').size, 0);
}

/* 5.6.4: quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE; quoted-pair = "\" ( HTAB / SP /
 * VCHAR / obs-text ) */
static void test_a_separator_in_a_quoted_string_is_none(void **state)
{
    (void)state;
    struct sx_str rest = view(" a=\"x;\\\";y\" ; b ;; c=\"\\");
    assert_text(sx__take_part(&rest, ';'), "a=\"x;\\\";y\"");
    assert_text(sx__take_part(&rest, ';'), "b");
    assert_text(sx__take_part(&rest, ';'), "");
    assert_text(sx__take_part(&rest, ';'), "c=\"\\");
    assert_int_equal(rest.size, 0);
    rest = view("a\\;b"); /* a backslash means nothing outside */
    assert_text(sx__take_part(&rest, ';'), "a\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_visible_characters_but_delimiters),
        cmocka_unit_test(test_words_are_the_same_in_any_case_of_ascii_alone),
        cmocka_unit_test(test_white_space_is_spaces_and_tabs),
        cmocka_unit_test(test_what_stands_before_a_separator_is_taken),
        cmocka_unit_test(test_a_separator_in_a_quoted_string_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
