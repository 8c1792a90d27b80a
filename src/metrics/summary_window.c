/* summary_window.c: snapshots, and quantiles of the difference between two. */
#include "summary_window.h"

#include "clock.h"
#include "native.h"

/* A snapshot is kept if the last one is at least a fifth of the window old. So six cover the window
 * with both its ends. */
#define PARTS 5u
#define SNAPSHOTS (PARTS + 1)
/* What sx__read_native gives: at most this many buckets of both signs (see read_quantiles in
 * desc.c), one of zero and two of infinity. */
#define BUCKETS_MAX (SX__NATIVE_WINDOW + 3)

/* The buckets of both signs in the order of their numbers, without those that are empty. */
struct snapshot {
    uint64_t taken_ms; /* CLOCK_MONOTONIC */
    int32_t schema;
    uint32_t count;
    int32_t keys[BUCKETS_MAX]; /* see bucket_key */
    uint64_t counts[BUCKETS_MAX];
};

/* Those that are kept, in a ring. */
struct sx__summary_window {
    uint32_t newest; /* counted from the first one that was ever kept */
    uint32_t count;  /* at most SNAPSHOTS */
    struct snapshot snapshots[SNAPSHOTS];
};

_Static_assert(sizeof(struct sx__summary_window) <= 12 * 1024, "the documented size");

static struct sx__summary_window *summary_window_of(const struct sx_registry *registry,
                                                    const struct sx__series *series)
{
    return sx__at(registry, series->window);
}

static uint64_t window_now_ms(void)
{
    return sx__clock_now_ns() / 1000000;
}

/* ---- keys: indexes of buckets of both signs in one order ---- */

#define KEY_BIAS (INT32_C(1) << 20) /* more than any index */

static int32_t bucket_key(int32_t index)
{
    return index + KEY_BIAS; /* of a negative number -bucket_key(index); of zero 0 */
}

static int32_t bucket_index(int32_t key)
{
    return (key < 0 ? -key : key) - KEY_BIAS;
}

/* The bucket of infinity is next to that of the largest double at each schema, so it is merged as
 * any other. */
static int32_t coarser_key(int32_t key, uint32_t halvings)
{
    const int32_t coarser =
        key == 0 ? 0 : bucket_key(sx__native_coarser(bucket_index(key), halvings));
    return key < 0 ? -coarser : coarser;
}

/* ---- snapshots ---- */

static void append_bucket(struct snapshot *snapshot, int32_t key, uint64_t count)
{
    if (snapshot->count < BUCKETS_MAX) {
        snapshot->keys[snapshot->count] = key;
        snapshot->counts[snapshot->count++] = count;
    }
}

/* Returns false if the series is removed. */
static bool take_snapshot(struct snapshot *snapshot, const struct sx__reading *reading,
                          const struct sx__series *series)
{
    struct sx__native_values values;
    if (!sx__read_native(reading, series, &values)) {
        return false;
    }
    snapshot->taken_ms = window_now_ms();
    snapshot->schema = values.schema;
    snapshot->count = 0;
    for (size_t i = values.negative.count; i > 0; i--) {
        const struct sx__native_bucket *bucket = &values.negative.buckets[i - 1];
        append_bucket(snapshot, -bucket_key(bucket->index), bucket->count);
    }
    if (values.zero_count > 0) {
        append_bucket(snapshot, 0, values.zero_count);
    }
    for (size_t i = 0; i < values.positive.count; i++) {
        append_bucket(snapshot, bucket_key(values.positive.buckets[i].index),
                      values.positive.buckets[i].count);
    }
    return true;
}

/* The last one is the newest. */
static struct snapshot *kept_at(struct sx__summary_window *window, uint32_t index)
{
    return &window->snapshots[(window->newest + SNAPSHOTS + 1 + index - window->count) % SNAPSHOTS];
}

static void begin_window(struct sx__summary_window *window)
{
    __atomic_store_n(&window->count, 0, __ATOMIC_RELEASE);
    window->newest = 0;
    window->snapshots[0].count = 0;
    window->snapshots[0].schema = SX__SCHEMA_MAX;
    window->snapshots[0].taken_ms = window_now_ms();
    __atomic_store_n(&window->count, 1, __ATOMIC_RELEASE);
}

static uint64_t part_of(uint64_t window_ms)
{
    return (window_ms + PARTS - 1) / PARTS;
}

/* Returns the snapshot in which the window begins. NULL: a process was killed before it had made
 * the first one. */
static const struct snapshot *begin_of(struct sx__summary_window *window, uint64_t window_ms,
                                       uint64_t now)
{
    uint32_t i = 0;
    while (i + 1 < window->count && kept_at(window, i)->taken_ms + window_ms < now) {
        i++;
    }
    /* After a time without readers, the first page and those soon after it show all of that time.
     */
    if (i > 0 && kept_at(window, i)->taken_ms + part_of(window_ms) > now) {
        i--;
    }
    return window->count == 0 ? NULL : kept_at(window, i);
}

static bool is_due(struct sx__summary_window *window, uint64_t window_ms, uint64_t now)
{
    return window->count == 0 ||
           kept_at(window, window->count - 1)->taken_ms + part_of(window_ms) <= now;
}

/* A snapshot that is replaced is older than the window, so one that is half-written is not used as
 * long as its time is written last. */
static void keep(struct sx__summary_window *window, const struct snapshot *snapshot)
{
    const uint32_t newest = (window->newest + 1) % SNAPSHOTS;
    struct snapshot *to = &window->snapshots[newest];
    to->schema = snapshot->schema;
    to->count = snapshot->count;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        to->keys[i] = snapshot->keys[i];
        to->counts[i] = snapshot->counts[i];
    }
    __atomic_store_n(&to->taken_ms, snapshot->taken_ms, __ATOMIC_RELEASE);
    __atomic_store_n(&window->newest, newest, __ATOMIC_RELEASE);
    if (window->count < SNAPSHOTS) {
        __atomic_store_n(&window->count, window->count + 1, __ATOMIC_RELEASE);
    }
}

/* In place, because a merged bucket is never behind those that it is made of. */
static void coarsen(struct snapshot *snapshot, int32_t schema)
{
    const uint32_t halvings = (uint32_t)(snapshot->schema - schema);
    const uint32_t count = snapshot->count;
    snapshot->schema = schema;
    snapshot->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t key = coarser_key(snapshot->keys[i], halvings);
        if (snapshot->count > 0 && snapshot->keys[snapshot->count - 1] == key) {
            snapshot->counts[snapshot->count - 1] += snapshot->counts[i];
        } else {
            append_bucket(snapshot, key, snapshot->counts[i]);
        }
    }
}

/* The buckets of a later snapshot are usually as fine or coarser. They are finer, and have counted
 * less, if they were read by a scrape that began before the other snapshot: it does not read rows
 * and pages that were used for the first time since. */
static void subtract(struct snapshot *from, const struct snapshot *amounts)
{
    if (from->schema > amounts->schema) {
        coarsen(from, amounts->schema);
    }
    const uint32_t halvings = (uint32_t)(amounts->schema - from->schema);
    uint32_t at = 0;
    for (uint32_t i = 0; i < amounts->count; i++) {
        const int32_t key = coarser_key(amounts->keys[i], halvings);
        while (at < from->count && from->keys[at] < key) {
            at++;
        }
        if (at < from->count && from->keys[at] == key) {
            const uint64_t amount = amounts->counts[i];
            from->counts[at] -= amount < from->counts[at] ? amount : from->counts[at];
        }
    }
}

/* ---- quantiles ---- */

/* The bound with this index at schema 8, which is not that of infinity. */
static double bound_at(int32_t index)
{
    const int32_t part = index & (SX__NATIVE_BOUNDS - 1);
    const int32_t exponent = (index - part) / SX__NATIVE_BOUNDS;
    return sx__double_of((uint64_t)(exponent + 1023) << 52 | sx__native_bounds[part]);
}

/* The number that is as many times larger than the values at the lower end of the bucket as it is
 * smaller than those at the upper end: the harmonic mean of the bounds. */
static double middle_of(int32_t key, int32_t schema)
{
    const int32_t width = INT32_C(1) << (SX__SCHEMA_MAX - schema);
    const int32_t lower = (bucket_index(key) - 1) * width;
    if (key == 0) {
        return 0;
    }
    double middle = HUGE_VAL;
    if (lower < 1024 * SX__NATIVE_BOUNDS) {
        const double growth = bound_at(width);
        middle = bound_at(lower) * (2 * growth / (1 + growth));
    }
    return key < 0 ? -middle : middle;
}

static double quantile_of(const struct snapshot *observed, uint64_t total, double quantile)
{
    const double exact = quantile * (double)total;
    uint64_t left = exact < (double)total ? (uint64_t)exact : total;
    left += left == 0 || (left < total && (double)left < exact);
    uint32_t i = 0;
    while (i + 1 < observed->count && left > observed->counts[i]) {
        left -= observed->counts[i++];
    }
    return middle_of(observed->keys[i], observed->schema);
}

static void estimate(struct sx_quantile *quantiles, size_t count, const struct snapshot *observed)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < observed->count; i++) {
        total += observed->counts[i];
    }
    for (size_t i = 0; i < count; i++) {
        quantiles[i].value = total == 0 ? NAN : quantile_of(observed, total, quantiles[i].quantile);
    }
}

/* ---- the window of a series ---- */

bool sx__summary_window_make(struct sx_registry *registry, struct sx__series *series)
{
    struct sx__summary_window *window =
        sx__directory_allocate(registry, sizeof(struct sx__summary_window));
    if (window != NULL) {
        begin_window(window);
        series->window = sx__ref(registry, window);
    }
    return window != NULL;
}

void sx__summary_window_free(struct sx_registry *registry, const struct sx__series *series)
{
    if (sx__series_has_window(series)) {
        sx__directory_free(registry, summary_window_of(registry, series),
                           sizeof(struct sx__summary_window));
    }
}

void sx__summary_window_restart(struct sx_registry *registry, const struct sx__series *series)
{
    if (sx__series_has_window(series)) {
        begin_window(summary_window_of(registry, series));
    }
}

bool sx__summary_window_read(const struct sx__reading *reading, const struct sx__series *series,
                             struct sx_quantile *quantiles, size_t count)
{
    struct snapshot observed;
    struct sx_registry *registry = reading->registry;
    const uint64_t window_ms = sx__series_family(series)->window_ms;
    sx__directory_lock(registry);
    const bool is_shown = take_snapshot(&observed, reading, series);
    if (is_shown) {
        struct sx__summary_window *window = summary_window_of(registry, series);
        const struct snapshot *begin = begin_of(window, window_ms, observed.taken_ms);
        if (is_due(window, window_ms, observed.taken_ms)) {
            keep(window, &observed);
        }
        if (begin != NULL) {
            subtract(&observed, begin);
        }
    }
    sx__directory_unlock(registry);
    if (is_shown) {
        estimate(quantiles, count, &observed);
    }
    return is_shown;
}
