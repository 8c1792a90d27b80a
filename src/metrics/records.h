/* records.h: the records of families and series, as they lie in the directory.
 *
 * A family chains its series in order of creation. The chain decides which series exist: one store
 * appends a series to it, and one store takes it out. The hash table is an index of the chain. It
 * may lag behind the chain for a moment, and is completed from the chain if a writer dies in
 * between. It consists of small tables; one that is full is replaced by a larger one or by two.
 *
 * A removed series is neither in the chain nor in the table. Its record and its cells stay until no
 * reader and no handle can reach them; see retired.h.
 */
#ifndef SX_METRICS_RECORDS_H
#define SX_METRICS_RECORDS_H

#include "directory.h"

/* Where a family's numbers come from. */
enum sx__source {
    SX__FROM_CELLS,
    SX__FROM_CALLBACK, /* the record only keeps the name; see collectors.h */
};

/* What is counted about a family; see self_metrics.h. */
enum sx__self_metric {
    SX__SELF_METRIC_OVERFLOWED, /* a look-up went to the overflow series */
    SX__SELF_METRIC_IGNORED,    /* an update had an impossible value, or a counter is at its end */
    SX__SELF_METRIC_EXEMPLARS,  /* an exemplar was dropped; its observation counts */
    SX__SELF_METRICS
};

/* First in what can be retired; see retired.h. */
struct sx__retired {
    uint64_t epoch;   /* in which the series or family was made (see sx__reading_has); after its
                         removal, the epoch of the removal */
    uint32_t next;    /* ref of what was retired after it */
    uint16_t kind;    /* enum sx__retired_kind */
    uint16_t removed; /* of a family: 1: it is unregistered; of a series: SX__SERIES_REMOVED: it is
                         no longer on the page, even if it has a handle; of an overflow series: it
                         is not on the page yet */
};

/* The cells of a series, or the pin of a family. When it is reclaimed, they wait in a list of the
 * registry for another one that needs as many; see series_cells.h. */
struct sx__cells {
    uint32_t next; /* ref of other cells that wait */
    uint32_t cell; /* the first one; families: 0 */
    uint32_t more; /* counters: the cell of fractions; gauges: in a private registry the first of
                      the two of increments, in a shared one the second cell in process rows (see
                      multiprocess.h); native histograms: ref of a second struct sx__cells for the
                      lanes, whose `cell` is the first cell of the positive lane, and `more` that of
                      the negative lane (see native.h); 0: none so far */
    uint32_t pin;  /* the cell of its pins; 0: none so far */
};

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
    uint32_t table; /* ref of a directory of tables; see series_table.h; 0: none */
    uint32_t label_count;
    uint32_t bound_count;
    uint32_t live_count; /* series in the chain, without the overflow series */
    uint32_t max_series; /* the limit of live_count (cardinality); UINT32_MAX: none */
    uint32_t overflow;   /* ref of the overflow series, which may not be on the page yet; 0: the
                            registry is full */
    uint32_t source;     /* enum sx__source */
    uint32_t size;       /* bytes of the record */
    uint32_t previous;   /* ref of the family registered before this one */
    uint32_t pin;     /* ref of a struct sx__cells: counts registrations, as pins of handles do */
    uint32_t records; /* series whose records are not freed */
    uint32_t is_unwanted;       /* 1: to be removed once no process has it registered */
    uint64_t idle_ms;           /* after which a series expires; 0: never; see expiry.h */
    uint64_t next_sweep_ms;     /* CLOCK_MONOTONIC */
    uint32_t native_max;        /* native buckets that are shown at the most; 0: it has none */
    int32_t native_schema;      /* the finest that is used */
    uint64_t zero_threshold;    /* of native buckets; the bits of a double */
    uint64_t window_ms;         /* of the quantiles of a summary; see summary_window.h */
    uint32_t quantile_count;    /* of a summary; those with quantiles have native buckets */
    uint32_t multiprocess_mode; /* enum sx_multiprocess_mode */
    struct sx__retired retired;
    uint64_t self_metrics[SX__SELF_METRICS]; /* counts */
    struct sx__span name;
    struct sx__span help;
    struct sx__span unit; /* empty: none */
    struct sx__span
        legacy; /* the name with underscores for all other characters than legacy ones */
    struct sx__span labels; /* label_count spans, of the label names */
    /* Then the bounds of a histogram, filled up with +Inf to a positive multiple of
     * SX__BOUNDS_UNIT, or the quantiles of a summary; then the spans of the label names, and the
     * bytes that spans are of. */
};

_Static_assert(sizeof(struct sx__family) % sizeof(double) == 0, "bounds follow the record");

/* A search finds one of these units, then the bound in it. */
#define SX__BOUNDS_UNIT 16u

struct sx__series {
    struct sx_counter handle; /* first, as a handle of any type points here: arena and cell */
    uint32_t increments;    /* of a gauge: see increments.h; a struct sx_gauge has it here, too; of
                               native buckets: the first cell of the positive lane; of a state set:
                               the number of the state */
    union {                 /* by sx__series_has_window */
        uint32_t exemplars; /* ref of their slots, see exemplars.h; 0: none so far */
        uint32_t window;    /* ref of a struct sx__summary_window */
    };
    struct sx__retired retired;
    uint32_t cells; /* ref of a struct sx__cells */
    uint32_t next;  /* ref of the series created after this one in its family */
    uint32_t previous;
    uint32_t family; /* how far before or after this record its family lies, in units of a ref */
    uint32_t hash;
    uint32_t text_size;
    uint32_t text_offset; /* from the end of this struct; the text ends the record */
    uint32_t activity;    /* ref of a struct sx__activity; 0: the series does not expire */
    /* Then the label values, which look-ups read, in the form that label_hash.h describes; then the
     * text. The text of a counter or gauge is `name{labels} `, or `{"name",labels} ` if
     * the name needs quotes; that of a histogram or summary only the labels. */
};

/* A scrape reads the records of all series, so each should take few cache lines. */
_Static_assert(sizeof(struct sx__series) == 64, "a cache line");

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

/* The name for scrapers that know legacy names only. Two families of one registry must not share
 * it.
 */
static inline struct sx_str sx__family_legacy_name(const struct sx__family *family)
{
    return sx__family_bytes(family, family->legacy);
}

static inline struct sx_str sx__family_unit(const struct sx__family *family)
{
    return sx__family_bytes(family, family->unit);
}

static inline struct sx_str sx__family_label(const struct sx__family *family, size_t index)
{
    struct sx_str spans = sx__family_bytes(family, family->labels);
    return sx__family_bytes(family, ((const struct sx__span *)(const void *)spans.data)[index]);
}

static inline struct sx__family *sx__series_family(const struct sx__series *series)
{
    return (void *)((char *)(uintptr_t)series - (ptrdiff_t)(int32_t)series->family * SX__REF_BYTES);
}

/* Values of `series->increments` other than 0 (none yet) and the number of a cell. */
#define SX__INCREMENTS_WAIT SX__INCREMENTS_END /* a thread sets the gauge; others wait for it */
#define SX__INCREMENTS_SET (SX__INCREMENTS_END + 1u) /* it was set, so all update its own cell */
#define SX__INCREMENTS_MULTIPROCESS (SX__INCREMENTS_END + 2u) /* see multiprocess.h */
#define SX__INCREMENTS_NONE UINT32_MAX /* it has no such cells, and gets none */

/* What `removed` of a series may be besides 0. */
#define SX__SERIES_REMOVED 1u
#define SX__SERIES_LEAVES 2u /* it is being removed, or stays if it is pinned meanwhile */

/* Returns whether it is a summary with quantiles, which has a window and no exemplars. */
static inline bool sx__series_has_window(const struct sx__series *series)
{
    return sx__series_family(series)->quantile_count > 0;
}

static inline bool sx__series_is_removed(const struct sx__series *series)
{
    return __atomic_load_n(&series->retired.removed, __ATOMIC_SEQ_CST) != 0;
}

static inline struct sx__cells *sx__series_cells(const struct sx__series *series)
{
    return sx__at(sx__arenas[series->handle.arena].registry, series->cells);
}

/* Whether a scrape gets the values of the family from a collection, and not from its series. */
static inline bool sx__family_is_collected(const struct sx__family *family)
{
    return family->source == SX__FROM_CALLBACK || family->multiprocess_mode == SX_MODE_LIVE_ALL;
}

static inline double *sx__family_bounds(const struct sx__family *family)
{
    return (void *)(uintptr_t)(family + 1);
}

/* Those of a summary. */
static inline double *sx__family_quantiles(const struct sx__family *family)
{
    return (void *)(uintptr_t)(family + 1);
}

/* The bytes of the record. */
static inline size_t sx__series_size(const struct sx__series *series)
{
    return sizeof *series + series->text_offset + series->text_size;
}

static inline char *sx__series_text(const struct sx__series *series)
{
    return (char *)(uintptr_t)(series + 1) + series->text_offset;
}

/* Whether series of the type have a sum and buckets in thread rows. A summary has one bucket, its
 * count. */
static inline bool sx__has_buckets(const struct sx__family *family)
{
    return family->type == SX_HISTOGRAM || family->type == SX_SUMMARY ||
           family->type == SX_GAUGE_HISTOGRAM;
}

/* Whether series of the type are gauges: see gauge.c. */
static inline bool sx__is_gauge(const struct sx__family *family)
{
    return family->type == SX_GAUGE || family->type == SX_UNTYPED;
}

/* Called when the record of a family or series is complete, and before a link to it is stored. So a
 * copy of the registry, which begins with this count, has all of each record that a link of the
 * copy leads to, if the count is the same afterwards. The directory's lock is held. */
static inline void sx__will_link(struct sx_registry *registry)
{
    __atomic_store_n(&registry->links, registry->links + 1, __ATOMIC_RELEASE);
}

/* Walking the chains without a lock: each record that was published before is seen completely. */

static inline const struct sx__family *sx__family_at(const struct sx_registry *registry,
                                                     const uint32_t *link)
{
    uint32_t ref = __atomic_load_n(link, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(registry, ref);
}

/* The same for a scrape, which shows no family that was made in a later epoch than that in which
 * the scrape began; see reading.h. */
static inline const struct sx__family *sx__family_shown_at(const struct sx_registry *registry,
                                                           const uint32_t *link, uint64_t epoch)
{
    const struct sx__family *family = sx__family_at(registry, link);
    while (family != NULL && __atomic_load_n(&family->retired.epoch, __ATOMIC_RELAXED) > epoch) {
        family = sx__family_at(registry, &family->next);
    }
    return family;
}

static inline const struct sx__series *sx__series_at(const struct sx_registry *registry,
                                                     const uint32_t *link)
{
    uint32_t ref = __atomic_load_n(link, __ATOMIC_ACQUIRE);
    return ref == 0 ? NULL : sx__at(registry, ref);
}

#endif
