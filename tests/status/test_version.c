/* The version is the same in the header's macros, in the library, and in the build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/version.h>
#include <stdio.h>

static void test_the_library_has_the_version_of_the_header(void **state)
{
    (void)state;
    assert_string_equal(sx_version(), SX_VERSION);
}

static void test_the_text_has_the_three_numbers(void **state)
{
    (void)state;
    char text[64];
    (void)snprintf(text, sizeof text, "%d.%d.%d", SX_VERSION_MAJOR, SX_VERSION_MINOR,
                   SX_VERSION_PATCH);
    assert_string_equal(SX_VERSION, text);
}

/* The .pc files, the CMake package and the names of the shared libraries have the build's. */
static void test_the_build_has_the_version_of_the_header(void **state)
{
    (void)state;
    assert_string_equal(SX_PROJECT_VERSION, SX_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_library_has_the_version_of_the_header),
        cmocka_unit_test(test_the_text_has_the_three_numbers),
        cmocka_unit_test(test_the_build_has_the_version_of_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
