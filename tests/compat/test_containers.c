/* The map and the list that libprom exported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <prom.h>
#include <stdio.h>
#include <string.h>

static unsigned freed;

static void count_freed(void *value)
{
    assert_non_null(value);
    freed++;
}

static void a_map_keeps_the_value_of_each_key(void **state)
{
    (void)state;
    enum { KEYS = 500 };
    static int values[KEYS];
    char key[16];
    prom_map_t *map = prom_map_new();
    assert_int_equal(prom_map_size(map), 0);
    assert_null(prom_map_get(map, "0"));
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(prom_map_set(map, key, &values[i]), 0);
    }
    assert_int_equal(prom_map_size(map), KEYS);
    for (int i = 0; i < KEYS; i += 2) {
        snprintf(key, sizeof key, "%d", i);
        assert_int_equal(prom_map_delete(map, key), 0);
        assert_int_equal(prom_map_delete(map, key), 0);
    }
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "%d", i);
        assert_ptr_equal(prom_map_get(map, key), i % 2 == 0 ? NULL : &values[i]);
    }
    assert_int_equal(prom_map_size(map), KEYS / 2);
    assert_int_equal(prom_map_destroy(map), 0);
}

static void a_map_frees_values_that_are_replaced_or_deleted(void **state)
{
    (void)state;
    int a, b;
    freed = 0;
    prom_map_t *map = prom_map_new();
    assert_int_equal(prom_map_set_free_value_fn(map, count_freed), 0);
    assert_int_equal(prom_map_set(map, "key", &a), 0);
    assert_int_equal(prom_map_set(map, "key", &a), 0);
    assert_int_equal(freed, 0);
    assert_int_equal(prom_map_set(map, "key", &b), 0);
    assert_int_equal(freed, 1);
    assert_int_equal(prom_map_set(map, "null", NULL), 0);
    assert_int_equal(prom_map_set(map, "other", &a), 0);
    assert_int_equal(prom_map_delete(map, "key"), 0);
    assert_int_equal(freed, 2);
    assert_int_equal(prom_map_destroy(map), 0);
    assert_int_equal(freed, 3);
}

static void a_map_refuses_null(void **state)
{
    (void)state;
    prom_map_t *map = prom_map_new();
    assert_null(prom_map_get(NULL, "a"));
    assert_null(prom_map_get(map, NULL));
    assert_int_not_equal(prom_map_set(NULL, "a", NULL), 0);
    assert_int_not_equal(prom_map_set(map, NULL, NULL), 0);
    assert_int_not_equal(prom_map_delete(NULL, "a"), 0);
    assert_int_not_equal(prom_map_set_free_value_fn(NULL, NULL), 0);
    assert_int_equal(prom_map_size(NULL), 0);
    assert_int_equal(prom_map_destroy(NULL), 0);
    assert_int_equal(prom_map_destroy(map), 0);
}

static void a_list_keeps_the_order(void **state)
{
    (void)state;
    char a[] = "a", b[] = "b", c[] = "c", d[] = "d"; /* compared as strings */
    prom_linked_list_t *list = prom_linked_list_new();
    assert_int_equal(prom_linked_list_set_free_fn(list, prom_linked_list_no_op_free), 0);
    assert_null(prom_linked_list_pop(list));
    assert_int_equal(prom_linked_list_append(list, b), 0);
    assert_int_equal(prom_linked_list_push(list, a), 0);
    assert_int_equal(prom_linked_list_append(list, c), 0);
    assert_int_equal(prom_linked_list_append(list, d), 0);
    assert_int_equal(prom_linked_list_size(list), 4);
    assert_ptr_equal(prom_linked_list_first(list), a);
    assert_ptr_equal(prom_linked_list_last(list), d);
    assert_int_equal(prom_linked_list_remove(list, c), 0);
    assert_int_equal(prom_linked_list_remove(list, c), 0);
    assert_int_equal(prom_linked_list_remove(list, d), 0);
    assert_ptr_equal(prom_linked_list_last(list), b);
    assert_ptr_equal(prom_linked_list_pop(list), a);
    assert_ptr_equal(prom_linked_list_pop(list), b);
    assert_null(prom_linked_list_first(list));
    assert_null(prom_linked_list_last(list));
    assert_int_equal(prom_linked_list_append(list, a), 0);
    assert_ptr_equal(prom_linked_list_first(list), a);
    assert_int_equal(prom_linked_list_destroy(list), 0);
}

static prom_linked_list_compare_t compare_strings(void *a, void *b)
{
    const int order = strcmp(a, b);
    return order == 0 ? PROM_EQUAL : order < 0 ? PROM_LESS : PROM_GREATER;
}

static void a_list_uses_the_functions_that_were_set(void **state)
{
    (void)state;
    char key[] = "b";
    freed = 0;
    prom_linked_list_t *list = prom_linked_list_new();
    for (int i = 0; i < 3; i++) {
        char *item = malloc(2);
        item[0] = (char)('a' + i);
        item[1] = '\0';
        assert_int_equal(prom_linked_list_append(list, item), 0);
    }
    char same[] = "b";
    assert_int_equal(prom_linked_list_compare(list, key, same), PROM_EQUAL); /* as strings */
    assert_int_equal(prom_linked_list_compare(list, key, NULL), PROM_GREATER);
    assert_int_equal(prom_linked_list_set_compare_fn(list, compare_strings), 0);
    char other[] = "c";
    assert_int_equal(prom_linked_list_compare(list, key, other), PROM_LESS);
    assert_int_equal(prom_linked_list_compare(list, other, key), PROM_GREATER);
    assert_int_equal(prom_linked_list_remove(list, key), 0); /* frees the item */
    assert_int_equal(prom_linked_list_size(list), 2);
    assert_int_equal(prom_linked_list_purge(list), 0);
    assert_int_equal(prom_linked_list_set_free_fn(list, count_freed), 0);
    assert_int_equal(prom_linked_list_push(list, key), 0);
    assert_int_equal(prom_linked_list_push(list, NULL), 0); /* is not freed */
    assert_int_equal(prom_linked_list_destroy(list), 0);
    assert_int_equal(freed, 1);
    assert_int_equal(prom_linked_list_size(NULL), 0);
    assert_int_equal(prom_linked_list_destroy(NULL), 0);
    assert_int_not_equal(prom_linked_list_purge(NULL), 0);
    assert_int_not_equal(prom_linked_list_append(NULL, key), 0);
    assert_int_not_equal(prom_linked_list_remove(NULL, key), 0);
    assert_int_not_equal(prom_linked_list_set_free_fn(NULL, NULL), 0);
    assert_int_not_equal(prom_linked_list_set_compare_fn(NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_keeps_the_value_of_each_key),
        cmocka_unit_test(a_map_frees_values_that_are_replaced_or_deleted),
        cmocka_unit_test(a_map_refuses_null),
        cmocka_unit_test(a_list_keeps_the_order),
        cmocka_unit_test(a_list_uses_the_functions_that_were_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
