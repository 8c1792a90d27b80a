/* Registries are made, filled, and destroyed. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"
#include "sanitized.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <pthread.h>
#include <sextant/exposition.h>
#include <sextant/metrics.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Small, as valgrind's search for leaks reads, and so allocates, all of a shared mapping. */
#define SMALL_SHARED               \
    ((struct sx_registry_options){ \
        .shared = true, .row_bytes = 64 << 10, .directory_bytes = 1 << 20})

static struct sx_registry *make(struct sx_registry_options options)
{
    struct sx_registry *registry = NULL;
    assert_int_equal(sx_registry_new(&registry, &options), SX_OK);
    return registry;
}

static struct sx_counter *counter(struct sx_registry *registry, const char *name)
{
    struct sx_counter *made = NULL;
    struct sx_metric_options options = {.name = name, .help = "Help."};
    return sx_counter_register(&made, registry, &options) == SX_OK ? made : NULL;
}

static struct sx_counter_family *counters(struct sx_registry *registry, const char *name)
{
    struct sx_counter_family *made = NULL;
    struct sx_metric_options options = {
        .name = name, .help = "Help.", .labels = SX_LABELS("label")};
    return sx_counter_family_register(&made, registry, &options) == SX_OK ? made : NULL;
}

static void test_registries_live_side_by_side(void **state)
{
    (void)state;
    need_shared_registries();
    struct sx_registry *first = make((struct sx_registry_options){0});
    struct sx_registry *second = make(SMALL_SHARED);
    struct sx_counter *a = counter(first, "c_total");
    struct sx_counter *b = counter(second, "c_total");
    assert_ptr_not_equal(a, b);
    sx_counter_inc(a);
    sx_counter_add(b, 5);
    sx_counter_inc(a);
    assert_true(sx_counter_value(a) == 2);
    assert_true(sx_counter_value(b) == 5);
    sx_registry_destroy(first);
    sx_counter_inc(b);
    assert_true(sx_counter_value(b) == 6);
    sx_registry_destroy(second);
}

static void test_null_means_the_default_registry(void **state)
{
    (void)state;
    struct sx_counter *made = counter(NULL, "default_total");
    assert_non_null(made);
    assert_non_null(sx_registry_default());
    assert_ptr_equal(counter(sx_registry_default(), "default_total"), made);
}

static void reuse(struct sx_registry_options how)
{
    struct sx_registry *registry = make(how);
    struct sx_counter *former = counter(registry, "former_total");
    struct sx_gauge *gauge = NULL;
    struct sx_metric_options options = {.name = "g", .help = "G."};
    assert_int_equal(sx_gauge_register(&gauge, registry, &options), SX_OK);
    sx_counter_add(former, 0.5);
    sx_counter_inc(former);
    sx_gauge_set(gauge, 9);
    sx_registry_destroy(registry);

    struct sx_registry *next = make(how);
    if (how.shared) { /* a shared registry's address space is used again */
        assert_ptr_equal(next, registry);
    }
    struct sx_counter *latter = counter(next, "latter_total");
    assert_true(sx_counter_value(latter) == 0);
    sx_counter_add(latter, 0.25);
    sx_counter_inc(latter);
    assert_true(sx_counter_value(latter) == 1.25);
    assert_int_equal(sx_gauge_register(&gauge, next, &options), SX_OK);
    assert_true(sx_gauge_value(gauge) == 0);
    sx_gauge_inc(gauge);
    assert_true(sx_gauge_value(gauge) == 1);
    sx_registry_destroy(next);
}

static void test_a_new_registry_has_no_values_of_an_old_one(void **state)
{
    (void)state;
    need_shared_registries();
    reuse((struct sx_registry_options){0});
    reuse(SMALL_SHARED);
}

/* Each is larger than the one before, so that none fits into the place of another. */
static bool registries_come_and_go(bool shared, int count)
{
    for (int i = 1; i <= count; i++) {
        struct sx_registry *registry = NULL;
        const struct sx_registry_options options = {
            .shared = shared, .row_bytes = (size_t)i << 12, .directory_bytes = (size_t)i << 16};
        if (sx_registry_new(&registry, &options) != SX_OK) {
            return false;
        }
        struct sx_counter *made = counter(registry, "c_total");
        sx_counter_inc(made);
        if (sx_counter_value(made) != 1) {
            return false;
        }
        sx_registry_destroy(registry);
    }
    return true;
}

static void test_registries_can_come_and_go_without_end(void **state)
{
    (void)state;
    need_shared_registries();
    assert_true(registries_come_and_go(false, 10 * SX__ARENAS));
    assert_true(registries_come_and_go(true, 2 * SX__ARENAS));
}

static struct sx_registry *current;
static pthread_barrier_t next_step;

static void *count_in_each(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        pthread_barrier_wait(&next_step);
        sx_counter_inc(counter(current, "c_total"));
        pthread_barrier_wait(&next_step);
    }
    return NULL;
}

/* The thread has a row of each registry when the registry is destroyed. */
static void test_a_thread_outlives_registries_that_it_updated(void **state)
{
    (void)state;
    pthread_t thread;
    pthread_barrier_init(&next_step, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, count_in_each, NULL), 0);
    for (int i = 0; i < 3; i++) {
        current = make((struct sx_registry_options){0});
        pthread_barrier_wait(&next_step);
        pthread_barrier_wait(&next_step);
        assert_true(sx_counter_value(counter(current, "c_total")) == 1);
        sx_registry_destroy(current);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_barrier_destroy(&next_step);
}

static void test_impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    struct sx_registry_options options = {.thread_rows = 100000};
    assert_int_equal(sx_registry_new(&registry, &options), SX_EINVAL);
    options = (struct sx_registry_options){.row_bytes = SIZE_MAX};
    assert_int_equal(sx_registry_new(&registry, &options), SX_EINVAL);
    options = (struct sx_registry_options){.directory_bytes = SIZE_MAX / 2};
    assert_int_equal(sx_registry_new(&registry, &options), SX_EINVAL);
    assert_int_equal(sx_registry_new(NULL, NULL), SX_EINVAL);
    assert_null(registry);
    sx_registry_destroy(NULL);
}

static void test_what_a_full_directory_has_no_room_for_is_counted_as_overflow(void **state)
{
    (void)state;
    struct sx_registry *registry = make((struct sx_registry_options){.directory_bytes = 8192});
    struct sx_counter_family *family = counters(registry, "c_total");
    struct sx_counter *overflow = sx_counter_with(family, SX_OVERFLOW_VALUE);
    char text[16];
    int count = 0;
    while (sx_counter_value(overflow) == 0) {
        snprintf(text, sizeof text, "%d", count++);
        sx_counter_inc_with(family, text);
        assert_in_range(count, 0, 200);
    }
    count--;
    assert_in_range(count, 20, 200);
    sx_counter_add_with(family, 0.25, "no room either");
    assert_true(sx_counter_value(overflow) == 1.25);
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_true(sx_counter_value(sx_counter_with(family, text)) == 1);
    }
    assert_non_null(
        strstr(page_text(registry), "\nsextant_series_overflowed_total{family=\"c_total\"} 2\n"));
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_null(memchr(page.data, 0, page.size));
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
}

static void test_a_registration_that_fails_uses_nothing_up(void **state)
{
    (void)state;
    char huge[6000];
    memset(huge, 'x', sizeof huge);
    struct sx_registry *registry = make((struct sx_registry_options){.directory_bytes = 4096});
    struct sx_counter_family *family = counters(registry, "c_total");
    struct sx_counter *made = NULL;
    struct sx_str value = {huge, sizeof huge};
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(sx_counter_family_get(&made, family, &value, 1), SX_OK);
        assert_ptr_equal(made, sx_counter_with(family, SX_OVERFLOW_VALUE));
    }
    huge[sizeof huge - 1] = '\0';
    assert_null(counter(registry, huge));
    assert_non_null(sx_counter_with(family, "fits"));
    assert_non_null(counter(registry, "fits_too"));
    sx_registry_destroy(registry);
}

static void test_no_cells_left_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    struct sx_registry *registry = make((struct sx_registry_options){.row_bytes = 64 * 3});
    struct sx_counter *first = counter(registry, "first_total");
    sx_counter_inc(first);
    struct sx_histogram *histogram = NULL;
    struct sx_metric_options options = {.name = "h", .help = "H."};
    assert_int_equal(sx_histogram_register(&histogram, registry, &options), SX_EFULL);
    char name[] = "a_total";
    while (counter(registry, name) != NULL) {
        name[0]++;
    }
    assert_int_equal(name[0] - 'a', 15);
    sx_counter_add(first, 0.5); /* there is no cell for the fraction */
    assert_true(sx_counter_value(first) == 1);
    sx_registry_destroy(registry);
}

/* Runs in a process of its own, as limits cannot be taken back; gives what `run` gives. The process
 * is killed in the end, as a checker of leaks at its exit would need memory beyond the limits. */
static int in_child(int run(void))
{
    int result[2];
    signed char given = -1;
    assert_int_equal(pipe(result), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        given = (signed char)run();
        if (write(result[1], &given, 1) == 1) {
            (void)pause();
        }
        _exit(1);
    }
    close(result[1]);
    assert_int_equal(read(result[0], &given, 1), 1);
    close(result[0]);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return given;
}

/* A macro, as the C libraries disagree on the type of a resource. */
#define limit(resource, bytes) ((void)setrlimit((resource), &(struct rlimit){(bytes), (bytes)}))

/* Bytes of address space in use. */
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        (void)!fscanf(file, "%lu", &pages);
        fclose(file);
    }
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int counts(bool shared)
{
    struct sx_registry *registry = NULL;
    /* More thread rows than any former registry had, so that this one needs a mapping of its own.
     */
    struct sx_registry_options options = {.shared = shared, .thread_rows = 100};
    if (sx_registry_new(&registry, &options) != SX_OK) {
        return 1;
    }
    struct sx_counter_family *family = counters(registry, "c_total");
    char text[16];
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "%d", i);
        sx_counter_inc(sx_counter_with(family, text));
    }
    struct sx_page page = {0};
    bool good = sx_counter_value(sx_counter_with(family, "499")) == 1 &&
                sx_page_render(&page, registry, SX_FORMAT_TEXT) == SX_OK && page.size > 500 * 10;
    sx_page_clean_up(&page);
    return good ? 0 : 2;
}

static int count_in_16_mib(void)
{
    limit(RLIMIT_AS, address_space() + ((rlim_t)16 << 20));
    return counts(false);
}

static int come_and_go_in_2_gib(void)
{
    limit(RLIMIT_AS, address_space() + ((rlim_t)2 << 30));
    struct sx_registry_options options = {0};
    for (int i = 0; i < 200; i++) {
        struct sx_registry *registry = NULL;
        options.shared = i % 2 == 1;
        if (sx_registry_new(&registry, &options) != SX_OK) {
            return 1;
        }
        struct sx_counter *made = counter(registry, "c_total");
        sx_counter_inc(made);
        if (sx_counter_value(made) != 1) {
            return 2;
        }
        sx_registry_destroy(registry);
    }
    return 0;
}

static int count_shared_in_256_mib(void)
{
    limit(RLIMIT_AS, address_space() + ((rlim_t)256 << 20));
    return counts(true);
}

static int count_shared_with_small_files(void)
{
    limit(RLIMIT_FSIZE, (rlim_t)64 << 20);
    return counts(true);
}

#define NO_LIMIT 77

static int fail_in(bool shared, rlim_t bytes)
{
    struct sx_registry *registry = NULL;
    struct sx_registry_options options = {.shared = shared, .thread_rows = 1000};
    limit(RLIMIT_AS, address_space() + bytes);
    if (mmap(NULL, (size_t)64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
        return NO_LIMIT;
    }
    int status = sx_registry_new(&registry, &options);
    return status == SX_ENOMEM && registry == NULL ? 0 : 1;
}

static int fail_in_64_kib(void)
{
    return fail_in(false, 64 << 10);
}

static int fail_shared_in_1_mib(void)
{
    return fail_in(true, 1 << 20);
}

/* Sets of the cache are chosen by the last 12 bits of an address, without those of the line. */
static size_t cache_set_of(const void *address)
{
    return (uintptr_t)address / 64 % 64;
}

static void test_a_thread_that_updates_all_registries_uses_all_cache_sets(void **state)
{
    (void)state;
    if (SANITIZED) {
        skip(); /* the thread sanitizer follows at most 64 mutexes of a thread */
    }
    struct sx_registry *registries[SX__ARENAS] = {NULL};
    unsigned handles[64] = {0};
    unsigned cells[64] = {0};
    int count = 0;
    while (count < SX__ARENAS && sx_registry_new(&registries[count], NULL) == SX_OK) {
        struct sx_counter *made = counter(registries[count], "c_total");
        sx_counter_inc(made);
        handles[cache_set_of(made)]++;
        cells[cache_set_of(sx__thread_rows[made->arena] + made->cell * sizeof(double))]++;
        count++;
    }
    for (int i = 0; i < count; i++) {
        sx_registry_destroy(registries[i]);
    }
    assert_in_range(count, 32, SX__ARENAS);
    for (int set = 0; set < 64; set++) {
        assert_in_range(handles[set], 0, 1);
        assert_in_range(cells[set], 0, 1);
    }
}

static int use_up_all_arenas(void)
{
    struct sx_registry *registries[SX__ARENAS + 1] = {NULL};
    struct sx_registry_options options = {
        .thread_rows = 2, .row_bytes = 4096, .directory_bytes = 4096};
    size_t count = 0;
    int status = SX_OK;
    while (count <= SX__ARENAS && status == SX_OK) {
        status = sx_registry_new(&registries[count], &options);
        count += status == SX_OK;
    }
    if (status != SX_EREGISTRIES || count == 0 || registries[count] != NULL) {
        return 1;
    }
    sx_registry_destroy(registries[0]);
    return sx_registry_new(&registries[0], &options) == SX_OK ? 0 : 2;
}

static void test_there_is_a_limit_to_registries_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(in_child(use_up_all_arenas), 0);
}

static void test_a_private_registry_fits_into_little_address_space(void **state)
{
    (void)state;
    if (SANITIZED) {
        skip(); /* a sanitizer needs address space without limit */
    }
    assert_int_equal(in_child(count_in_16_mib), 0);
}

static void test_limited_address_space_makes_a_shared_registry_smaller(void **state)
{
    (void)state;
    need_shared_registries();
    if (SANITIZED) {
        skip();
    }
    assert_int_equal(in_child(count_shared_in_256_mib), 0);
    assert_int_equal(in_child(come_and_go_in_2_gib), 0);
}

static void test_limited_file_sizes_make_a_shared_registry_smaller(void **state)
{
    (void)state;
    need_shared_registries();
    assert_int_equal(in_child(count_shared_with_small_files), 0);
}

static void test_no_address_space_is_an_error(void **state)
{
    (void)state;
    if (SANITIZED) {
        skip();
    }
    const int result = in_child(fail_in_64_kib);
    if (result == NO_LIMIT) {
        print_message("skipping: the limit of address space does not hold, as under qemu-user\n");
        skip();
    }
    assert_int_equal(result, 0);
    assert_int_equal(in_child(fail_shared_in_1_mib), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registries_live_side_by_side),
        cmocka_unit_test(test_null_means_the_default_registry),
        cmocka_unit_test(test_a_new_registry_has_no_values_of_an_old_one),
        cmocka_unit_test(test_registries_can_come_and_go_without_end),
        cmocka_unit_test(test_a_thread_outlives_registries_that_it_updated),
        cmocka_unit_test(test_impossible_sizes_are_refused),
        cmocka_unit_test(test_what_a_full_directory_has_no_room_for_is_counted_as_overflow),
        cmocka_unit_test(test_a_registration_that_fails_uses_nothing_up),
        cmocka_unit_test(test_no_cells_left_is_an_error_and_loses_nothing),
        cmocka_unit_test(test_a_thread_that_updates_all_registries_uses_all_cache_sets),
        cmocka_unit_test(test_there_is_a_limit_to_registries_at_a_time),
        cmocka_unit_test(test_a_private_registry_fits_into_little_address_space),
        cmocka_unit_test(test_limited_address_space_makes_a_shared_registry_smaller),
        cmocka_unit_test(test_limited_file_sizes_make_a_shared_registry_smaller),
        cmocka_unit_test(test_no_address_space_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
