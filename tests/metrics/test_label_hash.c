/* The keyed hash of label values. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
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
#include <sys/mman.h>
#include <unistd.h>

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

/* A look-up makes its key in one pass, from values or from C strings. */
static void test_the_key_of_a_look_up_has_the_same_hash(void **state)
{
    (void)state;
    static const uint64_t secrets[2] = {0x0123456789ABCDEF, 0xFEDCBA9876543210};
    static char text[1000];
    struct sx__label_key key;
    struct sx__label_key of_strings;
    for (size_t size = 0; size < 400; size++) {
        text[size] = '\0';
        const char *const strings[3] = {text, NULL, text + size / 2};
        const struct sx_str values[3] = {
            {text, size}, {NULL, 0}, {text + size / 2, (size + 1) / 2}};
        const struct sx__label_hash expected = sx__label_hash_of(secrets, values, 3);
        const bool has_key = sx__key_of_values(&key, secrets, values, 3);
        assert_int_equal(sx__key_of_strings(&of_strings, secrets, strings, 3), has_key);
        assert_true(expected.is_ascii);
        if (has_key) {
            assert_int_equal(key.hash, expected.hash);
            assert_int_equal(of_strings.hash, expected.hash);
            assert_in_range(key.count, 3, SX__KEY_WORDS);
        }
        assert_int_equal(has_key, size <= 320);
        text[size] = (char)('a' + size % 26);
    }
}

static void test_values_that_are_not_ascii_have_no_key(void **state)
{
    (void)state;
    static const uint64_t secrets[2] = {1, 2};
    struct sx__label_key key;
    char text[40];
    for (size_t size = 1; size <= sizeof text; size++) {
        for (size_t i = 0; i < size; i++) {
            const struct sx_str value = {text, size};
            memset(text, 'x', sizeof text);
            assert_true(sx__key_of_values(&key, secrets, &value, 1));
            assert_true(sx__label_hash_of(secrets, &value, 1).is_ascii);
            text[i] = (char)0x80;
            assert_false(sx__key_of_values(&key, secrets, &value, 1));
            assert_false(sx__label_hash_of(secrets, &value, 1).is_ascii);
        }
    }
}

static void test_nothing_outside_of_a_value_is_read(void **state)
{
    (void)state;
    static const uint64_t secrets[2] = {1, 2};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    char *start = memory + page;
    assert_int_equal(mprotect(start, page, PROT_READ | PROT_WRITE), 0);
    memset(start, 'x', page);
    for (size_t size = 0; size < 100; size++) {
        struct sx__label_key key;
        const struct sx_str values[2] = {{start, size}, {start + page - size, size}};
        assert_true(sx__key_of_values(&key, secrets, values, 2));
        assert_int_equal(key.hash, sx__label_hash_of(secrets, values, 2).hash);
    }
    assert_int_equal(munmap(memory, 3 * page), 0);
}

#define FLOOD 1024u

/* Makes the two words of a value that collides under this key with the values of all other choices:
 * the second word cancels the difference of the first. */
static void make_colliding(uint64_t words[2], const uint64_t *key, unsigned choice)
{
    uint64_t hash = sx__hash_word(key[0], 2 * sizeof words[0], key[1]);
    words[0] = choice * UINT64_C(0x9E3779B97F4A7C15);
    words[1] = sx__hash_word(hash, words[0], key[1]) ^ 12345;
}

static uint32_t hash_of_words(const uint64_t *key, const uint64_t words[2])
{
    /* The hash reads them as little-endian. */
    const uint64_t read[2] = {sx__word_at((const char *)&words[0]),
                              sx__word_at((const char *)&words[1])};
    return hash_of(key, (const char *)read, sizeof read);
}

/* Hash flooding: 1,024 values that all collide with one key, which the attacker may know from a
 * registry of his own, are as good as random with the key of another registry, even if half of the
 * key is the same. */
static void test_values_that_collide_with_one_key_do_not_with_another(void **state)
{
    (void)state;
    static const uint64_t known[2] = {0x9E3779B97F4A7C15, 0xD1B54A32D192ED03};
    static uint32_t hashes[FLOOD];
    uint64_t random = 0x123456789ABCDEF1u;
    uint64_t words[2];
    for (unsigned i = 0; i < FLOOD; i++) {
        make_colliding(words, known, i);
        hashes[i] = hash_of_words(known, words);
        assert_int_equal(hashes[i], hashes[0]);
    }
    for (unsigned round = 0; round < 30; round++) {
        const uint64_t secret[2] = {round % 3 == 0 ? known[0] : next_random(&random),
                                    round % 3 == 1 ? known[1] : next_random(&random)};
        unsigned slots[FLOOD] = {0};
        for (unsigned i = 0; i < FLOOD; i++) {
            make_colliding(words, known, i);
            hashes[i] = hash_of_words(secret, words);
            assert_in_range(++slots[hashes[i] % FLOOD], 1, 12); /* 1 expected in each */
        }
        qsort(hashes, FLOOD, sizeof hashes[0], compare);
        unsigned collisions = 0;
        for (unsigned i = 1; i < FLOOD; i++) {
            collisions += hashes[i] == hashes[i - 1];
        }
        assert_in_range(collisions, 0, 1); /* by chance one in 8,000 rounds */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hash_depends_on_the_key),
        cmocka_unit_test(test_registries_have_different_keys),
        cmocka_unit_test(test_no_difference_between_values_is_predictable),
        cmocka_unit_test(test_usual_values_do_not_collide_more_than_by_chance),
        cmocka_unit_test(test_the_key_of_a_look_up_has_the_same_hash),
        cmocka_unit_test(test_values_that_are_not_ascii_have_no_key),
        cmocka_unit_test(test_nothing_outside_of_a_value_is_read),
        cmocka_unit_test(test_values_that_collide_with_one_key_do_not_with_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
