/* series_record.c: the record of a series, its cells and its activity. */
#include "series_record.h"

#include "activity.h"
#include "exemplars.h"
#include "labels.h"
#include "series_cells.h"
#include "summary_window.h"

#include <time.h>

static bool has_created(const struct sx__family *family)
{
    return sx__arenas[family->arena].registry->has_created;
}

/* Where the text begins, counted from the end of the struct. The time when the series was made lies
 * between the values and the text. */
static size_t text_offset_of(const struct sx__family *family, const struct sx_str *values)
{
    return sx__labels_values_size(family, values) + (has_created(family) ? sizeof(int64_t) : 0);
}

static int64_t *created_of(const struct sx__series *series)
{
    return (int64_t *)(void *)sx__series_text(series) - 1;
}

int64_t sx__series_created_ms(const struct sx__series *series)
{
    return has_created(sx__series_family(series))
               ? __atomic_load_n(created_of(series), __ATOMIC_RELAXED)
               : 0;
}

void sx__series_set_created(struct sx__series *series)
{
    struct timespec now;
    if (has_created(sx__series_family(series)) && clock_gettime(CLOCK_REALTIME, &now) == 0) {
        __atomic_store_n(created_of(series), (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                         __ATOMIC_RELAXED);
    }
}

/* Returns the size of a record, or 0 if no directory could hold it. */
static size_t record_size(const struct sx__family *family, const struct sx_str *values)
{
    for (size_t i = 0; i < family->label_count; i++) {
        if (values[i].size > UINT32_MAX / (4 * SX_LABELS_MAX)) {
            return 0;
        }
    }
    size_t size = sizeof(struct sx__series) + text_offset_of(family, values) +
                  sx__labels_text_size(family, values);
    return size <= UINT32_MAX ? size : 0;
}

struct sx__series *sx__series_write(struct sx_registry *registry, struct sx__family *family,
                                    const struct sx_str *values, uint32_t hash)
{
    size_t size = record_size(family, values);
    struct sx__series *series = size == 0 ? NULL : sx__directory_allocate(registry, size);
    if (series == NULL) {
        return NULL;
    }
    *series = (struct sx__series){
        .handle = {.arena = registry->arena},
        .family = sx__ref(registry, series) - sx__ref(registry, family),
        .hash = hash,
        .text_size = (uint32_t)sx__labels_text_size(family, values),
        .text_offset = (uint32_t)text_offset_of(family, values),
    };
    if (family->idle_ms > 0 && !sx__activity_make(registry, series)) {
        sx__directory_free(registry, series, size);
        return NULL;
    }
    if (family->quantile_count > 0 && !sx__summary_window_make(registry, series)) {
        sx__activity_free(registry, series);
        sx__directory_free(registry, series, size);
        return NULL;
    }
    if (!sx__series_cells_take(registry, family, series)) {
        sx__summary_window_free(registry, series);
        sx__activity_free(registry, series);
        sx__directory_free(registry, series, size);
        return NULL;
    }
    sx__labels_write_text(sx__series_text(series), family, values);
    sx__labels_write_values(series, family, values);
    sx__series_set_created(series);
    family->records++;
    return series;
}

void sx__series_reclaim(struct sx__peeking *peeking, struct sx__series *series)
{
    struct sx_registry *registry = peeking->registry;
    struct sx__family *family = sx__series_family(series);
    sx__series_cells_leave(peeking, family, series);
    sx__summary_window_free(registry, series);
    sx__activity_free(registry, series);
    sx__exemplars_clear(registry, series, false);
    sx__directory_free(registry, series, sx__series_size(series));
    family->records--;
}

void sx__series_free(struct sx_registry *registry, struct sx__series *series)
{
    struct sx__peeking peeking;
    sx__peeking_begin(&peeking, registry);
    sx__series_reclaim(&peeking, series);
}

void sx__series_append(struct sx_registry *registry, struct sx__family *family,
                       struct sx__series *series)
{
    uint32_t ref = sx__ref(registry, series);
    uint32_t *link = &family->first_series;
    if (family->last_series != 0) {
        link = &((struct sx__series *)sx__at(registry, family->last_series))->next;
    }
    series->previous = family->last_series;
    __atomic_store_n(&series->retired.epoch, registry->epoch, __ATOMIC_RELAXED);
    sx__will_link(registry);
    __atomic_store_n(link, ref, __ATOMIC_RELEASE);
    family->last_series = ref;
}
