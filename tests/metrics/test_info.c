/* Infos have one set of label values at a time, and the value 1, in all processes. Untyped metrics
 * are gauges of another type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "failing_allocation.h"
#include "page.h"
#include "series.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/registration.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sx_registry *registry;
static struct sx_info *info;

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})

static void make(const struct sx_registry_options *options)
{
    assert_int_equal(sx_registry_new(&registry, options), SX_OK);
    assert_int_equal(sx_info_register(&info, registry,
                                      OPTIONS(.name = "build_info", .help = "The build.",
                                              .labels = SX_LABELS("version", "revision"))),
                     SX_OK);
}

static int set_up(void **state)
{
    (void)state;
    make(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static size_t count_of(const char *page, const char *text)
{
    size_t count = 0;
    for (; (page = strstr(page, text)) != NULL; page++) {
        count++;
    }
    return count;
}

static void test_the_page_shows_what_was_set_last(void **state)
{
    (void)state;
    assert_int_equal(count_of(page_text(registry), "build_info{"), 0);
    assert_int_equal(sx_info_set_with(info, "1.0", "abc"), SX_OK);
    page_assert_line(page_text(registry), "# TYPE build_info gauge");
    page_assert_line(page_text(registry), "build_info{version=\"1.0\",revision=\"abc\"} 1");
    assert_int_equal(sx_info_set_with(info, "1.0", "abc"), SX_OK);
    assert_int_equal(count_of(page_text(registry), "build_info{"), 1);
    assert_int_equal(sx_info_set_with(info, "2.0", NULL), SX_OK);
    page_assert_line(page_text(registry), "build_info{version=\"2.0\",revision=\"\"} 1");
    assert_int_equal(count_of(page_text(registry), "build_info{"), 1);
    assert_int_equal(sx_info_set(info, (struct sx_str[]){{"\xFF", 1}, {NULL, 0}}, 2), SX_OK);
    page_assert_line(page_text(registry), "build_info{version=\"\xEF\xBF\xBD\",revision=\"\"} 1");
    assert_int_equal(sx_info_set(info, (struct sx_str[]){{"\xFE", 1}, {NULL, 0}}, 2), SX_OK);
    assert_int_equal(count_of(page_text(registry), "build_info{"), 1);
    assert_int_equal(sx_info_unregister(info), 1);
    assert_null(strstr(page_text(registry), "build_info"));
}

static void test_the_name_ends_in_info(void **state)
{
    (void)state;
    struct sx_info *other = NULL;
    struct sx_gauge *gauge = NULL;
    const char *const *labels = SX_LABELS("a");
    assert_int_equal(sx_info_register(&other, registry, OPTIONS(.name = "b", .labels = labels)),
                     SX_ENAME);
    assert_int_equal(sx_info_register(&other, registry, OPTIONS(.name = "_info", .labels = labels)),
                     SX_ENAME);
    assert_int_equal(sx_info_register(&other, registry, OPTIONS(.name = "b_info")), SX_EINVAL);
    assert_int_equal(sx_info_register(&other, registry,
                                      OPTIONS(.name = "b_s_info", .unit = "s", .labels = labels)),
                     SX_EUNIT);
    assert_int_equal(
        sx_info_register(&other, registry,
                         OPTIONS(.name = "b_info", .labels = labels, .idle_seconds = 1)),
        SX_EINVAL);
    assert_int_equal(sx_gauge_register(&gauge, registry, OPTIONS(.name = "build")), SX_ECLASH);
    assert_int_equal(sx_gauge_register(&gauge, registry, OPTIONS(.name = "build_info")), SX_EEXIST);
}

static void test_what_is_not_valid_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(sx_info_set_with(info, "1.0", "abc"), SX_OK);
    assert_int_equal(sx_info_set_with(info, "1.0"), SX_EVALUES);
    assert_int_equal(sx_info_set_strings(info, NULL, 2), SX_EINVAL);
    assert_int_equal(sx_info_set_strings(info, (const char *[]){"a"}, 17), SX_EVALUES);
    assert_int_equal(sx_info_set(info, NULL, 2), SX_EINVAL);
    assert_int_equal(sx_info_set(info, (struct sx_str[]){{NULL, 1}, {"", 0}}, 2), SX_EINVAL);
    assert_int_equal(sx_info_set_with(NULL, "1.0", "abc"), SX_EINVAL);
    assert_int_equal(sx_info_set(NULL, NULL, 0), SX_EINVAL);
    assert_int_equal(sx_info_register(NULL, registry, NULL), SX_EINVAL);
    assert_int_equal(sx_info_register(&info, registry, NULL), SX_EINVAL);
    assert_int_equal(sx_info_unregister(NULL), SX_EINVAL);
    page_assert_line(page_text(registry), "build_info{version=\"1.0\",revision=\"abc\"} 1");
}

static void test_values_that_were_replaced_take_no_memory(void **state)
{
    (void)state;
    char version[16];
    size_t used = 0;
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(version, sizeof version, "%04d", i);
        assert_int_equal(sx_info_set_with(info, version, "x"), SX_OK);
        used = i == 1000 ? registry->directory_used : used;
    }
    assert_in_range(registry->directory_used - used, 0, 1000); /* not 2000 records */
}

/* A prefix and a value that is not UTF-8 need memory. */
static void test_without_memory_nothing_changes(void **state)
{
    (void)state;
    static const char *const states[] = {"on", NULL};
    struct sx_info *made = NULL;
    struct sx_state_set *set = NULL;
    sx_registry_destroy(registry);
    make(&(struct sx_registry_options){.name_prefix = "app_"});
    assert_int_equal(sx_info_set_with(info, "1.0", "abc"), SX_OK);
    fail_all_allocations(0);
    const int registered =
        sx_info_register(&made, registry, OPTIONS(.name = "b_info", .labels = SX_LABELS("a")));
    const int registered_set = sx_state_set_register(&set, registry, OPTIONS(.name = "s"), states);
    const int was_set = sx_info_set_with(info, "\xFF", "abc");
    (void)end_failing_allocations();
    assert_int_equal(registered, SX_ENOMEM);
    assert_int_equal(registered_set, SX_ENOMEM);
    assert_int_equal(was_set, SX_ENOMEM);
    assert_null(made);
    assert_null(set);
    page_assert_line(page_text(registry), "app_build_info{version=\"1.0\",revision=\"abc\"} 1");
}

static bool is_over;

static void *set_many(void *context)
{
    char version[16];
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(version, sizeof version, "%s%d", (const char *)context, i);
        assert_int_equal(sx_info_set_with(info, version, "x"), SX_OK);
        (void)sched_yield();
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    return NULL;
}

static void test_no_page_shows_two_sets_of_values(void **state)
{
    (void)state;
    pthread_t thread;
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, set_many, "a"), 0);
    do {
        assert_in_range(count_of(page_text(registry), "build_info{"), 0, 1);
        (void)sched_yield();
    } while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE));
    (void)pthread_join(thread, NULL);
    page_assert_line(page_text(registry), "build_info{version=\"a2999\",revision=\"x\"} 1");
}

/* What another thread does between the two removals of sx_info_set. */
static __thread void (*after_get)(void);

int __real_sx__series_get(struct sx__series **series, struct sx__family *family,
                          const struct sx_str *values, size_t count);
int __wrap_sx__series_get(struct sx__series **series, struct sx__family *family,
                          const struct sx_str *values, size_t count);
int __wrap_sx__series_get(struct sx__series **series, struct sx__family *family,
                          const struct sx_str *values, size_t count)
{
    void (*const then)(void) = after_get;
    const int status = __real_sx__series_get(series, family, values, count);
    after_get = NULL;
    if (then != NULL) {
        then();
    }
    return status;
}

static void set_other(void)
{
    assert_int_equal(sx_info_set_with(info, "other", "x"), SX_OK);
}

static void test_the_values_of_another_thread_stay(void **state)
{
    (void)state;
#ifdef SX_AMALGAMATION
    skip(); /* its functions call each other, and not what the linker puts in between */
#endif
    after_get = set_other;
    assert_int_equal(sx_info_set_with(info, "own", "x"), SX_OK);
    after_get = NULL;
    assert_int_equal(count_of(page_text(registry), "build_info{"), 1);
}

static void test_of_two_threads_one_wins(void **state)
{
    (void)state;
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, set_many, "a"), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, set_many, "b"), 0);
    (void)pthread_join(threads[0], NULL);
    (void)pthread_join(threads[1], NULL);
    assert_in_range(count_of(page_text(registry), "build_info{"), 0, 1);
    assert_int_equal(sx_info_set_with(info, "end", "x"), SX_OK);
    assert_int_equal(count_of(page_text(registry), "build_info{"), 1);
}

static void test_processes_share_an_info(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    make(&(struct sx_registry_options){.shared = true});
    for (int i = 0; i < 3; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            _exit(sx_info_set_with(info, "1.0", "abc") == SX_OK ? 0 : 1);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        page_assert_line(page_text(registry), "build_info{version=\"1.0\",revision=\"abc\"} 1");
    }
}

/* ---- untyped ---- */

static void test_untyped_metrics_are_gauges(void **state)
{
    (void)state;
    struct sx_gauge *untyped = NULL;
    struct sx_gauge_family *family = NULL;
    assert_int_equal(sx_untyped_register(&untyped, registry, OPTIONS(.name = "u")), SX_OK);
    assert_int_equal(sx_untyped_family_register(&family, registry,
                                                OPTIONS(.name = "v", .labels = SX_LABELS("a"))),
                     SX_OK);
    sx_gauge_set(untyped, 2.5);
    sx_gauge_inc(untyped);
    assert_int_equal(sx_gauge_set_with(family, -1, "x"), SX_OK);
    const char *page = page_text(registry);
    page_assert_line(page, "# TYPE u untyped");
    page_assert_line(page, "u 3.5");
    page_assert_line(page, "v{a=\"x\"} -1");
    assert_true(sx_gauge_value(untyped) == 3.5);
    assert_int_equal(sx_gauge_unregister(untyped), 1);
    assert_int_equal(sx_gauge_family_unregister(family), 1);
    assert_int_equal(sx_untyped_register(NULL, registry, OPTIONS(.name = "u")), SX_EINVAL);
    assert_int_equal(sx_untyped_family_register(NULL, registry, NULL), SX_EINVAL);
}

static void test_the_type_may_be_known_at_run_time_only(void **state)
{
    (void)state;
    static const enum sx_metric_type own[] = {SX_INFO, SX_STATE_SET};
    struct sx_registration all = {.registry = registry};
    struct sx_gauge *untyped = sx_registration_add(&all, SX_UNTYPED, OPTIONS(.name = "u")).gauge;
    const struct sx_metric_family family = sx_registration_add_family(
        &all, SX_UNTYPED, OPTIONS(.name = "v", .labels = SX_LABELS("a")));
    assert_non_null(untyped);
    assert_non_null(family.gauges);
    assert_int_equal(all.status, SX_OK);
    for (size_t i = 0; i < 2; i++) {
        struct sx_registration one = {.registry = registry};
        (void)sx_registration_add(&one, own[i], OPTIONS(.name = "x_info"));
        assert_int_equal(one.status, SX_EINVAL);
        assert_non_null(strstr(one.message, ": its type has a register function of its own"));
    }
    struct sx_registration one = {.registry = registry};
    (void)sx_registration_add(&one, SX_GAUGE_HISTOGRAM, OPTIONS(.name = "x"));
    assert_int_equal(one.status, SX_EINVAL);
    assert_non_null(strstr(one.message, ": only collectors have its type"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_page_shows_what_was_set_last),
        TEST(test_the_name_ends_in_info),
        TEST(test_what_is_not_valid_changes_nothing),
        TEST(test_without_memory_nothing_changes),
        TEST(test_values_that_were_replaced_take_no_memory),
        TEST(test_no_page_shows_two_sets_of_values),
        TEST(test_the_values_of_another_thread_stay),
        TEST(test_of_two_threads_one_wins),
        TEST(test_processes_share_an_info),
        TEST(test_untyped_metrics_are_gauges),
        TEST(test_the_type_may_be_known_at_run_time_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
