/* family.c: registering families. */
#include "family.h"

#include "desc.h"
#include "family_index.h"
#include "retired.h"
#include "series.h"

#include <math.h>
#include <string.h>

struct search {
    const struct sx__desc *desc;
    const struct sx__family *found; /* has this name */
    bool clashes;                   /* another family does */
};

static bool look_at(void *context, const struct sx__family *family)
{
    struct search *search = context;
    const struct sx_str name = sx__family_name(family);
    const struct sx_str wanted = search->desc->name;
    if (name.size == wanted.size && memcmp(name.data, wanted.data, name.size) == 0) {
        search->found = family;
        return true;
    }
    search->clashes |= sx__desc_clashes(search->desc, family);
    return false;
}

/* Finds the family of this name. Returns SX_ECLASH if another family clashes with the name. */
static int find_registered(struct sx__family **found, struct sx_registry *registry,
                           const struct sx__desc *desc)
{
    struct search search = {.desc = desc};
    sx__family_index_search(registry, desc, look_at, &search);
    *found = NULL;
    if (search.found == NULL) {
        return search.clashes ? SX_ECLASH : SX_OK;
    }
    if (!sx__desc_equals(desc, search.found)) {
        return SX_EEXIST;
    }
    *found = sx__at(registry, sx__ref(registry, search.found));
    return SX_OK;
}

static size_t padded_bounds(const struct sx__desc *desc)
{
    if (desc->type != SX_HISTOGRAM) {
        return 0;
    }
    if (desc->bound_count == 0) {
        return SX__BOUNDS_UNIT;
    }
    return (desc->bound_count + SX__BOUNDS_UNIT - 1) / SX__BOUNDS_UNIT * SX__BOUNDS_UNIT;
}

const struct sx__family *sx__family_find(const struct sx_registry *registry, struct sx_str name)
{
    const struct sx__family *family = sx__family_at(registry, &registry->first_family);
    for (; family != NULL; family = sx__family_at(registry, &family->next)) {
        struct sx_str other = sx__family_name(family);
        if (other.size == name.size && memcmp(other.data, name.data, name.size) == 0) {
            break;
        }
    }
    return family;
}

size_t sx__family_size(const struct sx__desc *desc)
{
    size_t size = sizeof(struct sx__family) + padded_bounds(desc) * sizeof(double) +
                  desc->label_count * sizeof(struct sx__span) + desc->name.size + desc->help.size;
    for (size_t i = 0; i < desc->label_count; i++) {
        size += strlen(desc->labels[i]);
    }
    return size;
}

static struct sx__span put_bytes(struct sx__family *family, size_t *used, const void *bytes,
                                 size_t size)
{
    struct sx__span span = {(uint32_t)*used, (uint32_t)size};
    memcpy((char *)family + *used, bytes, size);
    *used += size;
    return span;
}

void sx__family_write(struct sx__family *family, uint32_t arena, const struct sx__desc *desc)
{
    *family = (struct sx__family){
        .arena = arena,
        .type = desc->type,
        .label_count = (uint32_t)desc->label_count,
        .bound_count = (uint32_t)desc->bound_count,
        .max_series = desc->max_series,
        .source = desc->source,
    };
    size_t bound_count = padded_bounds(desc);
    double *bounds = sx__family_bounds(family);
    for (size_t i = 0; i < bound_count; i++) {
        /* Adding zero turns -0 into 0, because both are the same bound. */
        bounds[i] = i < desc->bound_count ? desc->bounds[i] + 0.0 : HUGE_VAL;
    }
    size_t used = sizeof *family + bound_count * sizeof(double);
    struct sx__span spans[SX_LABELS_MAX];
    size_t spans_size = desc->label_count * sizeof spans[0];
    size_t spans_at = used;
    used += spans_size;
    for (size_t i = 0; i < desc->label_count; i++) {
        spans[i] = put_bytes(family, &used, desc->labels[i], strlen(desc->labels[i]));
    }
    family->labels = put_bytes(family, &spans_at, spans, spans_size);
    family->name = put_bytes(family, &used, desc->name.data, desc->name.size);
    family->help = put_bytes(family, &used, desc->help.data, desc->help.size);
}

/* Writes the record of a family and of the series that one without labels starts with. */
static struct sx__family *write_family(struct sx_registry *registry, const struct sx__desc *desc)
{
    size_t size = sx__family_size(desc);
    struct sx__family *family = size > UINT32_MAX ? NULL : sx__directory_allocate(registry, size);
    if (family == NULL) {
        return NULL;
    }
    sx__family_write(family, registry->arena, desc);
    if (desc->label_count == 0 && desc->source == SX__FROM_CELLS) {
        struct sx__series *series = sx__series_write(registry, family, NULL, 0);
        if (series == NULL) {
            sx__directory_free(registry, family, size);
            return NULL;
        }
        family->first_series = sx__ref(registry, series);
        family->last_series = family->first_series;
        family->live_count = 1;
    }
    return family;
}

static void publish(struct sx_registry *registry, const struct sx__family *family)
{
    uint32_t ref = sx__ref(registry, family);
    uint32_t *link = &registry->first_family;
    if (registry->last_family != 0) {
        link = &((struct sx__family *)sx__at(registry, registry->last_family))->next;
    }
    __atomic_store_n(link, ref, __ATOMIC_RELEASE);
    registry->last_family = ref;
}

int sx__family_register(struct sx__family **family, struct sx_registry *registry,
                        const struct sx__desc *desc)
{
    struct sx__family *found = NULL;

    sx__directory_lock(registry);
    int status = find_registered(&found, registry, desc);
    if (status == SX_OK && found == NULL) {
        found = write_family(registry, desc);
        if (found == NULL && sx__retired_reclaim_all(registry)) {
            found = write_family(registry, desc);
        }
        if (found != NULL) {
            publish(registry, found);
        } else {
            status = SX_EFULL;
        }
    }
    sx__directory_unlock(registry);
    if (status == SX_OK) {
        *family = found;
    }
    return status;
}

void sx__families_mend(struct sx_registry *registry)
{
    uint32_t last = 0;
    sx__retired_mend(registry);
    for (uint32_t ref = registry->first_family; ref != 0;) {
        struct sx__family *family = sx__at(registry, ref);
        sx__series_mend(registry, family);
        last = ref;
        ref = family->next;
    }
    registry->last_family = last;
}
