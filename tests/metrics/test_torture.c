/* Everything at once: short-lived threads, more of them than thread rows, in private and shared
 * registries side by side, while families and series are made, removed and scraped, and processes
 * fork. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "shared_registries.h"
#include "thread_rows.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 10000u
#define AT_ONCE 24u
#define THREAD_ROWS 8u
#define FORKS 20u /* in all, by some of the threads */
#define FORK_UPDATES 200u
#define CHURNED 20u
#define MADE_FIRST 15   /* lasting lines that are on every page: a counter's, a histogram's */
#define LASTING_MAX 160 /* lines of series that are never removed */

/* What a line showed before. Its place on the page says nothing: series that are made go before
 * those of later families. */
struct lasting_line {
    char name[60]; /* with labels */
    size_t name_size;
    double value;
};

struct world {
    struct sx_registry *registry;
    struct sx_counter *counter;
    struct sx_gauge *gauge;
    struct sx_histogram *histogram;
    struct sx_summary *summary; /* with quantiles */
    struct sx_counter_family *family;
    struct sx_counter_family *churned;
    struct sx_histogram_family *churned_histograms;
    struct lasting_line lines[LASTING_MAX];
    size_t line_count;
};

enum { PRIVATE, OTHER_PRIVATE, SHARED, WORLDS };
static struct world worlds[WORLDS];

static void make_world(struct world *world, bool shared)
{
    struct sx_registry_options options = {.shared = shared,
                                          .thread_rows = THREAD_ROWS,
                                          .row_bytes = 64 << 10,
                                          .directory_bytes = 2 << 20};
    struct sx_metric_options metric = {.name = "all_total", .help = "Help."};
    static const double quantiles[] = {0, 1};
    memset(world, 0, sizeof *world);
    assert_int_equal(sx_registry_new(&world->registry, &options), SX_OK);
    struct sx_registry *registry = world->registry;
    assert_int_equal(sx_counter_register(&world->counter, registry, &metric), SX_OK);
    metric.name = "balance";
    assert_int_equal(sx_gauge_register(&world->gauge, registry, &metric), SX_OK);
    metric.name = "values";
    assert_int_equal(sx_histogram_register(&world->histogram, registry, &metric), SX_OK);
    metric.name = "summed";
    metric.quantiles = quantiles;
    metric.quantile_count = 2;
    metric.window_seconds = .001; /* so that scrapes keep many snapshots */
    assert_int_equal(sx_summary_register(&world->summary, registry, &metric), SX_OK);
    metric.quantiles = NULL;
    metric.quantile_count = 0;
    metric.window_seconds = 0;
    metric.labels = SX_LABELS("label");
    metric.name = "labelled_total";
    assert_int_equal(sx_counter_family_register(&world->family, registry, &metric), SX_OK);
    metric.name = "churned_total";
    assert_int_equal(sx_counter_family_register(&world->churned, registry, &metric), SX_OK);
    metric.name = "churned_values";
    assert_int_equal(sx_histogram_family_register(&world->churned_histograms, registry, &metric),
                     SX_OK);
}

/* ---- what a thread does in its short life ---- */

static unsigned increments_of(unsigned index)
{
    return 1 + index % 7;
}

static void update(const struct world *world, unsigned index)
{
    char text[16];
    for (unsigned i = 0; i < increments_of(index); i++) {
        sx_counter_inc(world->counter);
    }
    sx_counter_add(world->counter, 0.25);
    sx_counter_add(world->counter, 3);
    sx_gauge_add(world->gauge, index % 2 == 0 ? 2 : -2);
    if (index % 2 == 0) {
        sx_gauge_inc(world->gauge);
    } else {
        sx_gauge_dec(world->gauge);
    }
    sx_histogram_observe(world->histogram, index % 12);
    sx_summary_observe(world->summary, index % 12);
    snprintf(text, sizeof text, "%u", index % 50);
    sx_counter_inc(sx_counter_with(world->family, text));
}

/* Series that are made and removed under the hands of others. */
static void churn(const struct world *world, unsigned index)
{
    char text[16];
    struct sx_str value = {text, (size_t)snprintf(text, sizeof text, "%u", index % CHURNED)};
    struct sx_counter *counter = sx_counter_with(world->churned, text);
    struct sx_histogram *histogram = sx_histogram_with(world->churned_histograms, text);
    sx_counter_inc(counter);
    sx_counter_add(counter, 0.5);
    sx_histogram_observe(histogram, 1);
    if (index % 5 == 0) {
        (void)sx_counter_family_remove(world->churned, &value, 1);
    }
    if (index % 97 == 0) {
        (void)sx_histogram_family_clear(world->churned_histograms);
    }
    sx_counter_inc(counter); /* by now it may be stale */
    sx_histogram_observe(histogram, 2);
}

static void give_birth(const struct world *world, unsigned index)
{
    char name[32];
    struct sx_counter *born = NULL;
    snprintf(name, sizeof name, "born_%u_total", index % 60);
    struct sx_metric_options options = {.name = name, .help = "Help."};
    assert_int_equal(sx_counter_register(&born, world->registry, &options), SX_OK);
    sx_counter_inc(born);
}

static void update_in_fork(unsigned index)
{
    for (unsigned i = 0; i < FORK_UPDATES * WORLDS; i++) {
        update(&worlds[i % WORLDS], index);
    }
}

/* A child updates its copies, which are nobody's, and the shared registry, which is everybody's. */
static void fork_and_update(unsigned index)
{
    pid_t child = fork();
    if (child == 0) {
        update_in_fork(index);
        _exit(0);
    }
    update_in_fork(index); /* at the same time, in a thread row of its own */
    int status = -1;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void *live_shortly(void *argument)
{
    unsigned index = (unsigned)(uintptr_t)argument;
    for (size_t i = 0; i < WORLDS; i++) {
        update(&worlds[i], index);
        churn(&worlds[i], index);
        if (index % 50 == 0) {
            give_birth(&worlds[i], index);
        }
    }
    if (index % (THREADS / FORKS) == 0) {
        fork_and_update(index);
    }
    return NULL;
}

/* ---- what a scrape may see ---- */

static double *value_before(struct world *world, const char *name, size_t size)
{
    for (size_t i = 0; i < world->line_count; i++) {
        struct lasting_line *line = &world->lines[i];
        if (line->name_size == size && memcmp(line->name, name, size) == 0) {
            return &line->value;
        }
    }
    assert_true(world->line_count < LASTING_MAX);
    struct lasting_line *line = &world->lines[world->line_count++];
    assert_true(size <= sizeof line->name);
    memcpy(line->name, name, size);
    line->name_size = size;
    return &line->value;
}

/* A counter or a bucket that is lower than before says which. */
static void check_sample(struct world *world, const char *line, size_t name_size, double value)
{
    if (strncmp(line, "balance", 7) == 0) {
        return;
    }
    if (strncmp(line, "summed{", 7) == 0) { /* NaN if nothing was observed between two scrapes */
        assert_false(value < 0 || value > 11.1);
        return;
    }
    if (strncmp(line, "churned", 7) == 0) {
        /* A difference the wrong way round would be a number near 2^64. */
        assert_true(value >= 0 && value < 10.0 * THREADS);
        return;
    }
    double *before = value_before(world, line, name_size);
    if (!(value >= *before)) {
        fail_msg("registry %d: %.*s fell from %g to %g", (int)(world - worlds), (int)name_size,
                 line, *before, value);
    }
    *before = value;
}

static void check_page(struct world *world, const struct sx_page *page)
{
    const char *at = page->data;
    const char *end = page->data + page->size;
    while (at < end) {
        const char *next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        const char *value = next;
        while (value[-1] != ' ') {
            value--;
        }
        if (*at != '#') {
            check_sample(world, at, (size_t)(value - 1 - at), strtod(value, NULL));
        }
        at = next;
    }
    assert_true(world->line_count >= MADE_FIRST);
    /* No bucket below the one before it, +Inf is the count, and no series twice. */
    const struct sx_str whole = {page->data, page->size};
    assert_int_equal(sx_exposition_check(whole, NULL, NULL, NULL), 0);
}

static int alive;

static void *scrape(void *argument)
{
    struct sx_page page = {0};
    (void)argument;
    while (__atomic_load_n(&alive, __ATOMIC_ACQUIRE)) {
        for (size_t i = 0; i < WORLDS; i++) {
            assert_int_equal(sx_page_render(&page, worlds[i].registry, SX_FORMAT_TEXT), SX_OK);
            check_page(&worlds[i], &page);
        }
    }
    sx_page_clean_up(&page);
    return NULL;
}

/* ---- what is true in the end ---- */

static void check_sums(const struct world *world, bool shared)
{
    double counted = 0;
    double observed = 0;
    double balance = 0;
    unsigned updates = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        unsigned in_fork = i % (THREADS / FORKS) == 0 ? FORK_UPDATES : 0;
        unsigned times = 1 + (shared ? 2 : 1) * in_fork;
        counted += times * (increments_of(i) + 3.25);
        observed += times * (i % 12);
        balance += (1 + in_fork) * (i % 2 == 0 ? 3.0 : -3.0); /* a child's gauges go with it */
        updates += times;
    }
    assert_true(sx_counter_value(world->counter) == counted);
    assert_true(sx_gauge_value(world->gauge) == balance);
    assert_int_equal(sx_histogram_count(world->histogram), updates);
    assert_true(sx_histogram_sum(world->histogram) == observed);
    assert_int_equal(sx_summary_count(world->summary), updates);
    assert_true(sx_summary_sum(world->summary) == observed);
    double labelled = 0;
    for (unsigned i = 0; i < 50; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        labelled += sx_counter_value(sx_counter_with(world->family, text));
    }
    assert_true(labelled == updates);
    assert_in_range(world->registry->thread_rows_claimed, 1, THREAD_ROWS);
}

static void test_sums_are_exact_after_ten_thousand_threads_at_everything(void **state)
{
    (void)state;
    pthread_t scraper;
    pthread_t threads[AT_ONCE];
    const size_t shared = has_shared_registries() ? SHARED : WORLDS;
    for (size_t i = 0; i < WORLDS; i++) {
        make_world(&worlds[i], i == shared);
    }
    fflush(NULL);
    alive = 1;
    assert_int_equal(pthread_create(&scraper, NULL, scrape, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        if (i >= AT_ONCE) {
            assert_int_equal(pthread_join(threads[i % AT_ONCE], NULL), 0);
        }
        assert_int_equal(
            pthread_create(&threads[i % AT_ONCE], NULL, live_shortly, (void *)(uintptr_t)i), 0);
    }
    for (size_t i = 0; i < AT_ONCE; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    __atomic_store_n(&alive, 0, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(scraper, NULL), 0);
    for (size_t i = 0; i < WORLDS; i++) {
        check_sums(&worlds[i], i == shared);
        sx_registry_destroy(worlds[i].registry);
    }
}

/* ---- the end of a thread, in every order of its destructors ---- */

static pthread_key_t early_key; /* made before the library made its own */
static pthread_key_t late_key;

static void update_in_destructor(pthread_key_t key, uintptr_t rounds_left)
{
    update(&worlds[0], 0);
    if (rounds_left > 1) {
        (void)pthread_setspecific(key, (void *)(rounds_left - 1));
    }
}

static void end_early(void *rounds_left)
{
    update_in_destructor(early_key, (uintptr_t)rounds_left);
}

static void end_late(void *rounds_left)
{
    update_in_destructor(late_key, (uintptr_t)rounds_left);
}

#define ROUNDS \
    3u /* of PTHREAD_DESTRUCTOR_ITERATIONS; ThreadSanitizer ends the thread in the last */

static void *end_in_some_order(void *argument)
{
    unsigned index = (unsigned)(uintptr_t)argument;
    if (index & 1) {
        (void)pthread_setspecific(early_key, (void *)(uintptr_t)ROUNDS);
    }
    if (index & 2) {
        (void)pthread_setspecific(late_key, (void *)(uintptr_t)ROUNDS);
    }
    if (index & 4) {
        update(&worlds[0], 0); /* else the first update is in a destructor */
    }
    if (index & 8) {
        pthread_exit(NULL);
    }
    if (index & 16) {
        (void)pthread_cancel(pthread_self());
        pthread_testcancel();
    }
    return NULL;
}

static void test_updates_count_in_every_order_of_destructors(void **state)
{
    (void)state;
    enum { ORDERS = 32, TIMES = 10 };
    unsigned updates = 0;
    make_world(&worlds[0], false);
    assert_int_equal(pthread_key_create(&late_key, end_late), 0);
    for (unsigned i = 0; i < ORDERS * TIMES; i++) {
        pthread_t thread;
        unsigned order = i % ORDERS;
        updates += (order & 1 ? ROUNDS : 0u) + (order & 2 ? ROUNDS : 0u) + (order & 4 ? 1u : 0u);
        assert_int_equal(pthread_create(&thread, NULL, end_in_some_order, (void *)(uintptr_t)order),
                         0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(sx_histogram_count(worlds[0].histogram), updates);
    assert_true(sx_counter_value(worlds[0].counter) == updates * 4.25);
    /* Each thread gave its thread row back, whatever it did after that. */
    for (uint32_t i = 0; i < worlds[0].registry->geometry.thread_rows; i++) {
        pthread_mutex_t *mutex = &worlds[0].registry->seats[i].mutex;
        if (sx__thread_row_at(worlds[0].registry, i) ==
            sx__thread_rows[worlds[0].registry->arena]) {
            continue; /* this thread's own */
        }
        assert_int_equal(pthread_mutex_trylock(mutex), 0);
        assert_int_equal(pthread_mutex_unlock(mutex), 0);
    }
    assert_int_equal(pthread_key_delete(late_key), 0);
    sx_registry_destroy(worlds[0].registry);
}

int main(void)
{
    if (pthread_key_create(&early_key, end_early) != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_count_in_every_order_of_destructors),
        cmocka_unit_test(test_sums_are_exact_after_ten_thousand_threads_at_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
