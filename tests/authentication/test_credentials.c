/* The comparison, files of credentials, and that no branch depends on a secret: valgrind, which
 * `make check` runs this test with, reports one that depends on bytes which are marked undefined.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "credentials.h"

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(address, size) (void)0
#define VALGRIND_MAKE_MEM_DEFINED(address, size) (void)0
#endif

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static int add(struct sx__credentials *credentials, enum sx__scheme scheme, const char *secret)
{
    return sx__credentials_add(credentials, scheme, view(secret));
}

static int match(const struct sx__credentials *credentials, enum sx__scheme scheme,
                 const char *secret)
{
    return sx__credentials_match(credentials, scheme, view(secret));
}

static void only_what_was_added_matches(void **state)
{
    (void)state;
    struct sx__credentials credentials = {0};
    assert_int_equal(match(&credentials, SX__SCHEME_BEARER, ""), 0);
    assert_int_equal(add(&credentials, SX__SCHEME_BEARER, "secret"), SX_OK);
    assert_int_equal(add(&credentials, SX__SCHEME_BASIC, "Aladdin:open sesame"), SX_OK);
    assert_int_equal(add(&credentials, SX__SCHEME_BASIC, "eve:a:b"), SX_OK);
    assert_int_equal(match(&credentials, SX__SCHEME_BEARER, "secret"), 1);
    assert_int_equal(match(&credentials, SX__SCHEME_BASIC, "Aladdin:open sesame"), 1);
    assert_int_equal(match(&credentials, SX__SCHEME_BASIC, "eve:a:b"), 1);
    static const char *const wrong[] = {
        "",
        "s",
        "secre",
        "secrets",
        "Secret",
        "secret ",
        "Aladdin:open sesam",
        "Aladdin:",
        "aladdin:open sesame",
        "Aladdin:open sesame ",
        ":open sesame",
        "eve:a",
        "eve:a:",
        "eve:b",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(match(&credentials, SX__SCHEME_BASIC, wrong[i]), 0);
        assert_int_equal(match(&credentials, SX__SCHEME_BEARER, wrong[i]), 0);
    }
    assert_int_equal(match(&credentials, SX__SCHEME_BASIC, "secret"), 0);
    assert_int_equal(match(&credentials, SX__SCHEME_BEARER, "Aladdin:open sesame"), 0);
    sx__credentials_clean_up(&credentials);
}

static void what_no_client_could_send_is_not_added(void **state)
{
    (void)state;
    struct sx__credentials credentials = {0};
    char most[SX__BASIC_BYTES + 2] = "";
    assert_int_equal(add(&credentials, SX__SCHEME_BEARER, ""), SX_EINVAL);
    assert_int_equal(add(&credentials, SX__SCHEME_BEARER, "two words"), SX_EINVAL);
    static const char *const wrong[] = {"", "name", ":", ":password", "name:", "a\n:b", "a:\x7f"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(add(&credentials, SX__SCHEME_BASIC, wrong[i]), SX_EINVAL);
    }
    memset(most, 'a', SX__BASIC_BYTES + 1);
    most[1] = ':';
    assert_int_equal(add(&credentials, SX__SCHEME_BASIC, most), SX_EINVAL);
    most[SX__BASIC_BYTES] = '\0';
    assert_int_equal(add(&credentials, SX__SCHEME_BASIC, most), SX_OK);
    assert_int_equal(credentials.count, 1);
    sx__credentials_clean_up(&credentials);
}

static void no_branch_depends_on_a_secret(void **state)
{
    (void)state;
    struct sx__credentials credentials = {0};
    assert_int_equal(add(&credentials, SX__SCHEME_BEARER, "secret"), SX_OK);
    assert_int_equal(add(&credentials, SX__SCHEME_BEARER, "other"), SX_OK);
    for (size_t i = 0; i < credentials.count; i++) {
        (void)VALGRIND_MAKE_MEM_UNDEFINED(credentials.items[i].digest, SX__DIGEST_BYTES);
    }
    int matches = match(&credentials, SX__SCHEME_BEARER, "secret");
    (void)VALGRIND_MAKE_MEM_DEFINED(&matches, sizeof matches);
    assert_int_equal(matches, 1);
    sx__credentials_clean_up(&credentials);
}

/* ---- files ---- */

struct loaded {
    struct sx__credentials credentials;
    int status;
    char why[128];
};

static struct loaded load(enum sx__scheme scheme, const char *text, size_t size)
{
    struct loaded loaded = {.status = 1};
    char path[] = "/tmp/sx_credentials_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, size) == (ssize_t)size);
    loaded.status =
        sx__credentials_load(&loaded.credentials, scheme, path, loaded.why, sizeof loaded.why);
    close(fd);
    (void)unlink(path);
    return loaded;
}

static void assert_not_loaded(enum sx__scheme scheme, const char *text, const char *why)
{
    struct loaded loaded = load(scheme, text, strlen(text));
    assert_int_equal(loaded.status, SX_EINVAL);
    assert_string_equal(loaded.why, why);
    sx__credentials_clean_up(&loaded.credentials);
}

static void each_line_of_a_file_is_a_credential(void **state)
{
    (void)state;
    static const char users[] = "ada:one\r\n\ngrace:two:three \nedsger:four";
    struct loaded loaded = load(SX__SCHEME_BASIC, users, strlen(users));
    assert_int_equal(loaded.status, SX_OK);
    assert_int_equal(loaded.credentials.count, 3);
    assert_int_equal(match(&loaded.credentials, SX__SCHEME_BASIC, "ada:one"), 1);
    assert_int_equal(match(&loaded.credentials, SX__SCHEME_BASIC, "grace:two:three "), 1);
    assert_int_equal(match(&loaded.credentials, SX__SCHEME_BASIC, "edsger:four"), 1);
    assert_false(sx__credentials_has(&loaded.credentials, SX__SCHEME_BEARER));
    sx__credentials_clean_up(&loaded.credentials);
}

static void a_file_that_is_wrong_is_refused_without_its_secrets(void **state)
{
    (void)state;
    assert_not_loaded(SX__SCHEME_BASIC, "ada:one\n\ngrace\n", "line 3 is not NAME:PASSWORD");
    assert_not_loaded(SX__SCHEME_BASIC, "\n\n", "there is no line that is NAME:PASSWORD");
    assert_not_loaded(SX__SCHEME_BEARER, "",
                      "there is no line that is a bearer token (letters, digits and -._~+/, and "
                      "= at its end)");
    assert_not_loaded(SX__SCHEME_BEARER, "a\nb c\n",
                      "line 2 is not a bearer token (letters, digits and -._~+/, and = at its "
                      "end)");
}

static void a_file_that_is_not_there_or_too_large_is_refused(void **state)
{
    (void)state;
    static char large[65536];
    struct sx__credentials credentials = {0};
    char why[128];
    assert_true(
        sx__credentials_load(&credentials, SX__SCHEME_BASIC, "/nowhere/file", why, sizeof why) < 0);
    assert_string_equal(why, "No such file or directory");
    assert_true(sx__credentials_load(&credentials, SX__SCHEME_BASIC, "/", why, sizeof why) < 0);
    assert_string_equal(why, "Is a directory");
    memset(large, 'a', sizeof large);
    struct loaded loaded = load(SX__SCHEME_BEARER, large, sizeof large);
    assert_true(loaded.status < 0);
    assert_string_equal(loaded.why, "it has more than 65535 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_added_matches),
        cmocka_unit_test(what_no_client_could_send_is_not_added),
        cmocka_unit_test(no_branch_depends_on_a_secret),
        cmocka_unit_test(each_line_of_a_file_is_a_credential),
        cmocka_unit_test(a_file_that_is_wrong_is_refused_without_its_secrets),
        cmocka_unit_test(a_file_that_is_not_there_or_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
