/* gauge.c: gauges: one cell in the row of the process, which all threads update atomically.
 *
 * A cell for each thread would not work: set has no meaning across them, and a sum of increments
 * and decrements of different threads that is read while they change can be negative.
 */
#include "activity.h"
#include "cells.h"
#include "look_up.h"
#include "metric.h"
#include "process_rows.h"
#include "removal.h"
#include "series.h"
#include "series_values.h"

#include <time.h>

struct sx_gauge {
    struct sx__series series;
};

struct sx_gauge_family {
    struct sx__family family;
};

int sx_gauge_register(struct sx_gauge **gauge, struct sx_registry *registry,
                      const struct sx_metric_options *options)
{
    struct sx__series *series = NULL;
    if (gauge == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register(&series, registry, SX_GAUGE, options);
    if (status == SX_OK) {
        *gauge = (struct sx_gauge *)series;
    }
    return status;
}

int sx_gauge_family_register(struct sx_gauge_family **family, struct sx_registry *registry,
                             const struct sx_metric_options *options)
{
    struct sx__family *registered = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    int status = sx__metric_register_family(&registered, registry, SX_GAUGE, options);
    if (status == SX_OK) {
        *family = (struct sx_gauge_family *)registered;
    }
    return status;
}

int sx_gauge_unregister(struct sx_gauge *gauge)
{
    return sx__metric_unregister((const struct sx__series *)gauge);
}

int sx_gauge_family_unregister(struct sx_gauge_family *family)
{
    return sx__metric_unregister_family((struct sx__family *)family);
}

int sx_gauge_family_get(struct sx_gauge **gauge, struct sx_gauge_family *family,
                        const struct sx_str *values, size_t count)
{
    struct sx__series *series = NULL;
    if (gauge == NULL) {
        return SX_EINVAL;
    }
    int status = sx__get_handle(&series, (struct sx__family *)family, values, count);
    if (status == SX_OK) {
        *gauge = (struct sx_gauge *)series;
    }
    return status;
}

void sx_gauge_release(struct sx_gauge *gauge)
{
    if (gauge != NULL) {
        sx__series_release(&gauge->series);
    }
}

int sx_gauge_family_remove(struct sx_gauge_family *family, const struct sx_str *values,
                           size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove(&family->family, values, count);
}

int sx_gauge_family_remove_matching(struct sx_gauge_family *family, const struct sx_label *labels,
                                    size_t count)
{
    return family == NULL ? SX_EINVAL : sx__series_remove_matching(&family->family, labels, count);
}

int sx_gauge_family_clear(struct sx_gauge_family *family)
{
    return family == NULL ? SX_EINVAL : sx__series_clear(&family->family);
}

struct sx_gauge *sx__gauge_with(struct sx_gauge_family *family, const char *const *values,
                                size_t count)
{
    struct sx__series *series =
        sx__get_handle_by_strings((struct sx__family *)family, values, count);
    return (struct sx_gauge *)series;
}

static uint64_t *gauge_cell(const struct sx_gauge *gauge)
{
    const struct sx_counter *handle = &gauge->series.handle;
    return sx__cell(sx__process_row_of(handle->arena), handle->cell);
}

void sx_gauge_set(struct sx_gauge *gauge, double value)
{
    if (gauge != NULL) {
        __atomic_store_n(gauge_cell(gauge), sx__bits_of(value), __ATOMIC_RELAXED);
    }
}

void sx_gauge_add(struct sx_gauge *gauge, double delta)
{
    if (gauge != NULL) {
        sx__cell_add_shared(gauge_cell(gauge), delta);
    }
}

void sx_gauge_inc(struct sx_gauge *gauge)
{
    sx_gauge_add(gauge, 1);
}

void sx_gauge_dec(struct sx_gauge *gauge)
{
    sx_gauge_add(gauge, -1);
}

void sx_gauge_set_to_current_time(struct sx_gauge *gauge)
{
    struct timespec now;
    if (gauge != NULL && clock_gettime(CLOCK_REALTIME, &now) == 0) {
        sx_gauge_set(gauge, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
    }
}

double sx_gauge_value(const struct sx_gauge *gauge)
{
    if (gauge == NULL) {
        return 0;
    }
    struct sx__reading reading;
    double value;
    sx__reading_of_process_rows(&reading, sx__arenas[gauge->series.handle.arena].registry);
    return sx__read_gauge(&reading, &gauge->series, &value) ? value : 0;
}

static void set_gauge_series(struct sx__series *series, double value, char *const *rows)
{
    (void)rows; /* gauges are in the row of the process */
    sx__activity_mark(series);
    sx_gauge_set((struct sx_gauge *)series, value);
}

int sx_gauge_family_set(struct sx_gauge_family *family, const struct sx_str *values, size_t count,
                        double value)
{
    return sx__update_by_values((struct sx__family *)family, values, count, set_gauge_series,
                                value);
}

int sx_gauge_family_set_strings(struct sx_gauge_family *family, const char *const *values,
                                size_t count, double value)
{
    return sx__update_by_strings((struct sx__family *)family, values, count, set_gauge_series,
                                 value);
}

static void add_to_gauge_series(struct sx__series *series, double delta, char *const *rows)
{
    (void)rows;
    sx__activity_mark(series);
    sx_gauge_add((struct sx_gauge *)series, delta);
}

int sx_gauge_family_add(struct sx_gauge_family *family, const struct sx_str *values, size_t count,
                        double delta)
{
    return sx__update_by_values((struct sx__family *)family, values, count, add_to_gauge_series,
                                delta);
}

int sx_gauge_family_add_strings(struct sx_gauge_family *family, const char *const *values,
                                size_t count, double delta)
{
    return sx__update_by_strings((struct sx__family *)family, values, count, add_to_gauge_series,
                                 delta);
}
