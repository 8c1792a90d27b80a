/* histogram.c: the functions for histograms. */
#include "prom_histogram.h"

#include "metric.h"
#include "update.h"

prom_histogram_t *prom_histogram_new(const char *name, const char *help,
                                     prom_histogram_buckets_t *buckets, size_t label_key_count,
                                     const char **label_keys)
{
    if (buckets == NULL) {
        buckets = prom_histogram_default_buckets;
    }
    if (buckets == NULL || (buckets->count > 0 && buckets->upper_bounds == NULL)) {
        return NULL;
    }
    return prom__metric_new(&(struct prom__description){SX_HISTOGRAM, name, help, label_key_count,
                                                        label_keys, buckets});
}

int prom_histogram_destroy(prom_histogram_t *self)
{
    return prom__metric_destroy(self, SX_HISTOGRAM);
}

int prom_histogram_observe(prom_histogram_t *self, double value, const char **label_values)
{
    return prom__update(self, SX_HISTOGRAM, PROM__OBSERVE, value, label_values);
}
