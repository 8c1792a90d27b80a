/* Summaries: a sum and a count, which threads add to in rows of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sextant/iteration.h>
#include <sextant/registration.h>
#include <string.h>

static struct sx_registry *registry;

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})

static struct sx_summary *make(const char *name)
{
    struct sx_summary *summary = NULL;
    assert_int_equal(sx_summary_register(&summary, registry, OPTIONS(.name = name, .help = "S.")),
                     SX_OK);
    return summary;
}

static struct sx_summary_family *make_family(double idle_seconds)
{
    struct sx_summary_family *family = NULL;
    assert_int_equal(sx_summary_family_register(&family, registry,
                                                OPTIONS(.name = "f", .labels = SX_LABELS("a", "b"),
                                                        .idle_seconds = idle_seconds)),
                     SX_OK);
    return family;
}

static void test_a_summary_has_a_sum_and_a_count(void **state)
{
    (void)state;
    struct sx_summary *summary = make("s");
    const char *page = page_text(registry);
    page_assert_line(page, "# TYPE s summary");
    page_assert_line(page, "s_sum 0");
    page_assert_line(page, "s_count 0");
    sx_summary_observe(summary, 1.5);
    sx_summary_observe(summary, -4);
    page = page_text(registry);
    page_assert_line(page, "s_sum -2.5");
    page_assert_line(page, "s_count 2");
    assert_null(strstr(page, "s_bucket"));
    assert_int_equal(sx_summary_count(summary), 2);
    assert_true(sx_summary_sum(summary) == -2.5);
    sx_summary_reset(summary);
    assert_int_equal(sx_summary_count(summary), 0);
    assert_true(sx_summary_sum(summary) == 0);
}

static void test_the_sum_is_never_nan(void **state)
{
    (void)state;
    struct sx_summary *summary = make("s");
    sx_summary_observe(summary, NAN);
    assert_int_equal(sx_summary_count(summary), 0);
    page_assert_line(page_text(registry), "sextant_updates_ignored_total{family=\"s\"} 1");
    sx_summary_observe(summary, -INFINITY);
    sx_summary_observe(summary, INFINITY);
    assert_true(sx_summary_sum(summary) == INFINITY);
    assert_int_equal(sx_summary_count(summary), 2);
}

static void test_families_have_labels(void **state)
{
    (void)state;
    struct sx_summary_family *family = make_family(0);
    struct sx_summary *one = sx_summary_with(family, "x", "y");
    const struct sx_str values[] = {{"x", 1}, {"y", 1}};
    struct sx_summary *same = NULL;
    sx_summary_observe(one, 1);
    assert_int_equal(sx_summary_family_get(&same, family, values, 2), SX_OK);
    assert_ptr_equal(same, one);
    assert_int_equal(sx_summary_observe_with(family, 2, "x", "y"), SX_OK);
    assert_int_equal(sx_summary_family_observe(family, values, 2, 3), SX_OK);
    assert_int_equal(sx_summary_observe_with(family, 7, "x", "z"), SX_OK);
    page_assert_line(page_text(registry), "f_sum{a=\"x\",b=\"y\"} 6");
    page_assert_line(page_text(registry), "f_count{a=\"x\",b=\"y\"} 3");
    sx_summary_release(one);
    sx_summary_release(same);
    assert_int_equal(sx_summary_family_remove(family, values, 2), 1);
    const struct sx_label label = {"b", {"z", 1}};
    assert_int_equal(sx_summary_family_remove_matching(family, &label, 1), 1);
    assert_int_equal(sx_summary_observe_with(family, 2, "x", "y"), SX_OK);
    page_assert_line(page_text(registry), "f_sum{a=\"x\",b=\"y\"} 2");
    assert_int_equal(sx_summary_family_clear(family), 1);
    assert_null(strstr(page_text(registry), "f_sum"));
    assert_int_equal(sx_summary_family_unregister(family), 1);
}

static int look(void *context, const struct sx_series *series)
{
    assert_true(series->value == 5);
    assert_int_equal(series->observations, 2);
    assert_null(series->buckets);
    assert_int_equal(series->bucket_count, 0);
    ++*(int *)context;
    return 0;
}

static void test_a_family_can_be_iterated(void **state)
{
    (void)state;
    int count = 0;
    struct sx_summary_family *family = make_family(3600);
    assert_int_equal(sx_summary_observe_with(family, 2, "x", "y"), SX_OK);
    assert_int_equal(sx_summary_observe_with(family, 3, "x", "y"), SX_OK);
    assert_int_equal(sx_summary_family_each(family, look, &count), 0);
    assert_int_equal(count, 1);
}

static void test_names_and_labels_are_reserved(void **state)
{
    (void)state;
    struct sx_summary *summary = make("s");
    struct sx_gauge *gauge = NULL;
    struct sx_summary_family *family = NULL;
    assert_int_equal(sx_gauge_register(&gauge, registry, OPTIONS(.name = "s_sum")), SX_ECLASH);
    assert_int_equal(sx_gauge_register(&gauge, registry, OPTIONS(.name = "s_count")), SX_ECLASH);
    assert_int_equal(sx_gauge_register(&gauge, registry, OPTIONS(.name = "s_bucket")), SX_OK);
    assert_int_equal(sx_gauge_register(&gauge, registry, OPTIONS(.name = "s")), SX_EEXIST);
    assert_int_equal(sx_summary_family_register(
                         &family, registry, OPTIONS(.name = "q", .labels = SX_LABELS("quantile"))),
                     SX_ELABEL);
    assert_int_equal(sx_summary_register(&summary, registry, OPTIONS(.name = "b", SX_BUCKETS(1))),
                     SX_EINVAL);
    assert_int_equal(sx_summary_unregister(summary), 1);
    assert_int_equal(sx_gauge_register(&gauge, registry, OPTIONS(.name = "s")), SX_OK);
}

static void test_null_does_nothing(void **state)
{
    (void)state;
    struct sx_summary *summary = NULL;
    sx_summary_observe(NULL, 1);
    sx_summary_reset(NULL);
    sx_summary_release(NULL);
    assert_int_equal(sx_summary_count(NULL), 0);
    assert_true(sx_summary_sum(NULL) == 0);
    assert_null(sx_summary_with(NULL, "x"));
    assert_int_equal(sx_summary_register(NULL, registry, OPTIONS(.name = "s")), SX_EINVAL);
    assert_int_equal(sx_summary_register(&summary, registry, NULL), SX_EINVAL);
    assert_int_equal(sx_summary_family_register(NULL, registry, NULL), SX_EINVAL);
    assert_int_equal(sx_summary_unregister(NULL), SX_EINVAL);
    assert_int_equal(sx_summary_family_unregister(NULL), SX_EINVAL);
    assert_int_equal(sx_summary_family_get(&summary, NULL, NULL, 0), SX_EINVAL);
    assert_int_equal(sx_summary_family_get(NULL, NULL, NULL, 0), SX_EINVAL);
    assert_int_equal(sx_summary_family_remove(NULL, NULL, 0), SX_EINVAL);
    assert_int_equal(sx_summary_family_remove_matching(NULL, NULL, 0), SX_EINVAL);
    assert_int_equal(sx_summary_family_clear(NULL), SX_EINVAL);
    assert_int_equal(sx_summary_family_observe(NULL, NULL, 0, 1), SX_EINVAL);
    assert_int_equal(sx_summary_observe_with(NULL, 1, "x"), SX_EINVAL);
    assert_int_equal(sx_summary_family_each(NULL, look, NULL), SX_EINVAL);
}

static void test_the_type_may_be_known_at_run_time_only(void **state)
{
    (void)state;
    struct sx_registration all = {.registry = registry};
    struct sx_summary *summary =
        sx_registration_add(&all, SX_SUMMARY, OPTIONS(.name = "s")).summary;
    const struct sx_metric_family family = sx_registration_add_family(
        &all, SX_SUMMARY, OPTIONS(.name = "f", .labels = SX_LABELS("a")));
    struct sx_metric one;
    assert_int_equal(all.status, SX_OK);
    assert_int_equal(sx_metric_family_get(&one, &family, &(struct sx_str){"x", 1}, 1), SX_OK);
    sx_summary_observe(summary, 1);
    sx_summary_observe(one.summary, 2);
    page_assert_line(page_text(registry), "s_sum 1");
    page_assert_line(page_text(registry), "f_sum{a=\"x\"} 2");
}

/* ---- threads ---- */

#define THREADS 8
#define ROUNDS 10000

static void *observe_many(void *summary)
{
    for (int i = 0; i < ROUNDS; i++) {
        sx_summary_observe(summary, 2);
    }
    return NULL;
}

/* With two rows, so that some threads share the overflow row, and some rows are folded. */
static void test_threads_count_together(void **state)
{
    (void)state;
    static const unsigned rows[] = {2, 64};
    for (size_t i = 0; i < 2; i++) {
        pthread_t threads[THREADS];
        sx_registry_destroy(registry);
        assert_int_equal(
            sx_registry_new(&registry, &(struct sx_registry_options){.thread_rows = rows[i]}),
            SX_OK);
        struct sx_summary *summary = make("s");
        for (int j = 0; j < THREADS; j++) {
            assert_int_equal(pthread_create(&threads[j], NULL, observe_many, summary), 0);
        }
        for (int j = 0; j < THREADS; j++) {
            (void)pthread_join(threads[j], NULL);
        }
        for (int j = 0; j < 4; j++) {
            page_assert_line(page_text(registry), "s_count 80000");
            page_assert_line(page_text(registry), "s_sum 160000");
        }
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_summary_has_a_sum_and_a_count),
        TEST(test_the_sum_is_never_nan),
        TEST(test_families_have_labels),
        TEST(test_a_family_can_be_iterated),
        TEST(test_names_and_labels_are_reserved),
        TEST(test_null_does_nothing),
        TEST(test_the_type_may_be_known_at_run_time_only),
        TEST(test_threads_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
