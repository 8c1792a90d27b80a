/* The directory of families and series in the mapping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "family.h"
#include "lock.h"
#include "retired.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sx_registry *registry;
static struct sx_counter_family *family;

/* Small, as valgrind's search for leaks reads, and so allocates, all of a shared mapping. */
static const struct sx_registry_options small = {
    .shared = true, .row_bytes = 64 << 10, .directory_bytes = 1 << 20};

static int set_up(void **state)
{
    (void)state;
    return sx_registry_new(&registry, &small) ||
           sx_counter_family_register(&family, registry,
                                      &(struct sx_metric_options){.name = "c_total",
                                                                  .help = "Help.",
                                                                  .labels = SX_LABELS("label")});
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

/* A child does something under the lock and dies with it. */
static void die_locked(void act(void))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sx__directory_lock(registry);
        act();
        (void)kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static struct sx__family *record(void)
{
    return (struct sx__family *)(void *)family;
}

static void do_nothing(void)
{
}

static void test_a_writer_that_died_blocks_nobody(void **state)
{
    (void)state;
    struct sx_counter *before = sx_counter_with(family, "before");
    die_locked(do_nothing);
    assert_non_null(sx_counter_with(family, "after"));
    assert_ptr_equal(sx_counter_with(family, "before"), before);
}

static void use_memory_up(void)
{
    char *record_of_rubbish = sx__directory_allocate(registry, 1000);
    memset(record_of_rubbish, 0xAA, 1000);
    (void)sx__directory_thread_cells(registry, 3);
}

static void test_what_was_not_published_is_not_there(void **state)
{
    (void)state;
    sx_counter_inc(sx_counter_with(family, "before"));
    die_locked(use_memory_up);
    sx_counter_inc(sx_counter_with(family, "after"));
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    static const char expected[] = "# HELP c_total Help.\n"
                                   "# TYPE c_total counter\n"
                                   "c_total{label=\"before\"} 1\n"
                                   "c_total{label=\"after\"} 1\n";
    assert_int_equal(page.size, sizeof expected - 1);
    assert_memory_equal(page.data, expected, page.size);
    sx_page_clean_up(&page);
}

/* As if the writer had died between appending to the chain and telling the table: what the table
 * and the counts say is taken back, the chain stays. */
static void unhinge(void)
{
    struct sx__family *damaged = record();
    struct sx__table *tables = sx__at(registry, damaged->table);
    struct sx__table *table = sx__at(registry, (uint32_t)tables->entries[0]);
    memset(table->entries, 0, ((size_t)table->mask + 1) * sizeof table->entries[0]);
    damaged->live_count = 0;
    damaged->last_series = damaged->first_series;
    registry->last_family = 0;
}

static void test_what_was_published_is_found_again(void **state)
{
    (void)state;
    struct sx_counter *made[5];
    char text[16];
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "%d", i);
        made[i] = sx_counter_with(family, text);
    }
    die_locked(unhinge);
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_ptr_equal(sx_counter_with(family, text), made[i]);
    }
    assert_int_equal(record()->live_count, 5);
    assert_non_null(sx_counter_with(family, "5"));
    struct sx_gauge *gauge = NULL;
    struct sx_metric_options options = {.name = "g", .help = "G."};
    assert_int_equal(sx_gauge_register(&gauge, registry, &options), SX_OK);
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    size_t lines = 0;
    for (size_t i = 0; i < page.size; i++) {
        lines += page.data[i] == '\n';
    }
    assert_int_equal(lines, 2 + 6 + 3);
    sx_page_clean_up(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_writer_that_died_blocks_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_not_published_is_not_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_published_is_found_again, set_up, tear_down),
    };
    return has_shared_registries() ? cmocka_run_group_tests(tests, NULL, NULL) : SKIPPED_PROGRAM;
}
