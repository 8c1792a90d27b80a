/* counter.c: the functions for counters. */
#include "prom_counter.h"

#include "metric.h"
#include "update.h"

prom_counter_t *prom_counter_new(const char *name, const char *help, size_t label_key_count,
                                 const char **label_keys)
{
    return prom__metric_new(
        &(struct prom__description){SX_COUNTER, name, help, label_key_count, label_keys, NULL});
}

int prom_counter_destroy(prom_counter_t *self)
{
    return prom__metric_destroy(self, SX_COUNTER);
}

int prom_counter_inc(prom_counter_t *self, const char **label_values)
{
    return prom__update(self, SX_COUNTER, PROM__ADD, 1, label_values);
}

int prom_counter_add(prom_counter_t *self, double r_value, const char **label_values)
{
    return prom__update(self, SX_COUNTER, PROM__ADD, r_value, label_values);
}
