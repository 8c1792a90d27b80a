/* joined_families.h: the families of several registries on one page: those of one name and type
 * become one family, and what would make the page invalid is left out.
 *
 * Source: Prometheus "Exposition formats": "All lines for a given metric must be provided as one
 * single group", "Each line must have a unique combination of a metric name and labels"
 */
#ifndef SX_EXPOSITION_JOINED_FAMILIES_H
#define SX_EXPOSITION_JOINED_FAMILIES_H

#include "name_index.h"
#include "write_family.h"

struct sx__joined_family;
struct sx__conflict;

/* All families of a page. Initialise it with the key of `names`, and zeros. */
struct sx__joined_families {
    struct sx__joined_family *families;
    size_t count;
    size_t capacity;
    struct sx__name_entry *entries; /* SX__STEMS_MAX for each family */
    struct sx__name_index names;    /* of the first family of each name */
    struct sx__conflict *conflicts; /* what was left out */
    struct sx__conflict **conflicts_end;
};

/** Adds a family. The caller reads its registry until the families are written. Errors: SX_ENOMEM.
 */
int sx__joined_families_add(struct sx__joined_families *joined,
                            const struct sx__page_family *family);

/** Writes all families, each in the place of the first one of its name. Errors: SX_ENOMEM,
 * SX_ETIMEOUT. */
int sx__joined_families_write(struct sx__joined_families *joined, struct sx__writer *writer);

/** Logs and counts in a registry what was left out. To be called when nothing is read any more,
 * because it calls the log of the registry. */
void sx__joined_families_report(const struct sx__joined_families *joined,
                                struct sx_registry *registry);

void sx__joined_families_clean_up(struct sx__joined_families *joined);

#endif
