/* records.h: the records of families and series, as they lie in the directory.
 *
 * A family chains its series in order of creation. The chain decides which series exist: one store
 * appends a series to it. The hash table is an index of the chain. It may lag behind the chain for
 * a moment, and is repaired from the chain if a writer dies in between. A full table is replaced by
 * a larger one; the old table stays, because a reader may be in it.
 *
 * A removed series stays in chain and table, because threads may hold its handle. When its label
 * values are looked up again, it is revived. Its cells are recycled meanwhile; see series_cells.h.
 * Readers notice by its version, a seqlock; see series_values.h.
 */
#ifndef SX_METRICS_RECORDS_H
#define SX_METRICS_RECORDS_H

#include "recycled_cells.h"

/* Where a family's numbers come from. */
enum sx__source {
    SX__FROM_CELLS,
    SX__FROM_CALLBACK, /* the record only keeps the name; see collectors.h */
};

/* What is counted about a family; see self_metrics.h. */
enum sx__self_metric {
    SX__SELF_METRIC_OVERFLOWED, /* a series went to the overflow series */
    SX__SELF_METRIC_IGNORED,    /* an update had an impossible value, or a counter is at its end */
    SX__SELF_METRICS
};

/* Scratch cells, which the handles of removed series update. Histograms need more cells, so each
 * family of histograms has its own. */
#define SX__SCRATCH_CELL 1u
#define SX__SCRATCH_FRACTION 2u

/* Bytes of a record; the offset is from the start of the record. */
struct sx__span {
    uint32_t offset;
    uint32_t size;
};

struct sx__family {
    uint32_t arena;
    uint32_t type;
    uint32_t next; /* ref of the family registered after this one */
    uint32_t first_series;
    uint32_t last_series;
    uint32_t series_count; /* in the chain, the removed ones too */
    uint32_t table;        /* ref of a struct table; see series.c */
    uint32_t label_count;
    uint32_t bound_count;
    uint32_t live_count; /* series that are not removed, without the overflow series */
    uint32_t max_series; /* the limit of live_count (cardinality); UINT32_MAX: none */
    uint32_t overflow;   /* ref of the overflow series; 0: none yet */
    struct sx__recycling_queue recycled;     /* cells of removed series */
    uint32_t scratch;                        /* histograms: the scratch cells; 0: none yet */
    uint32_t source;                         /* enum sx__source */
    uint32_t self_metrics[SX__SELF_METRICS]; /* refs of their counters; 0: none yet */
    struct sx__span name;
    struct sx__span help;
    struct sx__span labels; /* label_count spans, of the label names */
    /* Then the bounds of a histogram, filled up with +Inf to a positive multiple of
     * SX__BOUNDS_UNIT; then the spans of the label names, and the bytes that spans are of. */
};

_Static_assert(sizeof(struct sx__family) % sizeof(double) == 0, "bounds follow the record");

/* A search finds one of these units, then the bound in it. */
#define SX__BOUNDS_UNIT 16u

struct sx__series {
    struct sx_counter handle; /* first, as a handle of any type points here: arena and cell */
    uint32_t fraction;        /* counters: the cell of fractions; 0: none so far */
    uint32_t version;  /* seqlock; odd: removed; incremented by each removal and each revival */
    uint32_t baseline; /* ref of what to subtract, a struct sx__recycled_cells; 0: nothing */
    uint32_t next;     /* ref of the series created after this one in its family */
    uint32_t family;   /* how far before this record its family lies, in units of a ref */
    uint32_t hash;
    uint32_t text_size;
    uint32_t reserved;
    /* Then the text, then the size of each label value (uint32_t), then the values. The text of a
     * counter or gauge is `name{labels} `, that of a histogram only the labels. */
};

static inline struct sx_str sx__family_bytes(const struct sx__family *family, struct sx__span span)
{
    return (struct sx_str){(const char *)family + span.offset, span.size};
}

static inline struct sx_str sx__family_name(const struct sx__family *family)
{
    return sx__family_bytes(family, family->name);
}

static inline struct sx_str sx__family_help(const struct sx__family *family)
{
    return sx__family_bytes(family, family->help);
}

static inline struct sx_str sx__family_label(const struct sx__family *family, size_t index)
{
    struct sx_str spans = sx__family_bytes(family, family->labels);
    return sx__family_bytes(family, ((const struct sx__span *)(const void *)spans.data)[index]);
}

static inline struct sx__family *sx__series_family(const struct sx__series *series)
{
    return (void *)((char *)(uintptr_t)series - (size_t)series->family * SX__REF_BYTES);
}

static inline bool sx__series_is_removed(uint32_t version)
{
    return version % 2 != 0;
}

static inline double *sx__family_bounds(const struct sx__family *family)
{
    return (void *)(uintptr_t)(family + 1);
}

static inline char *sx__series_text(const struct sx__series *series)
{
    return (char *)(uintptr_t)(series + 1);
}

/* Walking the chains without a lock: each record that was published before is seen completely. */

static inline const struct sx__family *sx__family_at(const struct sx_registry *registry,
                                                     const uint32_t *link)
{
    uint32_t ref = __atomic_load_n(link, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(registry, ref);
}

static inline const struct sx__series *sx__series_at(const struct sx_registry *registry,
                                                     const uint32_t *link)
{
    uint32_t ref = __atomic_load_n(link, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(registry, ref);
}

#endif
