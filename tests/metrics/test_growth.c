/* The memory of a private registry is mapped as it grows. If another mapping is in the way, no
 * count is lost. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "mapping.h"
#include "sanitized.h"

#include <cmocka.h>
#include <inttypes.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define MIB ((size_t)1 << 20)

/* As on a system that maps at no chosen address: a flag takes the wish for an address away. */
static bool no_chosen_addresses;

void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset);

/* What the library has mapped and not unmapped; the C library's own mappings do not come here. */
static size_t bytes_mapped;

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    void *mapped =
        __real_mmap(no_chosen_addresses ? NULL : address, size, protection, flags, file, offset);
    if (mapped != MAP_FAILED && (flags & MAP_FIXED) == 0) {
        (void)__atomic_fetch_add(&bytes_mapped, size, __ATOMIC_RELAXED);
    }
    return mapped;
}

int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);

int __wrap_munmap(void *address, size_t size)
{
    (void)__atomic_fetch_sub(&bytes_mapped, size, __ATOMIC_RELAXED);
    return __real_munmap(address, size);
}

static struct sx_registry *make(struct sx_registry_options options)
{
    struct sx_registry *registry = NULL;
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    return registry;
}

/* Skips the test under a sanitizer that keeps addresses for itself. */
static struct sx_registry *make_growing(struct sx_registry_options options)
{
    struct sx_registry *registry = make(options);
    if (!registry->mapped.grows) {
        assert_true(SANITIZED);
        sx_registry_destroy(registry);
        skip();
    }
    return registry;
}

static struct sx_counter_family *counters(struct sx_registry *registry)
{
    struct sx_counter_family *family = NULL;
    assert_int_equal(sx_counter_family_register(&family, registry,
                                                &(struct sx_metric_options){
                                                    .name = "c_total",
                                                    .help = "C.",
                                                    .labels = SX_LABELS("number"),
                                                    .max_series = 1000000,
                                                }),
                     SX_OK);
    return family;
}

static int count_one(struct sx_counter_family *family, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    return sx_counter_inc_with(family, text);
}

static double value_of(struct sx_counter_family *family, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    struct sx_counter *counter = sx_counter_with(family, text);
    const double value = sx_counter_value(counter);
    sx_counter_release(counter);
    return value;
}

/* Counts in new series until one does not fit, and is counted in the overflow series; returns the
 * number of it. */
static int fill(struct sx_counter_family *family)
{
    int number = -1;
    struct sx_counter *overflow = sx_counter_with(family, SX_OVERFLOW_VALUE);
    while (sx_counter_value(overflow) == 0) {
        assert_int_equal(count_one(family, ++number), SX_OK);
        assert_in_range(number, 0, 100000);
    }
    sx_counter_release(overflow);
    return number;
}

static void assert_each_is_one(struct sx_counter_family *family, int count)
{
    for (int i = 0; i < count; i++) {
        assert_true(value_of(family, i) == 1);
    }
}

/* What is mapped in the addresses of an arena. */
struct in_arena {
    size_t mappings;
    size_t bytes;
};

static struct in_arena mapped_in(const void *arena, size_t total_bytes)
{
    struct in_arena found = {0};
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from;
        uintptr_t until;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &until) == 2 &&
            from >= (uintptr_t)arena && from < (uintptr_t)arena + total_bytes) {
            found.mappings++;
            found.bytes += until - from;
        }
    }
    fclose(maps);
    return found;
}

/* A page of the program's, at an address where a registry will grow to. */
static char *block(char *at, size_t page_bytes)
{
    char *page = mmap(at, page_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_equal(page, at);
    page[0] = 'x';
    return page;
}

/* The first page of a row that is not mapped, or the first page of it if none is. */
static char *page_behind(const struct sx_registry *registry, size_t row, size_t mapped_bytes)
{
    const size_t page = registry->geometry.page_bytes;
    uintptr_t at = (uintptr_t)sx__row(registry, row) + mapped_bytes;
    at = mapped_bytes == 0 ? at / page * page : (at + page - 1) / page * page;
    return (char *)at;
}

static struct sx_counter *shared_counter;
static pthread_barrier_t next_step;

static void *increment(void *unused)
{
    sx_counter_inc(shared_counter);
    return unused;
}

static void *increment_and_stay(void *unused)
{
    sx_counter_inc(shared_counter);
    pthread_barrier_wait(&next_step);
    pthread_barrier_wait(&next_step);
    sx_counter_inc(shared_counter);
    return unused;
}

static void start_threads(pthread_t *threads, void *run(void *))
{
    assert_int_equal(pthread_barrier_init(&next_step, NULL, THREADS + 1), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
    }
}

static void join_threads(const pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    pthread_barrier_destroy(&next_step);
}

static void test_a_registry_maps_little_and_a_mapping_for_each_row(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct sx_registry *registry = make_growing((struct sx_registry_options){0});
    struct sx_counter_family *family = counters(registry);
    shared_counter = sx_counter_with(family, "shared");
    start_threads(threads, increment_and_stay);
    pthread_barrier_wait(&next_step);
    struct in_arena mapped = mapped_in(registry, registry->geometry.total_bytes);
    assert_in_range(mapped.bytes, 1, MIB / 2);
    assert_in_range(mapped.mappings, 3, 3 + THREADS + 1); /* the calling thread has a row, too */

    for (int i = 0; i < 50000; i++) {
        assert_int_equal(count_one(family, i), SX_OK);
    }
    pthread_barrier_wait(&next_step);
    join_threads(threads);
    mapped = mapped_in(registry, registry->geometry.total_bytes);
    assert_in_range(mapped.mappings, 3, 3 + THREADS + 1);
    assert_true(mapped.bytes < (registry->directory_used + 10 * 50000 * sizeof(double)) * 5 / 4);
    assert_each_is_one(family, 50000);
    assert_true(sx_counter_value(shared_counter) == 2 * THREADS);
    sx_counter_release(shared_counter);
    sx_registry_destroy(registry);
}

/* Each thread makes series that the others update, too; all rows grow meanwhile. */
#define SERIES 12000

static struct sx_counter_family *growing;
static struct sx_gauge_family *growing_gauges;

static void *make_and_update(void *unused)
{
    for (int i = 0; i < SERIES; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        (void)sx_counter_inc_with(growing, text);
        struct sx_gauge *gauge = sx_gauge_with(growing_gauges, text);
        sx_gauge_inc(gauge);
        sx_gauge_release(gauge);
    }
    return unused;
}

static void test_threads_update_while_rows_grow(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct sx_registry *registry = make((struct sx_registry_options){0});
    growing = counters(registry);
    assert_int_equal(
        sx_gauge_family_register(
            &growing_gauges, registry,
            &(struct sx_metric_options){
                .name = "g", .help = "G.", .labels = SX_LABELS("number"), .max_series = 1000000}),
        SX_OK);
    start_threads(threads, make_and_update);
    for (int i = 0; i < 20; i++) {
        struct sx_page page = {0};
        assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
        sx_page_clean_up(&page);
    }
    join_threads(threads);
    for (int i = 0; i < SERIES; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        struct sx_gauge *gauge = sx_gauge_with(growing_gauges, text);
        assert_true(sx_gauge_value(gauge) == THREADS);
        sx_gauge_release(gauge);
        assert_true(value_of(growing, i) == THREADS);
    }
    sx_registry_destroy(registry);
}

static void test_a_directory_that_cannot_grow_is_full_and_loses_nothing(void **state)
{
    (void)state;
    struct sx_registry *registry = make_growing((struct sx_registry_options){0});
    const size_t page = registry->geometry.page_bytes;
    struct sx_counter_family *family = counters(registry);
    char *obstacle = block((char *)registry + registry->mapped.directory_bytes, page);
    const int count = fill(family);
    assert_in_range(count, 20, 10000);
    assert_int_equal(obstacle[0], 'x');
    assert_each_is_one(family, count);

    assert_int_equal(munmap(obstacle, page), 0);
    assert_int_equal(count_one(family, count), SX_OK);
    assert_each_is_one(family, count + 1);
    sx_registry_destroy(registry);
}

static void test_rows_that_cannot_grow_are_full_and_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct sx_registry *registry = make_growing((struct sx_registry_options){0});
    const size_t page = registry->geometry.page_bytes;
    const size_t before = registry->mapped.thread_row_bytes;
    struct sx_counter_family *family = counters(registry);
    shared_counter = sx_counter_with(family, "shared");
    start_threads(threads, increment_and_stay);
    pthread_barrier_wait(&next_step);

    /* The overflow row and some thread rows have grown when this one cannot. */
    char *obstacle = block(page_behind(registry, 5, before), page);
    const int count = fill(family);
    assert_int_equal(registry->mapped.thread_row_bytes, before);
    assert_int_equal(obstacle[0], 'x');
    assert_each_is_one(family, count);

    assert_int_equal(munmap(obstacle, page), 0);
    assert_int_equal(count_one(family, count), SX_OK);
    assert_true(registry->mapped.thread_row_bytes > before);
    assert_each_is_one(family, count + 1);
    pthread_barrier_wait(&next_step);
    join_threads(threads);
    assert_true(sx_counter_value(shared_counter) == 2 * THREADS);
    sx_counter_release(shared_counter);
    sx_registry_destroy(registry);
}

static void test_a_process_row_that_cannot_grow_is_full_and_loses_nothing(void **state)
{
    (void)state;
    struct sx_registry *registry = make_growing((struct sx_registry_options){0});
    const size_t page = registry->geometry.page_bytes;
    struct sx_gauge_family *family = NULL;
    struct sx_metric_options options = {.name = "g", .help = "G.", .labels = SX_LABELS("number")};
    assert_int_equal(sx_gauge_family_register(&family, registry, &options), SX_OK);
    char *obstacle = block(page_behind(registry, 0, registry->mapped.process_row_bytes), page);
    struct sx_gauge *overflow = sx_gauge_with(family, SX_OVERFLOW_VALUE);
    char text[16];
    int count = 0;
    bool is_full = false;
    while (!is_full) {
        snprintf(text, sizeof text, "%d", count);
        assert_int_equal(sx_gauge_set_with(family, ++count, text), SX_OK);
        struct sx_gauge *gauge = sx_gauge_with(family, text);
        is_full = gauge == overflow;
        sx_gauge_release(gauge);
    }
    sx_gauge_release(overflow);
    assert_in_range(count, 100, 9999);
    assert_int_equal(munmap(obstacle, page), 0);
    assert_int_equal(sx_gauge_set_with(family, count, text), SX_OK);
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%d", i);
        struct sx_gauge *gauge = sx_gauge_with(family, text);
        assert_true(sx_gauge_value(gauge) == i + 1);
        sx_gauge_release(gauge);
    }
    sx_registry_destroy(registry);
}

static void test_a_thread_whose_row_cannot_be_mapped_uses_the_overflow_row(void **state)
{
    (void)state;
    pthread_t thread;
    struct sx_registry *registry = make_growing((struct sx_registry_options){0});
    const size_t page = registry->geometry.page_bytes;
    shared_counter = sx_counter_with(counters(registry), "shared");
    sx_counter_inc(shared_counter);
    assert_int_equal(registry->mapped.thread_rows, 1);
    char *obstacle = block(page_behind(registry, 3, 0), page);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, increment, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(registry->mapped.thread_rows, 1);
    assert_int_equal(registry->thread_rows_claimed, 1);
    assert_true(sx_counter_value(shared_counter) == 4);
    assert_int_equal(munmap(obstacle, page), 0);
    assert_int_equal(pthread_create(&thread, NULL, increment, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(registry->mapped.thread_rows, 2);
    assert_true(sx_counter_value(shared_counter) == 5);
    sx_counter_release(shared_counter);
    sx_registry_destroy(registry);
}

static void test_destroying_leaves_what_others_mapped_between_the_rows(void **state)
{
    (void)state;
    struct sx_registry *registry = make_growing((struct sx_registry_options){0});
    const size_t page = registry->geometry.page_bytes;
    const size_t total_bytes = registry->geometry.total_bytes;
    struct sx_counter_family *family = counters(registry);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(count_one(family, i), SX_OK);
    }
    char *first = block((char *)registry + registry->geometry.directory_bytes - page, page);
    char *second = block(page_behind(registry, 2, 60 * MIB), page);
    sx_registry_destroy(registry);
    const struct in_arena mapped = mapped_in(registry, total_bytes);
    assert_int_equal(mapped.mappings, 2);
    assert_int_equal(mapped.bytes, 2 * page);
    assert_true(first[0] == 'x' && second[0] == 'x');
    assert_int_equal(munmap(first, page), 0);
    assert_int_equal(munmap(second, page), 0);
}

static void test_parent_and_child_grow_on_their_own(void **state)
{
    (void)state;
    int status;
    struct sx_registry *registry = make((struct sx_registry_options){0});
    growing = counters(registry);
    assert_int_equal(count_one(growing, 0), SX_OK);
    fflush(NULL);
    const pid_t child = fork();
    bool good = true;
    for (int i = 0; i < 20000; i++) {
        good = good && count_one(growing, i) == SX_OK;
    }
    for (int i = 0; i < 20000; i++) {
        good = good && value_of(growing, i) == (i == 0 ? 2 : 1);
    }
    if (child == 0) {
        _exit(good ? 0 : 1);
    }
    assert_true(good);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    sx_registry_destroy(registry);
}

static void test_registries_work_where_no_address_can_be_chosen(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    no_chosen_addresses = true;
    const size_t mapped_before = bytes_mapped;
    struct sx_registry *registry = make((struct sx_registry_options){0});
    assert_int_equal(bytes_mapped - mapped_before, registry->geometry.total_bytes);
    assert_false(registry->mapped.grows);
    struct sx_counter_family *family = counters(registry);
    shared_counter = sx_counter_with(family, "shared");
    start_threads(threads, increment_and_stay);
    pthread_barrier_wait(&next_step);
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(count_one(family, i), SX_OK);
    }
    pthread_barrier_wait(&next_step);
    join_threads(threads);
    assert_each_is_one(family, 20000);
    assert_true(sx_counter_value(shared_counter) == 2 * THREADS);
    sx_counter_release(shared_counter);
    sx_registry_destroy(registry);
    no_chosen_addresses = false;
    assert_int_equal(bytes_mapped, mapped_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_registry_maps_little_and_a_mapping_for_each_row),
        cmocka_unit_test(test_threads_update_while_rows_grow),
        cmocka_unit_test(test_a_directory_that_cannot_grow_is_full_and_loses_nothing),
        cmocka_unit_test(test_rows_that_cannot_grow_are_full_and_lose_nothing),
        cmocka_unit_test(test_a_process_row_that_cannot_grow_is_full_and_loses_nothing),
        cmocka_unit_test(test_a_thread_whose_row_cannot_be_mapped_uses_the_overflow_row),
        cmocka_unit_test(test_destroying_leaves_what_others_mapped_between_the_rows),
        cmocka_unit_test(test_parent_and_child_grow_on_their_own),
        cmocka_unit_test(test_registries_work_where_no_address_can_be_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
