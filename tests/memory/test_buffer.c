/* Large memory is returned to the system; some of it is kept for reuse for a while. */
#define _DEFAULT_SOURCE /* mincore */
#include "buffer.h"
#include <setjmp.h>
#include <sextant/status.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)
#define KEPT_BYTES (8 * MIB)

static struct sx__buffer_pool *pool;
static bool mprotect_fails;

int __real_mprotect(void *memory, size_t size, int protection);
int __wrap_mprotect(void *memory, size_t size, int protection);
int __wrap_mprotect(void *memory, size_t size, int protection)
{
    return mprotect_fails ? -1 : __real_mprotect(memory, size, protection);
}

static int set_up(void **state)
{
    (void)state;
    return sx__buffer_pool_new(&pool, KEPT_BYTES);
}

static int tear_down(void **state)
{
    (void)state;
    sx__buffer_pool_destroy(pool);
    return 0;
}

/* Bytes of the space that are in memory; SIZE_MAX: it is not mapped. */
static size_t resident(const char *data, size_t size)
{
    static unsigned char pages[(1000 * MIB) / 4096];
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    const size_t count = (size + page_bytes - 1) / page_bytes;
    assert_true(count <= sizeof pages);
    if (mincore((void *)(uintptr_t)data, size, pages) < 0) {
        return SIZE_MAX;
    }
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += pages[i] % 2 * page_bytes;
    }
    return sum;
}

static struct sx__buffer take(size_t capacity)
{
    struct sx__buffer space;
    assert_int_equal(sx__buffer_pool_take(pool, &space, capacity), 0);
    assert_true(space.capacity >= capacity);
    return space;
}

static void fill(struct sx__buffer *space, size_t size)
{
    assert_int_equal(sx__buffer_extend(space, size), 0);
    memset(space->data, 'x', size);
    sx__buffer_touch(space, size);
}

static void address_space_becomes_memory_only_where_it_is_written(void **state)
{
    (void)state;
    struct sx__buffer space = take(1000 * MIB);
    char *data = space.data;
    assert_int_equal(resident(data, 1000 * MIB), 0);
    fill(&space, 32 * MIB);
    assert_ptr_equal(space.data, data);
    assert_in_range(resident(data, 1000 * MIB), 32 * MIB, space.touched);
    assert_in_range(space.touched, 32 * MIB, 34 * MIB);
    sx__buffer_pool_give(pool, &space);
    assert_null(space.data);
    assert_int_equal(resident(data, 32 * MIB), SIZE_MAX);
}

static void a_kept_one_is_taken_again_if_it_fits(void **state)
{
    (void)state;
    struct sx__buffer space = take(100000);
    char *data = space.data;
    fill(&space, 100000);
    sx__buffer_pool_give(pool, &space);
    assert_int_equal(sx__buffer_pool_get_bytes(pool), 100000);
    struct sx__buffer larger = take(100001);
    assert_ptr_not_equal(larger.data, data);
    struct sx__buffer much_smaller = take(10000);
    assert_ptr_not_equal(much_smaller.data, data);
    struct sx__buffer fitting = take(60000);
    assert_ptr_equal(fitting.data, data);
    assert_int_equal(fitting.touched, 100000); /* its memory is there from the start */
    assert_int_equal(sx__buffer_pool_get_bytes(pool), 0);
    sx__buffer_pool_give(pool, &larger);
    sx__buffer_pool_give(pool, &much_smaller);
    sx__buffer_pool_give(pool, &fitting);
}

static void no_more_is_kept_than_was_said(void **state)
{
    (void)state;
    struct sx__buffer taken[100];
    const char *datas[100];
    for (size_t i = 0; i < 100; i++) {
        taken[i] = take(MIB / 2);
        datas[i] = taken[i].data;
        fill(&taken[i], MIB / 2);
    }
    size_t left = 0;
    for (size_t i = 0; i < 100; i++) {
        sx__buffer_pool_give(pool, &taken[i]);
    }
    for (size_t i = 0; i < 100; i++) {
        left += resident(datas[i], MIB / 2) == MIB / 2 ? MIB / 2 : 0;
    }
    assert_int_equal(left, KEPT_BYTES);
    assert_int_equal(sx__buffer_pool_get_bytes(pool), KEPT_BYTES);
    /* A space that is larger than the limit for all kept buffers is never kept. */
    taken[0] = take(2 * KEPT_BYTES);
    fill(&taken[0], KEPT_BYTES + MIB);
    sx__buffer_pool_give(pool, &taken[0]);
    assert_int_equal(sx__buffer_pool_get_bytes(pool), KEPT_BYTES);
}

static void what_nobody_takes_between_two_trims_goes_back(void **state)
{
    (void)state;
    struct sx__buffer used = take(200000);
    struct sx__buffer unused = take(400000);
    fill(&used, 200000);
    fill(&unused, 400000);
    sx__buffer_pool_give(pool, &unused);
    sx__buffer_pool_give(pool, &used);
    sx__buffer_pool_trim(pool, false);
    assert_int_equal(sx__buffer_pool_get_bytes(pool),
                     600000); /* they have come since the last one */
    used = take(200000);
    sx__buffer_pool_give(pool, &used);
    sx__buffer_pool_trim(pool, false);
    assert_int_equal(sx__buffer_pool_get_bytes(pool), 200000);
    sx__buffer_pool_trim(pool, false);
    assert_int_equal(sx__buffer_pool_get_bytes(pool), 0);
}

static void a_space_is_enlarged_with_its_content(void **state)
{
    (void)state;
    struct sx__buffer space = {.data = NULL};
    assert_int_equal(sx__buffer_pool_enlarge(pool, &space, 0, 16384), 0);
    for (size_t size = 16384; size <= 16 * MIB; size *= 2) {
        assert_int_equal(sx__buffer_extend(&space, size), 0);
        memset(space.data + size / 2, (int)(size >> 14 & 0xff), size / 2);
        assert_int_equal(sx__buffer_pool_enlarge(pool, &space, size, 2 * size), 0);
        assert_int_equal((unsigned char)space.data[size / 2], size >> 14 & 0xff);
        assert_int_equal((unsigned char)space.data[size - 1], size >> 14 & 0xff);
    }
    sx__buffer_pool_give(pool, &space);
}

static void want_of_memory_leaves_a_space_as_it_was(void **state)
{
    (void)state;
    struct sx__buffer space = take(4 * MIB);
    const struct sx__buffer before = space;
    mprotect_fails = true;
    assert_int_equal(sx__buffer_extend(&space, 3 * MIB), SX_ENOMEM);
    assert_memory_equal(&space, &before, sizeof space);
    assert_int_equal(sx__buffer_pool_enlarge(pool, &space, MIB, 8 * MIB), SX_ENOMEM);
    assert_memory_equal(&space, &before, sizeof space);
    struct sx__buffer none;
    assert_int_equal(sx__buffer_pool_take(pool, &none, 8 * MIB), SX_ENOMEM);
    mprotect_fails = false;
    assert_int_equal(sx__buffer_extend(&space, 5 * MIB), SX_ENOMEM);
    assert_int_equal(sx__buffer_pool_take(pool, &none, SIZE_MAX), SX_ENOMEM);
    assert_int_equal(sx__buffer_pool_take(pool, &none, SIZE_MAX / 4), SX_ENOMEM);
    sx__buffer_pool_give(pool, &space);
    sx__buffer_pool_give(pool, &(struct sx__buffer){.data = NULL});
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(address_space_becomes_memory_only_where_it_is_written),
        TEST(a_kept_one_is_taken_again_if_it_fits),
        TEST(no_more_is_kept_than_was_said),
        TEST(what_nobody_takes_between_two_trims_goes_back),
        TEST(a_space_is_enlarged_with_its_content),
        TEST(want_of_memory_leaves_a_space_as_it_was),
    };
    return cmocka_run_group_tests_name("buffers", tests, NULL, NULL);
}
