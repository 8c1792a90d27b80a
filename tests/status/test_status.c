/* Each error has a name and a sentence; the versions agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/status.h>
#include <string.h>

static void test_every_status_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    static const int codes[] = {
#define CODE(code, name, sentence) name,
        SX_STATUS_MAP(CODE)
#undef CODE
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_int_equal(strncmp(sx_status_name(codes[i]), "SX_E", 4), 0);
        assert_string_not_equal(sx_status_name(codes[i]), "SX_EUNKNOWN");
        assert_string_not_equal(sx_status_text(codes[i]), sx_status_text(1));
        assert_true(codes[i] < 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(codes[i], codes[j]);
        }
    }
    assert_string_equal(sx_status_name(SX_ECLASH), "SX_ECLASH");
}

static void test_success_has_a_name_too(void **state)
{
    (void)state;
    assert_string_equal(sx_status_name(SX_OK), "SX_OK");
    assert_string_equal(sx_status_text(SX_OK), "no error");
}

static void test_a_code_that_is_not_in_the_table_is_unknown(void **state)
{
    (void)state;
    assert_string_equal(sx_status_name(-9999), "SX_EUNKNOWN");
    assert_string_equal(sx_status_name(1), "SX_EUNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_status_has_a_name_and_a_sentence),
        cmocka_unit_test(test_success_has_a_name_too),
        cmocka_unit_test(test_a_code_that_is_not_in_the_table_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
