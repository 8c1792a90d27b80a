/* collection.c: families and samples that exist for one scrape. */
#include "collection.h"

#include "family.h"
#include "label_hash.h"
#include "labels.h"
#include "view.h"

#include <sextant/collector.h>

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_CAPACITY_FIRST ((size_t)8)

/* ---- families ---- */

static int clash_fault(const struct sx__name_entry *clashing, struct sx_str name)
{
    return sx__views_equal(sx__family_name(clashing->family->family), name) ? SX_EEXIST : SX_ECLASH;
}

/* Whether a family of an earlier collection, or of this one, has the name or one of its suffixes.
 */
static int check_names(const struct sx__name_index *index, const struct sx__desc *desc)
{
    struct sx__written_names names[SX__STEMS_MAX];
    const size_t count = sx__written_names_of(names, desc->legacy, desc->type);
    int status = SX_OK;
    for (size_t i = 0; i < count && status != SX_EEXIST; i++) {
        const struct sx__name_entry *entry = sx__name_index_find(index, &names[i], NULL);
        for (; entry != NULL && status != SX_EEXIST;
             entry = sx__name_index_find(index, &names[i], entry)) {
            status = clash_fault(entry, desc->name);
        }
    }
    return status;
}

static void add_collected_names(struct sx__name_index *index,
                                struct sx__collected_family *collected)
{
    struct sx__written_names names[SX__STEMS_MAX];
    collected->name_count = sx__written_names_of(names, sx__family_legacy_name(collected->family),
                                                 (enum sx_metric_type)collected->family->type);
    for (size_t i = 0; i < collected->name_count; i++) {
        collected->names[i] = (struct sx__name_entry){.names = names[i], .family = collected};
        sx__name_index_add(index, &collected->names[i]);
    }
}

/* Takes ownership of the family, also on failure. */
static int append_family(struct sx_collection *collection, struct sx__family *family,
                         bool is_registered)
{
    struct sx__collected_family *collected = NULL;
    if (family != NULL && sx__name_index_reserve(collection->names) == SX_OK) {
        collected = calloc(1, sizeof *collected);
    }
    if (collected == NULL) {
        free(family);
        return SX_ENOMEM;
    }
    collected->family = family;
    collected->is_registered = is_registered;
    collected->collection = collection;
    add_collected_names(collection->names, collected);
    if (collection->last == NULL) {
        collection->first = collected;
    } else {
        collection->last->next = collected;
    }
    collection->last = collected;
    return SX_OK;
}

/* Not the fields that other threads may change. */
static struct sx__family *copy_family(const struct sx__family *family)
{
    struct sx__family *copy = malloc(family->size);
    if (copy != NULL) {
        *copy = (struct sx__family){.arena = family->arena,
                                    .type = family->type,
                                    .label_count = family->label_count,
                                    .bound_count = family->bound_count,
                                    .source = family->source,
                                    .native_max = family->native_max,
                                    .native_schema = family->native_schema,
                                    .zero_threshold = family->zero_threshold,
                                    .size = family->size,
                                    .name = family->name,
                                    .help = family->help,
                                    .unit = family->unit,
                                    .legacy = family->legacy,
                                    .labels = family->labels};
        memcpy(copy + 1, family + 1, family->size - sizeof *family);
    }
    return copy;
}

/* The same with one more label. */
static struct sx__family *copy_with_label(const struct sx__family *family, const char *label)
{
    const char *labels[SX_LABELS_MAX + 1] = {NULL};
    char *memory = malloc(family->size); /* for the names, each ended by NUL */
    char *at = memory;
    struct sx__family *copy = malloc(family->size + sizeof(struct sx__span) + strlen(label));
    if (memory == NULL || copy == NULL) {
        free(memory);
        free(copy);
        return NULL;
    }
    for (uint32_t i = 0; i < family->label_count; i++) {
        const struct sx_str name = sx__family_label(family, i);
        labels[i] = at;
        memcpy(at, name.data, name.size);
        at[name.size] = '\0';
        at += name.size + 1;
    }
    labels[family->label_count] = label;
    const struct sx__desc desc = {.type = (enum sx_metric_type)family->type,
                                  .name = sx__family_name(family),
                                  .legacy = sx__family_legacy_name(family),
                                  .help = sx__family_help(family),
                                  .unit = sx__family_unit(family),
                                  .labels = labels,
                                  .label_count = (size_t)family->label_count + 1};
    sx__family_write(copy, family->arena, &desc);
    free(memory);
    return copy;
}

/* Whether a callback of this name was called before in this scrape. */
static bool has_registered(const struct sx__name_index *index, const struct sx__family *family)
{
    struct sx__written_names names[SX__STEMS_MAX];
    const struct sx_str name = sx__family_name(family);
    (void)sx__written_names_of(names, sx__family_legacy_name(family),
                               (enum sx_metric_type)family->type);
    const struct sx__name_entry *entry = sx__name_index_find(index, &names[0], NULL);
    while (entry != NULL && !(entry->family->is_registered &&
                              sx__views_equal(sx__family_name(entry->family->family), name))) {
        entry = sx__name_index_find(index, &names[0], entry);
    }
    return entry != NULL;
}

int sx__collection_add_registered(struct sx_collection *collection, const struct sx__family *family,
                                  const char *label)
{
    if (has_registered(collection->names, family)) {
        return SX_EEXIST;
    }
    struct sx__family *copy = label == NULL ? copy_family(family) : copy_with_label(family, label);
    return append_family(collection, copy, true);
}

static int add_desc(struct sx_collection *collection, const struct sx__desc *desc)
{
    int status = check_names(collection->names, desc);
    if (status != SX_OK) {
        return status;
    }
    size_t size = sx__family_size(desc);
    struct sx__family *family = size > UINT32_MAX ? NULL : malloc(size);
    if (family == NULL) {
        return SX_ENOMEM;
    }
    sx__family_write(family, collection->registry->arena, desc);
    return append_family(collection, family, false);
}

static int add_family(struct sx_collection *collection, enum sx_metric_type type,
                      const struct sx_metric_options *options)
{
    struct sx__desc desc;
    struct sx__full_name name;
    if (!sx__is_metric_type(type) || options == NULL) {
        return SX_EINVAL;
    }
    bool labelled = options->labels != NULL && options->labels[0] != NULL;
    int status = sx__desc_read(&desc, type, labelled, options);
    if (status != SX_OK) {
        return status;
    }
    /* The quantiles of a collector's summary come with each sample, and its gauges are those of one
     * process. */
    if (desc.quantile_count > 0 || desc.multiprocess_mode != SX_MODE_LIVE_SUM) {
        return SX_EINVAL;
    }
    status = sx__desc_place(&desc, &name, collection->registry);
    if (status == SX_OK) {
        status = add_desc(collection, &desc);
    }
    sx__full_name_clean_up(&name);
    return status;
}

/* ---- samples ---- */

static size_t bucket_count(const struct sx__family *family)
{
    return sx__has_buckets(family) ? (size_t)family->bound_count + 1 : 0;
}

/* Returns where the sample with this text is in the table, or where it belongs. */
static struct sx__sample **find(const struct sx_collection *collection,
                                const struct sx__collected_family *collected, struct sx_str text)
{
    size_t mask = collected->table_capacity - 1;
    size_t i = sx__label_hash_of(collection->registry->hash_key, &text, 1).hash & mask;
    while (collected->table[i] != NULL &&
           !sx__views_equal(sx__sample_text(collected, collected->table[i]), text)) {
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
        sample->extra = NULL;
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

/* Whether a sample of the family may have this value. */
static bool is_possible(const struct sx__family *family, double value)
{
    switch (family->type) {
    case SX_COUNTER:
        return value >= 0 && value <= DBL_MAX;
    case SX_INFO:
        return value == 1;
    case SX_STATE_SET:
        return value == 0 || value == 1;
    case SX_HISTOGRAM:
    case SX_SUMMARY:
    case SX_GAUGE_HISTOGRAM:
        return value == value; /* the sum */
    default:
        return true;
    }
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
    if (sx__has_buckets(family) != (buckets != NULL) || !is_possible(family, value)) {
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

int sx__collection_fail(struct sx_collection *collection, int status)
{
    if (collection->status == SX_OK) {
        collection->status = status;
    }
    return collection->status;
}

int sx__collection_add_sample(struct sx_collection *collection, const struct sx_str *values,
                              size_t count, double value, const uint64_t *buckets,
                              struct sx__sample_extra *extra)
{
    if (collection == NULL || collection->status != SX_OK) {
        sx__sample_extra_free(extra);
        return collection == NULL ? SX_EINVAL : collection->status;
    }
    const int status = add_sample(collection, values, count, value, buckets);
    if (status != SX_OK) {
        sx__sample_extra_free(extra);
        return sx__collection_fail(collection, status);
    }
    collection->last->last->extra = extra;
    return SX_OK;
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
    return sx__collection_fail(collection, add_family(collection, type, options));
}

int sx_collection_add_sample(struct sx_collection *collection, const struct sx_str *values,
                             size_t count, double value)
{
    return sx__collection_add_sample(collection, values, count, value, NULL, NULL);
}

/* ---- after the collector ---- */

/* A family of the directory that a callback has is in the index, too, and clashes with nothing in
 * the directory. */
static void mark_clashes(const struct sx__name_index *index, const struct sx__family *family)
{
    struct sx__written_names names[SX__STEMS_MAX];
    const struct sx_str name = sx__family_name(family);
    const size_t count = sx__written_names_of(names, sx__family_legacy_name(family),
                                              (enum sx_metric_type)family->type);
    for (size_t i = 0; i < count; i++) {
        const struct sx__name_entry *entry = sx__name_index_find(index, &names[i], NULL);
        for (; entry != NULL; entry = sx__name_index_find(index, &names[i], entry)) {
            struct sx_collection *collection = entry->family->collection;
            const bool is_itself = entry->family->is_registered && sx__family_is_collected(family);
            if (!is_itself && collection->status == SX_OK) {
                collection->status = clash_fault(entry, name);
            }
        }
    }
}

const struct sx__family *sx__collections_next_family(const struct sx__collections *collections,
                                                     const struct sx_registry *registry,
                                                     const uint32_t *link, uint64_t epoch)
{
    const struct sx__family *family = sx__family_shown_at(registry, link, epoch);
    for (; family != NULL; family = sx__family_shown_at(registry, &family->next, epoch)) {
        if (collections->names.entry_count > 0) {
            mark_clashes(&collections->names, family);
        }
        if (!sx__family_is_collected(family)) {
            break;
        }
    }
    return family;
}

struct sx_str sx__collection_last_name(const struct sx_collection *collection)
{
    return collection->last == NULL ? (struct sx_str){"", 0}
                                    : sx__family_name(collection->last->family);
}

static void free_family(struct sx__name_index *index, struct sx__collected_family *collected)
{
    for (size_t i = 0; i < collected->name_count; i++) {
        sx__name_index_remove(index, &collected->names[i]);
    }
    for (struct sx__sample *sample = collected->first; sample != NULL;) {
        struct sx__sample *next = sample->next;
        sx__sample_extra_free(sample->extra);
        free(sample);
        sample = next;
    }
    free(collected->table);
    free(collected->family);
    free(collected);
}

void sx__collection_clean_up(struct sx_collection *collection)
{
    for (struct sx__collected_family *collected = collection->first; collected != NULL;) {
        struct sx__collected_family *next = collected->next;
        free_family(collection->names, collected);
        collected = next;
    }
    collection->first = NULL;
    collection->last = NULL;
}
