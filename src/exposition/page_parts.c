/* page_parts.c: the families of a registry that are on a page. Runs in the thread that scrapes. */
#include "page_parts.h"

#include "scrape.h"
#include "view.h"

int sx__page_part_collect(struct sx__page_part *page_part, const struct sx__part *part,
                          uint64_t deadline_ns)
{
    page_part->part = part;
    page_part->is_reading = false;
    sx__scrape_prepare(part->registry);
    page_part->has_collections = true;
    return sx__collectors_run(&page_part->collections, part->registry, part, deadline_ns);
}

void sx__page_part_read(struct sx__page_part *page_part)
{
    sx__reading_begin(&page_part->reading, page_part->part->registry);
    page_part->is_reading = true;
}

void sx__page_part_end_reading(struct sx__page_part *page_part)
{
    if (page_part->is_reading) {
        sx__reading_end(&page_part->reading);
        page_part->is_reading = false;
    }
}

void sx__page_part_clean_up(struct sx__page_part *page_part)
{
    sx__page_part_end_reading(page_part);
    if (page_part->has_collections) {
        sx__collections_clean_up(&page_part->collections);
        page_part->has_collections = false;
    }
}

static bool is_wanted(const struct sx_page_options *options, struct sx_str name)
{
    bool is_named = options->name_count == 0;
    for (size_t i = 0; i < options->name_count && !is_named; i++) {
        is_named = sx__views_equal(options->names[i], name);
    }
    return is_named;
}

static int each_of_directory(struct sx__page_part *page_part, const struct sx_page_options *options,
                             sx__page_family_fn *use, void *context)
{
    const struct sx_registry *registry = page_part->part->registry;
    struct sx__reading *reading = &page_part->reading;
    const uint32_t *link = &registry->first_family;
    const struct sx__family *family;
    int status = SX_OK;
    /* sx__collections_next_family marks collections that clash, so do not skip unwanted families.
     */
    while (status == SX_OK &&
           (family = sx__collections_next_family(&page_part->collections, registry, link,
                                                 reading->epoch)) != NULL) {
        const struct sx_str name = sx__family_name(family);
        link = &family->next;
        if (is_wanted(options, name) && sx__part_has(page_part->part, name)) {
            const struct sx__page_family found = {.family = family, .reading = reading};
            status = use(context, &found);
        }
    }
    return status;
}

static int each_of_collection(const struct sx_collection *collection,
                              const struct sx_page_options *options, sx__page_family_fn *use,
                              void *context)
{
    int status = SX_OK;
    const struct sx__collected_family *collected = collection->first;
    for (; collected != NULL && status == SX_OK; collected = collected->next) {
        if (is_wanted(options, sx__family_name(collected->family))) {
            const struct sx__page_family found = {.family = collected->family,
                                                  .collected = collected};
            status = use(context, &found);
        }
    }
    return status;
}

int sx__page_part_each(struct sx__page_part *page_part, const struct sx_page_options *options,
                       sx__page_family_fn *use, void *context)
{
    int status = each_of_directory(page_part, options, use, context);
    const struct sx_collection *collection = page_part->collections.first;
    for (; collection != NULL && status == SX_OK; collection = collection->next) {
        if (collection->status == SX_OK) {
            status = each_of_collection(collection, options, use, context);
        }
    }
    return status;
}

void sx__page_part_report(const struct sx__page_part *page_part)
{
    const struct sx_collection *collection = page_part->collections.first;
    for (; collection != NULL; collection = collection->next) {
        if (collection->status != SX_OK) {
            sx__collectors_report(collection, collection->status);
        }
    }
}
