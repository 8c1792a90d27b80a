/* encode_registries.c: several registries on one page.
 *
 * Each registry is rendered as on a page of its own, one behind the other, in blocks: a block is
 * the lines of one family of one registry. Usually the names of all families differ, and the page
 * is ready. If not, it is put together again from the blocks: those of one name and type become one
 * family, and what would make the page invalid is left out. Runs in the thread that scrapes.
 *
 * Source: Prometheus "Exposition formats": "All lines for a given metric must be provided as one
 * single group", "Each line must have a unique combination of a metric name and labels"
 */
#include "encode_registries.h"

#include "collectors.h"
#include "constants.h"
#include "encode_text.h"
#include "name_index.h"
#include "page.h"
#include "scrape.h"
#include "view.h"
#include "written_labels.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS_FIRST ((size_t)64)
#define SERIES_CAPACITY_FIRST ((size_t)16)
#define HEAD_WORD_SIZE 7 /* of "# HELP " and of "# TYPE ", before the name */
#define SUM_SUFFIX_SIZE 4

struct block {
    enum sx_metric_type type;
    size_t head; /* offsets in the page; the head is HELP and TYPE */
    size_t samples;
    size_t end;
    size_t name_size;
    size_t series_lines; /* of each series */
    size_t next;         /* the next block of the same family, or 0 */
    size_t last;         /* the last one; of the first block only */
    bool is_first;       /* of its family */
    int fault;           /* why it is left out, or SX_OK */
};

/* A page that is being rendered, and its blocks. */
struct merge {
    struct sx_page *page;
    struct sx_registry *first; /* the registry that counts and logs what is left out */
    struct block *blocks;
    size_t count;
    size_t capacity;
    struct sx__name_entry *entries; /* SX__STEMS_MAX for each block */
    struct sx__name_index names;    /* of the first block of each family */
    bool is_changed;                /* the blocks in their order are not the page */
};

static struct sx_str block_name(const struct merge *merge, const struct block *block)
{
    return (struct sx_str){merge->page->data + block->head + HEAD_WORD_SIZE, block->name_size};
}

/* ---- rendering ---- */

static int begin_block(struct merge *merge, const struct sx__family *family)
{
    if (merge->count == merge->capacity) {
        size_t capacity = merge->capacity == 0 ? BLOCKS_FIRST : merge->capacity * 2;
        struct block *blocks = realloc(merge->blocks, capacity * sizeof *blocks);
        if (blocks == NULL) {
            return SX_ENOMEM;
        }
        merge->blocks = blocks;
        merge->capacity = capacity;
    }
    struct block block = {
        .type = (enum sx_metric_type)family->type,
        .head = merge->page->size,
        .name_size = sx__family_name(family).size,
        .series_lines = family->type == SX_HISTOGRAM || family->type == SX_GAUGE_HISTOGRAM
                            ? (size_t)family->bound_count + 3
                        : family->type == SX_SUMMARY ? 2
                                                     : 1,
    };
    int status = sx__text_head(merge->page, family);
    block.samples = merge->page->size;
    merge->blocks[merge->count++] = block;
    return status;
}

static void end_block(struct merge *merge)
{
    merge->blocks[merge->count - 1].end = merge->page->size;
}

/* As on a page of one registry; see encode_text.c. */
static int render_part(struct merge *merge, const struct sx__part *part,
                       const struct sx__collections *collections)
{
    struct sx_registry *registry = part->registry;
    struct sx__reading reading;
    int status = SX_OK;
    sx__reading_begin(&reading, registry);
    const uint32_t *link = &registry->first_family;
    const struct sx__family *family;
    while (status == SX_OK && (family = sx__collections_next_family(collections, registry, link,
                                                                    reading.epoch)) != NULL) {
        link = &family->next;
        if (sx__part_has(part, sx__family_name(family))) {
            status = begin_block(merge, family);
            if (status == SX_OK) {
                status = sx__text_series(merge->page, registry, &reading, family);
                end_block(merge);
            }
        }
    }
    sx__reading_end(&reading);
    return status;
}

static int render_collection_blocks(struct merge *merge, const struct sx_collection *collection)
{
    int status = SX_OK;
    const struct sx__collected_family *collected = collection->first;
    for (; collected != NULL && status == SX_OK; collected = collected->next) {
        status = begin_block(merge, collected->family);
        if (status == SX_OK) {
            status = sx__text_samples(merge->page, collected);
            end_block(merge);
        }
    }
    return status;
}

static int render_part_with_collections(struct merge *merge, const struct sx__part *part,
                                        const struct sx__collections *collections)
{
    int status = render_part(merge, part, collections);
    for (const struct sx_collection *collection = collections->first;
         collection != NULL && status == SX_OK; collection = collection->next) {
        if (collection->status != SX_OK) {
            sx__collectors_report(collection, collection->status);
        } else {
            status = render_collection_blocks(merge, collection);
        }
    }
    return status;
}

/* All collectors run before anything is rendered, because they may update metrics of any registry.
 */
static int render_parts(struct merge *merge, const struct sx__parts *parts)
{
    struct sx__collections *collections = calloc(parts->count, sizeof *collections);
    int status = collections == NULL ? SX_ENOMEM : SX_OK;
    size_t run = 0;
    for (; run < parts->count && status == SX_OK; run++) {
        const struct sx__part *part = &parts->parts[run];
        sx__scrape_prepare(part->registry);
        status = sx__collectors_run(&collections[run], part->registry, part);
    }
    for (size_t i = 0; i < parts->count && status == SX_OK; i++) {
        status = render_part_with_collections(merge, &parts->parts[i], &collections[i]);
    }
    for (size_t i = 0; i < run; i++) {
        sx__collections_clean_up(&collections[i]);
    }
    free(collections);
    return status;
}

/* ---- families ---- */

/* Looks for a family of this name, or one that clashes with it. Returns SX_EEXIST or SX_ECLASH if
 * the block cannot be on the page. */
static int find_placed(size_t *found, const struct merge *merge, const struct block *block,
                       const struct sx__written_names *names, size_t name_count)
{
    const struct sx_str name = block_name(merge, block);
    int status = SX_OK;
    for (size_t i = 0; i < name_count; i++) {
        const struct sx__name_entry *entry = sx__name_index_find(&merge->names, &names[i], NULL);
        for (; entry != NULL; entry = sx__name_index_find(&merge->names, &names[i], entry)) {
            const size_t other = (size_t)(entry - merge->entries) / SX__STEMS_MAX;
            const struct sx_str other_name = block_name(merge, &merge->blocks[other]);
            if (!sx__views_equal(other_name, name)) {
                status = SX_ECLASH;
            } else if (merge->blocks[other].type == block->type) {
                *found = other;
                return SX_OK;
            } else {
                return SX_EEXIST;
            }
        }
    }
    return status;
}

/* Adds the block to its family, or begins a family with it, or marks it as left out. */
static int place_block(struct merge *merge, size_t index)
{
    struct block *block = &merge->blocks[index];
    struct sx__written_names names[SX__STEMS_MAX];
    const size_t none = SIZE_MAX;
    size_t first = none;
    const size_t count = sx__written_names_of(names, block_name(merge, block), block->type);
    block->fault = find_placed(&first, merge, block, names, count);
    if (block->fault != SX_OK || first != none) {
        merge->is_changed = true;
    }
    if (block->fault != SX_OK) {
        return SX_OK;
    }
    if (first != none) {
        merge->blocks[merge->blocks[first].last].next = index;
        merge->blocks[first].last = index;
        return SX_OK;
    }
    if (sx__name_index_reserve(&merge->names) != SX_OK) {
        return SX_ENOMEM;
    }
    block->is_first = true;
    block->last = index;
    for (size_t i = 0; i < count; i++) {
        struct sx__name_entry *entry = &merge->entries[index * SX__STEMS_MAX + i];
        entry->names = names[i];
        sx__name_index_add(&merge->names, entry);
    }
    return SX_OK;
}

static int place_blocks(struct merge *merge)
{
    merge->entries = calloc(merge->count * SX__STEMS_MAX + 1, sizeof *merge->entries);
    int status = merge->entries == NULL ? SX_ENOMEM : SX_OK;
    for (size_t i = 0; i < merge->count && status == SX_OK; i++) {
        status = place_block(merge, i);
    }
    return status;
}

/* ---- series ---- */

/* The labels of the series that a family has so far; a hash table. */
struct series_set {
    const uint64_t *hash_key;
    struct sx_str *entries; /* data NULL: empty */
    size_t capacity;        /* a power of two, or 0 */
    size_t used;
};

/* Returns where the series with these labels is in the table, or where it belongs. */
static struct sx_str *find_series(const struct series_set *set, struct sx_str labels)
{
    const size_t mask = set->capacity - 1;
    size_t i = sx__written_labels_hash(set->hash_key, labels) & mask;
    while (set->entries[i].data != NULL && !sx__written_labels_equal(set->entries[i], labels)) {
        i = (i + 1) & mask;
    }
    return &set->entries[i];
}

static int grow_series_set(struct series_set *set)
{
    if ((set->used + 1) * 2 <= set->capacity) {
        return SX_OK;
    }
    struct series_set larger = *set;
    larger.capacity = set->capacity == 0 ? SERIES_CAPACITY_FIRST : set->capacity * 2;
    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL) {
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->entries[i].data != NULL) {
            *find_series(&larger, set->entries[i]) = set->entries[i];
        }
    }
    struct sx_str *old = set->entries;
    set->entries = larger.entries;
    set->capacity = larger.capacity;
    free(old);
    return SX_OK;
}

static const char *end_of_lines(const char *at, const char *end, size_t lines)
{
    for (; lines > 0; lines--) {
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    }
    return at;
}

/* Returns the labels of the series with these lines, without braces. Takes them from the first
 * line, or for a histogram from the _sum line (the last but one), because that has no `le`. */
static struct sx_str series_labels(const struct block *block, const char *at, const char *end)
{
    size_t name_size = block->name_size;
    if (block->series_lines > 1) {
        at = end_of_lines(at, end, block->series_lines - 2);
        end = end_of_lines(at, end, 1);
        name_size += SUM_SUFFIX_SIZE;
    }
    while (*--end != ' ') {
        /* no number has a blank */
    }
    at += name_size;
    return at == end ? (struct sx_str){at, 0} : (struct sx_str){at + 1, (size_t)(end - at) - 2};
}

static int append_bytes(struct sx_page *page, const char *at, const char *end)
{
    const size_t size = (size_t)(end - at);
    int status = sx__page_reserve(page, size);
    if (status == SX_OK && size > 0) {
        memcpy(page->data + page->size, at, size);
        page->size += size;
    }
    return status;
}

/* Appends the series with these lines. If an earlier block has the same series, adds 1 to
 * *repeated instead. */
static int append_new_series(struct sx_page *joined, struct series_set *set,
                             const struct block *block, const char *at, const char *end,
                             size_t *repeated)
{
    int status = grow_series_set(set);
    if (status != SX_OK) {
        return status;
    }
    const struct sx_str labels = series_labels(block, at, end);
    struct sx_str *entry = find_series(set, labels);
    if (entry->data != NULL) {
        (*repeated)++;
        return SX_OK;
    }
    *entry = labels;
    set->used++;
    return append_bytes(joined, at, end);
}

/* Appends the samples of a block, without the series that earlier blocks of the family have.
 * *repeated receives the number of series left out. */
static int append_new_samples(struct sx_page *joined, const struct merge *merge,
                              const struct block *block, struct series_set *set, size_t *repeated)
{
    const char *at = merge->page->data + block->samples;
    const char *end = merge->page->data + block->end;
    int status = SX_OK;
    *repeated = 0;
    while (at < end && status == SX_OK) {
        const char *next = end_of_lines(at, end, block->series_lines);
        status = append_new_series(joined, set, block, at, next, repeated);
        at = next;
    }
    return status;
}

/* ---- the page ---- */

/* Appends all samples of a family. The library's own metrics are in all registries, so it is no
 * mistake of the program if they meet. */
static int append_samples(struct sx_page *joined, const struct merge *merge,
                          const struct block *first)
{
    struct series_set set = {.hash_key = merge->first->hash_key};
    size_t repeated = 0;
    int status = append_new_samples(joined, merge, first, &set, &repeated);
    for (size_t i = first->next; i != 0 && status == SX_OK; i = merge->blocks[i].next) {
        const struct block *block = &merge->blocks[i];
        status = append_new_samples(joined, merge, block, &set, &repeated);
        if (repeated > 0 && !sx__is_own_name(block_name(merge, block))) {
            sx__collectors_report_conflict(merge->first, block_name(merge, block), SX_EEXIST,
                                           repeated);
        }
    }
    free(set.entries);
    return status;
}

static int append_block(struct sx_page *joined, const struct merge *merge,
                        const struct block *block)
{
    const char *data = merge->page->data;
    if (block->fault != SX_OK) {
        sx__collectors_report_conflict(merge->first, block_name(merge, block), block->fault, 0);
        return SX_OK;
    }
    if (!block->is_first) {
        return SX_OK;
    }
    if (block->next == 0) {
        return append_bytes(joined, data + block->head, data + block->end);
    }
    int status = append_bytes(joined, data + block->head, data + block->samples);
    return status == SX_OK ? append_samples(joined, merge, block) : status;
}

/* Puts the page together from its blocks. */
static int join_blocks(struct merge *merge)
{
    struct sx_page joined = {0};
    int status = sx__page_reserve(&joined, merge->page->size + 1);
    for (size_t i = 0; i < merge->count && status == SX_OK; i++) {
        status = append_block(&joined, merge, &merge->blocks[i]);
    }
    if (status == SX_OK) {
        free(merge->page->data);
        merge->page->data = joined.data;
        merge->page->size = joined.size;
        merge->page->capacity = joined.capacity;
    } else {
        sx_page_clean_up(&joined);
    }
    return status;
}

static int encode_parts(struct sx_page *page, const struct sx__parts *parts)
{
    struct sx_registry *first = parts->parts[0].registry;
    struct merge merge = {.page = page, .first = first, .names.hash_key = first->hash_key};
    int status = render_parts(&merge, parts);
    if (status == SX_OK) {
        status = place_blocks(&merge);
    }
    if (status == SX_OK && merge.is_changed) {
        status = join_blocks(&merge);
    }
    sx__name_index_clean_up(&merge.names);
    free(merge.entries);
    free(merge.blocks);
    return status;
}

int sx__encode_registries(struct sx_page *page, struct sx_registry *const *registries, size_t count)
{
    struct sx__parts parts;
    int status = sx__parts_open(&parts, registries, count);
    if (status != SX_OK) {
        return status;
    }
    if (parts.count == 1) {
        status = sx__encode_text(page, parts.parts[0].registry);
    } else if (parts.count > 1) {
        status = encode_parts(page, &parts);
    }
    sx__parts_close(&parts);
    return status;
}
