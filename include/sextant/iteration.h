/* iteration.h: looking at the series of a family one after the other, with labels and values. For
 * programs that show or export their metrics in ways of their own.
 */
#ifndef SEXTANT_ITERATION_H
#define SEXTANT_ITERATION_H

#include <sextant/metrics.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One series, as it is at the moment. Everything in it is valid only during the call. */
struct sx_series {
    const struct sx_str *values; /* label values, in the order of the label names */
    size_t value_count;
    double value;             /* of a counter or gauge; of a histogram or summary the sum */
    const uint64_t *buckets;  /* histograms: observations in each bucket, not cumulative, the last
                                 one up to +Inf; otherwise NULL */
    size_t bucket_count;      /* one more than bounds */
    uint64_t observations;    /* histograms: in all buckets; summaries: the count */
    double unchanged_seconds; /* since a sweep or an iteration last saw a change; 0 while a handle
                                 is held (see sx_registry_expire); negative: the family has no
                                 idle_seconds */
    bool is_overflow;         /* the label values are all SX_OVERFLOW_VALUE */
    void *reserved[4];
};

/** Receives one series. Returns 0 to go on, or anything else to end the iteration.
 *
 * It may look up, update and remove series, of this family too, and must not call fork().
 */
typedef int sx_series_fn(void *context, const struct sx_series *series);

/** Calls `use` for each counter of the family in order of creation, the overflow series included.
 *
 * Counters that other threads make or remove during the iteration may or may not be among them.
 *
 * @param context  passed to `use`; may be NULL
 * @return   0, or what `use` returned to end the iteration
 * Errors:   SX_EINVAL (`family` or `use` is NULL)
 * Threads:  [any]; takes no lock. Memory of removed series is used again only after the iteration.
 */
SX_API int sx_counter_family_each(struct sx_counter_family *family, sx_series_fn *use,
                                  void *context);
/** As sx_counter_family_each. */
SX_API int sx_gauge_family_each(struct sx_gauge_family *family, sx_series_fn *use, void *context);
/** As sx_counter_family_each. */
SX_API int sx_histogram_family_each(struct sx_histogram_family *family, sx_series_fn *use,
                                    void *context);
/** As sx_counter_family_each. */
SX_API int sx_summary_family_each(struct sx_summary_family *family, sx_series_fn *use,
                                  void *context);

#ifdef __cplusplus
}
#endif
#endif
