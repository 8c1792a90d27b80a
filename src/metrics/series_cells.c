/* series_cells.c: new cells, and those of reclaimed series, which wait in a list of their family.
 */
#include "series_cells.h"

#include "peek.h"
#include "process_rows.h"

static uint32_t count_of(const struct sx__family *family)
{
    return family->type == SX_HISTOGRAM ? family->bound_count + 2 : 1; /* +Inf and the sum */
}

static uint32_t new_cells(struct sx_registry *registry, const struct sx__family *family)
{
    return family->type == SX_GAUGE ? sx__directory_process_cell(registry)
                                    : sx__directory_thread_cells(registry, count_of(family));
}

static struct sx__cells *make_cells(struct sx_registry *registry, const struct sx__family *family)
{
    struct sx__cells *cells = sx__directory_allocate(registry, sizeof *cells);
    if (cells == NULL) {
        return NULL;
    }
    *cells = (struct sx__cells){.cell = new_cells(registry, family)};
    if (cells->cell == 0) {
        sx__directory_free(registry, cells, sizeof *cells);
        return NULL;
    }
    return cells;
}

bool sx__series_cells_take(struct sx_registry *registry, struct sx__family *family,
                           struct sx__series *series)
{
    struct sx__cells *cells;
    if (family->free_cells != 0) {
        cells = sx__at(registry, family->free_cells);
        __atomic_store_n(&family->free_cells, cells->next, __ATOMIC_RELEASE);
    } else {
        cells = make_cells(registry, family);
    }
    if (cells == NULL) {
        return false;
    }
    series->cells = sx__ref(registry, cells);
    series->handle.cell = cells->cell;
    return true;
}

static void zero_process_rows(struct sx_registry *registry, uint32_t cell)
{
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_was_used(registry, i)) {
            sx__zero_cells(registry, sx__row(registry, i), cell, 1);
        }
    }
}

static void zero_thread_rows(const struct sx_registry *registry, uint32_t cell, uint32_t count)
{
    const uint32_t claimed = __atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_ACQUIRE);
    sx__zero_cells(registry, sx__overflow_row(registry), cell, count);
    for (uint32_t i = 0; i < claimed; i++) {
        sx__zero_cells(registry, sx__thread_row_at(registry, i), cell, count);
    }
}

void sx__series_cells_leave(struct sx_registry *registry, struct sx__family *family,
                            const struct sx__series *series)
{
    struct sx__cells *cells = sx__series_cells(series);
    if (family->type == SX_GAUGE) {
        zero_process_rows(registry, cells->cell);
    } else {
        zero_thread_rows(registry, cells->cell, count_of(family));
    }
    if (cells->fraction != 0) {
        zero_thread_rows(registry, cells->fraction, 1);
    }
    cells->next = family->free_cells;
    __atomic_store_n(&family->free_cells, series->cells, __ATOMIC_RELEASE);
}
