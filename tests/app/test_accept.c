#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"

#include <cmocka.h>
#include <string.h>

static void test_the_most_specific_range_decides(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        const char *media_type;
        unsigned quality;
    } cases[] = {
        {NULL, "a/b", 1000},
        {"", "a/b", 1000},
        {"*/*", "a/b", 1000},
        {"a/*", "a/b", 1000},
        {"a/*", "b/b", 0},
        {"A/B", "a/b", 1000},
        {"a/b", "a/b; charset=utf-8", 1000},
        {"a/b;q=0.5", "a/b", 500},
        {"a/b ; q=0.123", "a/b", 123},
        {"a/b;version=1;Q=0.2", "a/b", 200},
        /* RFC 9110 12.5.1: "text/ * ;q=0.3, text/plain;q=0.7, * / *;q=0.5" */
        {"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "text/plain", 700},
        {"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "text/html", 300},
        {"text/*;q=0.3, text/plain;q=0.7, */*;q=0.5", "image/jpeg", 500},
        /* RFC 9110 12.4.2: "a value of 0 means not acceptable" */
        {"*/*, a/b;q=0", "a/b", 0},
        {"*/*, a/b;q=0", "a/c", 1000},
        /* malformed elements are skipped, the others count */
        {"nonsense, a/b;q=2, ;, a/, /b, */b, a/b;q=0.4", "a/b", 400},
        {"a/b;q=1.5", "a/b", 0},
        {"a/b;q=", "a/b", 0},
        {"a/b;q=0.1234", "a/b", 0},
        {"x/y;p=\"a,a/b\"", "a/b", 0},
        {"x/y;p=\"\\\",a/b\",a/b;q=0.1", "a/b", 100},
        {"a/bc", "a/b", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned have = sx__accept_quality(cases[i].accept, cases[i].media_type);
        if (have != cases[i].quality) {
            fail_msg("%s of \"%s\": %u, not %u", cases[i].media_type,
                     cases[i].accept == NULL ? "" : cases[i].accept, have, cases[i].quality);
        }
    }
}

static void test_of_equals_the_first_renderer_is_chosen(void **state)
{
    (void)state;
    static const struct sx_renderer items[] = {{.media_type = "application/json"},
                                               {.media_type = "text/csv"}};
    const struct sx_renderer_list list = SX_LIST(items);
    assert_ptr_equal(sx__accept_choose(&list, NULL), &items[0]);
    assert_ptr_equal(sx__accept_choose(&list, "*/*"), &items[0]);
    assert_ptr_equal(sx__accept_choose(&list, "text/*, application/json;q=0.9"), &items[1]);
    assert_ptr_equal(sx__accept_choose(&list, "application/json;q=0.9, text/csv;q=0.8"), &items[0]);
    assert_null(sx__accept_choose(&list, "text/html"));
    assert_null(sx__accept_choose(&list, "*/*;q=0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_specific_range_decides),
        cmocka_unit_test(test_of_equals_the_first_renderer_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
