/* Registries on kernels whose pages have 16 or 64 KiB, as on aarch64 and ppc64le. The kernel's
 * answers are replaced: sysconf returns the page size, mmap returns addresses that are multiples of
 * it, madvise and munmap fail for others. */
#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "page.h"
#include "sanitized.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <errno.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* More than the arenas that a process can have. */
#define REGISTRIES 200

static size_t page_bytes = 4096;
static unsigned advised;

long __real_sysconf(int name);
long __wrap_sysconf(int name);
void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);
int __real_madvise(void *address, size_t size, int advice);
int __wrap_madvise(void *address, size_t size, int advice);

static bool is_aligned(const void *address)
{
    return (uintptr_t)address % page_bytes == 0;
}

long __wrap_sysconf(int name)
{
    return name == _SC_PAGESIZE ? (long)page_bytes : __real_sysconf(name);
}

/* Reserves more than is needed, to find an aligned address in it. */
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (address == NULL) {
        char *room = __real_mmap(NULL, size + page_bytes, PROT_NONE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED) {
            return MAP_FAILED;
        }
        size_t before = (page_bytes - (uintptr_t)room % page_bytes) % page_bytes;
        address = room + before;
        flags |= MAP_FIXED;
        if (before > 0) {
            assert_int_equal(__real_munmap(room, before), 0);
        }
    }
    if (!is_aligned(address)) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    return __real_mmap(address, size, protection, flags, file, offset);
}

int __wrap_munmap(void *address, size_t size)
{
    if (!is_aligned(address)) {
        errno = EINVAL;
        return -1;
    }
    return __real_munmap(address, size);
}

int __wrap_madvise(void *address, size_t size, int advice)
{
    if (!is_aligned(address)) {
        errno = EINVAL;
        return -1;
    }
    const int status = __real_madvise(address, size, advice);
    advised += status == 0;
    return status;
}

static void use(struct sx_registry *registry)
{
    struct sx_counter *counter = NULL;
    struct sx_gauge *gauge = NULL;
    struct sx_histogram_family *histograms = NULL;
    struct sx_metric_options options = {.name = "c_total", .help = "C."};
    assert_int_equal(sx_counter_register(&counter, registry, &options), SX_OK);
    options.name = "g";
    assert_int_equal(sx_gauge_register(&gauge, registry, &options), SX_OK);
    options = (struct sx_metric_options){.name = "h", .help = "H.", .labels = SX_LABELS("a")};
    assert_int_equal(sx_histogram_family_register(&histograms, registry, &options), SX_OK);
    page_assert_line(page_text(registry), "c_total 0");
    page_assert_line(page_text(registry), "g 0");
    sx_counter_inc(counter);
    sx_counter_add(counter, 1.5);
    sx_gauge_set(gauge, 7);
    sx_histogram_observe(sx_histogram_with(histograms, "x"), 3);
    const char *page = page_text(registry);
    page_assert_line(page, "c_total 2.5");
    page_assert_line(page, "g 7");
    page_assert_line(page, "h_count{a=\"x\"} 1");
    page_assert_line(page, "h_sum{a=\"x\"} 3");
}

static void make_use_and_destroy(const struct sx_registry_options *options)
{
    for (int i = 0; i < REGISTRIES; i++) {
        struct sx_registry *registry = NULL;
        assert_int_equal(sx_registry_new(&registry, options), SX_OK);
        use(registry);
        sx_registry_destroy(registry);
    }
    assert_true(advised >= REGISTRIES);
}

static void test_private_registries_are_made_and_destroyed(void **state)
{
    (void)state;
    make_use_and_destroy(NULL);
}

/* Registers more than the first pages of the directory and of the rows have room for. */
static void test_private_registries_grow(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    struct sx_counter_family *family = NULL;
    const struct sx_metric_options options = {
        .name = "c_total", .help = "C.", .labels = SX_LABELS("a"), .max_series = 100000};
    assert_int_equal(sx_registry_new(&registry, NULL), SX_OK);
    assert_true(registry->mapped.grows || SANITIZED);
    assert_int_equal(sx_counter_family_register(&family, registry, &options), SX_OK);
    const size_t row_bytes = registry->mapped.thread_row_bytes;
    for (int i = 0; i < 20000; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        sx_counter_inc_with(family, value);
    }
    assert_true(registry->mapped.thread_row_bytes > row_bytes || SANITIZED);
    page_assert_line(page_text(registry), "c_total{a=\"19999\"} 1");
    assert_null(strstr(page_text(registry), "overflow"));
    sx_registry_destroy(registry);
}

static void test_shared_registries_are_made_and_destroyed(void **state)
{
    (void)state;
    need_shared_registries();
    make_use_and_destroy(&(struct sx_registry_options){
        .shared = true, .thread_rows = 4, .row_bytes = 1 << 20, .directory_bytes = 1 << 20});
}

/* Sizes that are no multiples of the page size. */
static void test_small_registries_are_made_and_destroyed(void **state)
{
    (void)state;
    make_use_and_destroy(&(struct sx_registry_options){
        .thread_rows = 2, .row_bytes = 5000, .directory_bytes = 9000});
}

static int run_with_pages_of(size_t bytes)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_registries_are_made_and_destroyed),
        cmocka_unit_test(test_private_registries_grow),
        cmocka_unit_test(test_shared_registries_are_made_and_destroyed),
        cmocka_unit_test(test_small_registries_are_made_and_destroyed),
    };
    print_message("pages of %zu bytes\n", bytes);
    page_bytes = bytes;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The library reads the page size once, so each size has a process. */
int main(void)
{
    static const size_t sizes[] = {4096, 16384, 65536};
    int failed = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            return run_with_pages_of(sizes[i]);
        }
        failed |= child < 0 || waitpid(child, &status, 0) != child || status != 0;
    }
    return failed;
}
