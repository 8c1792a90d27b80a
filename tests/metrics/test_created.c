/* Created timestamps: a registry that wants them keeps when each series was made or reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"
#include "series_record.h"

#include <cmocka.h>
#include <time.h>

static struct sx_registry *registry;
static struct sx_counter *counter;
static struct sx_histogram_family *family;

static void make(bool has_created)
{
    const struct sx_registry_options options = {.created_timestamps = has_created};
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    assert_int_equal(
        sx_counter_register(&counter, registry, &(struct sx_metric_options){.name = "c_total"}),
        SX_OK);
    assert_int_equal(
        sx_histogram_family_register(
            &family, registry, &(struct sx_metric_options){.name = "h", .labels = SX_LABELS("a")}),
        SX_OK);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t created(const void *handle)
{
    return sx__series_created_ms(handle);
}

static void wait_for_a_later_time(void)
{
    const int64_t start = now_ms();
    while (now_ms() == start) {
    }
}

static void test_each_series_has_the_time_when_it_was_made(void **state)
{
    (void)state;
    const int64_t start = now_ms();
    make(true);
    const int64_t registered = now_ms();
    assert_in_range(created(counter), start, registered);
    wait_for_a_later_time();
    const struct sx_histogram *first = sx_histogram_with(family, "x");
    const int64_t first_created = created(first);
    assert_in_range(first_created, registered + 1, now_ms());
    wait_for_a_later_time();
    assert_true(created(sx_histogram_with(family, "a value of more than one word")) >
                first_created);
    assert_int_equal(created(sx_histogram_with(family, "x")), first_created);
    sx_histogram_observe(sx_histogram_with(family, "x"), 1);
    page_assert_line(page_text(registry), "h_count{a=\"x\"} 1");
    page_assert_line(page_text(registry), "c_total 0");
}

static void test_a_series_that_is_made_or_reset_again_has_a_new_time(void **state)
{
    (void)state;
    make(true);
    const int64_t before = created(counter);
    const int64_t made = created(sx_histogram_with(family, "x"));
    wait_for_a_later_time();
    sx_counter_reset(counter);
    assert_true(created(counter) > before);
    assert_int_equal(sx_histogram_family_clear(family), 1);
    assert_true(created(sx_histogram_with(family, "x")) > made);
}

static void test_there_are_none_by_default(void **state)
{
    (void)state;
    make(false);
    assert_int_equal(created(counter), 0);
    sx_counter_reset(counter);
    assert_int_equal(created(counter), 0);
    assert_int_equal(created(sx_histogram_with(family, "x")), 0);
}

#define TEST(function) cmocka_unit_test_teardown(function, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_series_has_the_time_when_it_was_made),
        TEST(test_a_series_that_is_made_or_reset_again_has_a_new_time),
        TEST(test_there_are_none_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
