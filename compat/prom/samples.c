/* samples.c: looking up samples, and updating them. */
#include "samples.h"

#include "lock.h"
#include "metric.h"
#include "update.h"

#include <stdint.h>
#include <stdlib.h>

#define SLOTS_FIRST 16 /* a power of two */

struct prom_metric_sample {
    struct sx_metric handle;
};

/* The same object under another name, because the API gives out two types. */
struct prom_metric_sample_histogram {
    struct prom_metric_sample sample;
};

struct prom__sample_table {
    struct prom__sample_table *replaced;
    size_t slot_count; /* a power of two, more than twice `used` */
    size_t used;
    struct prom_metric_sample *slots[];
};

static const void *address_of(const struct sx_metric *handle)
{
    switch (handle->type) {
    case SX_COUNTER:
        return handle->counter;
    case SX_GAUGE:
        return handle->gauge;
    default:
        return handle->histogram;
    }
}

static void release(const struct sx_metric *handle)
{
    sx_counter_release(handle->counter);
    sx_gauge_release(handle->gauge);
    sx_histogram_release(handle->histogram);
}

/* ---- the table ---- */

/* Returns the sample of a handle, or NULL; *slot is where it is or belongs. */
static struct prom_metric_sample *find_sample(struct prom__sample_table *table,
                                              const struct sx_metric *handle, size_t *slot)
{
    const void *address = address_of(handle);
    size_t i = (size_t)(((uintptr_t)address >> 4) * 0x9e3779b97f4a7c15u >> 32);
    for (;; i++) {
        *slot = i & (table->slot_count - 1);
        struct prom_metric_sample *sample = __atomic_load_n(&table->slots[*slot], __ATOMIC_ACQUIRE);
        if (sample == NULL || address_of(&sample->handle) == address) {
            return sample;
        }
    }
}

static struct prom__sample_table *make_table(struct prom__sample_table *replaced)
{
    const size_t count = replaced == NULL ? SLOTS_FIRST : replaced->slot_count * 2;
    struct prom__sample_table *table =
        calloc(1, sizeof *table + count * sizeof(struct prom_metric_sample *));
    if (table == NULL) {
        return NULL;
    }
    table->replaced = replaced;
    table->slot_count = count;
    for (size_t i = 0; replaced != NULL && i < replaced->slot_count; i++) {
        struct prom_metric_sample *sample = replaced->slots[i];
        if (sample != NULL) {
            size_t slot;
            (void)find_sample(table, &sample->handle, &slot);
            table->slots[slot] = sample;
            table->used++;
        }
    }
    return table;
}

/* Returns a table with room for one more, or NULL. The lock is held. */
static struct prom__sample_table *make_room(struct prom__samples *samples)
{
    struct prom__sample_table *table = samples->table;
    if (table == NULL || (table->used + 1) * 2 > table->slot_count) {
        table = make_table(samples->table);
        if (table != NULL) {
            __atomic_store_n(&samples->table, table, __ATOMIC_RELEASE);
        }
    }
    return table;
}

/* Finds or adds the sample of a handle, which it takes over. The lock is held. */
static struct prom_metric_sample *add_sample(struct prom__samples *samples,
                                             const struct sx_metric *handle)
{
    struct prom__sample_table *table = make_room(samples);
    size_t slot = 0;
    struct prom_metric_sample *sample = table == NULL ? NULL : find_sample(table, handle, &slot);
    if (table == NULL || sample != NULL) {
        release(handle);
        return sample;
    }
    sample = malloc(sizeof *sample);
    if (sample == NULL) {
        release(handle);
        return NULL;
    }
    sample->handle = *handle;
    __atomic_store_n(&table->slots[slot], sample, __ATOMIC_RELEASE);
    table->used++;
    return sample;
}

void prom__samples_clean_up(struct prom__samples *samples)
{
    struct prom__sample_table *table = samples->table;
    for (size_t i = 0; table != NULL && i < table->slot_count; i++) {
        if (table->slots[i] != NULL) {
            release(&table->slots[i]->handle);
            free(table->slots[i]);
        }
    }
    while (table != NULL) {
        struct prom__sample_table *replaced = table->replaced;
        free(table);
        table = replaced;
    }
    samples->table = NULL;
}

/* ---- the API ---- */

static struct prom_metric_sample *look_up(struct prom_metric *metric, const char **values)
{
    struct sx_metric handle;
    if (prom__series_get(&handle, metric, values) != 0) {
        return NULL;
    }
    struct prom__sample_table *table = __atomic_load_n(&metric->samples.table, __ATOMIC_ACQUIRE);
    size_t slot;
    struct prom_metric_sample *sample = table == NULL ? NULL : find_sample(table, &handle, &slot);
    if (sample != NULL) {
        release(&handle);
        return sample;
    }
    prom__lock();
    sample = add_sample(&metric->samples, &handle);
    prom__unlock();
    return sample;
}

prom_metric_sample_t *prom_metric_sample_from_labels(prom_metric_t *self, const char **label_values)
{
    return self == NULL || self->type == SX_HISTOGRAM ? NULL : look_up(self, label_values);
}

prom_metric_sample_histogram_t *prom_metric_sample_histogram_from_labels(prom_metric_t *self,
                                                                         const char **label_values)
{
    if (self == NULL || self->type != SX_HISTOGRAM) {
        return NULL;
    }
    return (prom_metric_sample_histogram_t *)look_up(self, label_values);
}

int prom_metric_sample_add(prom_metric_sample_t *self, double r_value)
{
    if (self == NULL || (self->handle.counter != NULL && !prom__is_amount(r_value))) {
        return 1;
    }
    sx_counter_add(self->handle.counter, r_value);
    sx_gauge_add(self->handle.gauge, r_value);
    return 0;
}

int prom_metric_sample_sub(prom_metric_sample_t *self, double r_value)
{
    if (self == NULL || self->handle.type != SX_GAUGE) {
        return 1;
    }
    sx_gauge_add(self->handle.gauge, -r_value);
    return 0;
}

int prom_metric_sample_set(prom_metric_sample_t *self, double r_value)
{
    if (self == NULL || self->handle.type != SX_GAUGE) {
        return 1;
    }
    sx_gauge_set(self->handle.gauge, r_value);
    return 0;
}

int prom_metric_sample_histogram_observe(prom_metric_sample_histogram_t *self, double value)
{
    if (self == NULL || value != value) {
        return 1;
    }
    sx_histogram_observe(self->sample.handle.histogram, value);
    return 0;
}
