/* gauge.c: gauges: one cell in the row of the process, which all threads update atomically, and in
 * private registries two cells of each thread row for increments and decrements; see increments.h,
 * and multiprocess.h for other modes. */
#include "activity.h"
#include "cells.h"
#include "increments.h"
#include "look_up.h"
#include "metric.h"
#include "multiprocess.h"
#include "process_rows.h"
#include "removal.h"
#include "series.h"
#include "series_values.h"

#include <time.h>

struct sx_gauge_family {
    struct sx__family family;
};

static struct sx__series *series_of_gauge(const struct sx_gauge *gauge)
{
    return (struct sx__series *)(void *)(uintptr_t)gauge;
}

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
        sx__series_release(series_of_gauge(gauge));
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
    return sx__cell(sx__process_row_of(gauge->arena), gauge->cell);
}

void sx_gauge_set(struct sx_gauge *gauge, double value)
{
    if (gauge == NULL) {
        return;
    }
    if (sx__increments_cell(series_of_gauge(gauge)) != 0) {
        sx__increments_set(series_of_gauge(gauge), value);
        return;
    }
    if (sx__is_multiprocess(series_of_gauge(gauge))) {
        sx__multiprocess_set(series_of_gauge(gauge), value);
        return;
    }
    __atomic_store_n(gauge_cell(gauge), sx__bits_of(value), __ATOMIC_RELAXED);
}

void sx_gauge_add(struct sx_gauge *gauge, double delta)
{
    if (delta == 1 || delta == -1) {
        sx__gauge_count(gauge, delta < 0);
    } else if (gauge != NULL && sx__is_multiprocess(series_of_gauge(gauge))) {
        sx__multiprocess_add(series_of_gauge(gauge), delta);
    } else if (gauge != NULL) {
        sx__cell_add_shared(gauge_cell(gauge), delta);
    }
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
    struct sx_registry *registry = sx__arenas[gauge->arena].registry;
    sx__reading_of_process_rows(&reading, registry);
    return sx__read_gauge(&reading, series_of_gauge(gauge), &value) ? value : 0;
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

/* ---- what processes leave ---- */

static bool is_of_type(const struct sx__series *series, enum sx_metric_type type)
{
    return sx__series_family(series)->type == (uint32_t)type;
}

int sx_gauge_count_abandoned(struct sx_gauge *gauge, struct sx_counter *counter)
{
    struct sx__series *from = (struct sx__series *)gauge;
    struct sx__series *to = (struct sx__series *)counter;
    if (from == NULL || to == NULL || from->handle.arena != to->handle.arena ||
        !is_of_type(from, SX_GAUGE) ||
        sx__series_family(from)->multiprocess_mode != SX_MODE_LIVE_SUM) {
        return SX_EINVAL;
    }
    struct sx_registry *registry = sx__arenas[from->handle.arena].registry;
    if (!registry->shared) {
        return SX_OK;
    }
    const uint32_t pin = sx__series_pin_cell(to);
    if (pin == 0) {
        return SX_EFULL;
    }
    const struct sx__left_rule rule = {
        .kind = SX__LEFT_COUNTED, .counter = to->handle.cell, .counter_pin = pin};
    sx__multiprocess_replace_rule(registry, from->handle.cell, &rule);
    return SX_OK;
}
