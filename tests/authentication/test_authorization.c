/* What is read from an Authorization header, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "authorization.h"

#include <cmocka.h>
#include <string.h>

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void assert_secret(const char *value, enum sx__scheme scheme, struct sx_str secret)
{
    char decoded[SX__BASIC_BYTES];
    enum sx__scheme found;
    struct sx_str have;
    if (sx__authorization_parse(&found, &have, view(value), decoded) != SX_OK) {
        fail_msg("\"%s\" is refused", value);
    }
    assert_int_equal(found, scheme);
    assert_int_equal(have.size, secret.size);
    assert_memory_equal(have.data, secret.data, secret.size);
}

static void assert_refused(const char *value)
{
    char decoded[SX__BASIC_BYTES];
    enum sx__scheme scheme = SX__SCHEME_BASIC;
    struct sx_str secret = {value, 1};
    if (sx__authorization_parse(&scheme, &secret, view(value), decoded) != SX_EPROTO) {
        fail_msg("\"%s\" is accepted", value);
    }
    assert_ptr_equal(secret.data, value);
}

/* RFC 7617, 2 and 2.1 */
static void examples_of_basic(void **state)
{
    (void)state;
    assert_secret("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", SX__SCHEME_BASIC,
                  view("Aladdin:open sesame"));
    assert_secret("Basic dGVzdDoxMjPCow==", SX__SCHEME_BASIC, view("test:123\xC2\xA3"));
}

/* RFC 6750, 2.1 */
static void examples_of_bearer(void **state)
{
    (void)state;
    assert_secret("Bearer mF_9.B5f-4.1JqM", SX__SCHEME_BEARER, view("mF_9.B5f-4.1JqM"));
    assert_secret("Bearer az09-._~+/==", SX__SCHEME_BEARER, view("az09-._~+/=="));
}

/* RFC 9110, 11.1: "It uses a case-insensitive token to identify the authentication scheme"; 11.4:
 * credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ] */
static void schemes_have_any_case_and_spaces_behind_them(void **state)
{
    (void)state;
    assert_secret("bEARER    a", SX__SCHEME_BEARER, view("a"));
    assert_secret("BASIC  YTpi", SX__SCHEME_BASIC, view("a:b"));
    assert_refused("Bearer\ta");
    assert_refused(" Bearer a");
}

static void secrets_may_have_colons_and_any_bytes(void **state)
{
    (void)state;
    assert_secret("Basic YTpiOmM=", SX__SCHEME_BASIC, view("a:b:c"));
    assert_secret("Basic Og==", SX__SCHEME_BASIC, view(":"));
    assert_secret("Basic YQA6/w==", SX__SCHEME_BASIC, (struct sx_str){"a\0:\xff", 4});
}

static void what_is_not_well_formed_is_refused(void **state)
{
    (void)state;
    static const char *const values[] = {
        "",
        "Basic",
        "Basic ",
        "Bearer",
        "Bearer ",
        "Digest YTpi",
        "Basi YTpi",
        "Basicx YTpi",
        "Basic YWI=", /* no colon */
        "Basic YTpiO",
        "Basic YTpiOg",
        "Basic YTpiOg=",
        "Basic YTpi====", /* padding */
        "Basic YTpiOh==",
        "Basic YTpiOmN=", /* RFC 4648, 3.5: pad bits that are set */
        "Basic YT=i",
        "Basic Y===",
        "Basic ====",
        "Basic YTo=YTo=",
        "Basic =",
        "Basic YTp i",
        "Basic YTpi ",
        "Basic YTpi\t",
        "Basic YT-_",
        "Basic YTpi,YTpi",
        "Basic YTpi, Bearer a",
        "Basic realm=\"a\"",
        "Bearer a b",
        "Bearer a,b",
        "Bearer \"a\"",
        "Bearer =",
        "Bearer =a",
        "Bearer a=b",
        "Bearer \xC3\xA9",
        "Bearera",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_refused(values[i]);
    }
}

static void a_huge_header_is_read_or_refused(void **state)
{
    (void)state;
    enum { MOST = 32768, LONGEST = 6 + SX__BASIC_BYTES / 3 * 4 };
    char value[MOST + 1] = "";
    char decoded[SX__BASIC_BYTES];
    enum sx__scheme scheme;
    struct sx_str secret;
    memset(value, 'A', MOST);
    memcpy(value, "Bearer ", 7);
    assert_secret(value, SX__SCHEME_BEARER, view(value + 7));
    memcpy(value, "Basic OkFB", 10); /* ":AA", and then NUL bytes */
    assert_int_equal(
        sx__authorization_parse(&scheme, &secret, (struct sx_str){value, LONGEST}, decoded), SX_OK);
    assert_int_equal(secret.size, SX__BASIC_BYTES / 3 * 3);
    /* The most that credentials may have: the padding is none of it. */
    memcpy(value + LONGEST, "AA==", 4);
    assert_int_equal(
        sx__authorization_parse(&scheme, &secret, (struct sx_str){value, LONGEST + 4}, decoded),
        SX_OK);
    assert_int_equal(secret.size, SX__BASIC_BYTES);
    memcpy(value + LONGEST, "AAA=", 4);
    assert_int_equal(
        sx__authorization_parse(&scheme, &secret, (struct sx_str){value, LONGEST + 4}, decoded),
        SX_EPROTO);
    memcpy(value + LONGEST, "AAAA", 4);
    for (size_t size = LONGEST + 4; size < MOST; size += 4) {
        assert_int_equal(
            sx__authorization_parse(&scheme, &secret, (struct sx_str){value, size}, decoded),
            SX_EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_basic),
        cmocka_unit_test(examples_of_bearer),
        cmocka_unit_test(schemes_have_any_case_and_spaces_behind_them),
        cmocka_unit_test(secrets_may_have_colons_and_any_bytes),
        cmocka_unit_test(what_is_not_well_formed_is_refused),
        cmocka_unit_test(a_huge_header_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
