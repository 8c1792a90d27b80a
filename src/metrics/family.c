/* family.c: registering and unregistering families. */
#include "family.h"

#include "cells.h"
#include "desc.h"
#include "family_index.h"
#include "overflow.h"
#include "pins.h"
#include "retired.h"
#include "series.h"
#include "series_cells.h"
#include "series_record.h"
#include "series_table.h"
#include "view.h"

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
    if (sx__views_equal(name, wanted)) {
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

/* How many bounds or quantiles follow the record. */
static size_t bounds_room(const struct sx__desc *desc)
{
    if (desc->type == SX_SUMMARY) {
        return desc->quantile_count;
    }
    if (desc->type != SX_HISTOGRAM && desc->type != SX_GAUGE_HISTOGRAM) {
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
        if (sx__views_equal(other, name)) {
            break;
        }
    }
    return family;
}

size_t sx__family_size(const struct sx__desc *desc)
{
    size_t size = sizeof(struct sx__family) + bounds_room(desc) * sizeof(double) +
                  desc->label_count * sizeof(struct sx__span) + desc->name.size + desc->help.size +
                  desc->unit.size + (desc->legacy.data != desc->name.data ? desc->legacy.size : 0);
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

/* Adding zero turns -0 into 0, because both are the same bound or quantile. */
static void write_bounds(double *bounds, const struct sx__desc *desc)
{
    const size_t count = bounds_room(desc);
    const bool are_quantiles = desc->quantile_count > 0;
    for (size_t i = 0; i < count; i++) {
        const double bound = i < desc->bound_count ? desc->bounds[i] : HUGE_VAL;
        bounds[i] = (are_quantiles ? desc->quantiles[i] : bound) + 0.0;
    }
}

void sx__family_write(struct sx__family *family, uint32_t arena, const struct sx__desc *desc)
{
    *family = (struct sx__family){
        .arena = arena,
        .type = desc->type,
        .label_count = (uint32_t)desc->label_count,
        .bound_count = (uint32_t)desc->bound_count,
        .max_series = desc->max_series,
        .idle_ms = desc->idle_ms,
        .source = desc->source,
        .native_max = desc->native_max,
        .native_schema = desc->native_schema,
        .zero_threshold = sx__bits_of(desc->zero_threshold),
        .window_ms = desc->window_ms,
        .quantile_count = (uint32_t)desc->quantile_count,
        .multiprocess_mode = desc->multiprocess_mode,
        .size = (uint32_t)sx__family_size(desc),
    };
    write_bounds(sx__family_bounds(family), desc);
    size_t used = sizeof *family + bounds_room(desc) * sizeof(double);
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
    family->unit = put_bytes(family, &used, desc->unit.data, desc->unit.size);
    family->legacy = desc->legacy.data == desc->name.data
                         ? family->name
                         : put_bytes(family, &used, desc->legacy.data, desc->legacy.size);
}

/* Makes what a family begins with: without labels its one series, else its overflow series. */
static bool make_first_series(struct sx_registry *registry, struct sx__family *family)
{
    if (family->source != SX__FROM_CELLS) {
        return true;
    }
    if (family->label_count > 0) {
        return sx__overflow_reserve(registry, family);
    }
    struct sx__series *series = sx__series_write(registry, family, NULL, 0);
    if (series != NULL) {
        sx__series_append(registry, family, series);
        family->live_count = 1;
    }
    return series != NULL;
}

/* Writes the record of a family, with what it begins with. Returns NULL if the registry is full. */
static struct sx__family *write_family(struct sx_registry *registry, const struct sx__desc *desc)
{
    size_t size = sx__family_size(desc);
    struct sx__family *family = size > UINT32_MAX ? NULL : sx__directory_allocate(registry, size);
    if (family == NULL) {
        return NULL;
    }
    sx__family_write(family, registry->arena, desc);
    if (!sx__family_pin_take(registry, family)) {
        sx__directory_free(registry, family, size);
        return NULL;
    }
    if (!make_first_series(registry, family)) {
        sx__family_pin_leave(registry, family);
        sx__directory_free(registry, family, size);
        return NULL;
    }
    return family;
}

static void publish(struct sx_registry *registry, struct sx__family *family)
{
    uint32_t ref = sx__ref(registry, family);
    uint32_t *link = &registry->first_family;
    if (registry->last_family != 0) {
        link = &((struct sx__family *)sx__at(registry, registry->last_family))->next;
    }
    family->previous = registry->last_family;
    family->retired.epoch = registry->epoch;
    sx__will_link(registry);
    __atomic_store_n(link, ref, __ATOMIC_RELEASE);
    registry->last_family = ref;
}

static uint32_t pin_of(const struct sx_registry *registry, const struct sx__family *family)
{
    return ((const struct sx__cells *)sx__at(registry, family->pin))->pin;
}

/* Finds the family or makes it. The directory's lock is held. */
static int find_or_make_family(struct sx__family **family, struct sx_registry *registry,
                               const struct sx__desc *desc)
{
    struct sx__family *made = NULL;
    int status = find_registered(family, registry, desc);
    if (status != SX_OK || *family != NULL) {
        return status;
    }
    made = write_family(registry, desc);
    if (made == NULL && sx__retired_reclaim_all(registry)) {
        made = write_family(registry, desc);
    }
    if (made == NULL) {
        return SX_EFULL;
    }
    if (made->idle_ms > 0) {
        __atomic_store_n(&registry->has_idle_families, true, __ATOMIC_RELEASE);
    }
    if (made->multiprocess_mode == SX_MODE_LIVE_ALL) {
        __atomic_store_n(&registry->has_live_all, true, __ATOMIC_RELEASE);
    }
    publish(registry, made);
    *family = made;
    return SX_OK;
}

int sx__family_register(struct sx__family **family, struct sx_registry *registry,
                        const struct sx__desc *desc)
{
    struct sx__family *found = NULL;

    sx__directory_lock(registry);
    int status = find_or_make_family(&found, registry, desc);
    if (status == SX_OK) {
        const bool is_pinned = sx__pin(registry, pin_of(registry, found));
        status = is_pinned ? SX_OK : SX_ENOMEM;
        found->is_unwanted = !is_pinned; /* so that the next scrape removes it */
        if (!is_pinned) {
            __atomic_store_n(&registry->has_unwanted_families, true, __ATOMIC_RELEASE);
        }
    }
    sx__directory_unlock(registry);
    if (status == SX_OK) {
        *family = found;
    }
    if (sx__arenas[registry->arena].is_taken_over && (status == SX_EEXIST || status == SX_ECLASH)) {
        __atomic_store_n(&sx__arenas[registry->arena].has_clashed, true, __ATOMIC_RELAXED);
    }
    return status;
}

/* ---- unregistering ---- */

static void take_out_of_chain(struct sx_registry *registry, const struct sx__family *family)
{
    uint32_t *link = &registry->first_family;
    if (family->previous != 0) {
        link = &((struct sx__family *)sx__at(registry, family->previous))->next;
    }
    /* A reader that stands on this family still finds the next one. */
    __atomic_store_n(link, family->next, __ATOMIC_RELEASE);
    if (family->next != 0) {
        ((struct sx__family *)sx__at(registry, family->next))->previous = family->previous;
    } else {
        registry->last_family = family->previous;
    }
}

/* Removes a family with its series. The directory's lock is held. */
static void remove_family(struct sx_registry *registry, struct sx__family *family)
{
    __atomic_store_n(&family->retired.removed, 1, __ATOMIC_SEQ_CST);
    registry->families_removed++;
    while (family->first_series != 0) {
        sx__series_retire(registry, family, sx__at(registry, family->first_series));
    }
    sx__overflow_drop(registry, family);
    sx__series_table_drop(registry, family);
    take_out_of_chain(registry, family);
    sx__retire(registry, &family->retired, SX__RETIRED_FAMILY);
}

int sx__family_unregister(struct sx__family *family)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    const uint32_t pin = pin_of(registry, family);
    sx__directory_lock(registry);
    sx__unpin(registry, pin);
    const bool is_removed = !sx__is_pinned(registry, pin);
    if (is_removed) {
        remove_family(registry, family);
        (void)sx__retired_reclaim_all(registry);
    } else if (registry->shared) { /* others may be processes that die */
        family->is_unwanted = 1;
        __atomic_store_n(&registry->has_unwanted_families, true, __ATOMIC_RELEASE);
    }
    sx__directory_unlock(registry);
    return is_removed;
}

void sx__families_want_registration(struct sx_registry *registry)
{
    sx__directory_lock(registry);
    for (uint32_t ref = registry->first_family; ref != 0;) {
        struct sx__family *family = sx__at(registry, ref);
        family->is_unwanted = 1;
        ref = family->next;
    }
    __atomic_store_n(&registry->has_unwanted_families, true, __ATOMIC_RELEASE);
    sx__directory_unlock(registry);
}

void sx__families_remove_unwanted(struct sx_registry *registry)
{
    bool are_left = false;
    if (!__atomic_load_n(&registry->has_unwanted_families, __ATOMIC_ACQUIRE)) {
        return;
    }
    sx__directory_lock(registry);
    for (uint32_t ref = registry->first_family; ref != 0;) {
        struct sx__family *family = sx__at(registry, ref);
        ref = family->next;
        if (family->is_unwanted != 0) {
            if (sx__is_pinned(registry, pin_of(registry, family))) {
                are_left = true;
            } else {
                remove_family(registry, family);
            }
        }
    }
    __atomic_store_n(&registry->has_unwanted_families, are_left, __ATOMIC_RELEASE);
    sx__directory_unlock(registry);
}

void sx__families_mend(struct sx_registry *registry)
{
    uint32_t last = 0;
    sx__retired_mend(registry);
    registry->families_removed++; /* whoever died may have been about to do this */
    for (uint32_t ref = registry->first_family; ref != 0;) {
        struct sx__family *family = sx__at(registry, ref);
        family->previous = last;
        sx__series_mend(registry, family);
        last = ref;
        ref = family->next;
    }
    registry->last_family = last;
    for (uint32_t ref = registry->first_family; ref != 0;) {
        struct sx__family *family = sx__at(registry, ref);
        ref = family->next;
        if (family->retired.removed != 0) { /* its remover died half-way */
            remove_family(registry, family);
        }
    }
}
