/* constants.h: the name prefix and the constant labels of a registry.
 *
 * They lie in the directory, so that all processes of a shared registry see the same. The labels
 * are kept as the text that begins the labels of each series, so that a scrape only copies.
 */
#ifndef SX_METRICS_CONSTANTS_H
#define SX_METRICS_CONSTANTS_H

#include "directory.h"

struct sx__family;

/** Writes them into a registry that no other thread knows yet.
 *
 * @param options  checked by sx__desc_check_constants
 * Errors:   SX_EFULL
 */
int sx__constants_write(struct sx_registry *registry, const struct sx_registry_options *options);

/** Whether a registry has exactly these. */
bool sx__constants_equal(const struct sx_registry *registry,
                         const struct sx_registry_options *options);

/** Reads the constant labels, as sx__constant_labels shows them, from a copy of their record.
 *
 * @param size  of what follows `record`, which may have any content
 * @return   false if the record is damaged
 */
bool sx__constants_read(const void *record, size_t size, struct sx_str *labels);

/** The constant labels as the page shows them, `a="x",b="y"`; empty if there are none. */
struct sx_str sx__constant_labels(const struct sx_registry *registry);

/** Whether one of the constant labels has this name, after escaping to legacy names.
 */
bool sx__constants_have_label(const struct sx_registry *registry, const char *name);

/** How many labels the series of a family have: the constant ones, and then its own. */
size_t sx__all_labels_count(const struct sx__family *family);

/** The name of one of these labels, in the order of sx__all_labels_count. */
struct sx_str sx__all_labels_name(const struct sx__family *family, size_t index);

/** Whether the name begins as those of the library's own metrics, with `sextant_`. */
bool sx__is_own_name(struct sx_str name);

/** Returns what the registry puts before this name: its prefix, or nothing, if it has none or if
 * the name is one of the library's own. */
struct sx_str sx__name_prefix(const struct sx_registry *registry, struct sx_str name);

/* A name with the registry's prefix. */
struct sx__full_name {
    struct sx_str text;   /* `memory`, or the name itself, borrowed */
    struct sx_str legacy; /* with underscores for other characters than legacy ones; see
                             sx__family_legacy_name */
    char *memory;
};

/** Puts the registry's prefix before a name. If NUL follows the name, it also follows the full
 * name. Errors: SX_ENOMEM. */
int sx__full_name_make(struct sx__full_name *full, const struct sx_registry *registry,
                       struct sx_str name);

void sx__full_name_clean_up(struct sx__full_name *full);

#endif
