/* collector.h: values that are read during a scrape. A callback is a function that returns the
 * value of one metric. A collector is a function that adds families and their samples.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 */
#ifndef SEXTANT_COLLECTOR_H
#define SEXTANT_COLLECTOR_H

#include <sextant/metrics.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Returns the value of a metric, in its base unit.
 *
 * Threads:  called during each scrape by the thread that scrapes, with no lock held; several
 *           scrapes may call it at the same time
 */
typedef double sx_value_fn(void *context);

/** Registers a gauge without labels whose value is what `value` returns. Any value is legal.
 *
 * On the page, callbacks and collectors come after the metrics of the registry. They belong to the
 * process: a scrape of a registry that processes share calls the functions that the scraped process
 * registered, or that were registered before the fork.
 *
 * @param registry  NULL: the default registry
 * @param context   passed to `value`; borrowed until the callback is unregistered or the registry
 *                  is destroyed; may be NULL
 * Errors:   as sx_gauge_register; SX_EEXIST also if the name has a callback already
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_gauge_register_callback(struct sx_registry *registry,
                                                    const struct sx_metric_options *options,
                                                    sx_value_fn *value, void *context);

/** Registers a counter without labels whose value is what `value` returns. Otherwise as
 * sx_gauge_register_callback.
 *
 * If `value` returns a number that is negative, not finite, or less than before, the page shows
 * the last good value, or no sample if there was none. */
SX_API SX_MUST_CHECK int sx_counter_register_callback(struct sx_registry *registry,
                                                      const struct sx_metric_options *options,
                                                      sx_value_fn *value, void *context);

/** Removes a callback from the page.
 *
 * Waits for scrapes that are calling the function. After the return no scrape calls it, and its
 * context may be freed. Its name may be used again, unless another process has the callback.
 *
 * @param registry  NULL: the default registry
 * @param name      as it was registered, without the registry's name prefix
 * @return   1, or 0 if no callback has this name
 * Errors:   SX_EINVAL, SX_ENOMEM, SX_ESTATE (the caller is itself a callback or collector)
 * Threads:  [any]
 */
SX_API int sx_callback_unregister(struct sx_registry *registry, const char *name);

/** What a collector writes to; valid only during the collector's call. */
struct sx_collection;

/** Adds families and their samples to a collection, anew in each scrape.
 *
 * It may register and update metrics, which are on the same page. It must not render a page or
 * unregister anything: SX_ESTATE.
 *
 * A collector is on the page completely or not at all, except that a page of several registries may
 * leave out single families (see sx_page_render_registries). It is left out if it returns anything
 * but 0, if an sx_collection_add_* failed, or if it uses a name that the registry or an earlier
 * collector has. The failure is logged (see sx_registry_set_log) and counted by
 * `sextant_collector_failures_total{error="SX_E…"}`; the rest of the page is not affected.
 *
 * @param context  as given to sx_collector_register
 * @return   0, or anything else to leave this collector out
 * Threads:  called by the thread that scrapes, with no lock held; several scrapes may call it at
 *           the same time
 */
typedef int sx_collect_fn(void *context, struct sx_collection *collection);

/** Registers a collector. The function and its context together identify it.
 *
 * @param registry  NULL: the default registry. Collectors belong to the process, as callbacks do.
 * @param context   passed to `collect`; borrowed until the collector is unregistered or the
 *                  registry is destroyed; may be NULL
 * Errors:   SX_EINVAL, SX_EEXIST (registered already), SX_ENOMEM
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_collector_register(struct sx_registry *registry, sx_collect_fn *collect,
                                               void *context);

/** Removes a collector from the page, and waits for scrapes that are calling it.
 *
 * @return   1, or 0 if it is not registered
 * Errors, threads: as sx_callback_unregister
 */
SX_API int sx_collector_unregister(struct sx_registry *registry, sx_collect_fn *collect,
                                   void *context);

/** Begins a family, with labels or without. Its samples follow.
 *
 * A collector may ignore the error: the collection keeps it, and the page leaves the collector out.
 *
 * Errors:   as sx_counter_register; SX_EEXIST and SX_ECLASH also for names in this collection;
 *           SX_EINVAL also for `quantiles`, because each sample of a summary has its own, and for a
 *           `multiprocess_mode`
 * Threads:  during the collector's call, by one thread at a time
 */
SX_API int sx_collection_add_family(struct sx_collection *collection, enum sx_metric_type type,
                                    const struct sx_metric_options *options);

/** Adds a sample to the family that was begun last: a counter, gauge or untyped metric.
 *
 * @param values  in the order of the label names; NULL if there are none. Bytes that are not UTF-8
 *                are replaced.
 * @param value   of a counter: not negative, not NaN, not infinite
 * Errors:   SX_EVALUES, SX_EEXIST (the collection has this series already), SX_EINVAL, SX_ESTATE
 *           (no family was begun), SX_ENOMEM; kept, as above
 * Threads:  as sx_collection_add_family
 */
SX_API int sx_collection_add_sample(struct sx_collection *collection, const struct sx_str *values,
                                    size_t count, double value);

/** Adds a histogram or gauge histogram to the family that was begun last. Otherwise as
 * sx_collection_add_sample.
 *
 * @param buckets  the number of observations in each bucket, not cumulative; one more than bounds
 * @param sum      of the observations; NaN is SX_EINVAL
 */
SX_API int sx_collection_add_histogram(struct sx_collection *collection,
                                       const struct sx_str *values, size_t count,
                                       const uint64_t *buckets, double sum);

/** A native bucket. At schema s, bucket i covers the numbers above 2^((i - 1) / 2^s), up to and
 * including 2^(i / 2^s). */
struct sx_native_bucket {
    int32_t index;
    uint64_t count; /* not cumulative */
};

#define SX_NATIVE_SIDE_MAX 161 /* native buckets of one sign in a collection */

/** A histogram with native buckets. */
struct sx_native_sample {
    int schema;            /* -4 to 8 */
    double zero_threshold; /* 0: 2^-128 */
    uint64_t zero_count;
    const struct sx_native_bucket *positive; /* in ascending order of their indexes */
    size_t positive_count;                   /* at most SX_NATIVE_SIDE_MAX */
    const struct sx_native_bucket *negative; /* with the indexes of the absolute values */
    size_t negative_count;
    double sum;
    const uint64_t *buckets; /* classic buckets, as in sx_collection_add_histogram; required if the
                                family has bounds, else NULL */
    void *reserved[2];
};

/** Adds a native histogram to the family that was begun last, a histogram with `native` options
 * (the values of which do not matter, except that growth_factor is not 0). Otherwise as
 * sx_collection_add_histogram.
 *
 * @param sample  SX_EINVAL if it is NULL, has a schema that does not exist, buckets out of order or
 *                too many, or NaN, or if the family has no `native` options
 */
SX_API int sx_collection_add_native_histogram(struct sx_collection *collection,
                                              const struct sx_str *values, size_t count,
                                              const struct sx_native_sample *sample);

/** A quantile of a summary. */
struct sx_quantile {
    double quantile; /* 0 to 1 */
    double value;    /* NaN if there were no observations */
};

/** A summary. */
struct sx_summary_sample {
    double sum; /* not NaN */
    uint64_t observations;
    const struct sx_quantile *quantiles; /* in ascending order */
    size_t quantile_count;               /* at most SX_QUANTILES_MAX */
    void *reserved[2];
};

/** Adds a summary to the family that was begun last. Otherwise as sx_collection_add_sample.
 *
 * @param sample  NULL, and quantiles out of order or range are SX_EINVAL
 */
SX_API int sx_collection_add_summary(struct sx_collection *collection, const struct sx_str *values,
                                     size_t count, const struct sx_summary_sample *sample);

/** Adds an info to the family that was begun last. As sx_collection_add_sample, with the value 1.
 */
SX_API int sx_collection_add_info(struct sx_collection *collection, const struct sx_str *values,
                                  size_t count);

/** Adds a state to the state set that was begun last, which has no labels of its own. Otherwise as
 * sx_collection_add_sample. */
SX_API int sx_collection_add_state(struct sx_collection *collection, struct sx_str state,
                                   bool is_true);

/** Gives the sample that was added last a timestamp. Use it only for values that were measured
 * elsewhere at a known time: Prometheus does not mark series with timestamps as stale when they
 * vanish. All states of a state set have the timestamp that was set last.
 *
 * @param timestamp_ms  since 1970; negative: SX_EINVAL, because Prometheus refuses such a page
 * Errors:   SX_ESTATE (the family that was begun last has no sample), SX_EINVAL, SX_ENOMEM; kept as
 *           in sx_collection_add_family
 * Threads:  as sx_collection_add_family
 */
SX_API int sx_collection_set_timestamp(struct sx_collection *collection, int64_t timestamp_ms);

/** Adds an exemplar to the sample that was added last, which is a counter or a histogram. In a
 * histogram it belongs to the bucket of its value. Each bucket keeps the exemplar that was added
 * last. A histogram that has native buckets alone keeps up to 8, for different powers of two.
 *
 * The exemplar is dropped, and counted by `sextant_collector_exemplars_dropped_total{family="…"}`,
 * but its sample stays on the page, if
 *
 * - its labels break the rules of sx_counter_add_with_exemplar,
 * - `timestamp_ms` is negative,
 * - `value` is NaN; for a counter also if it is not positive, or infinite,
 * - its bucket has counted nothing.
 *
 * @param value         what was counted or observed
 * @param labels        copied; NULL if `count` is 0
 * @param timestamp_ms  when, since 1970; 0: not known. Prometheus drops exemplars without a
 *                      timestamp if the histogram has native buckets.
 * Errors:   SX_ESTATE (the family that was begun last has no sample), SX_EINVAL (the family is of
 *           another type), SX_ENOMEM; kept as in sx_collection_add_family
 * Threads:  as sx_collection_add_family
 * Source:   OpenMetrics 1.0, "Exemplars"
 */
SX_API int sx_collection_add_exemplar(struct sx_collection *collection, double value,
                                      const struct sx_label *labels, size_t count,
                                      int64_t timestamp_ms);

/** Receives one line, without a line feed, about what a scrape had to leave out.
 *
 * Threads:  called by any thread that scrapes
 */
typedef void sx_registry_log_fn(void *context, const char *message);

/** Sets the function that receives log lines about this process's scrapes of the registry. It also
 * receives what is left out of a page of several registries, if this registry is the first one.
 *
 * @param registry  NULL: the default registry
 * @param log       NULL: no log, which is the default
 * @param context   passed to `log`; borrowed until another log is set or the registry is destroyed,
 *                  and the scrapes that had begun by then have ended
 * Threads:  [any]; a scrape that has begun may still call the former log
 */
SX_API void sx_registry_set_log(struct sx_registry *registry, sx_registry_log_fn *log,
                                void *context);

/** Registers a collector of what the kernel knows of this process: process_cpu_seconds_total,
 * process_open_fds, process_max_fds, process_virtual_memory_bytes,
 * process_virtual_memory_max_bytes (2^64 - 1 if there is no limit), process_resident_memory_bytes,
 * process_start_time_seconds, process_threads. A value that cannot be read is left out. The
 * collector stays registered as long as the registry lives. If the process belongs to a group
 * (struct sx_process_group), the metrics are those of the group.
 *
 * @param registry  NULL: the default registry
 * Errors:   as sx_collector_register
 * Threads:  [any]
 * Source:   Prometheus "Writing client libraries", Process metrics
 */
SX_API SX_MUST_CHECK int sx_process_collector_register(struct sx_registry *registry);

/** Processes that sx_process_collector_register shows as one: the process that makes the group, and
 * those that it forks later and adds. sx_prometheus (prometheus.h) makes one of the workers of an
 * app; a program that forks by itself can do so, too.
 *
 * Each process has a place: the first process number 0, the others a number that the first process
 * gives them. A process that replaces another one has the place of that one, so the number of
 * places, and of series, is bounded.
 *
 * CPU time, descriptors, memory and threads are summed: over all processes, or for each place. CPU
 * time includes that of processes that have ended, so it never decreases. The start time is that of
 * the first process, or of the first one that lives in the place. The limits are those of the
 * process that is scraped. A process of which /proc hides something is left out of that sum.
 *
 * All processes that the first one forks later see the group, whoever has registered the collector
 * where. Only the first process may add, remove, and destroy. */
struct sx_process_group;

#define SX_PROCESS_PLACES_MAX 4096

/** Makes the group of this process.
 *
 * @param places  the numbers of places, which are 1 to `places`; at most SX_PROCESS_PLACES_MAX
 * @param label   the name of a label that has the number of the place, of which there is a series
 *                each; borrowed until the group is destroyed; NULL: no label, and sums of all
 * Errors:   SX_EINVAL; SX_ENOMEM; SX_ESTATE: the process belongs to a group already
 * Threads:  [any]
 * Memory:   destroy with sx_process_group_destroy
 */
SX_API SX_MUST_CHECK int sx_process_group_new(struct sx_process_group **group, unsigned places,
                                              const char *label);

/** Makes the process a single one again; NULL is a no-op.
 *
 * Threads:  one, and not while a registry is scraped
 */
SX_API void sx_process_group_destroy(struct sx_process_group *group);

/** Adds a process that was forked. Its CPU time so far counts, too.
 *
 * Errors:   SX_EINVAL: there is no such place, or `group` is NULL; SX_EFULL: the place has four
 *           processes
 * Threads:  one at a time
 */
SX_API SX_MUST_CHECK int sx_process_group_add(struct sx_process_group *group, unsigned place,
                                              pid_t pid);

/** Removes a process that has ended, and keeps its CPU time. Call it before the process is reaped
 * (waitid with WNOWAIT tells that it has ended), because its CPU time is lost then, and its id may
 * be used again. A process that is not in the place is ignored.
 *
 * Threads:  as sx_process_group_add
 */
SX_API void sx_process_group_remove(struct sx_process_group *group, unsigned place, pid_t pid);

#ifdef __cplusplus
}
#endif
#endif
