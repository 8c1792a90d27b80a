/* each_process.c: see each_process.h. */
#include "each_process.h"

#include "labels.h"
#include "multiprocess.h"
#include "series_values.h"

#include <stdio.h>

static size_t number_of_row(const struct sx_registry *registry, const char *row)
{
    return (size_t)(row - sx__row(registry, 0)) / registry->geometry.row_stride;
}

/* A private registry has no stamps: its gauges are always shown. */
static bool read_row(double *value, const struct sx__reading *reading, const char *row,
                     const struct sx__series *series)
{
    if (!reading->registry->shared) {
        return sx__read_gauge(reading, series, value);
    }
    const struct sx__stamped stamped = sx__multiprocess_of_row(reading, row, series);
    *value = stamped.value;
    return stamped.stamp != 0 && sx__series_is_shown(reading, series);
}

static int collect_series(struct sx_collection *collection, const struct sx__reading *reading,
                          const struct sx__family *family, const struct sx__series *series)
{
    struct sx_str values[SX_LABELS_MAX];
    char number[8];
    int status = SX_OK;
    for (uint32_t i = 0; i < family->label_count; i++) {
        values[i] = sx__labels_value(series, family, i);
    }
    for (size_t i = 0; i < reading->gauge_count && status == SX_OK; i++) {
        double value;
        if (read_row(&value, reading, reading->gauges[i], series)) {
            const int size = snprintf(number, sizeof number, "%zu",
                                      number_of_row(reading->registry, reading->gauges[i]));
            values[family->label_count] = (struct sx_str){number, (size_t)size};
            status = sx__collection_add_sample(collection, values, family->label_count + 1, value,
                                               NULL, NULL);
        }
    }
    return status;
}

const struct sx__family *sx__each_process_next(const struct sx_registry *registry,
                                               const uint32_t *link, const struct sx__part *part,
                                               uint64_t epoch)
{
    const struct sx__family *family = sx__family_shown_at(registry, link, epoch);
    while (family != NULL &&
           !(family->multiprocess_mode == SX_MODE_LIVE_ALL &&
             (part == NULL || part->is_whole || sx__part_has(part, sx__family_name(family))))) {
        family = sx__family_shown_at(registry, &family->next, epoch);
    }
    return family;
}

int sx__each_process_collect(struct sx_collection *collection, const struct sx__family *family,
                             uint64_t epoch)
{
    struct sx_registry *registry = collection->registry;
    struct sx__reading reading;
    sx__reading_of_process_rows(&reading, registry);
    reading.epoch = epoch;
    int status = sx__collection_add_registered(collection, family, SX__PROCESS_LABEL);
    const struct sx__series *series = sx__series_at(registry, &family->first_series);
    for (; series != NULL && status == SX_OK; series = sx__series_at(registry, &series->next)) {
        status = collect_series(collection, &reading, family, series);
    }
    return status;
}
