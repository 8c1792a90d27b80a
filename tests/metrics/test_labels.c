/* Label values select series, and are made valid UTF-8. */
#include "labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_TRIED 40

static struct sx_registry *registry;
static struct sx__series *series;
static struct sx__family *family;

/* A series whose last value has this text; the values before it put it at every alignment. */
static void make_series(struct sx_str value)
{
    struct sx_counter_family *counters = NULL;
    struct sx_counter *counter = NULL;
    assert_int_equal(
        sx_registry_new(&registry, &(struct sx_registry_options){.row_bytes = 1 << 16,
                                                                 .directory_bytes = 1 << 16}),
        SX_OK);
    assert_int_equal(sx_counter_family_register(
                         &counters, registry,
                         &(struct sx_metric_options){
                             .name = "c_total", .help = "Help.", .labels = SX_LABELS("a", "b")}),
                     SX_OK);
    assert_int_equal(
        sx_counter_family_get(&counter, counters, (const struct sx_str[]){{"first", 5}, value}, 2),
        SX_OK);
    series = (struct sx__series *)(void *)counter;
    family = sx__series_family(series);
}

static bool has(const char *bytes, size_t size)
{
    return sx__labels_equal(series, family, (const struct sx_str[]){{"first", 5}, {bytes, size}});
}

/* Two values with the same hash are told apart by nothing else. */
static void test_a_value_that_differs_in_one_byte_is_another(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        char *bytes = malloc(size + 1); /* of this very size, so that a tool sees what is read */
        assert_non_null(bytes);
        memset(bytes, 'x', size);
        make_series((struct sx_str){bytes, size});
        bytes = realloc(bytes, size > 0 ? size : 1);
        assert_true(has(bytes, size));
        for (size_t i = 0; i < size; i++) {
            bytes[i] = 'y';
            assert_false(has(bytes, size));
            bytes[i] = 'x';
        }
        free(bytes);
        sx_registry_destroy(registry);
    }
}

static void test_a_value_of_another_length_is_another(void **state)
{
    (void)state;
    char bytes[SIZE_MAX_TRIED];
    memset(bytes, 'x', sizeof bytes);
    make_series((struct sx_str){bytes, 20});
    for (size_t size = 0; size < sizeof bytes; size++) {
        assert_int_equal(has(bytes, size), size == 20);
    }
    sx_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_that_differs_in_one_byte_is_another),
        cmocka_unit_test(test_a_value_of_another_length_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
