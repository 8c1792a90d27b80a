/* reading.c: which rows count. */
#include "reading.h"

#include "process_rows.h"

#include <sched.h>

void sx__reading_of_thread_rows(struct sx__reading *reading, const struct sx_registry *registry)
{
    reading->thread_rows = sx__overflow_row(registry);
    reading->thread_row_count =
        (size_t)__atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_ACQUIRE) + 1;
    reading->stride = registry->geometry.row_stride;
    reading->epoch = UINT64_MAX;
    reading->registry = (struct sx_registry *)(uintptr_t)registry;
    reading->resident.bits = NULL;
    reading->line = NULL;
    reading->counting_rows[0] = 0; /* the overflow row */
    reading->counting_row_count = 1;
    for (size_t i = 1; i < reading->thread_row_count; i++) {
        if (sx__row_is_in(registry->counting_rows, i - 1)) {
            reading->counting_rows[reading->counting_row_count++] = (uint16_t)i;
        }
    }
}

void sx__reading_of_process_rows(struct sx__reading *reading, struct sx_registry *registry)
{
    reading->registry = registry;
    reading->gauge_count = 0;
    reading->epoch = UINT64_MAX;
    reading->resident.bits = NULL;
    reading->line = NULL;
    for (size_t i = 0; i < registry->geometry.process_rows; i++) {
        if (sx__process_row_counts(registry, i)) {
            reading->gauges[reading->gauge_count++] = sx__row(registry, i);
        }
    }
}

void sx__reading_begin(struct sx__reading *reading, struct sx_registry *registry)
{
    reading->reader = sx__epoch_enter(registry);
    sx__reading_of_thread_rows(reading, registry);
    sx__reading_of_process_rows(reading, registry);
    if (!sx__resident_pages_find(&reading->resident, registry)) {
        reading->resident.bits = NULL;
    }
    reading->epoch = __atomic_load_n(&registry->epoch, __ATOMIC_SEQ_CST);
    sx__reading_refresh(reading);
    reading->line = &reading->scraped;
}

/* ---- sums beside folding ---- */

uint64_t sx__sum_begin(const struct sx_registry *registry)
{
    for (;;) {
        const uint64_t folds = __atomic_load_n(&registry->folds, __ATOMIC_ACQUIRE);
        if (folds % 2 == 0) {
            return folds;
        }
        (void)sched_yield();
    }
}

bool sx__sum_is_of_one_moment(const struct sx_registry *registry, uint64_t folds)
{
    return __atomic_load_n(&registry->folds, __ATOMIC_ACQUIRE) == folds;
}

static uint64_t sum_cells(const struct sx__reading *reading, uint32_t cell)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < reading->counting_row_count; i++) {
        const char *row = reading->thread_rows + reading->counting_rows[i] * reading->stride;
        const uint64_t amount = sx__read_cell(reading, row, cell);
        sum += amount;
        sum |= sum < amount ? UINT64_MAX : 0; /* the sum stays at the end of its range */
    }
    return sum;
}

uint64_t sx__sum_rows(const struct sx__reading *reading, uint32_t cell)
{
    uint64_t sum;
    uint64_t folds;
    do {
        folds = sx__sum_begin(reading->registry);
        sum = sum_cells(reading, cell);
    } while (!sx__sum_is_of_one_moment(reading->registry, folds));
    return sum;
}

/* Not the rows that counted when the reading began: a thread that claimed its row since then may
 * have incremented a gauge that a thread of an older row has decremented. */
uint64_t sx__sum_rows_of_now(const struct sx_registry *registry, uint32_t cell)
{
    const uint32_t claimed = __atomic_load_n(&registry->thread_rows_claimed, __ATOMIC_ACQUIRE);
    uint64_t sum = __atomic_load_n(sx__cell(sx__overflow_row(registry), cell), __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < claimed; i++) {
        if (sx__row_is_in(registry->counting_rows, i)) {
            sum +=
                __atomic_load_n(sx__cell(sx__thread_row_at(registry, i), cell), __ATOMIC_ACQUIRE);
        }
    }
    return sum;
}

/* Single variables, because compilers do not keep an array in registers. */
struct line_sums {
    uint64_t a, b, c, d, e, f, g, h;
    uint64_t beyond; /* how many additions exceeded the range */
};

static inline void add_cell(uint64_t *sum, const uint64_t *cell, uint64_t *beyond)
{
    const uint64_t amount = __atomic_load_n(cell, __ATOMIC_ACQUIRE);
    *sum += amount;
    *beyond += *sum < amount;
}

static inline void add_line(struct line_sums *sums, const uint64_t *cells)
{
    add_cell(&sums->a, &cells[0], &sums->beyond);
    add_cell(&sums->b, &cells[1], &sums->beyond);
    add_cell(&sums->c, &cells[2], &sums->beyond);
    add_cell(&sums->d, &cells[3], &sums->beyond);
    add_cell(&sums->e, &cells[4], &sums->beyond);
    add_cell(&sums->f, &cells[5], &sums->beyond);
    add_cell(&sums->g, &cells[6], &sums->beyond);
    add_cell(&sums->h, &cells[7], &sums->beyond);
}

static struct line_sums sum_lines(const struct sx__reading *reading, uint32_t first)
{
    struct line_sums sums = {0};
    const char *rows = reading->thread_rows;
    const size_t stride = reading->stride;
    const size_t count = reading->counting_row_count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t *cells = sx__cell(rows + reading->counting_rows[i] * stride, first);
        if (reading->resident.bits == NULL || sx__resident_pages_have(&reading->resident, cells)) {
            /* Rows are far apart, so no prefetcher of the processor foresees their next lines. */
            __builtin_prefetch(cells + SX__LINE_CELLS);
            add_line(&sums, cells);
        }
    }
    return sums;
}

void sx__read_line(const struct sx__reading *reading, uint32_t number)
{
    struct sx__line_sums *line = reading->line;
    const uint32_t first = number * SX__LINE_CELLS;
    line->number = number;
    line->returned = __atomic_load_n(&reading->registry->cells_returned, __ATOMIC_ACQUIRE);
    struct line_sums sums;
    uint64_t folds;
    do {
        folds = sx__sum_begin(reading->registry);
        sums = sum_lines(reading, first);
    } while (!sx__sum_is_of_one_moment(reading->registry, folds));
    line->sums[0] = sums.a;
    line->sums[1] = sums.b;
    line->sums[2] = sums.c;
    line->sums[3] = sums.d;
    line->sums[4] = sums.e;
    line->sums[5] = sums.f;
    line->sums[6] = sums.g;
    line->sums[7] = sums.h;
    for (uint32_t i = 0; i < SX__LINE_CELLS && sums.beyond > 0; i++) {
        line->sums[i] = sx__sum_rows(reading, first + i);
    }
}

void sx__reading_end(struct sx__reading *reading)
{
    sx__epoch_leave(reading->registry, reading->reader);
    sx__resident_pages_clean_up(&reading->resident);
}
