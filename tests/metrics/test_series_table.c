/* The hash table of series: it grows in small steps, and survives the death of its writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "epochs.h"
#include "series.h"
#include "series_record.h"
#include "series_table.h"

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct sx_registry *registry;
static struct sx_counter_family *counters;
static struct sx__family *family;

static int set_up(void **state)
{
    (void)state;
    int status = sx_registry_new(&registry, NULL);
    if (status == SX_OK) {
        status = sx_counter_family_register(&counters, registry,
                                            &(struct sx_metric_options){.name = "c_total",
                                                                        .help = "Help.",
                                                                        .max_series = 1000000,
                                                                        .labels = SX_LABELS("a")});
    }
    family = (struct sx__family *)counters;
    return status;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void add(unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    assert_int_equal(sx_counter_inc_with(counters, text), SX_OK);
}

static double value_of(unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    struct sx_counter *counter = sx_counter_with(counters, text);
    const double value = sx_counter_value(counter);
    sx_counter_release(counter);
    return value;
}

/* Making a series holds the lock, so it must not fill a table of all series. */
static void test_no_series_pays_for_a_large_table(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    size_t largest = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        const size_t before = registry->directory_used;
        add(i);
        const size_t used = registry->directory_used - before;
        largest = used > largest ? used : largest;
    }
    assert_in_range(largest, 1, 131072);
    assert_int_equal(family->live_count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(value_of(i) == 1);
    }
}

/* The tables of series that were removed become small again. */
static void test_churn_keeps_the_table_small(void **state)
{
    (void)state;
    enum { LIVE = 1000, COUNT = 100000 };
    size_t used = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        char text[16];
        add(i);
        if (i >= LIVE) {
            snprintf(text, sizeof text, "%u", i - LIVE);
            const struct sx_str value = {text, strlen(text)};
            assert_int_equal(sx_counter_family_remove(counters, &value, 1), 1);
        }
        used = i == COUNT / 2 ? registry->directory_used : used;
    }
    assert_int_equal(family->live_count, LIVE);
    assert_in_range(registry->directory_used - used, 0, 65536);
    for (unsigned i = COUNT - LIVE; i < COUNT; i++) {
        assert_true(value_of(i) == 1);
    }
}

static struct sx__series *insert_with_hash(const struct sx_str *value, uint32_t hash)
{
    assert_true(sx__series_table_make_room(registry, family, hash));
    struct sx__series *series = sx__series_write(registry, family, value, hash);
    assert_non_null(series);
    sx__series_table_insert(registry, family, series);
    return series;
}

/* Inserts series with equal hashes, as an attacker who knows the key could. Look-ups become slow,
 * but no series is lost, and the table directory stays small. If is_growing, the series count in
 * live_count; otherwise live_count stands for other series of the family. */
static void insert_with_equal_hashes(uint32_t live_count, bool is_growing)
{
    enum { COUNT = 3000 };
    static struct sx__series *made[COUNT];
    char text[16];
    family->live_count = live_count;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%u", i);
        family->live_count += is_growing;
        made[i] = insert_with_hash(&(struct sx_str){text, strlen(text)}, 0xABCDE);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "%u", i);
        const struct sx_str value = {text, strlen(text)};
        assert_ptr_equal(sx__series_table_find(registry, family, &value, 0xABCDE), made[i]);
        assert_null(sx__series_table_find(registry, family, &value, 0xABCDF));
    }
    assert_in_range(sx__table_directory(registry, family)->mask, 0, family->live_count / 64);
    family->live_count = 0;
}

static void test_equal_hashes_share_a_table(void **state)
{
    (void)state;
    insert_with_equal_hashes(0, false);
}

/* A table of more than the usual size must not be split into two of the usual size. */
static void test_equal_hashes_share_a_table_while_the_family_grows(void **state)
{
    (void)state;
    insert_with_equal_hashes(0, true);
}

static void test_equal_hashes_do_not_double_the_directory_for_ever(void **state)
{
    (void)state;
    insert_with_equal_hashes(3000, false);
}

static void test_mending_inserts_what_is_missing(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    for (unsigned i = 0; i < COUNT; i++) {
        add(i);
    }
    const struct sx__series *last = sx__at(registry, family->last_series);
    sx__series_table_take_out(registry, family, last);
    sx__series_mend(registry, family);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(value_of(i) == 1);
    }
    assert_int_equal(family->live_count, COUNT);
}

/* A writer that dies while it splits a table leaves some places with the old table, others with the
 * new ones. */
static void test_a_half_finished_split_loses_nothing(void **state)
{
    (void)state;
    enum { COUNT = 30000 };
    struct sx__reader reader = sx__epoch_enter(registry); /* so that no table is reclaimed */
    unsigned next = 0;
    uint64_t old[64] = {0};
    struct sx__table *directory;
    do { /* until a table is split that four places lead to */
        directory = sx__table_directory(registry, family);
        memcpy(old, directory == NULL ? old : directory->entries,
               directory == NULL ? 0 : sizeof old / 64 * (directory->mask + 1));
        add(next++);
        assert_in_range(sx__table_directory(registry, family)->mask, 0, 63);
    } while (next < COUNT &&
             (directory == NULL || directory->mask < 7 ||
              directory != sx__table_directory(registry, family) ||
              memcmp(old, directory->entries, (directory->mask + 1) * sizeof old[0]) == 0));
    bool first = true;
    for (unsigned i = 0; i <= directory->mask; i++) {
        if (directory->entries[i] != old[i]) {
            directory->entries[i] = first ? directory->entries[i] : old[i];
            first = false;
        }
    }
    assert_false(first);
    sx__series_mend(registry, family);
    for (unsigned i = 0; i < next; i++) {
        add(i);
    }
    for (unsigned i = next; i < COUNT; i++) {
        add(i);
        add(i);
    }
    assert_int_equal(family->live_count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(value_of(i) == 2);
    }
    sx__epoch_leave(registry, reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_series_pays_for_a_large_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_churn_keeps_the_table_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_hashes_share_a_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_hashes_share_a_table_while_the_family_grows,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_hashes_do_not_double_the_directory_for_ever,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mending_inserts_what_is_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_half_finished_split_loses_nothing, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
