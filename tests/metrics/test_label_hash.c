/* The keyed hash of label values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "label_hash.h"

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const uint64_t *key, const char *text, size_t size)
{
    return sx__label_hash_of(key, &(struct sx_str){text, size}, 1).hash;
}

static void test_the_hash_depends_on_the_key(void **state)
{
    (void)state;
    static const uint64_t keys[][2] = {{1, 2}, {1, 3}, {2, 2}};
    uint32_t first = hash_of(keys[0], "some value", 10);
    assert_int_equal(hash_of(keys[0], "some value", 10), first);
    assert_int_not_equal(hash_of(keys[1], "some value", 10), first);
    assert_int_not_equal(hash_of(keys[2], "some value", 10), first);
}

static void test_registries_have_different_keys(void **state)
{
    (void)state;
    struct sx_registry *first = NULL;
    struct sx_registry *second = NULL;
    assert_int_equal(sx_registry_new(&first, NULL), SX_OK);
    assert_int_equal(sx_registry_new(&second, NULL), SX_OK);
    assert_memory_not_equal(first->hash_key, second->hash_key, sizeof first->hash_key);
    assert_true(first->hash_key[0] != 0 || first->hash_key[1] != 0);
    sx_registry_destroy(first);
    sx_registry_destroy(second);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A difference in one bit of a word must not lead to a difference that is known beforehand, or two
 * such words after each other could be made to cancel out: pairs of values that collide with one
 * key must not with another. */
static void test_no_difference_between_values_is_predictable(void **state)
{
    (void)state;
    enum { KEYS = 64 };
    uint64_t random = 0x123456789ABCDEF1u;
    for (unsigned bit = 0; bit < 64; bit++) {
        uint32_t differences[KEYS];
        unsigned repeated = 0;
        for (size_t i = 0; i < KEYS; i++) {
            uint64_t key[2] = {next_random(&random), next_random(&random)};
            uint64_t words[2] = {0x6161616161616161u, 0x6161616161616161u};
            uint32_t before = hash_of(key, (const char *)words, sizeof words);
            words[0] ^= (uint64_t)1 << bit;
            differences[i] = before ^ hash_of(key, (const char *)words, sizeof words);
            for (size_t j = 0; j < i; j++) {
                repeated += differences[j] == differences[i];
            }
        }
        assert_in_range(repeated, 0, 2);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* 100,000 random hashes of 32 bits have 1.2 collisions in expectation. */
static void test_usual_values_do_not_collide_more_than_by_chance(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    static uint32_t hashes[COUNT];
    static const uint64_t key[2] = {0x0123456789ABCDEF, 0xFEDCBA9876543210};
    static unsigned buckets[1024];
    char text[32];
    unsigned collisions = 0;
    for (size_t i = 0; i < COUNT; i++) {
        int size = snprintf(text, sizeof text, "bench.handler_%zu", i);
        hashes[i] = hash_of(key, text, (size_t)size);
        buckets[hashes[i] % 1024]++;
    }
    for (size_t i = 0; i < 1024; i++) {
        assert_in_range(buckets[i], 40, 160); /* 98 expected, 10 the standard deviation */
    }
    qsort(hashes, COUNT, sizeof hashes[0], compare);
    for (size_t i = 1; i < COUNT; i++) {
        collisions += hashes[i] == hashes[i - 1];
    }
    assert_in_range(collisions, 0, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hash_depends_on_the_key),
        cmocka_unit_test(test_registries_have_different_keys),
        cmocka_unit_test(test_no_difference_between_values_is_predictable),
        cmocka_unit_test(test_usual_values_do_not_collide_more_than_by_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
