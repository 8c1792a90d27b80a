/* What a page shows of a gauge that several processes have set, in each mode, while they live and
 * after they have ended. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "failing_allocation.h"
#include "page.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <sextant/collector.h>
#include <sextant/exposition.h>
#include <sextant/iteration.h>
#include <sextant/metrics.h>
#include <sextant/registration.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODES (SX_MODE_SHARED + 1)
#define ROUNDS 300

static const char *const names[MODES] = {
    [SX_MODE_LIVE_SUM] = "live_sum",
    [SX_MODE_SUM] = "sum",
    [SX_MODE_LIVE_MIN] = "live_min",
    [SX_MODE_MIN] = "min",
    [SX_MODE_LIVE_MAX] = "live_max",
    [SX_MODE_MAX] = "max",
    [SX_MODE_LIVE_MOST_RECENT] = "live_most_recent",
    [SX_MODE_MOST_RECENT] = "most_recent",
    [SX_MODE_LIVE_ALL] = "live_all",
    [SX_MODE_SHARED] = "shared",
};

static struct sx_registry *registry;
static struct sx_gauge *gauges[MODES];
static struct sx_gauge_family *family; /* of SX_MODE_MAX */
static struct sx_counter *abandoned;

static void make(bool shared)
{
    const struct sx_registry_options options = {
        .shared = shared, .thread_rows = 4, .row_bytes = 64 << 10, .directory_bytes = 1 << 20};
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    for (int mode = 0; mode < MODES; mode++) {
        const struct sx_metric_options gauge = {
            .name = names[mode], .multiprocess_mode = (enum sx_multiprocess_mode)mode};
        assert_int_equal(sx_gauge_register(&gauges[mode], registry, &gauge), SX_OK);
    }
    assert_int_equal(
        sx_gauge_family_register(&family, registry,
                                 &(struct sx_metric_options){.name = "labelled",
                                                             .labels = SX_LABELS("x"),
                                                             .multiprocess_mode = SX_MODE_MAX}),
        SX_OK);
    assert_int_equal(sx_counter_register(&abandoned, registry,
                                         &(struct sx_metric_options){.name = "abandoned_total"}),
                     SX_OK);
}

static int set_up(void **state)
{
    (void)state;
    if (has_shared_registries()) {
        make(true);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    registry = NULL;
    return 0;
}

/* ---- processes that do as they are told ---- */

enum action { SET, ADD, SET_LABELLED, END };

struct order {
    enum action action;
    enum sx_multiprocess_mode mode;
    double value;
};

struct worker {
    pid_t pid;
    int orders;
    int answers;
};

static void obey(const struct order *order)
{
    if (order->action == SET) {
        sx_gauge_set(gauges[order->mode], order->value);
    } else if (order->action == ADD) {
        sx_gauge_add(gauges[order->mode], order->value);
    } else if (order->action == SET_LABELLED) {
        (void)sx_gauge_set_with(family, order->value, "a");
    } else {
        _exit(0);
    }
}

static struct worker start(void)
{
    int orders[2];
    int answers[2];
    char byte;
    assert_int_equal(pipe(orders) | pipe(answers), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct order order;
        close(orders[1]);
        close(answers[0]);
        (void)!write(answers[1], "x", 1); /* it has its row */
        while (read(orders[0], &order, sizeof order) == (ssize_t)sizeof order) {
            obey(&order);
            (void)!write(answers[1], "x", 1);
        }
        _exit(1);
    }
    close(orders[0]);
    close(answers[1]);
    assert_int_equal(read(answers[0], &byte, 1), 1);
    return (struct worker){pid, orders[1], answers[0]};
}

static void tell(const struct worker *worker, enum action action, enum sx_multiprocess_mode mode,
                 double value)
{
    const struct order order = {action, mode, value};
    char byte;
    assert_int_equal(write(worker->orders, &order, sizeof order), sizeof order);
    assert_int_equal(read(worker->answers, &byte, 1), 1);
}

static void close_pipes(const struct worker *worker)
{
    close(worker->orders);
    close(worker->answers);
}

static void end(const struct worker *worker)
{
    const struct order order = {.action = END};
    assert_int_equal(write(worker->orders, &order, sizeof order), sizeof order);
    assert_int_equal(waitpid(worker->pid, NULL, 0), worker->pid);
    close_pipes(worker);
}

static void end_by_kill(const struct worker *worker)
{
    assert_int_equal(kill(worker->pid, SIGKILL), 0);
    assert_int_equal(waitpid(worker->pid, NULL, 0), worker->pid);
    close_pipes(worker);
}

static void assert_shown(enum sx_multiprocess_mode mode, double expected)
{
    char line[64];
    assert_true(sx_gauge_value(gauges[mode]) == expected);
    snprintf(line, sizeof line, "%s %g", names[mode], expected);
    page_assert_line(page_text(registry), line);
}

static void assert_has(const char *text)
{
    assert_non_null(strstr(page_text(registry), text));
}

static void assert_has_not(const char *text)
{
    assert_null(strstr(page_text(registry), text));
}

/* ---- modes ---- */

/* Two processes have 3 and 8, in this order. */
static void test_living_processes(void **state)
{
    (void)state;
    need_shared_registries();
    const struct worker first = start();
    const struct worker second = start();
    for (int mode = 0; mode < MODES; mode++) {
        tell(&first, SET, (enum sx_multiprocess_mode)mode, 3);
        tell(&second, SET, (enum sx_multiprocess_mode)mode, 8);
    }
    assert_shown(SX_MODE_LIVE_SUM, 11);
    assert_shown(SX_MODE_SUM, 11);
    assert_shown(SX_MODE_LIVE_MIN, 3);
    assert_shown(SX_MODE_MIN, 3);
    assert_shown(SX_MODE_LIVE_MAX, 8);
    assert_shown(SX_MODE_MAX, 8);
    assert_shown(SX_MODE_LIVE_MOST_RECENT, 8);
    assert_shown(SX_MODE_MOST_RECENT, 8);
    assert_shown(SX_MODE_SHARED, 8);
    assert_has("\nlive_all{process=\"1\"} 3\nlive_all{process=\"2\"} 8\n");
    assert_true(sx_gauge_value(gauges[SX_MODE_LIVE_ALL]) == 11);
    tell(&first, SET, SX_MODE_MOST_RECENT, 5);
    assert_shown(SX_MODE_MOST_RECENT, 5);
    end(&first);
    end(&second);
}

static void (*const ends[])(const struct worker *) = {end, end_by_kill};

/* The first process has ended, then both. */
static void test_processes_that_have_ended(void **state)
{
    (void)state;
    need_shared_registries();
    for (size_t i = 0; i < 2; i++) {
        const struct worker first = start();
        const struct worker second = start();
        for (int mode = 0; mode < MODES; mode++) {
            tell(&first, SET, (enum sx_multiprocess_mode)mode, -3);
            tell(&second, SET, (enum sx_multiprocess_mode)mode, -8);
        }
        ends[i](&second);
        assert_shown(SX_MODE_LIVE_SUM, -3);
        assert_shown(SX_MODE_SUM, -11);
        assert_shown(SX_MODE_LIVE_MIN, -3);
        assert_shown(SX_MODE_MIN, -8);
        assert_shown(SX_MODE_LIVE_MAX, -3);
        assert_shown(SX_MODE_MAX, -3);
        assert_shown(SX_MODE_LIVE_MOST_RECENT, -3);
        assert_shown(SX_MODE_MOST_RECENT, -8);
        assert_shown(SX_MODE_SHARED, -8);
        assert_has("\nlive_all{process=\"1\"} -3\n");
        assert_has_not("process=\"2\"");
        ends[i](&first);
        assert_shown(SX_MODE_LIVE_SUM, 0);
        assert_shown(SX_MODE_SUM, -11);
        assert_shown(SX_MODE_LIVE_MIN, 0);
        assert_shown(SX_MODE_MIN, -8);
        assert_shown(SX_MODE_LIVE_MAX, 0);
        assert_shown(SX_MODE_MAX, -3);
        assert_shown(SX_MODE_LIVE_MOST_RECENT, 0);
        assert_shown(SX_MODE_MOST_RECENT, -8);
        assert_shown(SX_MODE_SHARED, -8);
        assert_has_not("\nlive_all{");
        tear_down(NULL);
        make(true);
    }
}

/* The row of a process that has ended is taken by the next one before any scrape. */
static void test_rows_that_are_taken_again(void **state)
{
    (void)state;
    need_shared_registries();
    for (int i = 1; i <= ROUNDS; i++) {
        const struct worker worker = start();
        tell(&worker, SET, SX_MODE_SUM, 2);
        tell(&worker, SET, SX_MODE_MAX, i);
        tell(&worker, SET, SX_MODE_MIN, -i);
        tell(&worker, ADD, SX_MODE_SHARED, 1);
        ends[i % 2](&worker);
    }
    assert_shown(SX_MODE_SUM, 2 * ROUNDS);
    assert_shown(SX_MODE_MAX, ROUNDS);
    assert_shown(SX_MODE_MIN, -ROUNDS);
    assert_shown(SX_MODE_SHARED, ROUNDS);
}

/* One process increments what others decrement: no process's own value is 0. */
static void test_one_value_for_all_processes(void **state)
{
    (void)state;
    need_shared_registries();
    for (int i = 0; i < 100; i++) {
        sx_gauge_inc(gauges[SX_MODE_SHARED]);
        const struct worker worker = start();
        tell(&worker, ADD, SX_MODE_SHARED, -1);
        end(&worker);
    }
    assert_shown(SX_MODE_SHARED, 0);
    sx_gauge_add(gauges[SX_MODE_SHARED], 2.5);
    assert_shown(SX_MODE_SHARED, 2.5);
}

/* Also with increments, and with amounts. */
static void test_adding(void **state)
{
    (void)state;
    need_shared_registries();
    const struct worker worker = start();
    for (int mode = 0; mode < MODES; mode++) {
        sx_gauge_inc(gauges[mode]);
        sx_gauge_inc(gauges[mode]);
        sx_gauge_dec(gauges[mode]);
        tell(&worker, ADD, (enum sx_multiprocess_mode)mode, 2.5);
    }
    assert_shown(SX_MODE_LIVE_SUM, 3.5);
    assert_shown(SX_MODE_SUM, 3.5);
    assert_shown(SX_MODE_LIVE_MIN, 1);
    assert_shown(SX_MODE_LIVE_MAX, 2.5);
    assert_shown(SX_MODE_MOST_RECENT, 2.5);
    assert_shown(SX_MODE_SHARED, 3.5);
    end(&worker);
    assert_shown(SX_MODE_SUM, 3.5);
    assert_shown(SX_MODE_LIVE_SUM, 1);
}

static void test_values_that_are_not_numbers(void **state)
{
    (void)state;
    need_shared_registries();
    const struct worker worker = start();
    tell(&worker, SET, SX_MODE_LIVE_MAX, NAN);
    assert_true(sx_gauge_value(gauges[SX_MODE_LIVE_MAX]) !=
                sx_gauge_value(gauges[SX_MODE_LIVE_MAX]));
    sx_gauge_set(gauges[SX_MODE_LIVE_MAX], -INFINITY);
    tell(&worker, SET, SX_MODE_MIN, NAN);
    sx_gauge_set(gauges[SX_MODE_MIN], 7);
    end(&worker);
    assert_true(sx_gauge_value(gauges[SX_MODE_LIVE_MAX]) == -INFINITY);
    assert_shown(SX_MODE_MIN, 7);
}

/* A value of 0 counts, other than none. */
static void test_zero_is_a_value(void **state)
{
    (void)state;
    need_shared_registries();
    const struct worker worker = start();
    sx_gauge_set(gauges[SX_MODE_LIVE_MIN], 4);
    assert_shown(SX_MODE_LIVE_MIN, 4);
    tell(&worker, SET, SX_MODE_LIVE_MIN, 0);
    assert_shown(SX_MODE_LIVE_MIN, 0);
    end_by_kill(&worker);
    assert_shown(SX_MODE_LIVE_MIN, 4);
}

/* ---- series that come and go ---- */

static void test_a_removed_series_leaves_nothing_to_the_next_one(void **state)
{
    (void)state;
    need_shared_registries();
    for (int i = 0; i < 50; i++) {
        const struct worker worker = start();
        tell(&worker, SET_LABELLED, SX_MODE_MAX, 100 - i);
        ends[i % 2](&worker);
        char line[32];
        snprintf(line, sizeof line, "labelled{x=\"a\"} %d", 100 - i);
        page_assert_line(page_text(registry), line);
        assert_int_equal(sx_gauge_family_clear(family), 1);
        assert_int_equal(registry->retired.count, 0);
    }
    /* Its cells go to others. */
    struct sx_gauge_family *others;
    const struct sx_metric_options options = {.name = "others", .labels = SX_LABELS("x")};
    assert_int_equal(sx_gauge_family_register(&others, registry, &options), SX_OK);
    assert_int_equal(sx_gauge_add_with(others, 1, "a"), SX_OK);
    page_assert_line(page_text(registry), "others{x=\"a\"} 1");
}

/* ---- one series for each process ---- */

static struct sx_gauge_family *register_live_all(const char *name)
{
    struct sx_gauge_family *made = NULL;
    const struct sx_metric_options options = {.name = name,
                                              .help = "Help.",
                                              .labels = SX_LABELS("x", "y"),
                                              .multiprocess_mode = SX_MODE_LIVE_ALL};
    assert_int_equal(sx_gauge_family_register(&made, registry, &options), SX_OK);
    return made;
}

static void test_live_all_has_the_labels_of_the_family_too(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_gauge_family *all = register_live_all("all_of_them");
    assert_int_equal(sx_gauge_set_with(all, 1, "a\"", "b"), SX_OK);
    assert_int_equal(sx_gauge_set_with(all, 2, "a", "c"), SX_OK);
    assert_has("# HELP all_of_them Help.\n# TYPE all_of_them gauge\n"
               "all_of_them{x=\"a\\\"\",y=\"b\",process=\"0\"} 1\n"
               "all_of_them{x=\"a\",y=\"c\",process=\"0\"} 2\n");
    assert_int_equal(sx_gauge_family_unregister(all), 1);
    assert_has_not("all_of_them");
}

static void test_live_all_in_all_formats_and_by_name(void **state)
{
    (void)state;
    need_shared_registries();
    sx_gauge_set(gauges[SX_MODE_LIVE_ALL], 4);
    struct sx_page page = {0};
    const enum sx_format formats[] = {SX_FORMAT_TEXT, SX_FORMAT_OPENMETRICS};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sx_page_render(&page, registry, formats[i]), SX_OK);
        const struct sx_str text = {page.data, page.size};
        const struct sx_check_options options = {.format = formats[i]};
        assert_int_equal(sx_exposition_check(text, &options, NULL, NULL), 0);
        assert_non_null(memmem(page.data, page.size, "live_all{process=\"0\"} 4", 23));
    }
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_PROTOBUF), SX_OK);
    assert_non_null(memmem(page.data, page.size, "\x0A\x08live_all", 10));
    assert_non_null(memmem(page.data, page.size,
                           "\x0A\x07process\x12\x01"
                           "0",
                           12));
    sx_page_clean_up(&page);
}

static double get_one(void *context)
{
    (void)context;
    return 1;
}

/* A callback has no value of another process. */
static void test_callbacks_and_collectors_have_no_mode(void **state)
{
    (void)state;
    need_shared_registries();
    const struct sx_metric_options options = {.name = "x", .multiprocess_mode = SX_MODE_LIVE_ALL};
    assert_int_equal(sx_gauge_register_callback(registry, &options, get_one, NULL), SX_EINVAL);
    sx_gauge_set(gauges[SX_MODE_LIVE_ALL], 1);
    assert_has("\nlive_all{process=\"0\"} 1\n");
}

/* ---- beside changes ---- */

struct churn {
    struct sx_gauge_family *family;
    bool is_over;
};

static void *remove_and_make(void *argument)
{
    struct churn *churn = argument;
    char text[8];
    for (int i = 0; !__atomic_load_n(&churn->is_over, __ATOMIC_RELAXED); i = (i + 1) % 500) {
        const int size = snprintf(text, sizeof text, "%d", i);
        const struct sx_str values[] = {{text, (size_t)size}, {"", 0}};
        (void)sx_gauge_family_remove(churn->family, values, 2);
        (void)sx_gauge_family_set(churn->family, values, 2, 1);
    }
    return NULL;
}

static void test_live_all_beside_series_that_come_and_go(void **state)
{
    (void)state;
    need_shared_registries();
    struct churn churn = {.family = register_live_all("all_of_them")};
    sx_gauge_set(gauges[SX_MODE_LIVE_ALL], 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, remove_and_make, &churn), 0);
    for (int i = 0; i < ROUNDS; i++) {
        const char *page = page_text(registry);
        assert_non_null(strstr(page, "\nlive_all{process=\"0\"} 1\n"));
        assert_null(strstr(page, "sextant_collector_failures_total{"));
    }
    __atomic_store_n(&churn.is_over, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static bool begins_with_wrong_value(const char *page, const char *name)
{
    char start[32];
    snprintf(start, sizeof start, "\n%s ", name);
    const char *at = strstr(page, start);
    const double value = at == NULL ? 3 : strtod(at + strlen(start), NULL);
    return value != 3 && value != 7 && value != 9; /* 9 is set at the start */
}

/* The row of a killed process is zeroed for the next one while pages are read. */
static void *check_pages(void *stop)
{
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
        const char *page = page_text(registry);
        assert_false(begins_with_wrong_value(page, "live_min"));
        assert_false(begins_with_wrong_value(page, "live_max"));
        assert_false(begins_with_wrong_value(page, "live_most_recent"));
        assert_null(strstr(page, "} 0\n"));
    }
    return NULL;
}

static void test_no_page_has_a_value_that_nobody_set(void **state)
{
    (void)state;
    need_shared_registries();
    bool stop = false;
    pthread_t thread;
    for (int mode = 0; mode < MODES; mode++) {
        sx_gauge_set(gauges[mode], 9);
    }
    assert_int_equal(pthread_create(&thread, NULL, check_pages, &stop), 0);
    for (int i = 0; i < ROUNDS; i++) {
        const struct worker worker = start();
        for (int mode = 0; mode < SX_MODE_SHARED; mode++) {
            tell(&worker, SET, (enum sx_multiprocess_mode)mode, i % 2 == 0 ? 3 : 7);
        }
        end_by_kill(&worker);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static int add_one_of_the_same_name(void *context, struct sx_collection *collection)
{
    (void)context;
    return sx_collection_add_family(collection, SX_GAUGE,
                                    &(struct sx_metric_options){.name = "live_all"});
}

static void test_a_collector_cannot_take_the_name_of_live_all(void **state)
{
    (void)state;
    need_shared_registries();
    assert_int_equal(sx_collector_register(registry, add_one_of_the_same_name, NULL), SX_OK);
    sx_gauge_set(gauges[SX_MODE_LIVE_ALL], 1);
    assert_has("\nlive_all{process=\"0\"} 1\n");
    assert_int_equal(sx_collector_unregister(registry, add_one_of_the_same_name, NULL), 1);
}

static void test_live_all_survives_allocations_that_fail(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_gauge_family *all = register_live_all("all_of_them");
    assert_int_equal(sx_gauge_set_with(all, 1, "a", "b"), SX_OK);
    struct sx_page page = {0};
    long i = 0;
    do {
        fail_one_allocation(i++);
        const int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
        assert_true(status == SX_OK || status == SX_ENOMEM);
    } while (end_failing_allocations());
    assert_true(i > 5);
    sx_page_clean_up(&page);
    assert_has("\nall_of_them{x=\"a\",y=\"b\",process=\"0\"} 1\n");
}

/* ---- what is abandoned ---- */

static void test_what_a_killed_process_had_in_progress_is_counted(void **state)
{
    (void)state;
    need_shared_registries();
    assert_int_equal(sx_gauge_count_abandoned(gauges[SX_MODE_LIVE_SUM], abandoned), SX_OK);
    sx_gauge_inc(gauges[SX_MODE_LIVE_SUM]);
    double expected = 0;
    for (int i = 0; i < 20; i++) {
        const struct worker worker = start();
        tell(&worker, ADD, SX_MODE_LIVE_SUM, 1);
        tell(&worker, ADD, SX_MODE_LIVE_SUM, 2.5);
        tell(&worker, ADD, SX_MODE_LIVE_SUM, -1);
        assert_shown(SX_MODE_LIVE_SUM, 3.5);
        assert_true(sx_counter_value(abandoned) == expected);
        ends[i % 2](&worker);
        expected += 2; /* the whole part */
        assert_true(page_sum(page_text(registry), "abandoned_total") == expected);
        assert_true(page_sum(page_text(registry), "abandoned_total") == expected);
        assert_shown(SX_MODE_LIVE_SUM, 1);
    }
}

/* The rows are taken again before a scrape; negative values are not counted. */
static void test_abandoned_without_scrapes(void **state)
{
    (void)state;
    need_shared_registries();
    assert_int_equal(sx_gauge_count_abandoned(gauges[SX_MODE_LIVE_SUM], abandoned), SX_OK);
    for (int i = 0; i < ROUNDS; i++) {
        const struct worker worker = start();
        tell(&worker, SET, SX_MODE_LIVE_SUM, i % 3 == 0 ? -5 : 5);
        ends[i % 2](&worker);
    }
    (void)page_text(registry);
    assert_true(sx_counter_value(abandoned) == 5.0 * (ROUNDS - ROUNDS / 3));
}

/* The counter stays until the gauge is gone, and is then reclaimed. */
static void test_a_removed_counter_is_not_mistaken_for_another(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_counter_family *counters;
    struct sx_gauge_family *in_progress;
    struct sx_metric_options options = {.name = "left_total", .labels = SX_LABELS("x")};
    assert_int_equal(sx_counter_family_register(&counters, registry, &options), SX_OK);
    options.name = "in_progress";
    assert_int_equal(sx_gauge_family_register(&in_progress, registry, &options), SX_OK);
    struct sx_counter *counter = sx_counter_with(counters, "a");
    struct sx_gauge *gauge = sx_gauge_with(in_progress, "a");
    assert_int_equal(sx_gauge_count_abandoned(gauge, counter), SX_OK);
    assert_int_equal(sx_gauge_count_abandoned(gauge, counter), SX_OK); /* once more */
    sx_counter_release(counter);
    gauges[0] = gauge; /* for the worker */
    const struct worker worker = start();
    registry->fork_ns = 0; /* as if its start were long ago */
    tell(&worker, SET, SX_MODE_LIVE_SUM, 4);
    assert_int_equal(sx_counter_family_clear(counters), 1);
    assert_int_equal(registry->retired.count, 1); /* the gauge needs it */
    assert_int_equal(sx_counter_inc_with(counters, "b"), SX_OK);
    end_by_kill(&worker);
    page_assert_line(page_text(registry), "left_total{x=\"b\"} 1");
    sx_gauge_release(gauge);
    assert_int_equal(sx_gauge_family_clear(in_progress), 1);
    assert_int_equal(sx_counter_family_clear(counters), 1);
    (void)sx_counter_family_clear(counters);
    assert_int_equal(registry->retired.count, 0);
}

static void test_what_cannot_be_counted(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *other;
    struct sx_counter *counter;
    struct sx_gauge *gauge;
    const struct sx_metric_options options = {.name = "x_total"};
    assert_int_equal(sx_registry_new(&other, NULL), SX_OK);
    assert_int_equal(sx_counter_register(&counter, other, &options), SX_OK);
    assert_int_equal(sx_gauge_register(&gauge, other, &(struct sx_metric_options){.name = "y"}),
                     SX_OK);
    assert_int_equal(sx_gauge_count_abandoned(NULL, abandoned), SX_EINVAL);
    assert_int_equal(sx_gauge_count_abandoned(gauges[0], NULL), SX_EINVAL);
    assert_int_equal(sx_gauge_count_abandoned(gauges[0], counter), SX_EINVAL);
    assert_int_equal(sx_gauge_count_abandoned(gauges[SX_MODE_MAX], abandoned), SX_EINVAL);
    assert_int_equal(sx_gauge_count_abandoned(gauge, counter), SX_OK); /* private */
    sx_registry_destroy(other);
}

/* ---- together ---- */

static void *scrape(void *stop)
{
    double highest_sum = 0;
    double most_abandoned = 0;
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
        const char *page = page_text(registry);
        assert_true(page_sum(page, "sum") >= highest_sum);
        assert_true(page_sum(page, "abandoned_total") >= most_abandoned);
        highest_sum = page_sum(page, "sum");
        most_abandoned = page_sum(page, "abandoned_total");
    }
    return NULL;
}

/* What was added is on every page, while processes are killed and their rows are taken again. */
static void test_a_sum_never_goes_down_while_processes_are_killed(void **state)
{
    (void)state;
    need_shared_registries();
    bool stop = false;
    pthread_t scraper;
    assert_int_equal(sx_gauge_count_abandoned(gauges[SX_MODE_LIVE_SUM], abandoned), SX_OK);
    assert_int_equal(pthread_create(&scraper, NULL, scrape, &stop), 0);
    for (int i = 0; i < ROUNDS; i++) {
        const struct worker worker = start();
        tell(&worker, ADD, SX_MODE_SUM, 1);
        tell(&worker, ADD, SX_MODE_LIVE_SUM, 1);
        end_by_kill(&worker);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(scraper, NULL), 0);
    assert_shown(SX_MODE_SUM, ROUNDS);
    assert_shown(SX_MODE_LIVE_SUM, 0);
    assert_true(sx_counter_value(abandoned) == ROUNDS);
}

/* More than have gauges of their own. */
static void test_more_processes_than_rows(void **state)
{
    (void)state;
    need_shared_registries();
    enum { MANY = SX__PROCESSES + 6 };
    struct worker workers[MANY];
    for (size_t i = 0; i < MANY; i++) {
        workers[i] = start();
        for (int mode = 0; mode < MODES; mode++) {
            tell(&workers[i], ADD, (enum sx_multiprocess_mode)mode, 1);
        }
    }
    assert_shown(SX_MODE_SHARED, MANY);
    assert_shown(SX_MODE_SUM, SX__PROCESSES - 1); /* without this process, and 7 without a row */
    assert_shown(SX_MODE_LIVE_SUM, SX__PROCESSES - 1);
    page_assert_line(page_text(registry), "sextant_processes_without_gauges_total 7");
    for (size_t i = 0; i < MANY; i++) {
        ends[i % 2](&workers[i]);
    }
    assert_shown(SX_MODE_SHARED, MANY);
    assert_shown(SX_MODE_SUM, SX__PROCESSES - 1);
    assert_shown(SX_MODE_LIVE_SUM, 0);
    assert_shown(SX_MODE_MAX, 1);
}

/* ---- registration ---- */

static int try_to_register(const struct sx_metric_options *options, enum sx_metric_type type)
{
    struct sx_metric metric;
    return sx_metric_register(&metric, registry, type, options);
}

static void test_a_private_registry_has_one_process(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    make(false);
    for (int mode = 0; mode < MODES; mode++) {
        sx_gauge_inc(gauges[mode]);
        sx_gauge_add(gauges[mode], 1.5);
        sx_gauge_set(gauges[mode], sx_gauge_value(gauges[mode]) + 1);
        if (mode != SX_MODE_LIVE_ALL) {
            assert_shown((enum sx_multiprocess_mode)mode, 3.5);
        }
    }
    assert_has("\nlive_all{process=\"0\"} 3.5\n");
}

static void test_modes_that_are_refused(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    make(false);
    const char *const sixteen[SX_LABELS_MAX + 1] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                    "i", "j", "k", "l", "m", "n", "o", "p"};
    struct sx_gauge_family *made;
    struct sx_metric_options options = {.name = "x_total", .multiprocess_mode = SX_MODE_MAX};
    assert_int_equal(try_to_register(&options, SX_COUNTER), SX_EINVAL);
    assert_int_equal(try_to_register(&options, SX_UNTYPED), SX_OK);
    options.name = "x";
    options.multiprocess_mode = (enum sx_multiprocess_mode)MODES;
    assert_int_equal(try_to_register(&options, SX_GAUGE), SX_EINVAL);
    options.multiprocess_mode = SX_MODE_LIVE_ALL;
    options.labels = SX_LABELS("process");
    assert_int_equal(sx_gauge_family_register(&made, registry, &options), SX_EINVAL);
    options.labels = sixteen;
    assert_int_equal(sx_gauge_family_register(&made, registry, &options), SX_EINVAL);
    options.multiprocess_mode = SX_MODE_MAX;
    assert_int_equal(sx_gauge_family_register(&made, registry, &options), SX_OK);
    options.multiprocess_mode = SX_MODE_MIN;
    assert_int_equal(sx_gauge_family_register(&made, registry, &options), SX_EEXIST);
}

static void assert_message(struct sx_registry *in, enum sx_metric_type type,
                           const struct sx_metric_options *options, const char *expected)
{
    struct sx_registration registration = {.registry = in};
    (void)sx_registration_add(&registration, type, options);
    assert_non_null(strstr(registration.message, expected));
}

static void test_messages(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    make(false);
    struct sx_metric_options options = {.name = "x_total", .multiprocess_mode = SX_MODE_MAX};
    assert_message(registry, SX_COUNTER, &options,
                   "only gauges and untyped metrics have a multiprocess mode");
    options.name = "max";
    options.multiprocess_mode = SX_MODE_MIN;
    assert_message(registry, SX_GAUGE, &options, "its multiprocess mode differs");
    options.multiprocess_mode = (enum sx_multiprocess_mode)77;
    assert_message(registry, SX_GAUGE, &options, "its multiprocess mode is unknown");
    struct sx_registry *constant;
    const struct sx_label label = {"process", {"x", 1}};
    assert_int_equal(
        sx_registry_new(&constant, &(struct sx_registry_options){.constant_labels = &label,
                                                                 .constant_label_count = 1}),
        SX_OK);
    options = (struct sx_metric_options){.name = "x", .multiprocess_mode = SX_MODE_LIVE_ALL};
    assert_message(constant, SX_GAUGE, &options, "`process`, which is a constant label");
    sx_registry_destroy(constant);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_living_processes),
        TEST(test_processes_that_have_ended),
        TEST(test_rows_that_are_taken_again),
        TEST(test_one_value_for_all_processes),
        TEST(test_adding),
        TEST(test_values_that_are_not_numbers),
        TEST(test_zero_is_a_value),
        TEST(test_a_removed_series_leaves_nothing_to_the_next_one),
        TEST(test_live_all_has_the_labels_of_the_family_too),
        TEST(test_live_all_in_all_formats_and_by_name),
        TEST(test_callbacks_and_collectors_have_no_mode),
        TEST(test_live_all_beside_series_that_come_and_go),
        TEST(test_no_page_has_a_value_that_nobody_set),
        TEST(test_a_collector_cannot_take_the_name_of_live_all),
        TEST(test_live_all_survives_allocations_that_fail),
        TEST(test_what_a_killed_process_had_in_progress_is_counted),
        TEST(test_abandoned_without_scrapes),
        TEST(test_a_removed_counter_is_not_mistaken_for_another),
        TEST(test_what_cannot_be_counted),
        TEST(test_a_sum_never_goes_down_while_processes_are_killed),
        TEST(test_more_processes_than_rows),
        TEST(test_a_private_registry_has_one_process),
        TEST(test_modes_that_are_refused),
        TEST(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
