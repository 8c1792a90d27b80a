/* Gauges and counters whose value is a function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sx_registry *registry;

/* Small, as valgrind's search for leaks reads, and so allocates, all of a shared mapping. */
static int make(bool shared)
{
    return sx_registry_new(&registry, &(struct sx_registry_options){.shared = shared,
                                                                    .row_bytes = 64 << 10,
                                                                    .directory_bytes = 1 << 20});
}

static int set_up(void **state)
{
    (void)state;
    return make(false);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static const char *render(void)
{
    return page_text(registry);
}

static const struct sx_metric_options gauge = {.name = "g", .help = "G."};
static const struct sx_metric_options counter = {.name = "c_total", .help = "C."};

static double give(void *value)
{
    return *(double *)value;
}

static void test_a_gauge_shows_what_its_function_gives(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *line;
    } rows[] = {{1.5, "g 1.5\n"}, {-2, "g -2\n"}, {NAN, "g NaN\n"}, {-INFINITY, "g -Inf\n"}};
    double value;
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[64];
        value = rows[i].value;
        snprintf(expected, sizeof expected, "# HELP g G.\n# TYPE g gauge\n%s", rows[i].line);
        assert_string_equal(render(), expected);
    }
}

/* Writing client libraries: a counter is never NaN and never goes down. */
static void test_a_counter_keeps_what_it_showed_when_its_function_falls(void **state)
{
    (void)state;
    static const double values[] = {NAN, -1, 5, 3, NAN, INFINITY, -INFINITY, 5.5, 0};
    static const char *const lines[] = {"",
                                        "",
                                        "c_total 5\n",
                                        "c_total 5\n",
                                        "c_total 5\n",
                                        "c_total 5\n",
                                        "c_total 5\n",
                                        "c_total 5.5\n",
                                        "c_total 5.5\n"};
    double value;
    assert_int_equal(sx_counter_register_callback(registry, &counter, give, &value), SX_OK);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        value = values[i];
        char expected[64] = "";
        if (lines[i][0] != '\0') {
            snprintf(expected, sizeof expected, "# HELP c_total C.\n# TYPE c_total counter\n%s",
                     lines[i]);
        }
        assert_string_equal(render(), expected);
    }
}

static void test_a_counter_may_start_at_0(void **state)
{
    (void)state;
    double value = 0;
    assert_int_equal(sx_counter_register_callback(registry, &counter, give, &value), SX_OK);
    assert_non_null(strstr(render(), "\nc_total 0\n"));
}

static void test_definitions_are_checked_as_for_other_metrics(void **state)
{
    (void)state;
    struct sx_gauge *other = NULL;
    double value = 1;
    struct sx_metric_options options = gauge;
    assert_int_equal(sx_gauge_register_callback(registry, NULL, give, &value), SX_EINVAL);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, NULL, &value), SX_EINVAL);
    options.name = "no-name";
    assert_int_equal(sx_gauge_register_callback(registry, &options, give, &value), SX_ENAME);
    options = gauge;
    options.help = "\xFF";
    assert_int_equal(sx_gauge_register_callback(registry, &options, give, &value), SX_EHELP);
    options = gauge;
    options.labels = SX_LABELS("a");
    assert_int_equal(sx_gauge_register_callback(registry, &options, give, &value), SX_EINVAL);

    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_EEXIST);
    assert_int_equal(sx_gauge_register(&other, registry, &gauge), SX_EEXIST);
    options = counter;
    options.name = "g_total";
    assert_int_equal(sx_counter_register_callback(registry, &options, give, &value), SX_ECLASH);
    options.name = "cells";
    assert_int_equal(sx_gauge_register(&other, registry, &options), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &options, give, &value), SX_EEXIST);
    assert_string_equal(render(), "# HELP cells C.\n# TYPE cells gauge\ncells 0\n"
                                  "# HELP g G.\n# TYPE g gauge\ng 1\n");
}

static void test_unregistering_takes_it_from_the_page_and_frees_its_name(void **state)
{
    (void)state;
    double value = 1;
    struct sx_gauge *other = NULL;
    assert_int_equal(sx_callback_unregister(registry, "g"), 0);
    assert_int_equal(sx_callback_unregister(registry, NULL), SX_EINVAL);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_OK);
    assert_int_equal(sx_callback_unregister(registry, "g"), 1);
    assert_int_equal(sx_callback_unregister(registry, "g"), 0);
    assert_string_equal(render(), "");
    assert_int_equal(sx_gauge_register(&other, registry, &gauge), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_EEXIST);
    assert_non_null(strstr(render(), "\ng 0\n"));
    assert_int_equal(sx_gauge_unregister(other), 1);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_EEXIST);
    assert_non_null(strstr(render(), "\ng 1\n"));
    struct sx_metric_options cells = {.name = "cells", .help = "C."};
    assert_int_equal(sx_gauge_register(&other, registry, &cells), SX_OK);
    assert_int_equal(sx_callback_unregister(registry, "cells"), 0);
}

static void test_the_registries_have_callbacks_of_their_own(void **state)
{
    (void)state;
    struct sx_registry *first = registry;
    double one = 1;
    double two = 2;
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &one), SX_OK);
    assert_int_equal(make(false), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &two), SX_OK);
    assert_non_null(strstr(render(), "\ng 2\n"));
    sx_registry_destroy(registry);
    registry = first;
    assert_non_null(strstr(render(), "\ng 1\n"));
    /* The next registry has the addresses of the second one, but not its callbacks. */
    assert_int_equal(make(false), SX_OK);
    assert_string_equal(render(), "");
    sx_registry_destroy(registry);
    registry = first;
}

/* ---- what a callback may do ---- */

static struct sx_gauge *refreshed;
static struct sx_page inner;
static int inner_status;
static int unregister_status;

static double use_the_library(void *unused)
{
    (void)unused;
    struct sx_counter *made = NULL;
    sx_gauge_set(refreshed, 7);
    inner_status = sx_page_render(&inner, registry, SX_FORMAT_TEXT);
    unregister_status = sx_callback_unregister(registry, "g");
    return sx_counter_register(&made, registry, &counter) == SX_OK ? 1 : 0;
}

static void test_no_lock_is_held_while_a_callback_runs(void **state)
{
    (void)state;
    struct sx_metric_options options = {.name = "refreshed", .help = "R."};
    assert_int_equal(sx_gauge_register(&refreshed, registry, &options), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, use_the_library, NULL), SX_OK);
    assert_string_equal(render(), "# HELP refreshed R.\n# TYPE refreshed gauge\nrefreshed 7\n"
                                  "# HELP c_total C.\n# TYPE c_total counter\nc_total 0\n"
                                  "# HELP g G.\n# TYPE g gauge\ng 1\n");
    assert_int_equal(inner_status, SX_ESTATE);
    assert_int_equal(unregister_status, SX_ESTATE);
    sx_page_clean_up(&inner);
}

static double fork_here(void *unused)
{
    (void)unused;
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)kill(getpid(), SIGKILL); /* no tool looks for what the callers in the parent have */
    }
    (void)waitpid(child, &status, 0); /* the lock and the list were taken through the fork */
    return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static void test_callbacks_go_with_a_fork(void **state)
{
    (void)state;
    need_shared_registries();
    double value = 3;
    struct sx_metric_options forks = {.name = "forks", .help = "F."};
    sx_registry_destroy(registry);
    assert_int_equal(make(true), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &forks, fork_here, NULL), SX_OK);
    assert_int_equal(sx_gauge_register_callback(registry, &gauge, give, &value), SX_OK);
    assert_non_null(strstr(render(), "\nforks 9\n"));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        value = 4;
        (void)sx_callback_unregister(registry, "forks");
        _exit(strcmp(render(), "# HELP g G.\n# TYPE g gauge\ng 4\n") == 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_non_null(strstr(render(), "\ng 3\n"));
}

/* ---- unregistering while scrapes run ---- */

#define SCRAPERS 3
static int scraping;

struct guarded {
    int registered;
};

static double look_at_the_guard(void *context)
{
    struct guarded *guarded = context;
    /* Written without synchronisation by who unregisters: a race that ThreadSanitizer reports, if
     * one could still be called. */
    assert_int_equal(guarded->registered, 1);
    return guarded->registered;
}

static void *scrape(void *unused)
{
    (void)unused;
    struct sx_page own = {0};
    while (__atomic_load_n(&scraping, __ATOMIC_ACQUIRE)) {
        if (sx_page_render(&own, registry, SX_FORMAT_TEXT) != SX_OK) {
            return &scraping;
        }
    }
    sx_page_clean_up(&own);
    return NULL;
}

static void test_after_unregistering_it_is_not_called(void **state)
{
    (void)state;
    pthread_t threads[SCRAPERS];
    struct guarded guarded = {0};
    scraping = 1;
    for (size_t i = 0; i < SCRAPERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, scrape, NULL), 0);
    }
    for (int i = 0; i < 2000; i++) {
        guarded.registered = 1;
        assert_int_equal(sx_gauge_register_callback(registry, &gauge, look_at_the_guard, &guarded),
                         SX_OK);
        if (i % 10 == 0) {
            (void)render();
        }
        assert_int_equal(sx_callback_unregister(registry, "g"), 1);
        guarded.registered = 0;
    }
    __atomic_store_n(&scraping, 0, __ATOMIC_RELEASE);
    for (size_t i = 0; i < SCRAPERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_gauge_shows_what_its_function_gives),
        TEST(test_a_counter_keeps_what_it_showed_when_its_function_falls),
        TEST(test_a_counter_may_start_at_0),
        TEST(test_definitions_are_checked_as_for_other_metrics),
        TEST(test_unregistering_takes_it_from_the_page_and_frees_its_name),
        TEST(test_the_registries_have_callbacks_of_their_own),
        TEST(test_no_lock_is_held_while_a_callback_runs),
        TEST(test_callbacks_go_with_a_fork),
        TEST(test_after_unregistering_it_is_not_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
