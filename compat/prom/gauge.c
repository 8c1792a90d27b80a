/* gauge.c: the functions for gauges. */
#include "prom_gauge.h"

#include "metric.h"
#include "update.h"

prom_gauge_t *prom_gauge_new(const char *name, const char *help, size_t label_key_count,
                             const char **label_keys)
{
    return prom__metric_new(
        &(struct prom__description){SX_GAUGE, name, help, label_key_count, label_keys, NULL});
}

int prom_gauge_destroy(prom_gauge_t *self)
{
    return prom__metric_destroy(self, SX_GAUGE);
}

int prom_gauge_inc(prom_gauge_t *self, const char **label_values)
{
    return prom__update(self, SX_GAUGE, PROM__ADD, 1, label_values);
}

int prom_gauge_dec(prom_gauge_t *self, const char **label_values)
{
    return prom__update(self, SX_GAUGE, PROM__ADD, -1, label_values);
}

int prom_gauge_add(prom_gauge_t *self, double r_value, const char **label_values)
{
    return prom__update(self, SX_GAUGE, PROM__ADD, r_value, label_values);
}

int prom_gauge_sub(prom_gauge_t *self, double r_value, const char **label_values)
{
    return prom__update(self, SX_GAUGE, PROM__ADD, -r_value, label_values);
}

int prom_gauge_set(prom_gauge_t *self, double r_value, const char **label_values)
{
    return prom__update(self, SX_GAUGE, PROM__SET, r_value, label_values);
}
