/* Hiding what a page shows while scrapes run: it does not wait for them and needs no memory.
 * Destroying a registry waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"
#include "flag.h"

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Small mappings, which valgrind's search for leaks reads completely. */
#define SMALL .thread_rows = 8, .row_bytes = 256 << 10, .directory_bytes = 8 << 20

static const struct sx_registry_options small = {SMALL};

static struct sx_registry *a;
static struct sx_registry *b;
static struct sx_page page;
static int hidden; /* what sx_registry_hide returned within a scrape */

static int set_up(void **state)
{
    (void)state;
    page = (struct sx_page){0};
    hidden = SX_ESTATE;
    return sx_registry_new(&a, &small) | sx_registry_new(&b, &small);
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(a);
    sx_registry_destroy(b);
    return 0;
}

static const char *rendered(struct sx_registry *registry)
{
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    return page.data == NULL ? "" : page.data;
}

static void add_gauge(struct sx_registry *registry, const char *name)
{
    struct sx_gauge *gauge = NULL;
    const struct sx_metric_options options = {.name = name};
    assert_int_equal(sx_gauge_register(&gauge, registry, &options), SX_OK);
}

/* ---- flags between threads ---- */

enum { DEADLINE_MS = 30000 };

static int is_in_scrape;
static int may_end;
static int has_ended;
static int is_waiting; /* a thread waits for the end of a scrape */

int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    flag_set(&is_waiting);
    return __real_pthread_cond_wait(condition, mutex);
}

static int stay_in_scrape(void *flag, struct sx_collection *collection)
{
    (void)collection;
    flag_set(&is_in_scrape);
    (void)flag_wait(flag);
    flag_set(&has_ended);
    return 0;
}

static void *scrape_once(void *unused)
{
    struct sx_page own = {0};
    (void)unused;
    int status = sx_page_render(&own, a, SX_FORMAT_TEXT);
    sx_page_clean_up(&own);
    return status == SX_OK ? NULL : &hidden;
}

/* Begins a scrape of `a` in another thread, which stays in a collector of `b` until the flag is
 * set. */
static pthread_t begin_scrape(int *flag)
{
    pthread_t thread;
    is_in_scrape = may_end = has_ended = is_waiting = 0;
    assert_int_equal(sx_collector_register(b, stay_in_scrape, flag), SX_OK);
    assert_int_equal(pthread_create(&thread, NULL, scrape_once, NULL), 0);
    assert_true(flag_wait(&is_in_scrape));
    return thread;
}

static void assert_succeeds(pthread_t thread)
{
    void *failed = NULL;
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
}

/* ---- within a scrape ---- */

static int hide_x(void *context, struct sx_collection *collection)
{
    (void)context;
    (void)collection;
    hidden = sx_registry_hide(a, b, "x");
    return 0;
}

static void test_a_collector_hides_a_family_and_its_page_is_without_it(void **state)
{
    (void)state;
    add_gauge(b, "x");
    add_gauge(b, "y");
    assert_int_equal(sx_registry_show(a, b, "x"), SX_OK);
    assert_int_equal(sx_registry_show(a, b, "y"), SX_OK);
    assert_int_equal(sx_collector_register(a, hide_x, NULL), SX_OK);
    assert_string_equal(rendered(a), "# TYPE y gauge\ny 0\n");
    assert_int_equal(hidden, 1);
    assert_string_equal(rendered(a), "# TYPE y gauge\ny 0\n");
    assert_int_equal(hidden, 0);
}

static void test_a_family_that_two_registries_show_is_hidden_by_one(void **state)
{
    struct sx_registry *other = NULL;
    struct sx_registry *pages[2];
    (void)state;
    assert_int_equal(sx_registry_new(&other, &small), SX_OK);
    add_gauge(b, "x");
    assert_int_equal(sx_registry_show(a, b, "x"), SX_OK);
    assert_int_equal(sx_registry_show(other, b, "x"), SX_OK);
    assert_int_equal(sx_collector_register(a, hide_x, NULL), SX_OK);
    pages[0] = a;
    pages[1] = other;
    assert_int_equal(sx_page_render_registries(&page, pages, 2, SX_FORMAT_TEXT), SX_OK);
    assert_string_equal(page.data, "# TYPE x gauge\nx 0\n");
    assert_int_equal(hidden, 1);
    sx_registry_destroy(other);
}

static void hide_b(void *context, const char *message)
{
    (void)context;
    (void)message;
    hidden = sx_registry_hide(a, b, NULL);
}

static void test_a_log_hides_a_registry(void **state)
{
    (void)state;
    add_gauge(a, "x");
    add_gauge(b, "x");
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    sx_registry_set_log(a, hide_b, NULL);
    (void)rendered(a); /* both have the series x */
    assert_int_equal(hidden, 1);
    assert_null(strstr(rendered(a), "x 0\nx 0"));
    assert_int_equal(sx_registry_hide(a, b, NULL), 0);
}

/* ---- beside a scrape ---- */

static void test_hiding_does_not_wait_for_a_scrape(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    const pthread_t thread = begin_scrape(&may_end);
    assert_int_equal(sx_registry_hide(a, b, NULL), 1);
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK); /* another one */
    assert_int_equal(sx_registry_hide(a, b, NULL), 1);
    assert_int_equal(__atomic_load_n(&has_ended, __ATOMIC_ACQUIRE), 0);
    flag_set(&may_end);
    assert_succeeds(thread);
}

static void test_destroying_waits_for_a_scrape(void **state)
{
    (void)state;
    add_gauge(b, "x");
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    const pthread_t thread = begin_scrape(&is_waiting);
    sx_registry_destroy(b);
    b = NULL;
    assert_int_equal(__atomic_load_n(&is_waiting, __ATOMIC_ACQUIRE), 1);
    assert_int_equal(__atomic_load_n(&has_ended, __ATOMIC_ACQUIRE), 1);
    assert_succeeds(thread);
    assert_string_equal(rendered(a), "");
}

/* What is hidden is still on the page of a scrape that runs. */
static void test_destroying_waits_also_if_the_registry_was_hidden(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    const pthread_t thread = begin_scrape(&is_waiting);
    assert_int_equal(sx_registry_hide(a, b, NULL), 1);
    sx_registry_destroy(b);
    b = NULL;
    assert_int_equal(__atomic_load_n(&has_ended, __ATOMIC_ACQUIRE), 1);
    assert_succeeds(thread);
}

/* The child has none of the scrapes of other threads, so nothing waits there. It ends by a signal,
 * because valgrind would report what those scrapes had allocated as leaks of a child that exits. */
static void test_a_child_of_fork_does_not_wait_for_scrapes_of_its_parent(void **state)
{
    (void)state;
    assert_int_equal(sx_registry_show(a, b, NULL), SX_OK);
    const pthread_t thread = begin_scrape(&may_end);
    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(DEADLINE_MS / 1000); /* ends a child that waits */
        const int result = sx_registry_hide(a, b, NULL);
        sx_registry_destroy(b);
        (void)raise(result == 1 ? SIGKILL : SIGABRT);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    flag_set(&may_end);
    assert_succeeds(thread);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* ---- memory ---- */

static void test_hiding_needs_no_memory(void **state)
{
    struct sx_registry *prefixed = NULL;
    const struct sx_registry_options options = {SMALL, .name_prefix = "p_"};
    (void)state;
    assert_int_equal(sx_registry_new(&prefixed, &options), SX_OK);
    add_gauge(prefixed, "x");
    assert_int_equal(sx_registry_show(a, prefixed, "x"), SX_OK);
    assert_string_equal(rendered(a), "# TYPE p_x gauge\np_x 0\n");
    fail_all_allocations(0);
    const int result = sx_registry_hide(a, prefixed, "x");
    (void)end_failing_allocations();
    assert_int_equal(result, 1);
    assert_string_equal(rendered(a), "");
    sx_registry_destroy(prefixed);
}

static void test_each_of_many_shows_is_found_and_freed(void **state)
{
    enum { SHOWS = 3000 };
    char name[16];
    (void)state;
    const long live = allocations_live();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < SHOWS; i++) {
            snprintf(name, sizeof name, "x%d", i);
            assert_int_equal(sx_registry_show(a, b, name), SX_OK);
        }
        for (int i = 0; i < SHOWS; i++) {
            snprintf(name, sizeof name, "x%d", i * 7 % SHOWS); /* in another order */
            assert_int_equal(sx_registry_show(a, b, name), SX_EEXIST);
            assert_int_equal(sx_registry_hide(a, b, name), 1);
            assert_int_equal(sx_registry_hide(a, b, name), 0);
        }
        assert_true(allocations_live() == live);
    }
}

/* A show that could be added without a larger table is added. */
static void test_shows_need_no_larger_table(void **state)
{
    enum { SHOWS = 100 };
    char name[16];
    int shown = 0;
    (void)state;
    for (int i = 0; i < SHOWS; i++) {
        snprintf(name, sizeof name, "x%d", i);
        fail_all_allocations(1); /* the show itself is allocated */
        shown += sx_registry_show(a, b, name) == SX_OK;
        (void)end_failing_allocations();
    }
    assert_int_equal(shown, SHOWS);
    for (int i = 0; i < SHOWS; i++) {
        snprintf(name, sizeof name, "x%d", i);
        assert_int_equal(sx_registry_hide(a, b, name), 1);
    }
}

/* ---- torture ---- */

enum { SCRAPERS = 2, SHOWERS = 2, PLUGINS = 30, FAMILIES = 4 };
static int is_running;

static void *scrape_often(void *unused)
{
    struct sx_page own = {0};
    struct sx_registry *const both[] = {a, b};
    intptr_t failures = 0;
    (void)unused;
    for (int i = 0; __atomic_load_n(&is_running, __ATOMIC_ACQUIRE); i++) {
        failures +=
            (i % 2 == 0 ? sx_page_render(&own, a, SX_FORMAT_TEXT)
                        : sx_page_render_registries(&own, both, 2, SX_FORMAT_TEXT)) != SX_OK;
        (void)sched_yield();
    }
    sx_page_clean_up(&own);
    return (void *)failures;
}

/* Each thread has names of its own, so it knows what the results must be. */
static void *show_and_hide(void *number)
{
    intptr_t failures = 0;
    char name[16];
    for (int i = 0; __atomic_load_n(&is_running, __ATOMIC_ACQUIRE); i++) {
        snprintf(name, sizeof name, "x%d", (int)(intptr_t)number * FAMILIES + i % FAMILIES);
        failures += sx_registry_show(a, b, name) != SX_OK;
        failures += sx_registry_show(b, a, name) != SX_OK;
        failures += sx_registry_hide(a, b, name) != 1;
        failures += sx_registry_hide(b, a, name) != 1;
        (void)sched_yield();
    }
    return (void *)failures;
}

/* Written without synchronisation: ThreadSanitizer reports a scrape that still had the plugin. */
static int of_plugin;

static int read_plugin(void *value, struct sx_collection *collection)
{
    (void)collection;
    return *(int *)value - of_plugin;
}

static void plugin_comes_and_goes(int i)
{
    struct sx_registry *plugin = NULL;
    of_plugin = i;
    assert_int_equal(sx_registry_new(&plugin, &small), SX_OK);
    assert_int_equal(sx_collector_register(plugin, read_plugin, &of_plugin), SX_OK);
    assert_int_equal(sx_registry_show(a, plugin, NULL), SX_OK);
    assert_int_equal(sx_registry_show(b, plugin, NULL), SX_OK);
    add_gauge(plugin, "of_plugin");
    if (i % 2 == 0) {
        assert_int_equal(sx_registry_hide(a, plugin, NULL), 1);
    }
    sx_registry_destroy(plugin);
    of_plugin = -1;
}

static void test_shows_come_and_go_while_others_scrape(void **state)
{
    (void)state;
    pthread_t threads[SCRAPERS + SHOWERS];
    for (int i = 0; i < SHOWERS * FAMILIES; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        add_gauge(i % 2 == 0 ? a : b, name);
    }
    flag_set(&is_running);
    for (int i = 0; i < SCRAPERS + SHOWERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < SCRAPERS ? scrape_often : show_and_hide,
                                        (void *)(intptr_t)(i - SCRAPERS)),
                         0);
    }
    for (int i = 0; i < PLUGINS; i++) {
        plugin_comes_and_goes(i);
    }
    __atomic_store_n(&is_running, 0, __ATOMIC_RELEASE);
    for (int i = 0; i < SCRAPERS + SHOWERS; i++) {
        assert_succeeds(threads[i]);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_collector_hides_a_family_and_its_page_is_without_it),
        CASE(test_a_family_that_two_registries_show_is_hidden_by_one),
        CASE(test_a_log_hides_a_registry),
        CASE(test_hiding_does_not_wait_for_a_scrape),
        CASE(test_destroying_waits_for_a_scrape),
        CASE(test_destroying_waits_also_if_the_registry_was_hidden),
        CASE(test_a_child_of_fork_does_not_wait_for_scrapes_of_its_parent),
        CASE(test_hiding_needs_no_memory),
        CASE(test_each_of_many_shows_is_found_and_freed),
        CASE(test_shows_need_no_larger_table),
        CASE(test_shows_come_and_go_while_others_scrape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
