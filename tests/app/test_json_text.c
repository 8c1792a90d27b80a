/* What is written is what jansson writes, and what it does not write is not written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "json_text.h"

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Takes the value over. */
static void assert_as_jansson(json_t *value)
{
    char *theirs = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t size = 0;
    char *ours = sx__json_text(&size, value);
    if (theirs == NULL) {
        assert_null(ours);
    } else {
        assert_non_null(ours);
        assert_int_equal(size, strlen(theirs));
        assert_memory_equal(ours, theirs, size);
    }
    free(ours);
    free(theirs);
    json_decref(value);
}

static void test_scalars(void **state)
{
    (void)state;
    const double reals[] = {0.0, -0.0, 1.0, 0.1, -1e300, 5e-324, 1.7976931348623157e308};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        assert_as_jansson(json_real(reals[i]));
    }
    const json_int_t integers[] = {0, -1, 7, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        assert_as_jansson(json_integer(integers[i]));
    }
    assert_as_jansson(json_true());
    assert_as_jansson(json_false());
    assert_as_jansson(json_null());
}

static void test_each_byte_of_a_string(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char text[] = {'a', (char)c, 'b', (char)c, '\0'};
        assert_as_jansson(json_stringn_nocheck(text, 4));
        assert_as_jansson(json_stringn_nocheck(text + 1, 1));
    }
    assert_as_jansson(json_string(""));
    assert_as_jansson(json_string("/ \x7f \xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82"));
    assert_as_jansson(json_stringn_nocheck("\xe2\x82", 2));
}

static json_t *make_random(unsigned depth)
{
    json_t *made;
    const int kind = rand() % (depth == 0 ? 4 : 6);
    switch (kind) {
    case 0:
        return json_integer(rand() - RAND_MAX / 2);
    case 1:
        return json_real((double)rand() / 1000);
    case 2:
        return json_sprintf("%d \"\\ \n \xc3\xa4", rand());
    case 3:
        return json_boolean(rand() % 2);
    case 4:
        made = json_array();
        break;
    default:
        made = json_object();
        break;
    }
    for (int i = rand() % 6; i > 0; i--) {
        char key[32];
        snprintf(key, sizeof key, "key\t%d", rand() % 100);
        if (kind == 4) {
            json_array_append_new(made, make_random(depth - 1));
        } else {
            json_object_set_new(made, key, make_random(depth - 1));
        }
    }
    return made;
}

static void test_arrays_and_objects(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    assert_as_jansson(json_array());
    assert_as_jansson(json_object());
    for (int i = 0; i < 2000; i++) {
        assert_as_jansson(make_random(4));
    }
}

static void test_what_contains_itself_is_not_written(void **state)
{
    (void)state;
    size_t size;
    json_t *outer = json_pack("{s:[{}]}", "list");
    json_t *inner = json_array_get(json_object_get(outer, "list"), 0);
    json_object_set(inner, "again", outer);
    assert_null(sx__json_text(&size, outer));
    json_object_clear(inner);

    /* Twice, but not within itself. */
    json_object_set(outer, "also", inner);
    assert_as_jansson(outer);
    assert_null(sx__json_text(&size, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_each_byte_of_a_string),
        cmocka_unit_test(test_arrays_and_objects),
        cmocka_unit_test(test_what_contains_itself_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
