/* update.c: from the arrays of C strings that the program has to the series of Sextant. */
#include "update.h"

#include "packed_labels.h"

#include <math.h>
#include <string.h>

bool prom__is_amount(double value)
{
    return value >= 0 && value <= HUGE_VAL && value != HUGE_VAL;
}

static void update_single(const struct sx_metric *single, enum prom__operation operation,
                          double value)
{
    if (operation == PROM__OBSERVE) {
        sx_histogram_observe(single->histogram, value);
    } else if (operation == PROM__SET) {
        sx_gauge_set(single->gauge, value);
    } else if (single->type == SX_COUNTER) {
        sx_counter_add(single->counter, value);
    } else {
        sx_gauge_add(single->gauge, value);
    }
}

static int update_series(const struct sx_metric_family *family, enum prom__operation operation,
                         double value, const char *const *values, size_t count)
{
    if (operation == PROM__OBSERVE) {
        return sx_histogram_family_observe_strings(family->histograms, values, count, value);
    }
    if (operation == PROM__SET) {
        return sx_gauge_family_set_strings(family->gauges, values, count, value);
    }
    if (family->type == SX_COUNTER) {
        return sx_counter_family_add_strings(family->counters, values, count, value);
    }
    return sx_gauge_family_add_strings(family->gauges, values, count, value);
}

static int update_packed(const struct prom_metric *metric, enum prom__operation operation,
                         double value, const char **values)
{
    struct prom__packed packed;
    if (prom__packed_make(&packed, metric, values) != 0) {
        return 1;
    }
    const char *text = packed.text;
    int status = update_series(&metric->family, operation, value, &text, 1);
    prom__packed_clean_up(&packed);
    return status != SX_OK;
}

int prom__update(struct prom_metric *metric, enum sx_metric_type type,
                 enum prom__operation operation, double value, const char **values)
{
    if (metric == NULL || metric->type != type) {
        return 1;
    }
    if ((type == SX_COUNTER && !prom__is_amount(value)) ||
        (type == SX_HISTOGRAM && value != value)) {
        return 1;
    }
    if (metric->label_count == 0) {
        update_single(&metric->single, operation, value);
        return 0;
    }
    if (values == NULL) {
        return 1;
    }
    if (metric->is_packed) {
        return update_packed(metric, operation, value, values);
    }
    return update_series(&metric->family, operation, value, (const char *const *)values,
                         metric->label_count) != SX_OK;
}

static int get_packed(struct sx_metric *handle, const struct prom_metric *metric,
                      const char **values)
{
    struct prom__packed packed;
    if (prom__packed_make(&packed, metric, values) != 0) {
        return 1;
    }
    const struct sx_str value = {packed.text, packed.size};
    int status = sx_metric_family_get(handle, &metric->family, &value, 1);
    prom__packed_clean_up(&packed);
    return status != SX_OK;
}

int prom__series_get(struct sx_metric *handle, const struct prom_metric *metric,
                     const char **values)
{
    if (metric->label_count == 0) {
        *handle = metric->single;
        return 0;
    }
    if (values == NULL) {
        return 1;
    }
    if (metric->is_packed) {
        return get_packed(handle, metric, values);
    }
    struct sx_str views[SX_LABELS_MAX];
    for (size_t i = 0; i < metric->label_count; i++) {
        const char *value = values[i] == NULL ? "" : values[i];
        views[i] = (struct sx_str){value, strlen(value)};
    }
    return sx_metric_family_get(handle, &metric->family, views, metric->label_count) != SX_OK;
}
