/* A name index has short chains, and finds what was added and not removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "name_index.h"

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define NAMES 5000
#define NAME_SIZE 16

static const uint64_t key[2] = {0x243f6a8885a308d3, 0x13198a2e03707344};
static struct sx__name_index name_index;
static struct sx__name_entry entries[NAMES];
static char names[NAMES][NAME_SIZE];

static int set_up(void **state)
{
    (void)state;
    name_index = (struct sx__name_index){.hash_key = key};
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(names[i], NAME_SIZE, "name_%zu", i);
        entries[i] = (struct sx__name_entry){.names = {{names[i], strlen(names[i])}, 1}};
        assert_int_equal(sx__name_index_reserve(&name_index), SX_OK);
        sx__name_index_add(&name_index, &entries[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx__name_index_clean_up(&name_index);
    return 0;
}

static void test_chains_stay_short(void **state)
{
    (void)state;
    assert_in_range(name_index.chain_count, NAMES, 4 * NAMES);
    for (size_t i = 0; i < name_index.chain_count; i++) {
        size_t length = 0;
        for (const struct sx__name_entry *one = name_index.chains[i]; one != NULL;
             one = one->next) {
            length++;
        }
        assert_in_range(length, 0, 12);
    }
}

static void test_it_finds_what_was_not_removed(void **state)
{
    (void)state;
    for (size_t i = 0; i < NAMES; i += 3) {
        sx__name_index_remove(&name_index, &entries[i]);
    }
    for (size_t i = 0; i < NAMES; i++) {
        struct sx__name_entry *expected = i % 3 == 0 ? NULL : &entries[i];
        assert_ptr_equal(sx__name_index_find(&name_index, &entries[i].names, NULL), expected);
    }
}

static void test_it_finds_all_entries_with_a_name(void **state)
{
    (void)state;
    struct sx__name_entry same = {.names = {entries[7].names.stem, 3}};
    const struct sx__written_names other = {entries[7].names.stem, 4};
    assert_int_equal(sx__name_index_reserve(&name_index), SX_OK);
    sx__name_index_add(&name_index, &same);
    struct sx__name_entry *first = sx__name_index_find(&name_index, &entries[7].names, NULL);
    struct sx__name_entry *second = sx__name_index_find(&name_index, &entries[7].names, first);
    assert_true((first == &same && second == &entries[7]) ||
                (first == &entries[7] && second == &same));
    assert_null(sx__name_index_find(&name_index, &entries[7].names, second));
    assert_null(sx__name_index_find(&name_index, &other, NULL)); /* no suffix in common */
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_chains_stay_short),
        CASE(test_it_finds_what_was_not_removed),
        CASE(test_it_finds_all_entries_with_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
