/* Native buckets count every observation in the right bucket, at a resolution that only ever
 * becomes coarser, whatever threads and processes do at the same time. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "exemplars.h"
#include "native.h"
#include "page.h"
#include "shared_registries.h"

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sextant/registration.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sx_registry *registry;
static struct sx_histogram *histogram;

#define OPTIONS(...) (&(const struct sx_metric_options){__VA_ARGS__})

static void make(const struct sx_registry_options *options, double growth_factor)
{
    assert_int_equal(sx_registry_new(&registry, options), SX_OK);
    assert_int_equal(
        sx_histogram_register(
            &histogram, registry,
            OPTIONS(.name = "h", .native = {.growth_factor = growth_factor}, SX_BUCKETS(1, 2))),
        SX_OK);
}

static int set_up(void **state)
{
    (void)state;
    make(NULL, 1.001);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    return 0;
}

static void read_into(struct sx__native_values *values, const struct sx_histogram *of)
{
    struct sx__reading reading;
    sx__reading_of_thread_rows(&reading, registry);
    assert_true(sx__read_native(&reading, (const struct sx__series *)(const void *)of, values));
}

static uint64_t in_bucket(const struct sx__native_side *side, int32_t index)
{
    for (size_t i = 0; i < side->count; i++) {
        if (side->buckets[i].index == index) {
            return side->buckets[i].count;
        }
    }
    return 0;
}

static int32_t index_at(double value, int32_t schema)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return value == INFINITY
               ? sx__native_coarser(1024 * 256, (uint32_t)(SX__SCHEMA_MAX - schema)) + 1
               : sx__native_coarser(sx__native_index(bits), (uint32_t)(SX__SCHEMA_MAX - schema));
}

/* What was observed, to count it again. */
struct observations {
    size_t count;
    double values[4096];
};

static void check_side(const struct sx__native_side *side, const struct observations *all,
                       double sign, const struct sx__native_values *values)
{
    uint64_t in_side = 0;
    for (size_t i = 0; i < side->count; i++) {
        uint64_t expected = 0;
        assert_true(i == 0 || side->buckets[i].index > side->buckets[i - 1].index);
        for (size_t j = 0; j < all->count; j++) {
            const double value = all->values[j] * sign;
            expected += value > values->zero_threshold &&
                        index_at(value, values->schema) == side->buckets[i].index;
        }
        assert_int_equal(side->buckets[i].count, expected);
        in_side += expected;
    }
    uint64_t expected = 0;
    for (size_t j = 0; j < all->count; j++) {
        expected += all->values[j] * sign > values->zero_threshold;
    }
    assert_int_equal(in_side, expected);
}

static void check_all(const struct sx__native_values *values, const struct observations *all)
{
    check_side(&values->positive, all, 1, values);
    check_side(&values->negative, all, -1, values);
    uint64_t zeros = 0;
    for (size_t j = 0; j < all->count; j++) {
        zeros += fabs(all->values[j]) <= values->zero_threshold;
    }
    assert_int_equal(values->zero_count, zeros);
    assert_int_equal(values->count, all->count);
}

/* ---- where observations go ---- */

static void test_each_observation_is_in_its_bucket(void **state)
{
    (void)state;
    struct sx__native_values values;
    read_into(&values, histogram);
    assert_int_equal(values.count, 0);
    assert_int_equal(values.schema, 8);
    assert_true(values.zero_threshold == 0x1p-128);
    sx_histogram_observe(histogram, 1);
    sx_histogram_observe(histogram, 1.01);
    sx_histogram_observe(histogram, -1);
    sx_histogram_observe(histogram, 0);
    sx_histogram_observe(histogram, -0.0);
    sx_histogram_observe(histogram, 0x1p-128);
    sx_histogram_observe(histogram, -0x1p-1074);
    sx_histogram_observe(histogram, NAN);
    read_into(&values, histogram);
    assert_int_equal(values.schema, 8);
    assert_int_equal(values.zero_count, 4);
    assert_int_equal(values.positive.count, 2);
    assert_int_equal(in_bucket(&values.positive, 0), 1);
    assert_int_equal(in_bucket(&values.positive, 4), 1); /* 2^(3/256) < 1.01 <= 2^(4/256) */
    assert_int_equal(values.negative.count, 1);
    assert_int_equal(in_bucket(&values.negative, 0), 1);
    assert_int_equal(values.count, 7);
    assert_true(values.sum == sx_histogram_sum(histogram));
    page_assert_line(page_text(registry), "sextant_updates_ignored_total{family=\"h\"} 1");
}

static void test_infinities_have_a_bucket_of_their_own(void **state)
{
    (void)state;
    struct sx__native_values values;
    sx_histogram_observe(histogram, INFINITY);
    sx_histogram_observe(histogram, -INFINITY);
    sx_histogram_observe(histogram, -INFINITY);
    sx_histogram_observe(histogram, 1);
    read_into(&values, histogram);
    assert_int_equal(values.schema, 8);
    assert_int_equal(in_bucket(&values.positive, 1024 * 256 + 1), 1);
    assert_int_equal(in_bucket(&values.negative, 1024 * 256 + 1), 2);
    assert_int_equal(in_bucket(&values.positive, 0), 1);
    sx_histogram_observe(histogram, DBL_MAX);
    read_into(&values, histogram);
    assert_int_equal(values.schema, -3);
    assert_int_equal(in_bucket(&values.positive, 128), 1);
    assert_int_equal(in_bucket(&values.positive, 129), 1);
    assert_int_equal(values.count, 5);
}

static void test_native_buckets_need_no_classic_ones(void **state)
{
    (void)state;
    struct sx_histogram *alone = NULL;
    struct sx__native_values values;
    assert_int_equal(sx_histogram_register(&alone, registry,
                                           OPTIONS(.name = "a", .native = {.growth_factor = 2})),
                     SX_OK);
    for (int i = 1; i <= 8; i++) {
        sx_histogram_observe(alone, i);
        sx_histogram_observe(histogram, i);
    }
    read_into(&values, alone);
    assert_int_equal(values.schema, 0);
    assert_int_equal(values.positive.count, 4); /* 1, 2, 3 and 4, 5 to 8 */
    assert_int_equal(in_bucket(&values.positive, 3), 4);
    const char *page = page_text(registry);
    page_assert_line(page, "a_bucket{le=\"+Inf\"} 8");
    page_assert_line(page, "a_sum 36");
    page_assert_line(page, "a_count 8");
    assert_null(strstr(page, "a_bucket{le=\"1"));
    page_assert_line(page, "h_bucket{le=\"1\"} 1");
    page_assert_line(page, "h_bucket{le=\"+Inf\"} 8");
    assert_int_equal(sx_histogram_count(alone), 8);
}

static void test_the_zero_threshold_is_an_option(void **state)
{
    (void)state;
    struct sx_histogram *wide = NULL;
    struct sx__native_values values;
    assert_int_equal(sx_histogram_register(&wide, registry,
                                           OPTIONS(.name = "w", .native = {.growth_factor = 2,
                                                                           .zero_threshold = .5})),
                     SX_OK);
    sx_histogram_observe(wide, .5);
    sx_histogram_observe(wide, -.5);
    sx_histogram_observe(wide, nextafter(.5, 1));
    read_into(&values, wide);
    assert_true(values.zero_threshold == .5);
    assert_int_equal(values.zero_count, 2);
    assert_int_equal(in_bucket(&values.positive, 0), 1);
}

/* ---- halving ---- */

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* A number whose logarithm is uniform over some powers of two around 1. */
static double random_value(double powers_of_two)
{
    const double fraction = (double)(next_random() >> 11) / 0x1p53;
    return exp2((fraction - .5) * powers_of_two);
}

static void test_halving_loses_nothing(void **state)
{
    (void)state;
    static const double spreads[] = {.1, 1, 5, 20, 100, 240, 1000, 2000};
    static struct observations all;
    struct sx__native_values values;
    for (size_t i = 0; i < sizeof spreads / sizeof spreads[0]; i++) {
        int32_t schema = 8;
        sx_histogram_reset(histogram);
        all.count = 0;
        random_state = 12345 + i;
        while (all.count < 2000) {
            const bool is_negative = next_random() % 3 == 0;
            const double value = random_value(spreads[i]) * (is_negative ? -1 : 1);
            all.values[all.count++] = value;
            sx_histogram_observe(histogram, value);
            if (all.count % 97 == 0 || all.count < 8) {
                read_into(&values, histogram);
                check_all(&values, &all);
                assert_in_range(values.positive.count + values.negative.count, 0, 160);
                assert_true(values.schema <= schema);
                schema = values.schema;
            }
        }
        assert_true(i != 0 || schema == 8);
        assert_true(i != 7 || schema == -4);
    }
}

static void test_all_doubles_fit(void **state)
{
    (void)state;
    static struct observations all;
    struct sx__native_values values;
    struct sx_histogram *fine = NULL;
    assert_int_equal(
        sx_histogram_register(
            &fine, registry,
            OPTIONS(.name = "f", .native = {.growth_factor = 1.01, .zero_threshold = DBL_MIN})),
        SX_OK);
    all.count = 0;
    for (int exponent = -1030; exponent < 1024; exponent++) {
        all.values[all.count] = ldexp(1.3, exponent) * (exponent % 2 == 0 ? 1 : -1);
        sx_histogram_observe(fine, all.values[all.count++]);
    }
    read_into(&values, fine);
    assert_int_equal(values.schema, -4);
    check_all(&values, &all);
}

static void test_there_are_at_most_as_many_buckets_as_wanted(void **state)
{
    (void)state;
    static struct observations all;
    struct sx_histogram *few = NULL;
    struct sx__native_values values;
    assert_int_equal(sx_histogram_register(&few, registry,
                                           OPTIONS(.name = "few", .native = {.growth_factor = 1.01,
                                                                             .max_buckets = 10})),
                     SX_OK);
    all.count = 0;
    random_state = 7;
    while (all.count < 1000) {
        all.values[all.count] = random_value(8);
        sx_histogram_observe(few, all.values[all.count++]);
    }
    read_into(&values, few);
    assert_int_equal(values.schema, 0);
    assert_in_range(values.positive.count, 5, 10);
    check_all(&values, &all);
}

/* A process that is killed while it halves leaves the other window half-written. */
static void test_a_half_written_window_is_not_used(void **state)
{
    (void)state;
    static struct observations all;
    struct sx__native_values values;
    all.count = 0;
    random_state = 99;
    for (int round = 0; round < 40; round++) {
        all.values[all.count] = random_value(round * 4 + 1);
        sx_histogram_observe(histogram, all.values[all.count++]);
        const struct sx__series *series = (const struct sx__series *)(const void *)histogram;
        uint64_t *lane = sx__cell(sx__thread_rows[registry->arena], series->increments);
        const size_t unused = 1 - (lane[0] >> SX__LANE_WINDOW_AT & 1);
        for (size_t i = 0; i < SX__NATIVE_WINDOW; i++) {
            lane[SX__LANE_WINDOWS + unused * SX__NATIVE_WINDOW + i] = 1000;
        }
        read_into(&values, histogram);
        check_all(&values, &all);
    }
    assert_in_range(values.schema + 4, 0, 6);
}

/* ---- threads ---- */

#define THREADS 6
#define ROUNDS 20000

static double observed_by(unsigned thread, unsigned round)
{
    const unsigned random = (round * 2654435761u) ^ (thread * 40503u);
    const double spread = round < ROUNDS / 2 ? 3 : 60; /* in powers of two */
    const double value = exp2(((random >> 8) % 10000 / 10000. - .5) * spread);
    return random % 5 == 0 ? -value : value;
}

static void *observe_many(void *context)
{
    const unsigned thread = *(const unsigned *)context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        sx_histogram_observe(histogram, observed_by(thread, i));
    }
    return NULL;
}

static bool is_over;

static void *read_many(void *context)
{
    struct sx__native_values values;
    uint64_t count = 0;
    int32_t schema = 8;
    (void)context;
    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        read_into(&values, histogram);
        assert_true(values.count >= count);
        assert_true(values.schema <= schema);
        count = values.count;
        schema = values.schema;
    }
    return NULL;
}

static void check_threads(const struct sx__native_values *values)
{
    static uint64_t expected[2][2 * 160 * 2 + 1];
    memset(expected, 0, sizeof expected);
    for (unsigned i = 0; i < THREADS * ROUNDS; i++) {
        const double value = observed_by(i / ROUNDS, i % ROUNDS);
        expected[value < 0][index_at(fabs(value), values->schema) + 320]++;
    }
    assert_int_equal(values->count, THREADS * ROUNDS);
    for (int32_t i = -320; i <= 320; i++) {
        assert_int_equal(in_bucket(&values->positive, i), expected[0][i + 320]);
        assert_int_equal(in_bucket(&values->negative, i), expected[1][i + 320]);
    }
}

static void run_threads(void)
{
    pthread_t threads[THREADS], reader;
    unsigned numbers[THREADS];
    struct sx__native_values values;
    is_over = false;
    assert_int_equal(pthread_create(&reader, NULL, read_many, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, observe_many, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    (void)pthread_join(reader, NULL);
    read_into(&values, histogram);
    check_threads(&values);
    assert_int_equal(sx_histogram_count(histogram), THREADS * ROUNDS);
}

static void test_readers_see_each_observation_once(void **state)
{
    (void)state;
    run_threads();
}

static void test_threads_without_a_row_are_counted(void **state)
{
    (void)state;
    sx_registry_destroy(registry);
    make(&(struct sx_registry_options){.thread_rows = 2}, 1.001);
    run_threads();
}

static pthread_barrier_t all_observe;

static void *observe_and_wait(void *context)
{
    (void)observe_many(context);
    (void)pthread_barrier_wait(&all_observe);
    return NULL;
}

/* Several times, so that the rows whose lanes were folded are used again. */
static void test_rows_of_threads_that_ended_are_folded(void **state)
{
    (void)state;
    pthread_t threads[2 * THREADS];
    unsigned numbers[2 * THREADS];
    struct sx__native_values before, after;
    struct sx__reading reading;
    for (unsigned round = 1; round <= 3; round++) {
        assert_int_equal(pthread_barrier_init(&all_observe, NULL, 2 * THREADS), 0);
        for (unsigned i = 0; i < 2 * THREADS; i++) {
            numbers[i] = i % THREADS;
            assert_int_equal(pthread_create(&threads[i], NULL, observe_and_wait, &numbers[i]), 0);
        }
        for (unsigned i = 0; i < 2 * THREADS; i++) {
            (void)pthread_join(threads[i], NULL);
        }
        (void)pthread_barrier_destroy(&all_observe);
        read_into(&before, histogram);
        for (int i = 0; i < 4; i++) {
            assert_non_null(strstr(page_text(registry), "# TYPE h histogram\n"));
        }
        read_into(&after, histogram);
        assert_int_equal(before.count, (uint64_t)round * 2 * THREADS * ROUNDS);
        assert_int_equal(after.count, before.count);
        assert_int_equal(after.schema, before.schema);
        assert_int_equal(after.positive.count, before.positive.count);
        for (size_t i = 0; i < before.positive.count; i++) {
            assert_int_equal(in_bucket(&after.positive, before.positive.buckets[i].index),
                             before.positive.buckets[i].count);
        }
        for (size_t i = 0; i < before.negative.count; i++) {
            assert_int_equal(in_bucket(&after.negative, before.negative.buckets[i].index),
                             before.negative.buckets[i].count);
        }
    }
    sx__reading_of_thread_rows(&reading, registry);
    assert_in_range(reading.counting_row_count, 1, 6);
}

/* ---- series ---- */

static void test_a_series_that_is_made_again_starts_at_0(void **state)
{
    (void)state;
    struct sx_histogram_family *family = NULL;
    struct sx__native_values values;
    assert_int_equal(sx_histogram_family_register(&family, registry,
                                                  OPTIONS(.name = "f", .labels = SX_LABELS("a"),
                                                          .native = {.growth_factor = 1.1})),
                     SX_OK);
    uint32_t used = 0;
    for (int i = 0; i < 300; i++) {
        struct sx_histogram *one = sx_histogram_with(family, "v");
        assert_non_null(one);
        read_into(&values, one);
        assert_int_equal(values.count, 0);
        assert_int_equal(values.schema, 3);
        sx_histogram_observe(one, 1e-9);
        sx_histogram_observe(one, 1e9);
        sx_histogram_observe(one, -1);
        sx_histogram_observe(one, INFINITY);
        read_into(&values, one);
        assert_int_equal(values.count, 4);
        assert_true(values.schema < 3);
        sx_histogram_release(one);
        assert_int_equal(sx_histogram_family_remove(family, &(struct sx_str){"v", 1}, 1), 1);
        used = i == 150 ? registry->thread_cells_used : used;
    }
    assert_int_equal(registry->thread_cells_used, used);
}

static void test_a_reset_begins_anew(void **state)
{
    (void)state;
    struct sx__native_values values;
    sx_histogram_observe(histogram, 1e-9);
    sx_histogram_observe(histogram, 1e9);
    sx_histogram_observe(histogram, -1);
    sx_histogram_reset(histogram);
    read_into(&values, histogram);
    assert_int_equal(values.count, 0);
    assert_int_equal(values.schema, 8);
    sx_histogram_observe(histogram, 1);
    read_into(&values, histogram);
    assert_int_equal(values.count, 1);
}

static void test_the_overflow_series_has_native_buckets(void **state)
{
    (void)state;
    struct sx_histogram_family *family = NULL;
    struct sx__native_values values;
    assert_int_equal(
        sx_histogram_family_register(&family, registry,
                                     OPTIONS(.name = "f", .labels = SX_LABELS("a"), .max_series = 1,
                                             .native = {.growth_factor = 1.1})),
        SX_OK);
    assert_int_equal(sx_histogram_observe_with(family, 1, "a"), SX_OK);
    assert_int_equal(sx_histogram_observe_with(family, -2, "b"), SX_OK);
    assert_int_equal(sx_histogram_observe_with(family, 3, "c"), SX_OK);
    struct sx_histogram *overflow = sx_histogram_with(family, SX_OVERFLOW_VALUE);
    read_into(&values, overflow);
    assert_int_equal(values.count, 2);
    assert_int_equal(values.negative.count, 1);
}

static void test_a_full_registry_ignores_negative_observations(void **state)
{
    (void)state;
    struct sx__native_values values;
    struct sx__exemplar exemplar;
    sx_registry_destroy(registry);
    make(&(struct sx_registry_options){.row_bytes = 4096}, 1.1); /* room for one lane */
    sx_histogram_observe(histogram, 1);
    sx_histogram_observe_with_exemplar(histogram, -1, NULL, 0);
    assert_false(
        sx__exemplar_read(&exemplar, (const struct sx__series *)(const void *)histogram, 0));
    sx_histogram_observe(histogram, -1);
    read_into(&values, histogram);
    assert_int_equal(values.count, 1);
    assert_int_equal(sx_histogram_count(histogram), 1);
    page_assert_line(page_text(registry), "sextant_updates_ignored_total{family=\"h\"} 2");
    struct sx_histogram *another = NULL;
    assert_int_equal(sx_histogram_register(&another, registry,
                                           OPTIONS(.name = "n", .native = {.growth_factor = 1.1})),
                     SX_EFULL);
    assert_null(another);
}

/* ---- removal beside updates ---- */

#define LABELS 4

static struct sx_histogram_family *removable;
static unsigned observers_left;
static size_t series_read;
static const char *const label_values[LABELS] = {"a", "b", "c", "d"};

/* Looks a handle up from time to time, and otherwise observes by label values. */
static void *observe_removable(void *context)
{
    const unsigned thread = *(const unsigned *)context;
    for (unsigned i = 0; i < ROUNDS / 2; i++) {
        const char *value = label_values[(i + thread) % LABELS];
        const double number = observed_by(thread, i);
        if (i % 16 == 0) {
            const struct sx_label label = {"trace_id", {value, 1}};
            struct sx_histogram *one = sx_histogram_with(removable, value);
            sx_histogram_observe_with_exemplar(one, number, &label, 1);
            sx_histogram_release(one);
        } else {
            assert_int_equal(sx_histogram_observe_with(removable, number, value), SX_OK);
        }
    }
    (void)__atomic_fetch_sub(&observers_left, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* All but the last one. */
static void *remove_many(void *context)
{
    (void)context;
    for (unsigned i = 0; !__atomic_load_n(&is_over, __ATOMIC_ACQUIRE); i++) {
        const struct sx_str value = {label_values[i % (LABELS - 1)], 1};
        assert_in_range(sx_histogram_family_remove(removable, &value, 1), 0, 1);
        if (i % 64 == 0) {
            (void)sched_yield();
        }
    }
    return NULL;
}

/* An exemplar of a series has that series' label value as its trace id. */
static void check_exemplars(const struct sx__series *series)
{
    static struct sx__exemplar exemplar;
    for (uint32_t slot = 0; slot < SX__NATIVE_EXEMPLARS; slot++) {
        struct sx_str name, value;
        size_t at = 0;
        if (sx__exemplar_read(&exemplar, series, slot)) {
            assert_true(sx__exemplar_next_label(&exemplar, &at, &name, &value));
            assert_int_equal(value.size, 1);
            assert_non_null(memchr(sx__series_text(series), value.data[0], series->text_size));
        }
    }
}

static void scrape_removable(void)
{
    struct sx__reading reading;
    static struct sx__native_values values;
    sx__reading_begin(&reading, registry);
    const struct sx__family *family = (const struct sx__family *)(const void *)removable;
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL; series = sx__series_at(registry, &series->next)) {
        if (sx__read_native(&reading, series, &values)) {
            assert_true(values.schema >= -4 && values.schema <= 3);
            series_read++;
            assert_in_range(values.positive.count + values.negative.count, 0, 160);
            check_exemplars(series);
        }
    }
    sx__reading_end(&reading);
}

static void test_series_are_removed_beside_updates_and_scrapes(void **state)
{
    (void)state;
    pthread_t threads[3], remover;
    unsigned numbers[3];
    assert_int_equal(sx_histogram_family_register(&removable, registry,
                                                  OPTIONS(.name = "r", .labels = SX_LABELS("label"),
                                                          .native = {.growth_factor = 1.1})),
                     SX_OK);
    is_over = false;
    observers_left = 3;
    assert_int_equal(pthread_create(&remover, NULL, remove_many, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, observe_removable, &numbers[i]), 0);
    }
    series_read = 0;
    do {
        scrape_removable();
    } while (__atomic_load_n(&observers_left, __ATOMIC_ACQUIRE) > 0);
    for (unsigned i = 0; i < 3; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    (void)pthread_join(remover, NULL);
    scrape_removable();
    assert_in_range(series_read, 1, SIZE_MAX);
    struct sx__native_values values;
    read_into(&values, sx_histogram_with(removable, label_values[LABELS - 1]));
    assert_int_equal(values.count, 3 * (ROUNDS / 2) / LABELS);
    (void)sx_histogram_family_clear(removable);
    struct sx_histogram *one = sx_histogram_with(removable, "a");
    read_into(&values, one);
    assert_int_equal(values.count, 0);
    sx_histogram_observe(one, 1);
    read_into(&values, one);
    assert_int_equal(values.count, 1);
}

/* ---- registration ---- */

static void check_fault(enum sx_metric_type type, struct sx_native_options native,
                        const char *detail)
{
    struct sx_registration one = {.registry = registry};
    (void)sx_registration_add(&one, type, OPTIONS(.name = "x", .native = native));
    assert_int_equal(one.status, SX_EINVAL);
    assert_non_null(strstr(one.message, detail));
}

static void test_impossible_options_are_refused(void **state)
{
    (void)state;
    const char *factor = ": the growth factor of native buckets must be greater than 1";
    const char *threshold = ": the zero threshold of native buckets must be positive";
    check_fault(SX_HISTOGRAM, (struct sx_native_options){.growth_factor = 1}, factor);
    check_fault(SX_HISTOGRAM, (struct sx_native_options){.growth_factor = -2}, factor);
    check_fault(SX_HISTOGRAM, (struct sx_native_options){.growth_factor = NAN}, factor);
    check_fault(SX_HISTOGRAM, (struct sx_native_options){.growth_factor = INFINITY}, factor);
    check_fault(SX_HISTOGRAM, (struct sx_native_options){.max_buckets = 10},
                ": native buckets need a growth factor");
    check_fault(
        SX_HISTOGRAM,
        (struct sx_native_options){.growth_factor = 2, .max_buckets = SX_NATIVE_BUCKETS_MAX + 1},
        ": there are too many native buckets");
    check_fault(SX_HISTOGRAM, (struct sx_native_options){.growth_factor = 2, .zero_threshold = -1},
                threshold);
    check_fault(SX_HISTOGRAM, (struct sx_native_options){.growth_factor = 2, .zero_threshold = NAN},
                threshold);
    check_fault(SX_HISTOGRAM,
                (struct sx_native_options){.growth_factor = 2, .zero_threshold = 0x1p-1074},
                threshold);
    check_fault(SX_GAUGE, (struct sx_native_options){.growth_factor = 2},
                ": only histograms have native buckets");
}

static void test_the_same_options_register_it_again(void **state)
{
    (void)state;
    struct sx_histogram *again = NULL;
    assert_int_equal(sx_histogram_register(&again, registry,
                                           OPTIONS(.name = "h", .native = {.growth_factor = 1.001},
                                                   SX_BUCKETS(1, 2))),
                     SX_OK);
    assert_ptr_equal(again, histogram);
    struct sx_registration one = {.registry = registry};
    (void)sx_registration_add(&one, SX_HISTOGRAM, OPTIONS(.name = "h", SX_BUCKETS(1, 2)));
    assert_int_equal(one.status, SX_EEXIST);
    assert_non_null(strstr(one.message, ": its classic or native buckets differ"));
}

/* ---- processes ---- */

/* Counts what it has observed in memory that all processes share. */
static void observe_for_ever(uint64_t *observed, unsigned seed)
{
    random_state = 1000 + seed;
    for (uint64_t i = 1;; i++) {
        const double value = random_value((double)(i % 4096) / 20);
        sx_histogram_observe(histogram, i % 7 == 0 ? -value : value);
        __atomic_store_n(observed, i, __ATOMIC_RELEASE);
        if (i % 5000 == 0) { /* so that there is something to halve again */
            sx_histogram_reset(histogram);
        }
    }
}

static void test_killed_processes_block_no_reader(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    make(&(struct sx_registry_options){.shared = true}, 1.001);
    uint64_t *observed =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(observed, MAP_FAILED);
    struct sx__native_values values;
    for (unsigned round = 0; round < 20; round++) {
        *observed = 0;
        const pid_t pid = fork();
        if (pid == 0) {
            (void)alarm(60); /* if this process dies */
            observe_for_ever(observed, round);
        }
        while (__atomic_load_n(observed, __ATOMIC_ACQUIRE) < 700 + round * 31) {
            assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
            (void)sched_yield();
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        read_into(&values, histogram);
        const uint64_t before = values.count;
        sx_histogram_observe(histogram, 1);
        sx_histogram_observe(histogram, 1e-30);
        read_into(&values, histogram);
        assert_int_equal(values.count, before + 2);
    }
    (void)munmap(observed, 4096);
}

static void test_processes_count_together(void **state)
{
    (void)state;
    need_shared_registries();
    sx_registry_destroy(registry);
    make(&(struct sx_registry_options){.shared = true}, 1.001);
    pid_t children[THREADS];
    struct sx__native_values values;
    for (unsigned i = 0; i < THREADS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            (void)observe_many(&i);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    read_into(&values, histogram);
    check_threads(&values);
}

static void test_a_child_of_a_private_registry_goes_on(void **state)
{
    (void)state;
    struct sx__native_values values;
    sx_histogram_observe(histogram, 1);
    sx_histogram_observe(histogram, 1000);
    const pid_t pid = fork();
    if (pid == 0) {
        sx_histogram_observe(histogram, 1e-20);
        read_into(&values, histogram);
        _exit(values.count == 3 && values.positive.count == 3 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    read_into(&values, histogram);
    assert_int_equal(values.count, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_observation_is_in_its_bucket),
        TEST(test_infinities_have_a_bucket_of_their_own),
        TEST(test_native_buckets_need_no_classic_ones),
        TEST(test_the_zero_threshold_is_an_option),
        TEST(test_halving_loses_nothing),
        TEST(test_all_doubles_fit),
        TEST(test_there_are_at_most_as_many_buckets_as_wanted),
        TEST(test_a_half_written_window_is_not_used),
        TEST(test_readers_see_each_observation_once),
        TEST(test_threads_without_a_row_are_counted),
        TEST(test_rows_of_threads_that_ended_are_folded),
        TEST(test_a_series_that_is_made_again_starts_at_0),
        TEST(test_a_reset_begins_anew),
        TEST(test_the_overflow_series_has_native_buckets),
        TEST(test_a_full_registry_ignores_negative_observations),
        TEST(test_series_are_removed_beside_updates_and_scrapes),
        TEST(test_impossible_options_are_refused),
        TEST(test_the_same_options_register_it_again),
        TEST(test_killed_processes_block_no_reader),
        TEST(test_processes_count_together),
        TEST(test_a_child_of_a_private_registry_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
