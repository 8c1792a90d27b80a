/* series_cells.c: giving cells to series, and taking them back. */
#include "series_cells.h"

static size_t count_of(const struct sx__family *family)
{
    return family->type == SX_HISTOGRAM ? (size_t)family->bound_count + 1 : 1;
}

static uint32_t new_cells(struct sx_registry *registry, const struct sx__family *family)
{
    switch ((enum sx_metric_type)family->type) {
    case SX_GAUGE:
        return sx__directory_gauge_cell(registry);
    case SX_HISTOGRAM:
        return sx__directory_thread_cells(registry, family->bound_count + 2); /* +Inf and the sum */
    case SX_COUNTER:
        break;
    }
    return sx__directory_thread_cells(registry, 1);
}

/* ---- leaving ---- */

static void point_at_scratch(const struct sx__family *family, struct sx__series *series)
{
    uint32_t cell = family->type == SX_HISTOGRAM ? family->scratch : SX__SCRATCH_CELL;
    __atomic_store_n(&series->baseline, 0, __ATOMIC_RELEASE);
    if (family->type == SX_COUNTER) {
        __atomic_store_n(&series->fraction, SX__SCRATCH_FRACTION, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&series->handle.cell, cell, __ATOMIC_RELEASE);
}

void sx__series_cells_leave(struct sx_registry *registry, struct sx__family *family,
                            struct sx__series *series)
{
    if (family->type == SX_HISTOGRAM && family->scratch == 0) {
        /* The cells of the first removed series become the scratch cells. */
        family->scratch = series->handle.cell;
        point_at_scratch(family, series);
        return;
    }
    struct sx__recycled_cells *left =
        series->baseline != 0
            ? sx__at(registry, series->baseline)
            : sx__directory_allocate(registry, sizeof *left + count_of(family) * sizeof(uint64_t));
    /* If the directory is full, the cells are lost, but the series is removed all the same. */
    if (left != NULL) {
        left->next = 0;
        left->cell = series->handle.cell;
        left->fraction = series->fraction;
    }
    point_at_scratch(family, series);
    if (left != NULL) {
        sx__recycled_cells_enqueue(registry, &family->recycled, left);
    }
}

/* ---- taking ---- */

/* Makes the cells start at 0 for their next owner; false if they cannot be used again. */
static bool renew(struct sx_registry *registry, const struct sx__family *family,
                  struct sx__recycled_cells *cells)
{
    switch ((enum sx_metric_type)family->type) {
    case SX_GAUGE:
        sx__recycled_cells_renew_gauge(registry, cells);
        return true;
    case SX_HISTOGRAM:
        return sx__recycled_cells_renew_histogram(registry, cells, count_of(family));
    case SX_COUNTER:
        break;
    }
    return sx__recycled_cells_renew_counter(registry, cells);
}

bool sx__series_cells_take(struct sx_registry *registry, struct sx__family *family,
                           struct sx__series *series)
{
    struct sx__recycled_cells *left = sx__recycled_cells_dequeue(registry, &family->recycled);
    while (left != NULL && !renew(registry, family, left)) {
        left = sx__recycled_cells_dequeue(registry, &family->recycled);
    }
    uint32_t cell = left != NULL ? left->cell : new_cells(registry, family);
    if (cell == 0) {
        return false;
    }
    uint32_t baseline = left != NULL ? sx__ref(registry, left) : 0;
    uint32_t fraction = left != NULL ? left->fraction : 0;
    __atomic_store_n(&series->baseline, baseline, __ATOMIC_RELEASE);
    __atomic_store_n(&series->fraction, fraction, __ATOMIC_RELEASE);
    __atomic_store_n(&series->handle.cell, cell, __ATOMIC_RELEASE);
    return true;
}

void sx__series_cells_mend(struct sx_registry *registry, struct sx__family *family)
{
    family->recycled = (struct sx__recycling_queue){0};
    for (uint32_t ref = family->first_series; ref != 0;) {
        struct sx__series *series = sx__at(registry, ref);
        if (sx__series_is_removed(series->version)) {
            if (family->type == SX_HISTOGRAM && family->scratch == 0) {
                family->scratch = series->handle.cell;
            }
            point_at_scratch(family, series);
        }
        ref = series->next;
    }
}
