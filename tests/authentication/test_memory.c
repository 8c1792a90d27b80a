/* When memory is exhausted the app does not start, or says so, and lets nobody in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "credentials.h"
#include "failing_allocation.h"

#include <cmocka.h>
#include <stdlib.h>

static void credentials_are_not_added_without_memory(void **state)
{
    (void)state;
    const struct sx_str first = {"first", 5};
    const struct sx_str second = {"second", 6};
    struct sx__credentials credentials = {0};
    fail_all_allocations(0);
    assert_int_equal(sx__credentials_add(&credentials, SX__SCHEME_BEARER, first), SX_ENOMEM);
    end_failing_allocations();
    assert_int_equal(sx__credentials_add(&credentials, SX__SCHEME_BEARER, first), SX_OK);
    fail_all_allocations(0);
    assert_int_equal(sx__credentials_add(&credentials, SX__SCHEME_BEARER, second), SX_ENOMEM);
    end_failing_allocations();
    assert_int_equal(sx__credentials_match(&credentials, SX__SCHEME_BEARER, first), 1);
    assert_int_equal(sx__credentials_match(&credentials, SX__SCHEME_BEARER, second), 0);
    sx__credentials_clean_up(&credentials);
}

static void files_are_not_loaded_without_memory(void **state)
{
    (void)state;
    struct sx__credentials credentials = {0};
    char why[128] = "";
    fail_all_allocations(0);
    const int status =
        sx__credentials_load(&credentials, SX__SCHEME_BEARER, "/dev/null", why, sizeof why);
    end_failing_allocations();
    assert_int_equal(status, SX_ENOMEM);
    assert_string_equal(why, sx_status_text(SX_ENOMEM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_are_not_added_without_memory),
        cmocka_unit_test(files_are_not_loaded_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
