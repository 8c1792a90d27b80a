/* page_parts.h: the registries of a page, what their collectors returned, and their families in the
 * order of the page. */
#ifndef SX_EXPOSITION_PAGE_PARTS_H
#define SX_EXPOSITION_PAGE_PARTS_H

#include "collectors.h"
#include "write_family.h"

/* A registry that is being written. */
struct sx__page_part {
    const struct sx__part *part;
    struct sx__collections collections;
    struct sx__reading reading;
    bool has_collections;
    bool is_reading;
};

/** Removes from the registry what has expired, and calls its collectors. Clean up afterwards, also
 * on failure. Errors: SX_ENOMEM, SX_ESTATE, SX_ETIMEOUT (see sx__collectors_run). */
int sx__page_part_collect(struct sx__page_part *page_part, const struct sx__part *part,
                          uint64_t deadline_ns);

/** Begins to read the registry. What is found stays until the clean-up. */
void sx__page_part_read(struct sx__page_part *page_part);

/** Ends the reading, if there is one: families of the directory may be freed from now on. */
void sx__page_part_end_reading(struct sx__page_part *page_part);

void sx__page_part_clean_up(struct sx__page_part *page_part);

/* Receives a family. Returns SX_OK, or an error that ends the iteration. */
typedef int sx__page_family_fn(void *context, const struct sx__page_family *family);

/** Calls `use` for each family that is on the page: first those of the directory, then those of
 * callbacks and collectors, because only then it is known which names the page has. A collection
 * that failed or that clashes is left out.
 *
 * @param options  which families are on the page
 * @return   SX_OK, or what `use` returned
 */
int sx__page_part_each(struct sx__page_part *page_part, const struct sx_page_options *options,
                       sx__page_family_fn *use, void *context);

/** Logs and counts the collections that were left out. To be called when nothing is read any more,
 * because it calls the log of the registry. */
void sx__page_part_report(const struct sx__page_part *page_part);

#endif
