/* series_cells.c: new cells, and those of reclaimed series, which wait in lists of the registry. */
#include "series_cells.h"

#include "increments.h"
#include "left_values.h"
#include "multiprocess.h"
#include "native.h"
#include "process_rows.h"

/* The kinds of cells. Those of counters and histograms are their number: 1, or 2 and more. */
#define GAUGE_CELLS 0u
#define FAMILY_PIN (SX__CELL_KINDS - 1u)

_Static_assert(FAMILY_PIN > SX_BUCKETS_MAX + 2, "more kinds than a histogram can have cells");

static uint32_t kind_of(const struct sx__family *family)
{
    if (sx__has_buckets(family)) {
        return family->bound_count + 2; /* +Inf and the sum */
    }
    return family->type == SX_COUNTER ? 1 : GAUGE_CELLS;
}

static bool make_cells(struct sx_registry *registry, struct sx__cells *cells, uint32_t kind)
{
    *cells = (struct sx__cells){.next = 0};
    if (kind == FAMILY_PIN) {
        cells->pin = sx__directory_process_cell(registry);
        return cells->pin != 0;
    }
    cells->cell = kind == GAUGE_CELLS ? sx__directory_process_cell(registry)
                                      : sx__directory_thread_cells(registry, kind);
    return cells->cell != 0;
}

/* Returns cells that wait, or else new ones, or NULL if the registry is full. */
static struct sx__cells *take_cells(struct sx_registry *registry, uint32_t kind)
{
    const uint32_t ref = registry->free_cells[kind];
    if (ref != 0) {
        struct sx__cells *cells = sx__at(registry, ref);
        __atomic_store_n(&registry->free_cells[kind], cells->next, __ATOMIC_RELEASE);
        return cells;
    }
    struct sx__cells *cells = sx__directory_allocate(registry, sizeof *cells);
    if (cells != NULL && !make_cells(registry, cells, kind)) {
        sx__directory_free(registry, cells, sizeof *cells);
        return NULL;
    }
    return cells;
}

static void leave_cells(struct sx_registry *registry, uint32_t kind, struct sx__cells *cells)
{
    cells->next = registry->free_cells[kind];
    __atomic_store_n(&registry->free_cells[kind], sx__ref(registry, cells), __ATOMIC_RELEASE);
}

/* Returns lanes that wait, or else new ones, or NULL if the registry is full. Lanes that wait may
 * have a negative one. */
static struct sx__cells *take_lanes(struct sx_registry *registry)
{
    if (registry->free_lanes != 0) {
        struct sx__cells *lanes = sx__at(registry, registry->free_lanes);
        __atomic_store_n(&registry->free_lanes, lanes->next, __ATOMIC_RELEASE);
        return lanes;
    }
    struct sx__cells *lanes = sx__directory_allocate(registry, sizeof *lanes);
    if (lanes == NULL) {
        return NULL;
    }
    *lanes = (struct sx__cells){.cell = sx__directory_thread_cells(registry, SX__LANE_CELLS)};
    if (lanes->cell == 0) {
        sx__directory_free(registry, lanes, sizeof *lanes);
        return NULL;
    }
    return lanes;
}

static void leave_lanes(struct sx_registry *registry, struct sx__cells *cells)
{
    struct sx__cells *lanes = sx__at(registry, cells->more);
    cells->more = 0;
    lanes->next = registry->free_lanes;
    __atomic_store_n(&registry->free_lanes, sx__ref(registry, lanes), __ATOMIC_RELEASE);
}

bool sx__series_cells_take(struct sx_registry *registry, const struct sx__family *family,
                           struct sx__series *series)
{
    struct sx__cells *cells = take_cells(registry, kind_of(family));
    if (cells == NULL) {
        return false;
    }
    if (sx__has_native(family)) {
        const struct sx__cells *lanes = take_lanes(registry);
        if (lanes == NULL) {
            leave_cells(registry, kind_of(family), cells);
            return false;
        }
        cells->more = sx__ref(registry, lanes);
        series->increments = lanes->cell;
    }
    series->cells = sx__ref(registry, cells);
    series->handle.cell = cells->cell;
    if (!sx__multiprocess_begin(registry, family, series)) {
        leave_cells(registry, kind_of(family), cells);
        return false;
    }
    return true;
}

bool sx__series_cells_complete(struct sx_registry *registry, const struct sx__family *family,
                               const struct sx__series *series)
{
    struct sx__cells *cells = sx__series_cells(series);
    if (cells->pin == 0) {
        cells->pin = sx__directory_process_cell(registry);
    }
    if (family->type == SX_COUNTER && cells->more == 0) {
        cells->more = sx__directory_thread_cells(registry, 1);
    }
    if (sx__has_native(family) && sx__native_negative_lane_locked(registry, series) == 0) {
        return false;
    }
    return cells->pin != 0 && (family->type != SX_COUNTER || cells->more != 0);
}

bool sx__family_pin_take(struct sx_registry *registry, struct sx__family *family)
{
    const struct sx__cells *cells = take_cells(registry, FAMILY_PIN);
    if (cells == NULL) {
        return false;
    }
    family->pin = sx__ref(registry, cells);
    return true;
}

void sx__family_pin_leave(struct sx_registry *registry, const struct sx__family *family)
{
    leave_cells(registry, FAMILY_PIN, sx__at(registry, family->pin));
}

static void zero_process_rows(struct sx__peeking *peeking, uint32_t cell)
{
    struct sx_registry *registry = peeking->registry;
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_was_used(registry, i)) {
            sx__zero_cells(peeking, i, cell, 1);
        }
    }
    if (sx__has_left_rules(registry)) {
        sx__zero_cells(peeking, SX__KEPT_ROW, cell, 1);
    }
}

/* The overflow row, too, which is between the process rows and the thread rows. */
static void zero_thread_rows(struct sx__peeking *peeking, uint32_t cell, uint32_t count)
{
    const struct sx_registry *registry = peeking->registry;
    const uint32_t claimed = __atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i <= claimed; i++) {
        sx__zero_cells(peeking, registry->geometry.process_rows + i, cell, count);
    }
}

static void zero_lanes(struct sx__peeking *peeking, const struct sx__cells *lanes)
{
    const uint32_t negative = __atomic_load_n(&lanes->more, __ATOMIC_ACQUIRE);
    zero_thread_rows(peeking, lanes->cell, SX__LANE_CELLS);
    if (negative != 0) {
        zero_thread_rows(peeking, negative, SX__LANE_CELLS);
    }
}

static void zero_cells(struct sx__peeking *peeking, const struct sx__series *series)
{
    const struct sx__cells *cells = sx__series_cells(series);
    const uint32_t more = __atomic_load_n(&cells->more, __ATOMIC_ACQUIRE);
    const uint32_t kind = kind_of(sx__series_family(series));
    if (kind == GAUGE_CELLS) {
        zero_process_rows(peeking, cells->cell);
    } else {
        zero_thread_rows(peeking, cells->cell, kind);
    }
    if (sx__has_native(sx__series_family(series))) {
        zero_lanes(peeking, sx__at(peeking->registry, more));
    } else if (more != 0 && kind == GAUGE_CELLS && peeking->registry->shared) {
        zero_process_rows(peeking, more);
    } else if (more != 0) {
        zero_thread_rows(peeking, more, kind == GAUGE_CELLS ? SX__INCREMENTS_CELLS : 1);
    }
}

void sx__series_cells_zero(struct sx_registry *registry, const struct sx__series *series)
{
    struct sx__peeking peeking;
    sx__peeking_begin(&peeking, registry);
    zero_cells(&peeking, series);
}

void sx__series_cells_leave(struct sx__peeking *peeking, const struct sx__family *family,
                            const struct sx__series *series)
{
    if (kind_of(family) == GAUGE_CELLS) {
        sx__multiprocess_end(peeking, sx__series_cells(series));
    }
    zero_cells(peeking, series);
    /* A scrape that finds the next series of these cells must not use what it read of them before;
     * see reading.h. */
    (void)__atomic_fetch_add(&peeking->registry->cells_returned, 1, __ATOMIC_RELEASE);
    if (sx__has_native(family)) {
        leave_lanes(peeking->registry, sx__series_cells(series));
    }
    leave_cells(peeking->registry, kind_of(family), sx__series_cells(series));
}
