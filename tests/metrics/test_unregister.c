/* Metrics and families are unregistered: name, memory and cells are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "directory.h"
#include "page.h"
#include "records.h"

#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sx_registry *registry;

static const struct sx_metric_options plain = {.name = "m", .help = "M."};

static int make_registry(bool is_shared)
{
    return sx_registry_new(&registry, &(struct sx_registry_options){.shared = is_shared,
                                                                    .thread_rows = 8,
                                                                    .row_bytes = 256 << 10,
                                                                    .directory_bytes = 256 << 10});
}

static int set_up(void **state)
{
    (void)state;
    return make_registry(false);
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static struct sx_counter_family *register_counters(const char *name)
{
    struct sx_counter_family *family = NULL;
    const struct sx_metric_options options = {.name = name, .help = "C.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    return family;
}

static bool page_has(const char *text)
{
    return strstr(page_text(registry), text) != NULL;
}

static void test_the_name_is_free_for_another_type(void **state)
{
    (void)state;
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    struct sx_histogram *histogram = NULL;
    assert_int_equal(sx_counter_register(&counter, registry, &plain), SX_OK);
    sx_counter_add(counter, 7.5);
    assert_int_equal(sx_gauge_register(&gauge, registry, &plain), SX_EEXIST);
    assert_int_equal(sx_counter_unregister(counter), 1);
    assert_string_equal(page_text(registry), "");
    assert_int_equal(sx_gauge_register(&gauge, registry, &plain), SX_OK);
    assert_true(page_has("# TYPE m gauge\nm 0\n"));
    assert_int_equal(sx_gauge_unregister(gauge), 1);
    assert_int_equal(sx_histogram_register(&histogram, registry, &plain), SX_OK);
    sx_histogram_observe(histogram, 3);
    assert_true(page_has("\nm_count 1\n"));
    assert_int_equal(sx_histogram_unregister(histogram), 1);
    assert_int_equal(sx_counter_register(&counter, registry, &plain), SX_OK);
    assert_true(page_has("# TYPE m counter\nm 0\n"));
}

static void test_others_keep_what_they_have_registered(void **state)
{
    (void)state;
    struct sx_counter_family *family = register_counters("c_total");
    struct sx_counter_family *same = register_counters("c_total");
    assert_ptr_equal(family, same);
    sx_counter_inc_with(family, "x");
    assert_int_equal(sx_counter_family_unregister(family), 0);
    sx_counter_inc_with(same, "x");
    assert_true(page_has("\nc_total{a=\"x\"} 2\n"));
    assert_int_equal(sx_counter_family_unregister(same), 1);
    assert_string_equal(page_text(registry), "");
}

static void test_the_others_on_the_page_stay(void **state)
{
    (void)state;
    struct sx_counter_family *families[3];
    const char *const names[] = {"a_total", "b_total", "c_total"};
    for (size_t gone = 0; gone < 3; gone++) {
        for (size_t i = 0; i < 3; i++) {
            families[i] = register_counters(names[i]);
            sx_counter_inc_with(families[i], "x");
        }
        assert_int_equal(sx_counter_family_unregister(families[gone]), 1);
        for (size_t i = 0; i < 3; i++) {
            char line[64];
            snprintf(line, sizeof line, "# TYPE %s counter\n%s{a=\"x\"} 1\n", names[i], names[i]);
            assert_int_equal(page_has(line), i != gone);
        }
        struct sx_counter_family *last = register_counters("last_total"); /* the chain has an end */
        sx_counter_inc_with(last, "x");
        assert_true(page_has("\nlast_total{a=\"x\"} 1\n"));
        assert_int_equal(sx_counter_family_unregister(last), 1);
        for (size_t i = 0; i < 3; i++) {
            assert_true(i == gone || sx_counter_family_unregister(families[i]) == 1);
        }
    }
}

/* A handle is valid until it is given up, even longer than its family. */
static void test_handles_outlive_their_family(void **state)
{
    (void)state;
    struct sx_counter_family *family = register_counters("c_total");
    struct sx_counter *counter = sx_counter_with(family, "x");
    sx_counter_inc(counter);
    assert_int_equal(sx_counter_family_unregister(family), 1);
    for (int i = 0; i < 300; i++) { /* enough that all that may be reclaimed is */
        family = register_counters("c_total");
        sx_counter_inc_with(family, "x");
        sx_counter_add(counter, 100);
        assert_true(page_has("\nc_total{a=\"x\"} 1\n"));
        assert_int_equal(sx_counter_family_unregister(family), 1);
    }
    assert_true(sx_counter_value(counter) == 0);
    sx_counter_release(counter);
}

/* A plugin is loaded and unloaded again and again, in a directory of 256 KiB. */
static void test_memory_and_cells_are_used_again(void **state)
{
    (void)state;
    struct sx_metric_options options = {.help = "Some text for its help.",
                                        .labels = SX_LABELS("first", "second")};
    for (int i = 0; i < 20000; i++) {
        char name[32];
        snprintf(name, sizeof name, "plugin_%d_total", i);
        options.name = name;
        struct sx_counter_family *counters = NULL;
        struct sx_gauge_family *gauges = NULL;
        struct sx_histogram_family *histograms = NULL;
        assert_int_equal(sx_counter_family_register(&counters, registry, &options), SX_OK);
        options.name = "plugin_gauge";
        assert_int_equal(sx_gauge_family_register(&gauges, registry, &options), SX_OK);
        options.name = "plugin_seconds";
        assert_int_equal(sx_histogram_family_register(&histograms, registry, &options), SX_OK);
        for (int series = 0; series < 12; series++) {
            snprintf(name, sizeof name, "%d", series * i);
            assert_int_equal(sx_counter_add_with(counters, 1.5, name, "x"), SX_OK);
            assert_int_equal(sx_gauge_set_with(gauges, 1, name, "x"), SX_OK);
            assert_int_equal(sx_histogram_observe_with(histograms, .1, name, "x"), SX_OK);
        }
        assert_int_equal(sx_counter_family_unregister(counters), 1);
        assert_int_equal(sx_gauge_family_unregister(gauges), 1);
        assert_int_equal(sx_histogram_family_unregister(histograms), 1);
    }
    assert_string_equal(page_text(registry), "");
    assert_in_range(registry->thread_cells_used, 8, 8 + 20 * (2 + 24) * 2);
    assert_in_range(registry->process_cells_used, 8, 200);
}

static void test_what_is_no_registration_is_an_error(void **state)
{
    (void)state;
    struct sx_counter_family *family = register_counters("c_total");
    struct sx_counter *counter = sx_counter_with(family, "x");
    assert_int_equal(sx_counter_unregister(counter), SX_EINVAL);
    assert_int_equal(sx_counter_unregister(NULL), SX_EINVAL);
    assert_int_equal(sx_gauge_unregister(NULL), SX_EINVAL);
    assert_int_equal(sx_histogram_unregister(NULL), SX_EINVAL);
    assert_int_equal(sx_counter_family_unregister(NULL), SX_EINVAL);
    assert_int_equal(sx_gauge_family_unregister(NULL), SX_EINVAL);
    assert_int_equal(sx_histogram_family_unregister(NULL), SX_EINVAL);
    assert_true(page_has("\nc_total{a=\"x\"} 0\n"));
}

/* ---- several threads ---- */

#define ROUNDS 2000

static void *scrape(void *is_over)
{
    struct sx_page page = {0};
    while (!__atomic_load_n((bool *)is_over, __ATOMIC_RELAXED)) {
        assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
        const struct sx_str text = {page.data, page.size};
        assert_int_equal(sx_exposition_check(text, NULL, NULL, NULL), 0);
    }
    sx_page_clean_up(&page);
    return NULL;
}

static void *come_and_go(void *number)
{
    char name[32];
    snprintf(name, sizeof name, "thread_%d_total", *(int *)number);
    for (int i = 0; i < ROUNDS; i++) {
        struct sx_counter_family *family = register_counters(i % 2 == 0 ? name : "both_total");
        for (int series = 0; series < 3; series++) {
            char value[16];
            snprintf(value, sizeof value, "%d", i + series);
            assert_int_equal(sx_counter_inc_with(family, value), SX_OK);
        }
        (void)sx_counter_family_unregister(family);
    }
    return NULL;
}

/* The registry has room for all that comes and goes, as a scrape that is interrupted keeps it. */
static void test_pages_are_valid_while_families_come_and_go(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    pthread_t scraper;
    pthread_t threads[2];
    int numbers[2] = {1, 2};
    bool is_over = false;
    assert_int_equal(pthread_create(&scraper, NULL, scrape, &is_over), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &numbers[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(scraper, NULL), 0);
    assert_string_equal(page_text(registry), "");
}

/* ---- several processes ---- */

static void forget_the_fork(void)
{
    registry->fork_ns = 0; /* as if it had been ten seconds ago */
}

/* A child has its parent's registrations; when it ends they are gone. */
static void test_a_forked_process_keeps_what_its_parent_unregisters(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    assert_int_equal(make_registry(true), SX_OK);
    struct sx_counter_family *family = register_counters("c_total");
    sx_counter_inc_with(family, "x");
    int go[2];
    assert_int_equal(pipe(go), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(go[1]);
        sx_counter_inc_with(family, "x");
        _exit((int)read(go[0], &byte, 1)); /* the end of the parent's side */
    }
    close(go[0]);
    while (!page_has("\nc_total{a=\"x\"} 2\n")) {
        (void)sched_yield();
    }
    forget_the_fork();
    assert_int_equal(sx_counter_family_unregister(family), 0);
    assert_true(page_has("\nc_total{a=\"x\"} 2\n"));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(go[1]);
    assert_string_equal(page_text(registry), ""); /* the next scrape removes it */
    family = register_counters("c_total");
    assert_int_equal(sx_counter_family_unregister(family), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_name_is_free_for_another_type),
        TEST(test_others_keep_what_they_have_registered),
        TEST(test_the_others_on_the_page_stay),
        TEST(test_handles_outlive_their_family),
        TEST(test_memory_and_cells_are_used_again),
        TEST(test_what_is_no_registration_is_an_error),
        TEST(test_pages_are_valid_while_families_come_and_go),
        TEST(test_a_forked_process_keeps_what_its_parent_unregisters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
