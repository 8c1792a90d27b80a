/* What sx_page_gzip makes of a page is read by zlib, and is what went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "failing_allocation.h"

#include <cmocka.h>
#include <sextant/gzip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static int deflate_error; /* Z_OK: deflate works */

int __real_deflate(z_stream *stream, int flush);
int __wrap_deflate(z_stream *stream, int flush);
int __wrap_deflate(z_stream *stream, int flush)
{
    return deflate_error != Z_OK ? deflate_error : __real_deflate(stream, flush);
}

static struct sx_page page;
static char *original;
static size_t original_size;

static void fill_page(size_t size, char (*byte)(size_t i))
{
    original_size = size;
    original = malloc(size + 1);
    page = (struct sx_page){.data = malloc(size + 1), .size = size, .capacity = size + 1};
    assert_non_null(original);
    assert_non_null(page.data);
    for (size_t i = 0; i < size; i++) {
        original[i] = page.data[i] = byte(i);
    }
    original[size] = page.data[size] = '\0';
}

static int tear_down(void **state)
{
    (void)state;
    (void)end_failing_allocations();
    free(original);
    original = NULL;
    sx_page_clean_up(&page);
    return 0;
}

static char lines(size_t i)
{
    static char line[32];
    if (i % 24 == 0) {
        snprintf(line, sizeof line, "a_total{n=\"%06zu\"} %05zu\n", i / 24 % 1000000,
                 i * i % 99991);
    }
    return line[i % 24];
}

static char noise(size_t i)
{
    static uint64_t state;
    state = i == 0 ? 1 : state * 6364136223846793005u + 1442695040888963407u;
    return (char)(state >> 56);
}

static void page_is_the_original_again(void)
{
    char *unpacked = malloc(original_size + 1);
    assert_non_null(unpacked);
    z_stream stream = {.next_in = (Bytef *)page.data,
                       .avail_in = (uInt)page.size,
                       .next_out = (Bytef *)unpacked,
                       .avail_out = (uInt)original_size + 1};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK); /* only gzip */
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, original_size);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    assert_memory_equal(unpacked, original, original_size);
    free(unpacked);
}

static void page_is_unchanged(void)
{
    assert_int_equal(page.size, original_size);
    assert_memory_equal(page.data, original, original_size + 1);
}

static void test_what_is_unpacked_is_what_went_in(void **state)
{
    static const size_t sizes[] = {240, 1024, 65535, 65536, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fill_page(sizes[i], lines);
        assert_int_equal(sx_page_gzip(&page), SX_OK);
        assert_true(page.size < original_size / 2);
        assert_int_equal(page.data[page.size], '\0');
        assert_int_equal(page.capacity, original_size + 1);
        page_is_the_original_again();
        (void)tear_down(state);
    }
}

/* RFC 1952: XFL = 4 - compressor used fastest algorithm. */
static void test_it_is_compressed_at_the_fastest_level(void **state)
{
    (void)state;
    fill_page(10000, lines);
    assert_int_equal(sx_page_gzip(&page), SX_OK);
    assert_int_equal(page.data[8], 4);
}

/* More than the first buffer, so that it grows. */
static char hex(size_t i)
{
    return "0123456789abcdef"[noise(i) & 15];
}

static void test_a_page_that_becomes_only_half_as_large(void **state)
{
    (void)state;
    fill_page(1 << 20, hex);
    assert_int_equal(sx_page_gzip(&page), SX_OK);
    assert_true(page.size > original_size / 4);
    page_is_the_original_again();
}

static void test_equal_pages_become_equal_bytes(void **state)
{
    (void)state;
    fill_page(10000, lines);
    assert_int_equal(sx_page_gzip(&page), SX_OK);
    struct sx_page first = page;
    free(original);
    fill_page(10000, lines);
    assert_int_equal(sx_page_gzip(&page), SX_OK);
    assert_int_equal(page.size, first.size);
    assert_memory_equal(page.data, first.data, page.size);
    sx_page_clean_up(&first);
}

static void test_what_does_not_become_smaller_stays(void **state)
{
    static const size_t sizes[] = {1, 20, 1024, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fill_page(sizes[i], noise);
        assert_int_equal(sx_page_gzip(&page), SX_EFULL);
        page_is_unchanged();
        (void)tear_down(state);
    }
    assert_int_equal(sx_page_gzip(&(struct sx_page){0}), SX_EFULL);
    assert_int_equal(sx_page_gzip(NULL), SX_EINVAL);
}

static char same(size_t i)
{
    (void)i;
    return 'a';
}

/* Each page has one byte more than the one before it. One of them has the size that the compressed
 * ones have. */
static void test_what_becomes_as_large_stays(void **state)
{
    size_t refused = 0;
    for (size_t size = 1; size < 100; size++) {
        fill_page(size, same);
        const int status = sx_page_gzip(&page);
        if (status == SX_OK) {
            assert_true(page.size < original_size);
            page_is_the_original_again();
        } else {
            assert_int_equal(status, SX_EFULL);
            page_is_unchanged();
            refused++;
        }
        (void)tear_down(state);
    }
    assert_in_range(refused, 1, 98);
}

static void test_without_memory_the_page_stays(void **state)
{
    (void)state;
    bool has_failed = true;
    fill_page(1 << 20, hex);
    const long live = allocations_live();
    long successes = 0;
    for (; has_failed; successes++) {
        fail_one_allocation(successes);
        const int status = sx_page_gzip(&page);
        has_failed = end_failing_allocations();
        assert_int_equal(allocations_live(), live);
        assert_int_equal(status, has_failed ? SX_ENOMEM : SX_OK);
        if (has_failed) {
            page_is_unchanged();
        }
    }
    assert_true(successes > 4); /* the buffer, its growth, and what zlib needs */
    page_is_the_original_again();
}

static void test_an_error_of_zlib_ends_the_compression(void **state)
{
    (void)state;
    fill_page(10000, lines);
    deflate_error = Z_STREAM_ERROR;
    const int status = sx_page_gzip(&page);
    deflate_error = Z_OK;
    assert_int_equal(status, SX_ESYSTEM);
    page_is_unchanged();
    assert_int_equal(sx_page_gzip(&page), SX_OK);
    page_is_the_original_again();
}

#define CASE(test) cmocka_unit_test_teardown(test, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_unpacked_is_what_went_in),
        CASE(test_it_is_compressed_at_the_fastest_level),
        CASE(test_a_page_that_becomes_only_half_as_large),
        CASE(test_equal_pages_become_equal_bytes),
        CASE(test_what_does_not_become_smaller_stays),
        CASE(test_what_becomes_as_large_stays),
        CASE(test_without_memory_the_page_stays),
        CASE(test_an_error_of_zlib_ends_the_compression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
