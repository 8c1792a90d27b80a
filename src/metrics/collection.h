/* collection.h: what a collector or callback adds during one scrape, in the thread that scrapes.
 *
 * Families are records as in the directory, so the same code renders both, but they are on the heap
 * and freed after the scrape. After its first error a collection rejects everything else: it is on
 * the page completely or not at all.
 */
#ifndef SX_METRICS_COLLECTION_H
#define SX_METRICS_COLLECTION_H

#include "desc.h"
#include "exemplars.h"
#include "name_index.h"
#include "native.h"

#include <sextant/collector.h>

/* What few samples have. */
struct sx__sample_extra {
    bool has_timestamp;
    int64_t timestamp_ms; /* since 1970 */
    size_t quantile_count;
    struct sx_quantile *quantiles;    /* of a summary, in ascending order; on the heap */
    struct sx__native_values *native; /* of a histogram; on the heap; NULL: it has none */
    uint32_t exemplar_count;          /* slots; 0: none */
    struct sx__exemplar **exemplars;  /* by slot, on the heap, as each of them is; NULL: none */
};

/* One series. Behind it lie its buckets (bound_count + 1, not cumulative; of a summary the count;
 * of types without a sum none), and its text, as in struct sx__series. */
struct sx__sample {
    struct sx__sample *next;
    struct sx__sample_extra *extra; /* NULL: none */
    double value;                   /* of a histogram or summary: the sum */
    size_t text_size;
    uint64_t buckets[];
};

struct sx__collected_family {
    struct sx__collected_family *next;
    struct sx__family *family; /* on the heap */
    bool is_registered;        /* it is a copy of one of the directory's */
    struct sx_collection *collection;
    struct sx__name_entry names[SX__STEMS_MAX];
    size_t name_count;
    struct sx__sample *first;
    struct sx__sample *last;
    struct sx__sample **table; /* by hash of the text; open addressing */
    size_t table_capacity;
    size_t sample_count;
    uint64_t exemplars_dropped;
};

struct sx_collection {
    struct sx_registry *registry;
    int status;  /* the first error */
    bool is_own; /* of self_metrics.h; what is wrong with it is not reported */
    struct sx__collected_family *first;
    struct sx__collected_family *last;
    struct sx__name_index *names; /* of this collection and of earlier ones of the same scrape */
    struct sx_collection *next;
};

/* All collections of a scrape, in order. */
struct sx__collections {
    struct sx_collection *first;
    struct sx_collection *last;
    struct sx__name_index names;
};

/** Adds a sample to the family that was begun last, unless the collection has an error, and keeps
 * an error.
 *
 * @param buckets  bound_count + 1; NULL for types without a sum
 * @param extra    on the heap, becomes the collection's, also on failure; NULL: none
 */
int sx__collection_add_sample(struct sx_collection *collection, const struct sx_str *values,
                              size_t count, double value, const uint64_t *buckets,
                              struct sx__sample_extra *extra);

/** Keeps an error of what a collector adds, if it is the first. Returns the first error. */
int sx__collection_fail(struct sx_collection *collection, int status);

/** Frees what a sample has besides its numbers; NULL is a no-op. */
void sx__sample_extra_free(struct sx__sample_extra *extra);

/** Adds a copy of a family that is registered, because it may be unregistered before the page is
 * rendered; its samples follow.
 *
 * @param label  one more label, behind those of the family; NULL: none
 * Errors: SX_ENOMEM, SX_EEXIST (this scrape has it already: it was
 * unregistered and registered again meanwhile). */
int sx__collection_add_registered(struct sx_collection *collection, const struct sx__family *family,
                                  const char *label);

/** Returns the next family of a registry's chain that a scrape renders from cells, or NULL.
 *
 * Sets the status of each collection that clashes with this family, or with one that is passed over
 * because callbacks give its values: SX_EEXIST or SX_ECLASH.
 *
 * @param link   to the rest of the chain
 * @param epoch  in which the scrape began
 */
const struct sx__family *sx__collections_next_family(const struct sx__collections *collections,
                                                     const struct sx_registry *registry,
                                                     const uint32_t *link, uint64_t epoch);

/** Returns the name of the family that was added last, or "" if there is none. For messages. */
struct sx_str sx__collection_last_name(const struct sx_collection *collection);

/** Frees what the collection contains, and its names. Does not free the collection itself. */
void sx__collection_clean_up(struct sx_collection *collection);

/** The text of a sample. */
static inline struct sx_str sx__sample_text(const struct sx__collected_family *collected,
                                            const struct sx__sample *sample)
{
    size_t buckets =
        sx__has_buckets(collected->family) ? (size_t)collected->family->bound_count + 1 : 0;
    return (struct sx_str){(const char *)(sample->buckets + buckets), sample->text_size};
}

#endif
