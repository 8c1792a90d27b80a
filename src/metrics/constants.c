/* constants.c: keeping the name prefix and the constant labels of a registry in its directory, and
 * applying the prefix. */
#include "constants.h"

#include "escape_name.h"
#include "label_escape.h"
#include "records.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

/* Behind it lie the spans of the label names, then the bytes that spans are of. */
struct sx__constants {
    uint32_t label_count;
    struct sx__span prefix;
    struct sx__span text; /* all labels; see sx__constant_labels */
    struct sx__span names[];
};

#define OWN_PREFIX "sextant_"

static const struct sx__constants *constants_of(const struct sx_registry *registry)
{
    return registry->constants == 0 ? NULL : sx__at(registry, registry->constants);
}

static struct sx_str constant_bytes(const struct sx__constants *constants, struct sx__span span)
{
    return (struct sx_str){(const char *)constants + span.offset, span.size};
}

/* ---- writing ---- */

static size_t constants_size(const struct sx_registry_options *options)
{
    size_t size = sizeof(struct sx__constants) +
                  options->constant_label_count * sizeof(struct sx__span) +
                  sx__view(options->name_prefix).size;
    for (size_t i = 0; i < options->constant_label_count; i++) {
        const struct sx_label *label = &options->constant_labels[i];
        /* Compared before it is added, because a value may be of any size. */
        if (label->value.size > UINT32_MAX / (4 * SX_LABELS_MAX)) {
            return SIZE_MAX;
        }
        size += (i > 0) + sx__label_escaped_size(sx__view(label->name), label->value);
    }
    return size;
}

static void write_constants(struct sx__constants *constants,
                            const struct sx_registry_options *options)
{
    const struct sx_str prefix = sx__view(options->name_prefix);
    const size_t count = options->constant_label_count;
    char *start = (char *)constants;
    char *at = (char *)&constants->names[count];
    constants->label_count = (uint32_t)count;
    constants->prefix = (struct sx__span){(uint32_t)(at - start), (uint32_t)prefix.size};
    memcpy(at, prefix.data, prefix.size);
    at += prefix.size;
    constants->text.offset = (uint32_t)(at - start);
    for (size_t i = 0; i < count; i++) {
        const struct sx_label *label = &options->constant_labels[i];
        const struct sx_str name = sx__view(label->name);
        if (i > 0) {
            *at++ = ',';
        }
        constants->names[i] = (struct sx__span){(uint32_t)(at - start), (uint32_t)name.size};
        at = sx__label_write_escaped(at, name, label->value);
    }
    constants->text.size = (uint32_t)(at - start) - constants->text.offset;
}

int sx__constants_write(struct sx_registry *registry, const struct sx_registry_options *options)
{
    registry->constants = 0;
    if (options->constant_label_count == 0 && sx__view(options->name_prefix).size == 0) {
        return SX_OK;
    }
    const size_t size = constants_size(options);
    sx__directory_lock(registry);
    struct sx__constants *constants =
        size > UINT32_MAX ? NULL : sx__directory_allocate(registry, size);
    if (constants != NULL) {
        write_constants(constants, options);
        registry->constants = sx__ref(registry, constants);
    }
    sx__directory_unlock(registry);
    return constants == NULL ? SX_EFULL : SX_OK;
}

bool sx__constants_equal(const struct sx_registry *registry,
                         const struct sx_registry_options *options)
{
    const struct sx__constants *constants = constants_of(registry);
    const bool are_wanted =
        options->constant_label_count > 0 || sx__view(options->name_prefix).size > 0;
    if (constants == NULL || !are_wanted) {
        return constants == NULL && !are_wanted;
    }
    const size_t size = constants_size(options);
    struct sx__constants *wanted = size > UINT32_MAX ? NULL : calloc(1, size);
    if (wanted == NULL) {
        return false;
    }
    write_constants(wanted, options);
    const bool are_equal =
        wanted->text.offset + wanted->text.size == constants->text.offset + constants->text.size &&
        memcmp(wanted, constants, size) == 0;
    free(wanted);
    return are_equal;
}

bool sx__constants_read(const void *record, size_t size, struct sx_str *labels)
{
    const struct sx__constants *constants = record;
    if (size < sizeof *constants || constants->text.offset > size ||
        constants->text.size > size - constants->text.offset) {
        return false;
    }
    *labels = constant_bytes(constants, constants->text);
    return true;
}

/* ---- labels ---- */

struct sx_str sx__constant_labels(const struct sx_registry *registry)
{
    const struct sx__constants *constants = constants_of(registry);
    return constants == NULL ? (struct sx_str){"", 0} : constant_bytes(constants, constants->text);
}

bool sx__constants_have_label(const struct sx_registry *registry, const char *name)
{
    const struct sx__constants *constants = constants_of(registry);
    for (uint32_t i = 0; constants != NULL && i < constants->label_count; i++) {
        const struct sx_str other = constant_bytes(constants, constants->names[i]);
        if (sx__names_meet(other, sx__view(name), SX__NAME_OF_LABEL)) {
            return true;
        }
    }
    return false;
}

size_t sx__all_labels_count(const struct sx__family *family)
{
    const struct sx__constants *constants = constants_of(sx__arenas[family->arena].registry);
    return family->label_count + (constants == NULL ? 0 : (size_t)constants->label_count);
}

struct sx_str sx__all_labels_name(const struct sx__family *family, size_t index)
{
    const struct sx__constants *constants = constants_of(sx__arenas[family->arena].registry);
    const size_t constant_count = constants == NULL ? 0 : constants->label_count;
    return index < constant_count ? constant_bytes(constants, constants->names[index])
                                  : sx__family_label(family, index - constant_count);
}

/* ---- names ---- */

bool sx__is_own_name(struct sx_str name)
{
    return sx__view_begins_with(name, sx__view(OWN_PREFIX));
}

struct sx_str sx__name_prefix(const struct sx_registry *registry, struct sx_str name)
{
    const struct sx__constants *constants = constants_of(registry);
    if (constants == NULL || sx__is_own_name(name)) {
        return (struct sx_str){"", 0};
    }
    return constant_bytes(constants, constants->prefix);
}

/* The copy with its NUL, and behind it the name with underscores, which is no longer. */
int sx__full_name_make(struct sx__full_name *full, const struct sx_registry *registry,
                       struct sx_str name)
{
    const struct sx_str prefix = sx__name_prefix(registry, name);
    const bool is_legacy = sx__name_is_legacy(name, SX__NAME_OF_METRIC);
    *full = (struct sx__full_name){.text = name, .legacy = name};
    if (prefix.size == 0 && is_legacy) {
        return SX_OK;
    }
    const size_t size = prefix.size + name.size;
    full->memory = malloc(2 * size + 1);
    if (full->memory == NULL) {
        return SX_ENOMEM;
    }
    memcpy(full->memory, prefix.data, prefix.size);
    memcpy(full->memory + prefix.size, name.data, name.size);
    full->memory[size] = '\0';
    full->text = (struct sx_str){full->memory, size};
    full->legacy = full->text;
    if (!is_legacy) {
        char *legacy = full->memory + size + 1;
        const char *end =
            sx__name_escape(legacy, full->text, SX__NAME_OF_METRIC, SX__NAME_UNDERSCORES);
        full->legacy = (struct sx_str){legacy, (size_t)(end - legacy)};
    }
    return SX_OK;
}

void sx__full_name_clean_up(struct sx__full_name *full)
{
    free(full->memory);
    *full = (struct sx__full_name){0};
}
