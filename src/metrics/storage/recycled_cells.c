/* recycled_cells.c: queueing the cells of removed series, and making them start at 0 again. */
#include "recycled_cells.h"

#include "cells.h"
#include "histogram_cells.h"
#include "process_rows.h"
#include "reading.h"

/* A sum or fraction this large swallows what is added to it: 2^40 seconds would round what comes
 * next to a tenth of a millisecond. Infinities do not go away by subtraction either. */
#define SUM_LIMIT 1099511627776.0
/* A counter that starts here has at least half of its range left. */
#define REUSE_LIMIT (UINT64_C(1) << 62)

void sx__recycled_cells_enqueue(struct sx_registry *registry, struct sx__recycling_queue *queue,
                                struct sx__recycled_cells *cells)
{
    uint32_t ref = sx__ref(registry, cells);
    if (queue->last == 0) {
        queue->first = ref;
    } else {
        ((struct sx__recycled_cells *)sx__at(registry, queue->last))->next = ref;
    }
    queue->last = ref;
}

struct sx__recycled_cells *sx__recycled_cells_dequeue(struct sx_registry *registry,
                                                      struct sx__recycling_queue *queue)
{
    if (queue->first == 0) {
        return NULL;
    }
    struct sx__recycled_cells *cells = sx__at(registry, queue->first);
    queue->first = cells->next;
    if (cells->next == 0) {
        queue->last = 0;
    }
    return cells;
}

static bool is_small(double sum)
{
    return sum > -SUM_LIMIT && sum < SUM_LIMIT;
}

static void set_baseline(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE); /* a scrape may be reading the former owner */
}

bool sx__recycled_cells_renew_counter(struct sx_registry *registry,
                                      struct sx__recycled_cells *cells)
{
    struct sx__reading reading;
    sx__reading_of_thread_rows(&reading, registry);
    uint64_t whole = sx__read_whole(&reading, cells->cell);
    if (whole >= REUSE_LIMIT) {
        return false;
    }
    double fraction = cells->fraction == 0 ? 0 : sx__read_double(&reading, cells->fraction);
    if (!is_small(fraction)) {
        fraction = 0;
        cells->fraction = 0;
    }
    set_baseline(&cells->sum, sx__bits_of(fraction));
    set_baseline(&cells->counts[0], whole);
    return true;
}

bool sx__recycled_cells_renew_histogram(struct sx_registry *registry,
                                        struct sx__recycled_cells *cells, size_t bucket_count)
{
    struct sx__reading reading;
    sx__reading_of_thread_rows(&reading, registry);
    double sum = sx__read_double(&reading, cells->cell + SX__HISTOGRAM_SUM);
    if (!is_small(sum)) {
        return false;
    }
    set_baseline(&cells->sum, sx__bits_of(sum));
    for (size_t i = 0; i < bucket_count; i++) {
        uint32_t cell = cells->cell + SX__HISTOGRAM_BUCKETS + (uint32_t)i;
        set_baseline(&cells->counts[i], sx__read_whole(&reading, cell));
    }
    return true;
}

void sx__recycled_cells_renew_gauge(struct sx_registry *registry, struct sx__recycled_cells *cells)
{
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_was_used(registry, i)) {
            /* As in set_baseline: not before the version shows that the former owner is gone. */
            __atomic_store_n(sx__cell(sx__row(registry, i), cells->cell), 0, __ATOMIC_RELEASE);
        }
    }
}
