/* native.c: see native.h. */
#include "native.h"

#include "histogram_cells.h"
#include "series_values.h"

#include <assert.h>

/* ---- a lane ---- */

#define LANE_SCHEMA_BITS (SX__LANE_USED | UINT64_C(15) << SX__LANE_HALVINGS_AT)
#define HALVINGS_MAX ((uint32_t)(SX__SCHEMA_MAX - SX__SCHEMA_MIN))

/* The range of a lane, without the bias. */
struct lane_range {
    int32_t low;
    int32_t high;
};

static struct lane_range range_of(uint64_t control)
{
    return (struct lane_range){
        (int32_t)(control & SX__LANE_INDEX_MASK) - (int32_t)SX__LANE_BIAS,
        (int32_t)(control >> SX__LANE_INDEX_BITS & SX__LANE_INDEX_MASK) - (int32_t)SX__LANE_BIAS,
    };
}

static uint64_t control_of(struct lane_range range, uint32_t halvings, uint32_t window)
{
    return SX__LANE_USED | (uint64_t)window << SX__LANE_WINDOW_AT |
           (uint64_t)halvings << SX__LANE_HALVINGS_AT |
           ((uint64_t)(range.high + (int32_t)SX__LANE_BIAS) << SX__LANE_INDEX_BITS) |
           (uint64_t)(range.low + (int32_t)SX__LANE_BIAS);
}

static uint32_t window_of(uint64_t control)
{
    return (uint32_t)(control >> SX__LANE_WINDOW_AT) & 1;
}

static struct lane_range range_with(struct lane_range range, int32_t index)
{
    range.low = index < range.low ? index : range.low;
    range.high = index > range.high ? index : range.high;
    return range;
}

static struct lane_range coarser_range(struct lane_range range, uint32_t halvings)
{
    return (struct lane_range){sx__native_coarser(range.low, halvings),
                               sx__native_coarser(range.high, halvings)};
}

static bool fits_window(struct lane_range range)
{
    return range.high - range.low < (int32_t)SX__NATIVE_WINDOW;
}

static uint64_t *bucket_at(uint64_t *lane, uint64_t control, int32_t index)
{
    return sx__lane_bucket(lane, control, (uint32_t)(index + (int32_t)SX__LANE_BIAS));
}

static void empty_window(uint64_t *lane, uint32_t window)
{
    uint64_t *cells = lane + SX__LANE_WINDOWS + window * SX__NATIVE_WINDOW;
    for (uint32_t i = 0; i < SX__NATIVE_WINDOW; i++) {
        __atomic_store_n(&cells[i], 0, __ATOMIC_RELEASE);
    }
}

/* Counts are stored with release semantics: a reader that sees one in a reused window also sees the
 * newer control word. */
static uint64_t halve_lane(uint64_t *lane, uint64_t control)
{
    const struct lane_range range = range_of(control);
    const struct lane_range halved = coarser_range(range, 1);
    const uint64_t next =
        control_of(halved, sx__lane_halvings(control) + 1, 1 - window_of(control));
    empty_window(lane, window_of(next));
    for (int32_t i = range.low; i <= range.high; i++) {
        const uint64_t count = __atomic_load_n(bucket_at(lane, control, i), __ATOMIC_RELAXED);
        uint64_t *to = bucket_at(lane, next, sx__native_coarser(i, 1));
        __atomic_store_n(to, __atomic_load_n(to, __ATOMIC_RELAXED) + count, __ATOMIC_RELEASE);
    }
    __atomic_store_n(lane, next, __ATOMIC_RELEASE);
    return next;
}

uint64_t sx__lane_extend(uint64_t *lane, const struct sx__family *family, int32_t index)
{
    uint64_t control = __atomic_load_n(lane, __ATOMIC_RELAXED);
    if (control == 0) {
        const uint32_t halvings = (uint32_t)(SX__SCHEMA_MAX - family->native_schema);
        const int32_t first = sx__native_coarser(index, halvings);
        control = control_of((struct lane_range){first, first}, halvings, 0);
        __atomic_store_n(lane, control, __ATOMIC_RELEASE);
        return control;
    }
    for (;;) {
        const uint32_t halvings = sx__lane_halvings(control);
        const struct lane_range range =
            range_with(range_of(control), sx__native_coarser(index, halvings));
        if (fits_window(range)) {
            control = control_of(range, halvings, window_of(control));
            __atomic_store_n(lane, control, __ATOMIC_RELEASE);
            return control;
        }
        assert(halvings < HALVINGS_MAX); /* schema -4 has 132 buckets */
        control = halve_lane(lane, control);
    }
}

/* ---- folding ---- */

static void move_count(uint64_t *to, uint64_t *from)
{
    const uint64_t count = __atomic_load_n(from, __ATOMIC_RELAXED);
    if (count > 0) {
        __atomic_store_n(to, __atomic_load_n(to, __ATOMIC_RELAXED) + count, __ATOMIC_RELEASE);
        __atomic_store_n(from, 0, __ATOMIC_RELEASE);
    }
}

/* Extends a lane by the range of another one, which has the control word `from`. */
static uint64_t extend_to(uint64_t *lane, uint64_t from, const struct sx__family *family)
{
    const uint32_t halvings = sx__lane_halvings(from);
    const struct lane_range range = range_of(from);
    /* An index of schema 8 that is in the same bucket. */
    (void)sx__lane_extend(lane, family, range.low * (INT32_C(1) << halvings));
    uint64_t control = sx__lane_extend(lane, family, range.high * (INT32_C(1) << halvings));
    while (sx__lane_halvings(control) < halvings) {
        control = halve_lane(lane, control);
    }
    return control;
}

void sx__lane_fold(uint64_t *to, uint64_t *from, const struct sx__family *family)
{
    const uint64_t source = __atomic_load_n(from, __ATOMIC_RELAXED);
    move_count(to + SX__LANE_INFINITE, from + SX__LANE_INFINITE);
    move_count(to + SX__LANE_ZERO, from + SX__LANE_ZERO);
    if (source == 0) {
        return;
    }
    const struct lane_range range = range_of(source);
    const uint64_t control = extend_to(to, source, family);
    const uint32_t halvings = sx__lane_halvings(control) - sx__lane_halvings(source);
    for (int32_t i = range.low; i <= range.high; i++) {
        move_count(bucket_at(to, control, sx__native_coarser(i, halvings)),
                   bucket_at(from, source, i));
    }
    if (window_of(source) != 0) {
        empty_window(from, 0); /* an unused lane starts with window 0, which must be empty */
    }
    __atomic_store_n(from, 0, __ATOMIC_RELEASE);
}

/* ---- the lanes of a series ---- */

static struct sx__cells *lanes_of(const struct sx__series *series)
{
    return sx__at(sx__arenas[series->handle.arena].registry, sx__series_cells(series)->more);
}

uint32_t sx__native_negative_lane(const struct sx__series *series)
{
    struct sx__cells *lanes = lanes_of(series);
    uint32_t cell = __atomic_load_n(&lanes->more, __ATOMIC_ACQUIRE);
    if (cell != 0) {
        return cell;
    }
    struct sx_registry *registry = sx__arenas[series->handle.arena].registry;
    sx__directory_lock(registry);
    cell = sx__native_negative_lane_locked(registry, series);
    sx__directory_unlock(registry);
    return cell;
}

uint32_t sx__native_negative_lane_locked(struct sx_registry *registry,
                                         const struct sx__series *series)
{
    struct sx__cells *lanes = lanes_of(series);
    if (lanes->more == 0) {
        const uint32_t cell = sx__directory_thread_cells(registry, SX__LANE_CELLS);
        __atomic_store_n(&lanes->more, cell, __ATOMIC_RELEASE);
    }
    return lanes->more;
}

/* ---- reading ---- */

enum sign { POSITIVE, NEGATIVE, SIGNS };

/* The sum of the lanes of all rows. */
struct merged {
    uint32_t lanes[SIGNS]; /* the first cell of each; 0: there is no such lane */
    uint32_t halvings;     /* from schema 8 to that of the sum */
    bool is_used[SIGNS];
    struct lane_range ranges[SIGNS];
    uint64_t counts[SIGNS][SX__NATIVE_WINDOW];
    uint64_t infinite[SIGNS];
    uint64_t zero;
};

static uint64_t read_control(const struct sx__reading *reading, size_t row, uint32_t lane)
{
    return sx__read_cell(reading, reading->thread_rows + row * reading->stride, lane);
}

static void coarsen_ranges(struct merged *merged, uint32_t halvings)
{
    for (unsigned sign = 0; sign < SIGNS; sign++) {
        merged->ranges[sign] = coarser_range(merged->ranges[sign], halvings);
    }
    merged->halvings += halvings;
}

static void survey_lane(struct merged *merged, unsigned sign, uint64_t control)
{
    const uint32_t halvings = sx__lane_halvings(control);
    struct lane_range range = range_of(control);
    if (control == 0) {
        return;
    }
    if (halvings > merged->halvings) {
        coarsen_ranges(merged, halvings - merged->halvings);
    }
    range = coarser_range(range, merged->halvings - halvings);
    if (merged->is_used[sign]) {
        range = range_with(range_with(merged->ranges[sign], range.low), range.high);
    }
    merged->ranges[sign] = range;
    merged->is_used[sign] = true;
}

/* Finds the resolution at which all rows fit into a window for each sign. */
static void survey(struct merged *merged, const struct sx__reading *reading)
{
    for (size_t i = 0; i < reading->counting_row_count; i++) {
        for (unsigned sign = 0; sign < SIGNS; sign++) {
            if (merged->lanes[sign] != 0) {
                survey_lane(merged, sign,
                            read_control(reading, reading->counting_rows[i], merged->lanes[sign]));
            }
        }
    }
    while (!fits_window(merged->ranges[POSITIVE]) || !fits_window(merged->ranges[NEGATIVE])) {
        coarsen_ranges(merged, 1);
    }
}

/* Adds a lane. Observations that have extended its range since the survey are left out. Returns
 * false if its resolution is now lower, or was lowered meanwhile.
 *
 * The buckets are read also in pages that were not resident when the scrape began: the owner may
 * have moved counts there since. */
static bool add_lane(struct merged *merged, unsigned sign, uint64_t *lane, uint64_t control)
{
    const struct lane_range range = range_of(control);
    const struct lane_range into = merged->ranges[sign];
    if (sx__lane_halvings(control) > merged->halvings) {
        return false;
    }
    const uint32_t halvings = merged->halvings - sx__lane_halvings(control);
    for (int32_t i = range.low; i <= range.high && merged->is_used[sign]; i++) {
        const int32_t index = sx__native_coarser(i, halvings);
        if (index >= into.low && index <= into.high) {
            merged->counts[sign][index - into.low] +=
                __atomic_load_n(bucket_at(lane, control, i), __ATOMIC_ACQUIRE);
        }
    }
    const uint64_t now = __atomic_load_n(lane, __ATOMIC_ACQUIRE);
    return ((now ^ control) & LANE_SCHEMA_BITS) == 0;
}

static bool add_row(struct merged *merged, const struct sx__reading *reading, size_t row)
{
    const char *cells = reading->thread_rows + row * reading->stride;
    for (unsigned sign = 0; sign < SIGNS; sign++) {
        const uint32_t lane = merged->lanes[sign];
        if (lane == 0) {
            continue;
        }
        const uint64_t control = read_control(reading, row, lane);
        merged->infinite[sign] += sx__read_cell(reading, cells, lane + SX__LANE_INFINITE);
        merged->zero += sx__read_cell(reading, cells, lane + SX__LANE_ZERO);
        if (control != 0 && !add_lane(merged, sign, sx__cell(cells, lane), control)) {
            return false;
        }
    }
    return true;
}

static void merge_rows(struct merged *merged, const struct sx__reading *reading,
                       const struct sx__series *series)
{
    const uint32_t negative = __atomic_load_n(&lanes_of(series)->more, __ATOMIC_ACQUIRE);
    const int32_t schema = sx__series_family(series)->native_schema;
    bool is_whole = false;
    while (!is_whole) {
        *merged = (struct merged){.lanes = {series->increments, negative},
                                  .halvings = (uint32_t)(SX__SCHEMA_MAX - schema)};
        survey(merged, reading);
        is_whole = true;
        for (size_t i = 0; i < reading->counting_row_count && is_whole; i++) {
            is_whole = add_row(merged, reading, reading->counting_rows[i]);
        }
    }
}

static size_t buckets_in_use(const struct merged *merged)
{
    size_t count = 0;
    for (unsigned sign = 0; sign < SIGNS; sign++) {
        for (uint32_t i = 0; i < SX__NATIVE_WINDOW; i++) {
            count += merged->counts[sign][i] > 0;
        }
    }
    return count;
}

/* The coarser bucket is at the same place or before it, so this works in place. */
static void halve_merged(struct merged *merged)
{
    for (unsigned sign = 0; sign < SIGNS; sign++) {
        const struct lane_range range = merged->ranges[sign];
        const int32_t low = sx__native_coarser(range.low, 1);
        for (int32_t i = range.low; i <= range.high; i++) {
            const uint64_t count = merged->counts[sign][i - range.low];
            merged->counts[sign][i - range.low] = 0;
            merged->counts[sign][sx__native_coarser(i, 1) - low] += count;
        }
    }
    coarsen_ranges(merged, 1);
}

/* The index of the bucket after that of the largest double. */
static int32_t index_of_infinity(uint32_t halvings)
{
    return sx__native_coarser(1024 * SX__NATIVE_BOUNDS, halvings) + 1;
}

static void write_side(struct sx__native_side *side, const struct merged *merged, unsigned sign)
{
    const struct lane_range range = merged->ranges[sign];
    side->count = 0;
    for (int32_t i = range.low; i <= range.high && merged->is_used[sign]; i++) {
        const uint64_t count = merged->counts[sign][i - range.low];
        if (count > 0) {
            side->buckets[side->count++] = (struct sx__native_bucket){i, count};
        }
    }
    if (merged->infinite[sign] > 0) {
        side->buckets[side->count++] =
            (struct sx__native_bucket){index_of_infinity(merged->halvings), merged->infinite[sign]};
    }
}

bool sx__read_native(const struct sx__reading *reading, const struct sx__series *series,
                     struct sx__native_values *values)
{
    struct merged merged;
    uint64_t folds;
    const struct sx__family *family = sx__series_family(series);
    if (!sx__series_is_shown(reading, series)) {
        return false;
    }
    do {
        folds = sx__sum_begin(reading->registry);
        merge_rows(&merged, reading, series);
    } while (!sx__sum_is_of_one_moment(reading->registry, folds));
    while (buckets_in_use(&merged) > family->native_max && merged.halvings < HALVINGS_MAX) {
        halve_merged(&merged);
    }
    values->schema = SX__SCHEMA_MAX - (int32_t)merged.halvings;
    values->zero_threshold = sx__double_of(family->zero_threshold);
    values->zero_count = merged.zero;
    write_side(&values->positive, &merged, POSITIVE);
    write_side(&values->negative, &merged, NEGATIVE);
    values->count = sx__native_count(values);
    values->sum = sx__read_double(reading, series->handle.cell + SX__HISTOGRAM_SUM);
    return true;
}
