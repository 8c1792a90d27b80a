/* collection.c: families and samples that exist for one scrape. */
#include "collection.h"

#include "family.h"
#include "label_hash.h"
#include "labels.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_CAPACITY_FIRST ((size_t)8)

/* ---- families ---- */

/* Whether a family of an earlier collection, or of this one, has the name or one of its suffixes.
 */
static int check_names(const struct sx_collection *collection, const struct sx__desc *desc)
{
    for (; collection != NULL; collection = collection->before) {
        const struct sx__collected_family *collected = collection->first;
        for (; collected != NULL; collected = collected->next) {
            int status = sx__desc_compare(desc, collected->family);
            if (status != SX_OK) {
                return status;
            }
        }
    }
    return SX_OK;
}

static int append_family(struct sx_collection *collection, const struct sx__family *family,
                         struct sx__family *owned)
{
    struct sx__collected_family *collected = calloc(1, sizeof *collected);
    if (collected == NULL) {
        return SX_ENOMEM;
    }
    collected->family = family;
    collected->owned = owned;
    if (collection->last == NULL) {
        collection->first = collected;
    } else {
        collection->last->next = collected;
    }
    collection->last = collected;
    return SX_OK;
}

int sx__collection_add_registered(struct sx_collection *collection, const struct sx__family *family)
{
    return append_family(collection, family, NULL);
}

static int add_family(struct sx_collection *collection, enum sx_metric_type type,
                      const struct sx_metric_options *options)
{
    struct sx__desc desc;
    if ((unsigned)type > SX_HISTOGRAM || options == NULL) {
        return SX_EINVAL;
    }
    bool labelled = options->labels != NULL && options->labels[0] != NULL;
    int status = sx__desc_read(&desc, type, labelled, options);
    if (status == SX_OK) {
        status = check_names(collection, &desc);
    }
    if (status != SX_OK) {
        return status;
    }
    size_t size = sx__family_size(&desc);
    struct sx__family *family = size > UINT32_MAX ? NULL : malloc(size);
    if (family == NULL) {
        return SX_ENOMEM;
    }
    sx__family_write(family, collection->registry->arena, &desc);
    status = append_family(collection, family, family);
    if (status != SX_OK) {
        free(family);
    }
    return status;
}

/* ---- samples ---- */

static size_t bucket_count(const struct sx__family *family)
{
    return family->type == SX_HISTOGRAM ? (size_t)family->bound_count + 1 : 0;
}

static bool same_text(struct sx_str a, struct sx_str b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Returns where the sample with this text is in the table, or where it belongs. */
static struct sx__sample **find(const struct sx_collection *collection,
                                const struct sx__collected_family *collected, struct sx_str text)
{
    size_t mask = collected->table_capacity - 1;
    size_t i = sx__label_hash_of(collection->registry->hash_key, &text, 1).hash & mask;
    while (collected->table[i] != NULL &&
           !same_text(sx__sample_text(collected, collected->table[i]), text)) {
        i = (i + 1) & mask;
    }
    return &collected->table[i];
}

static int make_room(const struct sx_collection *collection, struct sx__collected_family *collected)
{
    if ((collected->sample_count + 1) * 2 <= collected->table_capacity) {
        return SX_OK;
    }
    size_t capacity =
        collected->table_capacity == 0 ? TABLE_CAPACITY_FIRST : collected->table_capacity * 2;
    struct sx__sample **table = calloc(capacity, sizeof(struct sx__sample *));
    if (table == NULL) {
        return SX_ENOMEM;
    }
    free(collected->table);
    collected->table = table;
    collected->table_capacity = capacity;
    for (struct sx__sample *sample = collected->first; sample != NULL; sample = sample->next) {
        *find(collection, collected, sx__sample_text(collected, sample)) = sample;
    }
    return SX_OK;
}

static struct sx__sample *write_sample(const struct sx__family *family, const struct sx_str *values)
{
    size_t text_size = sx__labels_text_size(family, values);
    size_t buckets_size = bucket_count(family) * sizeof(uint64_t);
    struct sx__sample *sample = malloc(sizeof *sample + buckets_size + text_size);
    if (sample != NULL) {
        sample->next = NULL;
        sample->text_size = text_size;
        sx__labels_write_text((char *)sample->buckets + buckets_size, family, values);
    }
    return sample;
}

/* Takes ownership of the sample, also on failure. */
static int append_sample(const struct sx_collection *collection, struct sx__sample *sample)
{
    struct sx__collected_family *collected = collection->last;
    int status = make_room(collection, collected);
    if (status == SX_OK) {
        struct sx__sample **place = find(collection, collected, sx__sample_text(collected, sample));
        if (*place == NULL) {
            *place = sample;
        } else {
            status = SX_EEXIST;
        }
    }
    if (status != SX_OK) {
        free(sample);
        return status;
    }
    if (collected->last == NULL) {
        collected->first = sample;
    } else {
        collected->last->next = sample;
    }
    collected->last = sample;
    collected->sample_count++;
    return SX_OK;
}

static int check_values(const struct sx_collection *collection, const struct sx_str *values,
                        size_t count)
{
    if (collection->last == NULL) {
        return SX_ESTATE;
    }
    if (count != collection->last->family->label_count) {
        return SX_EVALUES;
    }
    if (count > 0 && values == NULL) {
        return SX_EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        if (values[i].data == NULL && values[i].size > 0) {
            return SX_EINVAL;
        }
    }
    return SX_OK;
}

static int add_sample(const struct sx_collection *collection, const struct sx_str *values,
                      size_t count, double value, const uint64_t *buckets)
{
    struct sx_str cleaned[SX_LABELS_MAX];
    char *memory = NULL;
    int status = check_values(collection, values, count);
    if (status != SX_OK) {
        return status;
    }
    const struct sx__family *family = collection->last->family;
    if ((family->type == SX_HISTOGRAM) != (buckets != NULL) ||
        (family->type == SX_COUNTER && !(value >= 0 && value <= DBL_MAX))) {
        return SX_EINVAL;
    }
    status = sx__labels_clean(cleaned, &memory, values, count);
    if (status != SX_OK) {
        return status;
    }
    struct sx__sample *sample = write_sample(family, cleaned);
    free(memory);
    if (sample == NULL) {
        return SX_ENOMEM;
    }
    sample->value = value;
    if (buckets != NULL) {
        memcpy(sample->buckets, buckets, bucket_count(family) * sizeof buckets[0]);
    }
    return append_sample(collection, sample);
}

/* ---- what collectors call ---- */

static int keep_first_error(struct sx_collection *collection, int status)
{
    if (status != SX_OK) {
        collection->status = status;
    }
    return status;
}

int sx_collection_add_family(struct sx_collection *collection, enum sx_metric_type type,
                             const struct sx_metric_options *options)
{
    if (collection == NULL) {
        return SX_EINVAL;
    }
    if (collection->status != SX_OK) {
        return collection->status;
    }
    return keep_first_error(collection, add_family(collection, type, options));
}

int sx_collection_add_sample(struct sx_collection *collection, const struct sx_str *values,
                             size_t count, double value)
{
    if (collection == NULL) {
        return SX_EINVAL;
    }
    if (collection->status != SX_OK) {
        return collection->status;
    }
    return keep_first_error(collection, add_sample(collection, values, count, value, NULL));
}

int sx_collection_add_histogram(struct sx_collection *collection, const struct sx_str *values,
                                size_t count, const uint64_t *buckets, double sum)
{
    if (collection == NULL || buckets == NULL) {
        return collection == NULL ? SX_EINVAL : keep_first_error(collection, SX_EINVAL);
    }
    if (collection->status != SX_OK) {
        return collection->status;
    }
    int status = sum == sum ? add_sample(collection, values, count, sum, buckets) : SX_EINVAL;
    return keep_first_error(collection, status);
}

/* ---- after the collector ---- */

static int check_family(const struct sx_collection *collection, const struct sx__family *collected,
                        uint32_t last_family)
{
    const struct sx_registry *registry = collection->registry;
    const struct sx__family *family = sx__family_at(registry, &registry->first_family);
    while (family != NULL) {
        int status = sx__family_compare(collected, family);
        if (status != SX_OK) {
            return status;
        }
        family = sx__ref(registry, family) == last_family ? NULL
                                                          : sx__family_at(registry, &family->next);
    }
    return SX_OK;
}

int sx__collection_check(const struct sx_collection *collection, uint32_t last_family)
{
    const struct sx__collected_family *collected = collection->first;
    for (; collected != NULL && last_family != 0; collected = collected->next) {
        int status = collected->owned == NULL
                         ? SX_OK
                         : check_family(collection, collected->family, last_family);
        if (status != SX_OK) {
            return status;
        }
    }
    return SX_OK;
}

struct sx_str sx__collection_last_name(const struct sx_collection *collection)
{
    return collection->last == NULL ? (struct sx_str){"", 0}
                                    : sx__family_name(collection->last->family);
}

static void free_family(struct sx__collected_family *collected)
{
    for (struct sx__sample *sample = collected->first; sample != NULL;) {
        struct sx__sample *next = sample->next;
        free(sample);
        sample = next;
    }
    free(collected->table);
    free(collected->owned);
    free(collected);
}

void sx__collection_clean_up(struct sx_collection *collection)
{
    for (struct sx__collected_family *collected = collection->first; collected != NULL;) {
        struct sx__collected_family *next = collected->next;
        free_family(collected);
        collected = next;
    }
    collection->first = NULL;
    collection->last = NULL;
}
