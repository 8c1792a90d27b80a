/* samples.c: what collectors add to samples besides a number: buckets, quantiles, states,
 * timestamps, exemplars. */
#include "collection.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

void sx__sample_extra_free(struct sx__sample_extra *extra)
{
    if (extra != NULL) {
        free(extra->quantiles);
        free(extra->native);
        for (uint32_t i = 0; i < extra->exemplar_count; i++) {
            free(extra->exemplars[i]);
        }
        free((void *)extra->exemplars);
        free(extra);
    }
}

static const struct sx__family *last_family(const struct sx_collection *collection)
{
    return collection == NULL || collection->last == NULL ? NULL : collection->last->family;
}

/* Whether a family was begun last that is not of one of these types. */
static bool is_of_other_type(const struct sx_collection *collection, enum sx_metric_type type,
                             enum sx_metric_type other)
{
    const struct sx__family *family = last_family(collection);
    return family != NULL && family->type != (uint32_t)type && family->type != (uint32_t)other;
}

static int refuse_sample(struct sx_collection *collection, int status)
{
    return collection == NULL ? SX_EINVAL : sx__collection_fail(collection, status);
}

/* ---- histograms ---- */

int sx_collection_add_histogram(struct sx_collection *collection, const struct sx_str *values,
                                size_t count, const uint64_t *buckets, double sum)
{
    if (buckets == NULL || is_of_other_type(collection, SX_HISTOGRAM, SX_GAUGE_HISTOGRAM)) {
        return refuse_sample(collection, SX_EINVAL);
    }
    return sx__collection_add_sample(collection, values, count, sum, buckets, NULL);
}

_Static_assert(SX_NATIVE_SIDE_MAX ==
                   sizeof((struct sx__native_side *)0)->buckets / sizeof(struct sx__native_bucket),
               "copy_side copies so many");

static bool copy_side(struct sx__native_side *side, const struct sx_native_bucket *buckets,
                      size_t count)
{
    side->count = 0;
    if (count > SX_NATIVE_SIDE_MAX || (count > 0 && buckets == NULL)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && buckets[i].index <= buckets[i - 1].index) {
            return false;
        }
        if (buckets[i].count > 0) {
            side->buckets[side->count++] =
                (struct sx__native_bucket){buckets[i].index, buckets[i].count};
        }
    }
    return true;
}

static bool copy_native(struct sx__native_values *native, const struct sx_native_sample *sample)
{
    if (sample->schema < SX__SCHEMA_MIN || sample->schema > SX__SCHEMA_MAX ||
        !(sample->zero_threshold >= 0 && sample->zero_threshold <= DBL_MAX) ||
        !copy_side(&native->positive, sample->positive, sample->positive_count) ||
        !copy_side(&native->negative, sample->negative, sample->negative_count)) {
        return false;
    }
    native->schema = sample->schema;
    native->zero_threshold =
        sample->zero_threshold > 0 ? sample->zero_threshold : SX__ZERO_THRESHOLD_DEFAULT;
    native->zero_count = sample->zero_count;
    native->count = sx__native_count(native);
    native->sum = sample->sum;
    return true;
}

/* Makes what a native histogram has besides classic buckets. *status tells why it returns NULL. */
static struct sx__sample_extra *make_native(const struct sx_native_sample *sample, int *status)
{
    struct sx__sample_extra *extra = calloc(1, sizeof *extra);
    if (extra != NULL) {
        extra->native = malloc(sizeof *extra->native);
    }
    *status = extra == NULL || extra->native == NULL ? SX_ENOMEM : SX_OK;
    if (*status == SX_OK && !copy_native(extra->native, sample)) {
        *status = SX_EINVAL;
    }
    if (*status != SX_OK) {
        sx__sample_extra_free(extra);
        return NULL;
    }
    return extra;
}

int sx_collection_add_native_histogram(struct sx_collection *collection,
                                       const struct sx_str *values, size_t count,
                                       const struct sx_native_sample *sample)
{
    const struct sx__family *family = last_family(collection);
    int status;
    if (sample == NULL || is_of_other_type(collection, SX_HISTOGRAM, SX_HISTOGRAM) ||
        (family != NULL &&
         (!sx__has_native(family) || (sample->buckets == NULL && family->bound_count > 0)))) {
        return refuse_sample(collection, SX_EINVAL);
    }
    struct sx__sample_extra *extra = make_native(sample, &status);
    if (extra == NULL) {
        return refuse_sample(collection, status);
    }
    const uint64_t *buckets = sample->buckets == NULL ? &extra->native->count : sample->buckets;
    return sx__collection_add_sample(collection, values, count, sample->sum, buckets, extra);
}

/* ---- summaries ---- */

static bool are_quantiles(const struct sx_quantile *quantiles, size_t count)
{
    if (count > SX_QUANTILES_MAX || (count > 0 && quantiles == NULL)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!(quantiles[i].quantile >= 0 && quantiles[i].quantile <= 1) ||
            (i > 0 && quantiles[i].quantile <= quantiles[i - 1].quantile)) {
            return false;
        }
    }
    return true;
}

static struct sx__sample_extra *make_quantiles(const struct sx_quantile *quantiles, size_t count)
{
    struct sx__sample_extra *extra = calloc(1, sizeof *extra);
    if (extra != NULL) {
        extra->quantiles = malloc(count * sizeof *quantiles);
    }
    if (extra == NULL || extra->quantiles == NULL) {
        sx__sample_extra_free(extra);
        return NULL;
    }
    memcpy(extra->quantiles, quantiles, count * sizeof *quantiles);
    extra->quantile_count = count;
    return extra;
}

int sx_collection_add_summary(struct sx_collection *collection, const struct sx_str *values,
                              size_t count, const struct sx_summary_sample *sample)
{
    struct sx__sample_extra *extra = NULL;
    if (sample == NULL || is_of_other_type(collection, SX_SUMMARY, SX_SUMMARY) ||
        !are_quantiles(sample->quantiles, sample->quantile_count)) {
        return refuse_sample(collection, SX_EINVAL);
    }
    if (sample->quantile_count > 0) {
        extra = make_quantiles(sample->quantiles, sample->quantile_count);
        if (extra == NULL) {
            return refuse_sample(collection, SX_ENOMEM);
        }
    }
    return sx__collection_add_sample(collection, values, count, sample->sum, &sample->observations,
                                     extra);
}

/* ---- infos and state sets ---- */

int sx_collection_add_info(struct sx_collection *collection, const struct sx_str *values,
                           size_t count)
{
    if (is_of_other_type(collection, SX_INFO, SX_INFO)) {
        return refuse_sample(collection, SX_EINVAL);
    }
    return sx__collection_add_sample(collection, values, count, 1, NULL, NULL);
}

int sx_collection_add_state(struct sx_collection *collection, struct sx_str state, bool is_true)
{
    if (is_of_other_type(collection, SX_STATE_SET, SX_STATE_SET)) {
        return refuse_sample(collection, SX_EINVAL);
    }
    const int status = sx__collection_add_sample(collection, &state, 1, is_true, NULL, NULL);
    const struct sx__sample_extra *extra = status == SX_OK ? collection->last->first->extra : NULL;
    return extra != NULL && extra->has_timestamp
               ? sx_collection_set_timestamp(collection, extra->timestamp_ms)
               : status;
}

/* ---- timestamps and exemplars ---- */

/* Makes the `extra` of a sample. NULL, no sample, is SX_ESTATE. */
static int reserve_extra(struct sx__sample *sample)
{
    if (sample == NULL) {
        return SX_ESTATE;
    }
    if (sample->extra == NULL) {
        sample->extra = calloc(1, sizeof *sample->extra);
    }
    return sample->extra == NULL ? SX_ENOMEM : SX_OK;
}

static struct sx__sample *last_sample(const struct sx_collection *collection)
{
    return collection->last == NULL ? NULL : collection->last->last;
}

/* A state set is one metric, so its states have one timestamp. */
static struct sx__sample *first_to_stamp(const struct sx_collection *collection)
{
    const struct sx__family *family = last_family(collection);
    return family != NULL && family->type == SX_STATE_SET ? collection->last->first
                                                          : last_sample(collection);
}

int sx_collection_set_timestamp(struct sx_collection *collection, int64_t timestamp_ms)
{
    if (collection == NULL || collection->status != SX_OK) {
        return collection == NULL ? SX_EINVAL : collection->status;
    }
    if (timestamp_ms < 0) {
        return sx__collection_fail(collection, SX_EINVAL);
    }
    struct sx__sample *sample = first_to_stamp(collection);
    do {
        const int status = reserve_extra(sample);
        if (status != SX_OK) {
            return sx__collection_fail(collection, status);
        }
        sample->extra->has_timestamp = true;
        sample->extra->timestamp_ms = timestamp_ms;
        sample = sample->next;
    } while (sample != NULL);
    return SX_OK;
}

static bool has_only_native(const struct sx__family *family, const struct sx__sample *sample)
{
    return family->bound_count == 0 && sample->extra->native != NULL;
}

/* The slot of an exemplar, or UINT32_MAX if the sample counts nothing of this value. */
static uint32_t slot_of_value(const struct sx__family *family, const struct sx__sample *sample,
                              double value)
{
    uint32_t slot = 0;
    if (family->type == SX_COUNTER) {
        return value > 0 && value <= DBL_MAX ? slot : UINT32_MAX;
    }
    while (slot < family->bound_count && value > sx__family_bounds(family)[slot]) {
        slot++;
    }
    if (value != value || sample->buckets[slot] == 0) {
        return UINT32_MAX;
    }
    return has_only_native(family, sample) ? sx__native_exemplar_slot(value) : slot;
}

/* Makes the slots of a sample. Returns false without memory. */
static bool reserve_exemplars(const struct sx__family *family, const struct sx__sample *sample)
{
    struct sx__sample_extra *extra = sample->extra;
    if (extra->exemplars == NULL) {
        const uint32_t count = family->type == SX_COUNTER        ? 1
                               : has_only_native(family, sample) ? SX__NATIVE_EXEMPLARS
                                                                 : family->bound_count + 1;
        extra->exemplars = calloc(count, sizeof(struct sx__exemplar *));
        extra->exemplar_count = extra->exemplars == NULL ? 0 : count;
    }
    return extra->exemplars != NULL;
}

/* Takes ownership of the exemplar. */
static void keep_exemplar(struct sx__sample_extra *extra, uint32_t slot,
                          struct sx__exemplar *exemplar)
{
    free(extra->exemplars[slot]);
    extra->exemplars[slot] = exemplar;
}

static int add_exemplar(struct sx__collected_family *collected, const struct sx__sample *sample,
                        const struct sx__exemplar_source *source)
{
    const uint32_t slot = slot_of_value(collected->family, sample, source->value);
    if (slot == UINT32_MAX || source->timestamp_ms < 0) {
        collected->exemplars_dropped++;
        return SX_OK;
    }
    struct sx__exemplar *exemplar = malloc(sizeof *exemplar);
    if (exemplar == NULL || !reserve_exemplars(collected->family, sample)) {
        free(exemplar);
        return SX_ENOMEM;
    }
    if (sx__exemplar_set(exemplar, source)) {
        keep_exemplar(sample->extra, slot, exemplar);
    } else {
        free(exemplar);
        collected->exemplars_dropped++;
    }
    return SX_OK;
}

int sx_collection_add_exemplar(struct sx_collection *collection, double value,
                               const struct sx_label *labels, size_t count, int64_t timestamp_ms)
{
    const struct sx__exemplar_source source = {value, timestamp_ms, labels, count};
    if (collection == NULL || collection->status != SX_OK) {
        return collection == NULL ? SX_EINVAL : collection->status;
    }
    struct sx__sample *sample = last_sample(collection);
    int status = reserve_extra(sample);
    if (status == SX_OK) {
        const uint32_t type = collection->last->family->type;
        status = type == SX_COUNTER || type == SX_HISTOGRAM || type == SX_GAUGE_HISTOGRAM
                     ? add_exemplar(collection->last, sample, &source)
                     : SX_EINVAL;
    }
    return status == SX_OK ? SX_OK : sx__collection_fail(collection, status);
}
