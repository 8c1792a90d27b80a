/* metrics.h: counters, gauges and histograms, updated in nanoseconds from any thread.
 *
 * A registry holds metric families; a family has label names; a series (a child) is one set of
 * label values, made on its first look-up. Keep the handle of a series and update it: an update
 * takes no lock, writes no shared cache line (gauges excepted) and allocates nothing, but for a
 * thread's first update, which claims a thread row for the thread.
 *
 * Handles are pointers into the registry. They are valid as long as the registry, even where the
 * series was removed in between, and every update accepts NULL and does nothing then, so that a
 * program whose registration failed still works. No function of this header may be called from a
 * signal handler.
 */
#ifndef SEXTANT_METRICS_H
#define SEXTANT_METRICS_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_registry;
struct sx_counter;
struct sx_gauge;
struct sx_histogram;
struct sx_counter_family;
struct sx_gauge_family;
struct sx_histogram_family;

#define SX_LABELS_MAX 16   /* label names of a family */
#define SX_BUCKETS_MAX 256 /* bucket bounds of a histogram, +Inf not counted */

/** All label values of a family's overflow series; see sx_counter_family_get. */
#define SX_OVERFLOW_VALUE "__overflow__"

/** How a registry uses memory. The zero value is right for a program of one process.
 *
 * At most 1,024 thread rows, and 16 GiB each for a thread row and the directory. Threads beyond the
 * thread rows update too, with atomic operations on shared cells. */
struct sx_registry_options {
    bool shared;          /* true: processes forked after this share it (prefork workers) */
    unsigned thread_rows; /* threads that update at full speed at the same time; 0: 64 */
    size_t
        row_bytes; /* address space of one thread row: 8 bytes a counter, 8 a bucket; 0: 64 MiB */
    size_t directory_bytes; /* address space for names, labels and texts; 0: 1 GiB */
    void *reserved[4];
};

/** What a metric family is. Strings and arrays are copied by the register functions. */
struct sx_metric_options {
    const char *name;          /* base unit and, for counters, _total in the name */
    const char *help;          /* one sentence; needed */
    const char *const *labels; /* names, ended by NULL; see SX_LABELS; NULL: no labels */
    const double *buckets; /* histograms: upper bounds, strictly increasing; NULL: the default */
    size_t bucket_count;   /* +Inf is implied, and dropped where given as the last */
    size_t max_series;     /* families: more go to one overflow series; 0: 10,000 */
    void *reserved[3];
};

/** A label of a series, by its name; the value need not be NUL-terminated. */
struct sx_label {
    const char *name;
    struct sx_str value;
};

/** A NULL-terminated list of label names: `.labels = SX_LABELS("method", "code")`. */
#define SX_LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** A list of bucket bounds: `SX_BUCKETS(.1, .5, 1)` sets `.buckets` and `.bucket_count`. */
#define SX_BUCKETS(...)                       \
    .buckets = (const double[]){__VA_ARGS__}, \
    .bucket_count = sizeof((const double[]){__VA_ARGS__}) / sizeof(double)

/* ---- registries ---- */

/** Makes a registry: one reserved mapping, of which only touched pages cost memory.
 *
 * Where address space is limited (ulimit -v, overcommit) the reservation is halved until it fits.
 *
 * @param options  NULL: all defaults
 * Errors:   SX_EINVAL, SX_ENOMEM (no useful reservation fits, or 64 registries exist)
 * Threads:  [any]
 * Memory:   destroy with sx_registry_destroy
 */
SX_API SX_MUST_CHECK int sx_registry_new(struct sx_registry **registry,
                                         const struct sx_registry_options *options);

/** Ends a registry and gives its memory back; its address space stays reserved for the next one.
 *
 * No thread may use the registry or a handle from it any more. NULL is a no-op; the default
 * registry must not be destroyed. In a process that inherited a shared registry by fork(), it is
 * ended for this process only.
 *
 * Threads:  any thread, after all others are done with it
 */
SX_API void sx_registry_destroy(struct sx_registry *registry);

/** The registry of the process, made on first use; NULL where memory is exhausted.
 *
 * Threads:  [any]
 */
SX_API struct sx_registry *sx_registry_default(void);

/* ---- counters ---- */

/** Registers a counter without labels; it is exposed as 0 from now on.
 *
 * Registering the same definition (type, name, help, labels, buckets) again gives the same counter,
 * with the max_series of the first time.
 *
 * @param counter   receives the handle
 * @param registry  NULL: the default registry
 * Errors:   SX_ENAME, SX_EHELP, SX_ELABEL, SX_EEXIST, SX_ECLASH, SX_EINVAL (buckets on a counter,
 *           labels on a metric without, or too many), SX_EFULL, SX_ENOMEM
 * Threads:  [any]
 * Memory:   copies the options; the handle lives as long as the registry
 * Source:   Prometheus "Writing client libraries"
 */
SX_API SX_MUST_CHECK int sx_counter_register(struct sx_counter **counter,
                                             struct sx_registry *registry,
                                             const struct sx_metric_options *options);

/** Registers a family of counters with at least one label; else like sx_counter_register. */
SX_API SX_MUST_CHECK int sx_counter_family_register(struct sx_counter_family **family,
                                                    struct sx_registry *registry,
                                                    const struct sx_metric_options *options);

/** Finds or makes the counter with these label values, in the order of the label names.
 *
 * Look-up of an existing series takes no lock. A value that is not UTF-8 has its bad bytes replaced
 * by U+FFFD, so that no client can spoil the page.
 *
 * Where the family has max_series series already, all others are one, the overflow series, whose
 * label values are all SX_OVERFLOW_VALUE; `sextant_series_overflowed_total{family="…"}`, which is
 * on the page from then on, counts each look-up that ended there.
 *
 * @param values  borrowed
 * Errors:   SX_EVALUES, SX_EFULL, SX_ENOMEM, SX_EINVAL
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_counter_family_get(struct sx_counter **counter,
                                               struct sx_counter_family *family,
                                               const struct sx_str *values, size_t count);

/** Removes the counter with these label values from the page: 1, or 0 where there is none.
 *
 * Handles of it stay valid, and updates of it do nothing, until the same label values are looked up
 * again: the series then starts at 0, and old handles update it too. An update that another thread
 * is in the middle of may be lost, or very rarely counted by the next series that is made, which
 * gets the same memory; remove what is no longer updated.
 *
 * Errors:   SX_EINVAL, SX_EVALUES, SX_EFULL, SX_ENOMEM
 * Threads:  [any]; takes a lock, that neither updates nor look-ups of existing series take
 * Memory:   a removed series keeps its names, about 100 bytes, as long as the registry lives
 */
SX_API int sx_counter_family_remove(struct sx_counter_family *family, const struct sx_str *values,
                                    size_t count);

/** Removes the counters that have all of these labels; gives how many there were.
 *
 * Errors:   SX_EINVAL (no labels), SX_ELABEL (a name that the family does not have), SX_EFULL,
 *           SX_ENOMEM
 * Threads:  [any]; takes that lock while it looks at all series of the family
 */
SX_API int sx_counter_family_remove_matching(struct sx_counter_family *family,
                                             const struct sx_label *labels, size_t count);

/** Removes all counters of the family, which stays registered; gives how many there were.
 *  Errors, threads: as sx_counter_family_remove_matching. */
SX_API int sx_counter_family_clear(struct sx_counter_family *family);

/** As sx_counter_family_get, of C strings: `sx_counter_with(family, "GET", "200")`.
 *  Gives NULL where that fails, which every update accepts. */
#define sx_counter_with(family, ...)                               \
    sx__counter_with((family), (const char *const[]){__VA_ARGS__}, \
                     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/** Adds 1.
 *
 * @param counter  NULL is a no-op
 * Threads:  [any], lock-free
 * Cost:     one relaxed load, add and store on the thread's own cell
 */
static inline void sx_counter_inc(struct sx_counter *counter);

/** Adds `delta`. Whole numbers below 2^53 are summed as integers, so that the page shows their sum
 * exactly beyond 2^53, too; a counter that also gets larger ones or fractions is a double. The
 * sum of integers is to stay below 2^63, beyond which it may start again at 0.
 *
 * @param delta  in the metric's base unit; negative, NaN or infinite is ignored, and counted in
 *               `sextant_updates_ignored_total{family="…"}`; a fraction is ignored, too, where the
 *               registry has no room left for the counter's first one
 * Threads:  [any], lock-free but for a counter's very first fraction, and for a family's very first
 *           ignored value
 */
SX_API void sx_counter_add(struct sx_counter *counter, double delta);

/** The sum over all threads; 0 for NULL, and where it is removed. A concurrent update may or may
 * not be in it. [any] */
SX_API double sx_counter_value(const struct sx_counter *counter);

/* ---- gauges ---- */

/** Registers a gauge without labels. As sx_counter_register. */
SX_API SX_MUST_CHECK int sx_gauge_register(struct sx_gauge **gauge, struct sx_registry *registry,
                                           const struct sx_metric_options *options);
/** Registers a family of gauges. As sx_counter_family_register. */
SX_API SX_MUST_CHECK int sx_gauge_family_register(struct sx_gauge_family **family,
                                                  struct sx_registry *registry,
                                                  const struct sx_metric_options *options);
/** Finds or makes a gauge. As sx_counter_family_get. */
SX_API SX_MUST_CHECK int sx_gauge_family_get(struct sx_gauge **gauge,
                                             struct sx_gauge_family *family,
                                             const struct sx_str *values, size_t count);
/** As sx_counter_family_remove. */
SX_API int sx_gauge_family_remove(struct sx_gauge_family *family, const struct sx_str *values,
                                  size_t count);
/** As sx_counter_family_remove_matching. */
SX_API int sx_gauge_family_remove_matching(struct sx_gauge_family *family,
                                           const struct sx_label *labels, size_t count);
/** As sx_counter_family_clear. */
SX_API int sx_gauge_family_clear(struct sx_gauge_family *family);
/** As sx_counter_with. */
#define sx_gauge_with(family, ...)                               \
    sx__gauge_with((family), (const char *const[]){__VA_ARGS__}, \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/** Sets the value of this process; in a shared registry the page shows the sum of the live
 *  processes. NaN and infinities are legal values. NULL is a no-op. [any], lock-free. */
SX_API void sx_gauge_set(struct sx_gauge *gauge, double value);
/** Adds `delta`, which may be negative. NULL is a no-op. [any], one atomic read-modify-write. */
SX_API void sx_gauge_add(struct sx_gauge *gauge, double delta);
/** Adds 1. As sx_gauge_add. */
SX_API void sx_gauge_inc(struct sx_gauge *gauge);
/** Subtracts 1. As sx_gauge_add. */
SX_API void sx_gauge_dec(struct sx_gauge *gauge);
/** Sets the value to the seconds since 1970, as for a `…_timestamp_seconds`. As sx_gauge_set. */
SX_API void sx_gauge_set_to_current_time(struct sx_gauge *gauge);
/** The value, over all live processes; 0 for NULL. [any] */
SX_API double sx_gauge_value(const struct sx_gauge *gauge);

/* ---- histograms ---- */

/** Registers a histogram without labels; `le` is not allowed as a label. As sx_counter_register.
 *
 * Errors:   also SX_EBUCKETS
 */
SX_API SX_MUST_CHECK int sx_histogram_register(struct sx_histogram **histogram,
                                               struct sx_registry *registry,
                                               const struct sx_metric_options *options);
/** Registers a family of histograms. */
SX_API SX_MUST_CHECK int sx_histogram_family_register(struct sx_histogram_family **family,
                                                      struct sx_registry *registry,
                                                      const struct sx_metric_options *options);
/** Finds or makes a histogram. As sx_counter_family_get. */
SX_API SX_MUST_CHECK int sx_histogram_family_get(struct sx_histogram **histogram,
                                                 struct sx_histogram_family *family,
                                                 const struct sx_str *values, size_t count);
/** As sx_counter_family_remove. */
SX_API int sx_histogram_family_remove(struct sx_histogram_family *family,
                                      const struct sx_str *values, size_t count);
/** As sx_counter_family_remove_matching. */
SX_API int sx_histogram_family_remove_matching(struct sx_histogram_family *family,
                                               const struct sx_label *labels, size_t count);
/** As sx_counter_family_clear. */
SX_API int sx_histogram_family_clear(struct sx_histogram_family *family);
/** As sx_counter_with. */
#define sx_histogram_with(family, ...)                               \
    sx__histogram_with((family), (const char *const[]){__VA_ARGS__}, \
                       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/** Fills in `count` bucket bounds: start, start + width, start + 2 * width, …
 *
 * +Inf is not among them and not counted: the histogram has `count` + 1 buckets. (Prometheus's
 * guidelines would count it; the clients in Go and Python do not, and neither does this.)
 *
 * @param bounds  room for `count`; untouched on failure
 * @param count   1 to SX_BUCKETS_MAX
 * Errors:   SX_EINVAL (count, NULL), SX_EBUCKETS (the bounds would not be finite and increasing)
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_buckets_linear(double *bounds, size_t count, double start,
                                           double width);

/** Fills in `count` bucket bounds: start, start * factor, start * factor^2, … As sx_buckets_linear;
 *  start is positive and factor greater than 1, else SX_EBUCKETS. */
SX_API SX_MUST_CHECK int sx_buckets_exponential(double *bounds, size_t count, double start,
                                                double factor);

/** Counts `value` in its bucket (upper bounds are inclusive) and adds it to the sum.
 *
 * The page's `_count` is the sum of the buckets, so it always equals `+Inf`; `_sum` may lag by
 * observations that are in flight during the scrape.
 *
 * @param histogram  NULL is a no-op
 * @param value      in the base unit; NaN would be the sum for ever, and is ignored, and counted in
 *                   `sextant_updates_ignored_total{family="…"}`
 * Threads:  [any], lock-free but for a family's very first NaN
 */
SX_API void sx_histogram_observe(struct sx_histogram *histogram, double value);
/** How many observations there were; 0 for NULL. [any] */
SX_API uint64_t sx_histogram_count(const struct sx_histogram *histogram);
/** The sum of the observations; 0 for NULL. [any] */
SX_API double sx_histogram_sum(const struct sx_histogram *histogram);

/* ---- for the rest of a block ---- */

/** Observes, when the block that it stands in is left, how many seconds that took:
 *
 *     SX_TIME_SCOPE(durations);
 *
 * A declaration, by the cleanup attribute of gcc and clang: return, break and goto leave a block,
 * longjmp does not. One of each kind a line. NULL is a no-op.
 */
#define SX_TIME_SCOPE(histogram)                              \
    struct sx__time_scope SX__JOIN(sx__time_scope_, __LINE__) \
        __attribute__((cleanup(sx__time_scope_leave), unused)) = sx__time_scope_enter(histogram)

/** Adds 1 to the gauge now, and subtracts it when the block is left. As SX_TIME_SCOPE. */
#define SX_IN_PROGRESS_SCOPE(gauge)                       \
    struct sx_gauge *SX__JOIN(sx__in_progress_, __LINE__) \
        __attribute__((cleanup(sx__in_progress_leave), unused)) = sx__in_progress_enter(gauge)

/* ---- values that are asked for during a scrape ---- */

/** Gives the value of a metric, in its base unit. Called during each scrape, by the thread that
 *  scrapes, with no lock held; several scrapes may call it at the same time. */
typedef double sx_value_fn(void *context);

/** Registers a gauge without labels whose value is what `value` gives; any value is legal.
 *
 * On the page, callbacks and collectors come after the metrics of the registry. They belong to this
 * process: in a registry that processes share, each asks those that it registered itself, or that
 * were registered before the fork.
 *
 * @param registry  NULL: the default registry
 * @param context   borrowed until the callback is unregistered or the registry ends; may be NULL
 * Errors:   as sx_gauge_register; SX_EEXIST also where the name has a callback already
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_gauge_register_callback(struct sx_registry *registry,
                                                    const struct sx_metric_options *options,
                                                    sx_value_fn *value, void *context);

/** Registers a counter without labels whose value is what `value` gives. As for gauges, but where
 *  that is negative, not finite, or less than it was, the page shows what it showed before, and
 *  nothing where there was nothing yet. */
SX_API SX_MUST_CHECK int sx_counter_register_callback(struct sx_registry *registry,
                                                      const struct sx_metric_options *options,
                                                      sx_value_fn *value, void *context);

/** Takes a callback from the page: 1, or 0 where there is none with this name.
 *
 * Waits for scrapes that are calling it; afterwards it is not called any more and its context may
 * be freed. The name stays reserved for a callback of the same definition.
 *
 * @param registry  NULL: the default registry
 * Errors:   SX_EINVAL, SX_ESTATE (the caller is itself a callback or collector)
 * Threads:  [any]
 */
SX_API int sx_callback_unregister(struct sx_registry *registry, const char *name);

/** What a collector writes to; valid during the call only. */
struct sx_collection;

enum sx_metric_type { SX_COUNTER, SX_GAUGE, SX_HISTOGRAM };

/** Adds families and their samples to a collection, in each scrape anew.
 *
 * It is called by the thread that scrapes, with no lock held; several scrapes may call it at the
 * same time. It may register and update metrics; those are on this very page. It must not render a
 * page, nor unregister anything: SX_ESTATE.
 *
 * A collector is on the page as a whole or not at all. It is left out where it returns anything but
 * 0, where an sx_collection_add_* failed, and where it has a name that the registry or an earlier
 * collector has. Then the log of the registry says so, and
 * `sextant_collector_failures_total{error="SX_E…"}` counts it; the rest of the page stands.
 */
typedef int sx_collect_fn(struct sx_collection *collection, void *context);

/** Registers a collector; it and its context identify it.
 *
 * @param registry  NULL: the default registry; whose collectors are this process's, as callbacks
 * @param context   borrowed until the collector is unregistered or the registry ends; may be NULL
 * Errors:   SX_EINVAL, SX_EEXIST (registered already), SX_ENOMEM
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_collector_register(struct sx_registry *registry, sx_collect_fn *collect,
                                               void *context);

/** Takes a collector from the page: 1, or 0 where it is not registered. Waits for scrapes that are
 *  calling it; afterwards it is not called any more. Errors, threads: as sx_callback_unregister. */
SX_API int sx_collector_unregister(struct sx_registry *registry, sx_collect_fn *collect,
                                   void *context);

/** Begins a family: with labels, or without. Its samples follow.
 *
 * An error is kept: it may be ignored, as the collector is left out anyway.
 *
 * Errors:   as sx_counter_register; SX_EEXIST and SX_ECLASH also for names in this collection
 * Threads:  during the collector's call, one at a time
 */
SX_API int sx_collection_add_family(struct sx_collection *collection, enum sx_metric_type type,
                                    const struct sx_metric_options *options);

/** Adds a counter or gauge to the family that was begun last.
 *
 * @param values  in the order of the label names; NULL where there are none; what is not UTF-8 is
 *                replaced
 * @param value   for counters neither negative nor NaN nor infinite
 * Errors:   SX_EVALUES, SX_EEXIST (the series is there already), SX_EINVAL, SX_ESTATE (no family),
 *           SX_ENOMEM; kept, as above
 * Threads:  as sx_collection_add_family
 */
SX_API int sx_collection_add_sample(struct sx_collection *collection, const struct sx_str *values,
                                    size_t count, double value);

/** Adds a histogram to the family that was begun last. As sx_collection_add_sample.
 *
 * @param buckets  the observations of each bucket, not cumulative; one more than there are bounds
 */
SX_API int sx_collection_add_histogram(struct sx_collection *collection,
                                       const struct sx_str *values, size_t count,
                                       const uint64_t *buckets, double sum);

/** One line, without its line feed, on what a scrape had to leave out; from any thread. */
typedef void sx_registry_log_fn(void *context, const char *message);

/** Sets where this process's scrapes of the registry log to; a `log` of NULL: nowhere, as at first.
 *
 * @param registry  NULL: the default registry
 * @param context   borrowed until another log is set or the registry ends
 * Threads:  [any]; a scrape that has begun may still call the former one
 */
SX_API void sx_registry_set_log(struct sx_registry *registry, sx_registry_log_fn *log,
                                void *context);

/** Registers a collector of what the kernel knows of this process: process_cpu_seconds_total,
 *  process_open_fds, process_max_fds, process_virtual_memory_bytes, process_resident_memory_bytes,
 *  process_start_time_seconds, process_threads. What cannot be read is left out. It lasts as long
 *  as the registry.
 *
 * @param registry  NULL: the default registry
 * Errors:   as sx_collector_register
 * Threads:  [any]
 * Source:   Prometheus "Writing client libraries", Process metrics
 */
SX_API SX_MUST_CHECK int sx_process_collector_register(struct sx_registry *registry);

/* ---- what macros and inlined updates need; private, no part of the API ---- */

#define SX__ARENAS 64

struct sx_counter {
    uint32_t arena; /* index of the registry's arena */
    uint32_t cell;  /* the same in every thread row of the arena, in units of 8 bytes */
};

/* The calling thread's thread row in each arena; NULL until its first update there. */
extern SX_API __thread char *sx__thread_rows[SX__ARENAS] __attribute__((tls_model("initial-exec")));

#define SX__JOIN(a, b) SX__JOIN_EXPANDED(a, b)
#define SX__JOIN_EXPANDED(a, b) a##b

struct sx__time_scope {
    struct sx_histogram *histogram;
    int64_t start_ns;
};
SX_API struct sx__time_scope sx__time_scope_enter(struct sx_histogram *histogram);
SX_API void sx__time_scope_leave(struct sx__time_scope *scope);
SX_API struct sx_gauge *sx__in_progress_enter(struct sx_gauge *gauge);
SX_API void sx__in_progress_leave(struct sx_gauge **gauge);

SX_API void sx__counter_inc_cold(struct sx_counter *counter);
SX_API struct sx_counter *sx__counter_with(struct sx_counter_family *family,
                                           const char *const *values, size_t count);
SX_API struct sx_gauge *sx__gauge_with(struct sx_gauge_family *family, const char *const *values,
                                       size_t count);
SX_API struct sx_histogram *sx__histogram_with(struct sx_histogram_family *family,
                                               const char *const *values, size_t count);

static inline void sx_counter_inc(struct sx_counter *counter)
{
    if (counter == NULL) {
        return;
    }
    char *row = sx__thread_rows[counter->arena];
    if (__builtin_expect(row == NULL, 0)) {
        sx__counter_inc_cold(counter);
        return;
    }
    /* Nobody but its owner writes a thread row's cell: a load, an add and a store, no lock prefix.
     */
    uint64_t *cell = (uint64_t *)(void *)row + __atomic_load_n(&counter->cell, __ATOMIC_RELAXED);
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

#ifdef __cplusplus
}
#endif
#endif
