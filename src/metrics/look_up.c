/* look_up.c: looking up series, within the family's limit and beyond it, for a handle or one
 * update.
 */
#include "look_up.h"

#include "epochs.h"
#include "expiry.h"
#include "labels.h"
#include "self_metrics.h"
#include "series_table.h"

#include <string.h>

static int find_overflow(struct sx__series **series, struct sx_registry *registry,
                         struct sx__family *family)
{
    struct sx_str values[SX_LABELS_MAX];
    uint32_t ref = __atomic_load_n(&family->overflow, __ATOMIC_ACQUIRE);
    struct sx__series *found = ref == 0 ? NULL : sx__at(registry, ref);
    if (found != NULL && !sx__series_is_removed(found)) {
        *series = found;
        return SX_OK;
    }
    for (size_t i = 0; i < family->label_count; i++) {
        values[i] = sx__labels_overflow_value;
    }
    return sx__series_get(series, family, values, family->label_count);
}

static int look_up_overflow(struct sx__series **series, struct sx__family *family)
{
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    int status = find_overflow(series, registry, family);
    if (status == SX_OK) {
        sx__self_metric_count(family, SX__SELF_METRIC_OVERFLOWED);
    }
    return status;
}

static bool has_no_room(int status)
{
    return status == SX__BEYOND_LIMIT || status == SX_EFULL;
}

/* There is no room for the series. If idle ones of the family expire, there may be; else it is the
 * overflow series. If the registry is full, the memory of those that expire is free only after this
 * look-up, because this thread is reading. */
__attribute__((cold)) static int look_up_again(struct sx__series **series,
                                               struct sx__family *family,
                                               const struct sx_str *values, size_t count)
{
    int status = SX__BEYOND_LIMIT;
    if (sx__family_expire(family) > 0) {
        status = sx__series_get(series, family, values, count);
    }
    return has_no_room(status) ? look_up_overflow(series, family) : status;
}

/* Finds or makes the series, or the overflow series. The caller is reading. */
static int look_up(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count)
{
    int status = sx__series_get(series, family, values, count);
    if (__builtin_expect(status == SX_OK, 1)) {
        return SX_OK;
    }
    return has_no_room(status) ? look_up_again(series, family, values, count) : status;
}

/* Pins the series, or else the overflow series, which has a cell for its pins. */
static int pin(struct sx__series **series, struct sx__family *family)
{
    int status = sx__series_pin(*series);
    if (status == SX_EFULL) {
        status = look_up_overflow(series, family);
        if (status == SX_OK) {
            status = sx__series_pin(*series);
        }
    }
    return status;
}

int sx__get_handle(struct sx__series **series, struct sx__family *family,
                   const struct sx_str *values, size_t count)
{
    struct sx__series *found = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    int status = SX__REMOVED_MEANWHILE;
    while (status == SX__REMOVED_MEANWHILE) {
        const struct sx__reader reader = sx__epoch_enter(registry);
        status = look_up(&found, family, values, count);
        if (status == SX_OK) {
            status = pin(&found, family);
        }
        sx__epoch_leave(registry, reader);
    }
    if (status == SX_OK) {
        *series = found;
    }
    return status;
}

static __attribute__((noinline)) int make_and_update(struct sx__family *family,
                                                     const struct sx_str *values, size_t count,
                                                     sx__update_fn *update, double number)
{
    struct sx__series *series = NULL;
    if (family == NULL) {
        return SX_EINVAL;
    }
    struct sx_registry *registry = sx__arenas[family->arena].registry;
    const struct sx__reader reader = sx__epoch_enter(registry);
    const int status = look_up(&series, family, values, count);
    if (status == SX_OK) {
        update(series, number, reader.rows);
    }
    sx__epoch_leave(registry, reader);
    return status;
}

/* The path of nearly all updates. Returns false if there is no such series, or if it was removed
 * meanwhile. */
static inline __attribute__((always_inline)) bool
find_and_update(struct sx_registry *registry, const struct sx__family *family,
                const struct sx__label_key *key, sx__update_fn *update, double number)
{
    const struct sx__reader reader = sx__epoch_enter(registry);
    struct sx__series *series = sx__series_table_match(registry, family, key);
    if (series != NULL) {
        update(series, number, reader.rows);
    }
    sx__epoch_leave(registry, reader);
    return series != NULL;
}

int sx__update_by_values(struct sx__family *family, const struct sx_str *values, size_t count,
                         sx__update_fn *update, double number)
{
    struct sx__label_key key;
    if (family != NULL && values != NULL && count == family->label_count) {
        struct sx_registry *registry = sx__arenas[family->arena].registry;
        if (sx__key_of_values(&key, registry->hash_key, values, count) &&
            find_and_update(registry, family, &key, update, number)) {
            return SX_OK;
        }
    }
    return make_and_update(family, values, count, update, number);
}

/* ---- values that are C strings ---- */

int sx__values_of_strings(struct sx_str *values, const char *const *strings, size_t count)
{
    if (strings == NULL) {
        return SX_EINVAL;
    }
    if (count > SX_LABELS_MAX) {
        return SX_EVALUES;
    }
    for (size_t i = 0; i < count; i++) {
        const char *string = strings[i] == NULL ? "" : strings[i];
        values[i] = (struct sx_str){string, strlen(string)};
    }
    return SX_OK;
}

struct sx__series *sx__get_handle_by_strings(struct sx__family *family, const char *const *strings,
                                             size_t count)
{
    struct sx_str values[SX_LABELS_MAX];
    struct sx__series *series = NULL;
    if (sx__values_of_strings(values, strings, count) == SX_OK) {
        (void)sx__get_handle(&series, family, values, count);
    }
    return series;
}

static __attribute__((noinline)) int make_and_update_strings(struct sx__family *family,
                                                             const char *const *strings,
                                                             size_t count, sx__update_fn *update,
                                                             double number)
{
    struct sx_str values[SX_LABELS_MAX];
    const int status = sx__values_of_strings(values, strings, count);
    return status == SX_OK ? make_and_update(family, values, count, update, number) : status;
}

int sx__update_by_strings(struct sx__family *family, const char *const *strings, size_t count,
                          sx__update_fn *update, double number)
{
    struct sx__label_key key;
    if (family != NULL && strings != NULL && count == family->label_count) {
        struct sx_registry *registry = sx__arenas[family->arena].registry;
        if (sx__key_of_strings(&key, registry->hash_key, strings, count) &&
            find_and_update(registry, family, &key, update, number)) {
            return SX_OK;
        }
    }
    return make_and_update_strings(family, strings, count, update, number);
}
