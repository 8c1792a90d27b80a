/* What an option takes from the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "option_table.h"

#include <cmocka.h>
#include <string.h>

static unsigned processors;

unsigned __wrap_sx__processor_count(void);
unsigned __wrap_sx__processor_count(void)
{
    return processors;
}

static bool take(struct sx__listen_options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < SX__OPTIONS; i++) {
        if (strcmp(sx__option_table[i].name, name) == 0) {
            return sx__option_table[i].take(options, name, value);
        }
    }
    return false;
}

static void test_there_are_as_many_workers_as_processors(void **state)
{
    (void)state;
    static const unsigned counts[][2] = {
        {1, 1}, {64, 64}, {1024, 1024}, {1025, 1024}, {8192, 1024}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct sx__listen_options options = {0};
        processors = counts[i][0];
        assert_true(take(&options, "workers", "0"));
        assert_int_equal(options.workers, counts[i][1]);
        assert_true(take(&options, "workers", "3"));
        assert_int_equal(options.workers, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_are_as_many_workers_as_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
