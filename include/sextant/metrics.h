/* metrics.h: counters, gauges, histograms and more, updated in nanoseconds from any thread.
 *
 * A registry holds metric families. A family has label names; a series (a child of the family) is
 * one set of label values, made by its first look-up. Look a series up once, keep its handle and
 * update it: an update takes no lock, allocates nothing, and writes no cache line that another
 * thread writes (no false sharing). The exceptions:
 *
 * - The first update or look-up of a thread allocates and claims a row for it.
 * - These take a lock: a counter's first fraction; a gauge's first increment or decrement by 1; the
 *   first negative observation of a histogram with native buckets, or of a summary with quantiles;
 *   the first exemplar of a thread, of a counter and of a bucket.
 * - Setting a gauge that was incremented may take the lock. Threads that increment it then wait.
 * - A gauge that is set, or changed by another amount than 1, has one cell for all threads.
 * - Threads beyond `thread_rows` update shared cells with atomic additions, and take the lock for
 *   native buckets and quantiles.
 *
 * Handles are pointers into the registry and are valid as long as the registry, even after their
 * series was removed, unless they are given up, or the metric without labels is unregistered. Every
 * update accepts NULL and does nothing then, so a program whose registration failed still works.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 * Every function of this header is [any] unless its comment says more.
 */
#ifndef SEXTANT_METRICS_H
#define SEXTANT_METRICS_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <initializer_list>
extern "C" {
#endif

struct sx_registry;
struct sx_counter;
struct sx_gauge;
struct sx_histogram;
struct sx_summary;
struct sx_info;
struct sx_state_set;
struct sx_counter_family;
struct sx_gauge_family;
struct sx_histogram_family;
struct sx_summary_family;
struct sx_label;

#define SX_LABELS_MAX 16   /* label names of a family */
#define SX_BUCKETS_MAX 256 /* bucket bounds of a histogram, +Inf not counted */

/** Every label value of a family's overflow series; see sx_counter_family_get. */
#define SX_OVERFLOW_VALUE "__overflow__"

/** How a registry uses memory, and what all its metrics have in common. The zero value is right for
 * a program of one process.
 *
 * A private registry takes memory and address space as its metrics need them: row_bytes and
 * directory_bytes only limit its growth. A shared one reserves address space for all of them when
 * it is made: directory_bytes, and row_bytes for each thread row and 68 rows more, which is 9.3 GiB
 * by default. docs/memory.md has the details.
 *
 * The limits are 1,024 thread rows, and 16 GiB each for a row and for the directory; more is
 * SX_EINVAL. Threads beyond the thread rows update shared cells with atomic operations, which is
 * slower. The page shows the gauges of up to 64 processes that share a registry at the same time;
 * `sextant_processes_without_gauges_total` counts those whose gauges are not shown. */
struct sx_registry_options {
    bool shared;             /* true: processes forked later share the registry (prefork workers) */
    bool created_timestamps; /* true: OpenMetrics and protobuf show when each counter, histogram and
                                summary was made or reset. A server may store each of these times as
                                a series, so a counter is then two. */
    unsigned thread_rows;    /* threads that update at full speed at the same time; 0: 64 */
    size_t row_bytes;        /* limit of one row: 8 bytes for each counter, gauge and bucket,
                                for each sum of a histogram, for the fractions of a counter, for the
                                pins of a series with labels, for each family, and for the first
                                exemplar; 16 for a summary, and for the increments of a gauge in a
                                private registry; 2.5 KiB for the native
                                buckets of a histogram and for the quantiles of a summary, twice
                                that with negative observations; 0: 64 MiB */
    size_t directory_bytes;  /* limit of names, labels and texts, and 12 KiB for each summary with
                                quantiles; 0: 1 GiB */
    const char *name_prefix; /* before the name of each metric, such as "billing_"; NULL or "":
                                none; copied */
    const struct sx_label *constant_labels; /* of each series, before its other labels; copied */
    size_t constant_label_count;            /* at most SX_LABELS_MAX */
    const char *shared_name; /* other programs of the same user that make a registry with this name
                                get this one; implies `shared`; 1 to 200 characters of
                                [A-Za-z0-9._-]; NULL: none. See docs/shared.md */
    void *reserved[1];
};

/** Native buckets of a histogram: buckets of equal relative width, without a list of bounds. Only
 * protobuf pages have them; docs/types/native_histogram.md tells how Prometheus is set to ask for
 * it.
 *
 * If observations spread widely, pairs of neighbouring buckets are merged, until at most
 * max_buckets are not empty, and until the observations of one sign by one thread span at most 160.
 * Only sx_histogram_reset makes the buckets fine again. Infinite observations have buckets of their
 * own.
 *
 * A histogram with native buckets has no classic ones, unless `buckets` is set; then it has both,
 * and text formats show the classic ones. In the text formats a histogram without classic buckets
 * has only that of +Inf.
 *
 * The memory is 2.5 KiB for each histogram and thread, and as much again if there are negative
 * observations. Threads beyond `thread_rows` take a lock for each observation. */
struct sx_native_options {
    double growth_factor; /* the largest ratio of a bucket's bounds: 1.1 for 5 % of error; greater
                             than 1. Below 1.0028 the finest buckets are used, of ratio 1.0027. 0:
                             no native buckets */
    size_t max_buckets; /* that are not empty, of both signs; at most SX_NATIVE_BUCKETS_MAX; 0: 160.
                           Exceeded only at the lowest resolution, where up to 128 for each sign are
                           possible (72 with the default zero_threshold) */
    double zero_threshold; /* values whose absolute value is at most this are in the zero bucket; at
                              least DBL_MIN; 0: 2^-128 */
};

#define SX_NATIVE_BUCKETS_MAX 320

/** What the page shows of a gauge that several processes set, because they share its registry.
 *
 * Modes with LIVE forget the value of a process that has ended; the others keep it. If the process
 * that keeps it, in a scrape or at its own start, is killed at that moment, a value of SX_MODE_SUM
 * is lost. A process that never set the gauge adds 0 to a sum and is left out otherwise. If no
 * process set it, the page shows 0, or no series with SX_MODE_LIVE_ALL.
 *
 * Only 64 processes at a time have gauges of their own. Values of further ones are not shown,
 * except with SX_MODE_SHARED. A private registry has one process: every mode shows its value, and
 * SX_MODE_LIVE_ALL adds the label. docs/workers.md compares the modes with those of Python's
 * client.
 */
enum sx_multiprocess_mode {
    SX_MODE_LIVE_SUM, /* the sum; the default, for what processes have in use */
    SX_MODE_SUM,
    SX_MODE_LIVE_MIN, /* the least value */
    SX_MODE_MIN,
    SX_MODE_LIVE_MAX, /* the greatest value */
    SX_MODE_MAX,
    SX_MODE_LIVE_MOST_RECENT, /* the value that was set last, as for the time of the last backup */
    SX_MODE_MOST_RECENT,
    SX_MODE_LIVE_ALL, /* one series for each process, with the label `process`: a number below 64,
                         which another process gets when this one has ended */
    SX_MODE_SHARED,   /* one value for all processes: one may increment it and another decrement it.
                         Each update is an atomic operation on the same memory */
};

/** What a metric family is. The register functions copy all strings and arrays.
 *
 * The default bounds, for seconds, are .005 .01 .025 .05 .075 .1 .25 .5 .75 1 2.5 5 7.5 10. */
struct sx_metric_options {
    const char *name;          /* with the base unit, and for counters with _total */
    const char *help;          /* one sentence; NULL or "": the page has no HELP line */
    const char *const *labels; /* names, ended by NULL; see SX_LABELS; NULL: no labels */
    const double *buckets;     /* histograms: upper bounds, strictly increasing; NULL: see below */
    size_t bucket_count;       /* +Inf is implied; it is ignored if it is the last bound */
    size_t max_series;         /* families: limit of the cardinality; 0: 10,000 */
    struct sx_native_options native; /* histograms: native buckets */
    const char *unit;    /* the base unit, such as "seconds"; the name must end in _seconds, or in
                            _seconds_total; only some formats show it; NULL or "": none */
    double idle_seconds; /* families: a series is removed if it has not changed for so long; 0:
                            never; see sx_registry_expire */
    bool utf8_names;     /* the name and the label names may have any characters of UTF-8, such as
                            "http.requests"; scrapers that do not know such names get them escaped,
                            `http_requests`. Otherwise such a name is an error */
    const double *quantiles; /* summaries: which ones the page shows, strictly increasing, from 0
                                to 1; see SX_QUANTILES and sx_summary_quantile; NULL: none */
    size_t quantile_count;   /* at most SX_QUANTILES_MAX */
    double window_seconds;   /* of the quantiles; at most 1e9; 0: 600 */
    enum sx_multiprocess_mode multiprocess_mode; /* gauges and untyped metrics */
    void *reserved[1];
};

/** The types of metrics. */
enum sx_metric_type {
    SX_COUNTER,
    SX_GAUGE,
    SX_HISTOGRAM,
    SX_SUMMARY,         /* a sum and a count, and quantiles if wanted */
    SX_INFO,            /* labels that describe the program; the value is always 1 */
    SX_STATE_SET,       /* named states, each true or false */
    SX_UNTYPED,         /* a number whose type is not known */
    SX_GAUGE_HISTOGRAM, /* a histogram of the present state, so its buckets may go down */
};

/** A label of a series, by its name. The value need not end with NUL. This struct stays as it is,
 * because programs pass arrays of it. */
struct sx_label {
    const char *name;
    struct sx_str value;
};

/** A NULL-terminated list of label names: `.labels = SX_LABELS("method", "code")`. In C++ the names
 * must be constants. */
#define SX_LABELS(...) SX__LIST(const char *, __VA_ARGS__, NULL)

/** A list of bucket bounds: `SX_BUCKETS(.1, .5, 1)` sets `.buckets` and `.bucket_count`. In C++ the
 * bounds must be constants. Before C++20, designated initializers are an extension of g++ and
 * clang++, of which -Wpedantic warns. */
#define SX_BUCKETS(...) \
    .buckets = SX__LIST(double, __VA_ARGS__), .bucket_count = SX__LENGTH(double, __VA_ARGS__)

/** The default bounds, for a histogram that is to have native buckets, too:
 * `SX_BUCKETS_DEFAULT, .native = {.growth_factor = 1.1}`. They are OpenTelemetry's for the duration
 * of HTTP requests, in seconds. */
#define SX_BUCKETS_DEFAULT \
    SX_BUCKETS(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10)

#define SX_QUANTILES_MAX 64

/** The quantiles of a summary: `SX_QUANTILES(.5, .9, .99)` sets `.quantiles` and `.quantile_count`.
 * As SX_BUCKETS. */
#define SX_QUANTILES(...) \
    .quantiles = SX__LIST(double, __VA_ARGS__), .quantile_count = SX__LENGTH(double, __VA_ARGS__)

/* ---- registries ---- */

/** Makes a registry.
 *
 * If address space is limited (ulimit -v, overcommit), row_bytes and directory_bytes of a shared
 * registry are halved until its reservation fits, and then once more, because the program needs
 * address space as well.
 *
 * The name prefix and the constant labels hold for all that is registered in this registry, also
 * for callbacks, and for the families of its collectors and of the process collector. Functions
 * that take a name take it without the prefix. The library's own metrics have the constant labels,
 * but keep their names: a name that begins with `sextant_` gets no prefix. They are left out if a
 * constant label is called `family` or `error`, as one of theirs. A family must not have a
 * label with the name of a constant label: SX_ELABEL.
 *
 * With `shared_name`, the first process makes the registry, as a file in /dev/shm with mode 0600,
 * and further processes of the same user open it. The sizes of an existing registry are those of
 * the process that made it; the name prefix, the constant labels and created_timestamps must be the
 * same. The numbers stay when all processes have ended; see sx_registry_unlink. The file gets
 * memory as the metrics need it, so a full /dev/shm is an error, and never a signal.
 *
 * @param options  NULL: all defaults
 * Errors:   SX_EINVAL (a size is too large, shared_name is not valid, a constant label's value is
 *           not UTF-8, there are too many constant labels), SX_ENAME (the name prefix is not a
 *           valid metric name), SX_ELABEL (a constant label's name is not valid, is `le` or
 *           `quantile`, or is given twice), SX_ENOMEM (not even a small registry fits),
 *           SX_EREGISTRIES (the process has 64 of them), SX_EFULL (the constant labels do not fit
 *           into directory_bytes), SX_EROBUST (`shared`, and the system has no robust mutexes: it
 *           refuses the system call set_robust_list, as the emulator qemu-user does).
 *           With shared_name also: SX_EACCESS (the file is another user's, is open to others, or
 *           is no regular file), SX_ELAYOUT (it is of another version of the library, another libc
 *           or another architecture, or is no registry), SX_EEXIST (it has another name prefix,
 *           constant labels or created_timestamps), SX_ESTATE (this process has it already, or a
 *           thread that used it before it was destroyed still lives), SX_ENOMEM (/dev/shm is
 *           full), SX_EREGISTRIES (another registry of this process has the place that this one
 *           has in other processes), SX_ESYSTEM
 * Threads:  [any]
 * Memory:   destroy with sx_registry_destroy
 */
SX_API SX_MUST_CHECK int sx_registry_new(struct sx_registry **registry,
                                         const struct sx_registry_options *options);

/** Destroys a registry and frees its memory. The address space of a shared registry stays reserved
 * for the next shared one while another thread holds a row of it.
 *
 * A process that inherited a shared registry by fork(), or has one with a shared_name, destroys it
 * for itself only. The default registry must not be destroyed. The function first hides the
 * registry wherever it is shown (see sx_registry_show), and waits for scrapes that are reading it
 * because of that. So a callback, a collector or a log that is called by such a scrape must not
 * destroy it.
 *
 * @param registry  NULL is a no-op
 * Threads:  any thread, after all threads have stopped using the registry and its handles
 */
SX_API void sx_registry_destroy(struct sx_registry *registry);

/** Returns the registry of the process, which the first call makes, or NULL if memory is exhausted
 * or the process has 64 registries.
 *
 * Threads:  [any]
 */
SX_API struct sx_registry *sx_registry_default(void);

/** Makes the default registry with these options. Call it before anything uses the default
 * registry, so first in main(): `sx_registry_default_init(&(struct sx_registry_options){.shared =
 * true})` gives it to forked processes, too. It may be that of the program before this one; see
 * sx_registry_get_descriptor.
 *
 * @param options  NULL: all defaults
 * Errors:   SX_ESTATE: the default registry exists already; otherwise as sx_registry_new
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_registry_default_init(const struct sx_registry_options *options);

/** The environment variable with the descriptor of a registry that sx_registry_default_init takes
 * over; see sx_registry_get_descriptor. */
#define SX_REGISTRY_VARIABLE "SEXTANT_REGISTRY"

/** Returns the descriptor of the memory of a shared registry. A program that this process executes
 * can go on with the numbers in it: it needs the descriptor, and the environment variable
 * SX_REGISTRY_VARIABLE with its number. sx_registry_default_init with `.shared = true` then takes
 * the registry over, if the program has the same version of the library and of the libc, and the
 * same options; otherwise it makes a new one. See docs/workers.md.
 *
 * @param registry  NULL: the default registry, which is made if it does not exist
 * @return   it stays the registry's
 * Errors:   SX_ESTATE: the registry is not shared
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_registry_get_descriptor(const struct sx_registry *registry);

/** Returns whether a registry was passed on to this program (SX_REGISTRY_VARIABLE) that it has not
 * taken over, or only in part, because a metric that it has registered since then differs from the
 * one of the same name that was there.
 *
 * @param registry  NULL: the default registry, which is made if it does not exist
 * Threads:  [any], but not while another thread changes the environment
 */
SX_API bool sx_registry_has_refused_takeover(const struct sx_registry *registry);

/** Removes the name of a shared registry. Processes that have it keep it. The next
 * sx_registry_new with this name makes another one, whose numbers start at 0.
 *
 * @param shared_name  as in struct sx_registry_options
 * @return   1, or 0 if there is no registry of this name
 * Errors:   SX_EINVAL (the name is NULL or not valid), SX_EACCESS (the file is another user's),
 *           SX_ESYSTEM
 * Threads:  [any]
 */
SX_API int sx_registry_unlink(const char *shared_name);

/** Returns whether processes that are forked share the registry.
 *
 * @param registry  NULL: the default registry, which is made if it does not exist
 * Threads:  [any]
 */
SX_API bool sx_registry_is_shared(const struct sx_registry *registry);

/** Removes idle series: a series of a family with idle_seconds is removed if it has not changed for
 * so long and the program has no handle of it. Setting a gauge by label values counts as a change,
 * also to the value that it has.
 *
 * There is usually no need to call it. Each scrape does the same if the last time was at least an
 * eighth of idle_seconds ago (a sweep), and so does a look-up that has no room for a new series. A
 * sweep compares each value with the one that the last sweep saw, so updates store no time. A
 * series is removed between idle_seconds and idle_seconds plus two sweep intervals after its last
 * change.
 *
 * Afterwards the same label values make another series, which starts at 0.
 *
 * @param registry  NULL: the default registry
 * @return   how many were removed
 * Errors:   SX_ENOMEM (the default registry cannot be made)
 * Threads:  [any]; takes the lock under which series are made, for each removal
 * Cost:     reads all series of families with idle_seconds, as a scrape does
 */
SX_API int sx_registry_expire(struct sx_registry *registry);

/** Shows the families of another registry, or one of them, also on the pages of this registry. For
 * metrics that are wanted on two pages, and for a plugin with a registry that it destroys when it
 * is unloaded.
 *
 * The families of `shown` come after those of `registry`, with the names, prefix and constant
 * labels of `shown`. For names that both have, see sx_page_render_registries. What `shown` shows of
 * others is left out. The setting holds in this process and in those that it forks afterwards.
 *
 * @param registry  NULL: the default registry
 * @param shown     NULL: the default registry. Destroying it hides it, too.
 * @param name      of a metric or callback, as it was registered, without a prefix; it may be
 *                  registered later. NULL: all families, also those of collectors. Copied
 * Errors:   SX_EINVAL (both are the same registry), SX_ENAME (not a valid name), SX_EEXIST (shown
 *           already, with the same name or both without), SX_ENOMEM
 * Threads:  [any]; the next scrape has it
 */
SX_API SX_MUST_CHECK int sx_registry_show(struct sx_registry *registry, struct sx_registry *shown,
                                          const char *name);

/** Ends what sx_registry_show began with the same arguments. Does not wait: a scrape that has begun
 * may still read `shown`, and may have it on its page. sx_registry_destroy waits for that.
 *
 * @return   1, or 0 if it is not shown
 * Errors:   SX_EINVAL, SX_ENAME, SX_ENOMEM (the default registry cannot be made)
 * Threads:  [any], also in callbacks, collectors and logs
 */
SX_API int sx_registry_hide(struct sx_registry *registry, struct sx_registry *shown,
                            const char *name);

/* ---- names ---- */

/** Whether a metric may have this name: [a-zA-Z_:][a-zA-Z0-9_:]*, in ASCII whatever the locale. For
 * names from a configuration or a script.
 *
 * A valid name may still be taken: see SX_EEXIST and SX_ECLASH of sx_counter_register. Colons are
 * legal, but by convention only Prometheus's own rules make names with them. A name that begins
 * with an underscore is valid, too, but reserved in OpenMetrics; see docs/formats.md.
 *
 * @param name  NULL and "" are not valid
 * Threads:  [any]
 * Source:   Prometheus "Data model", Metric names and labels
 */
SX_API bool sx_metric_name_is_valid(const char *name);

/** Whether a label may have this name: [a-zA-Z_][a-zA-Z0-9_]*, but not two underscores at the
 * start, which Prometheus reserves for itself. OpenMetrics also reserves names with one; see
 * docs/formats.md. In histograms `le` is valid but taken.
 *
 * @param name  NULL and "" are not valid
 * Threads:  [any]
 * Source:   Prometheus "Data model", Metric names and labels
 */
SX_API bool sx_label_name_is_valid(const char *name);

/* ---- counters ---- */

/** Registers a counter without labels. The page shows it as 0 from now on.
 *
 * Registering the same type, name, help, unit, labels and buckets again returns the same counter;
 * its max_series and idle_seconds stay what they were. sx_counter_unregister ends one registration.
 * To learn from an error which label is wrong or what differs, use sx_registration_add.
 *
 * @param counter   receives the handle
 * @param registry  NULL: the default registry
 * Errors:   SX_ENAME, SX_EHELP, SX_EUNIT, SX_ELABEL, SX_EEXIST (the name has another type, help,
 *           unit, labels or buckets), SX_ECLASH (another metric has a sample of this name),
 *           SX_EINVAL (NULL; buckets on a counter; labels or idle_seconds on a metric without
 *           labels; too many labels; idle_seconds is negative, NaN or above 1e9), SX_EFULL,
 *           SX_ENOMEM
 * Threads:  [any]
 * Memory:   copies the options; the handle lives until the registration is ended, at most as long
 *           as the registry
 * Source:   Prometheus "Writing client libraries"
 */
SX_API SX_MUST_CHECK int sx_counter_register(struct sx_counter **counter,
                                             struct sx_registry *registry,
                                             const struct sx_metric_options *options);

/** Registers a family of counters with at least one label. Otherwise as sx_counter_register. */
SX_API SX_MUST_CHECK int sx_counter_family_register(struct sx_counter_family **family,
                                                    struct sx_registry *registry,
                                                    const struct sx_metric_options *options);

/** Ends one registration of a counter without labels, for instance when a plugin is unloaded. When
 * no registration is left, the counter leaves the page, and its name and memory may be used again,
 * for a metric of any type.
 *
 * In a shared registry, a child of fork() inherits its parent's registrations. The registrations of
 * a process end when it is killed. For 10 seconds after a fork, the child's registrations may not
 * be counted yet, so the last unregistration also returns 0. A later scrape removes the counter.
 *
 * @param counter  not used afterwards, unless the caller has registered it once more; NULL is
 *                 SX_EINVAL
 * @return   1 if the counter was removed; 0 if it is still registered elsewhere, or if the last
 *           registration ended within 10 seconds after a fork
 * Errors:   SX_EINVAL (NULL, or a counter of a family)
 * Threads:  any thread, when the threads that use this registration have stopped using it
 */
SX_API int sx_counter_unregister(struct sx_counter *counter);

/** Ends one registration of a family. The last one removes the family with all its counters.
 * Handles of its counters stay valid until they are given up, and their updates change nothing
 * that is shown. Otherwise as sx_counter_unregister. */
SX_API int sx_counter_family_unregister(struct sx_counter_family *family);

/** Finds or makes the counter with these label values, and pins it. Each look-up pins once, so each
 * handle that it returned is given up once; see sx_counter_release.
 *
 * If a value is not UTF-8, its bad bytes are replaced by U+FFFD, so no client can spoil the page.
 *
 * A family has at most max_series series. All label values beyond the limit, and those for which
 * the registry has no room, share one more series, the overflow series, whose label values are all
 * SX_OVERFLOW_VALUE. Its room is reserved when the family is registered. Each look-up that ends
 * there is counted by `sextant_series_overflowed_total{family="…"}`.
 *
 * @param values  in the order of the label names; borrowed
 * Errors:   SX_EVALUES, SX_ENOMEM, SX_EINVAL, SX_EFULL (the registry is full, and the overflow
 *           series of the family has just been removed)
 * Threads:  [any]; takes a lock if it makes a series, or returns its first handle
 */
SX_API SX_MUST_CHECK int sx_counter_family_get(struct sx_counter **counter,
                                               struct sx_counter_family *family,
                                               const struct sx_str *values, size_t count);

/** Gives up a handle that sx_counter_family_get or sx_counter_with returned.
 *
 * A handle pins its series: the memory of a removed series is used again only when all handles of
 * it are given up. A program that never removes series need not give up handles.
 *
 * @param counter  not used afterwards; NULL and a counter without labels are a no-op
 * Threads:  [any], lock-free
 */
SX_API void sx_counter_release(struct sx_counter *counter);

/** Removes the counter with these label values from the page.
 *
 * Handles of the counter stay valid until they are given up, and their updates change nothing that
 * is shown. If the same label values are looked up again, they make another counter, which starts
 * at 0.
 *
 * @return   1, or 0 if there is no such counter
 * Errors:   SX_EINVAL, SX_EVALUES, SX_EFULL (a value is larger than any series can have), SX_ENOMEM
 * Threads:  [any]; takes the lock under which series are made
 * Memory:   its record is used again for any record of about the same size, and its cells for any
 *           series with as many cells, once no handle pins it and the scrapes and look-ups that
 *           were under way have ended
 */
SX_API int sx_counter_family_remove(struct sx_counter_family *family, const struct sx_str *values,
                                    size_t count);

/** Removes all counters that have all of these labels.
 *
 * @return   how many were removed
 * Errors:   SX_EINVAL (no labels), SX_ELABEL (the family has no label of that name), SX_EFULL,
 *           SX_ENOMEM
 * Threads:  [any]; locks as sx_counter_family_remove, for all series of the family at once
 */
SX_API int sx_counter_family_remove_matching(struct sx_counter_family *family,
                                             const struct sx_label *labels, size_t count);

/** Removes all counters of the family, which stays registered.
 *
 * @return   how many were removed
 * Errors, threads: as sx_counter_family_remove_matching
 */
SX_API int sx_counter_family_clear(struct sx_counter_family *family);

/** Adds `delta` to the counter with these label values, which is made if needed.
 *
 * Use it where a handle cannot be kept, because the label values are known only when something
 * happens. It pins nothing, so there is nothing to give up.
 *
 * @param family  NULL is a no-op that returns SX_EINVAL
 * @param values  in the order of the label names; borrowed
 * @param delta   as in sx_counter_add
 * Errors:   as sx_counter_family_get; then nothing was counted. Programs may ignore them.
 * Threads:  [any]; takes a lock only if it makes a series
 */
SX_API int sx_counter_family_add(struct sx_counter_family *family, const struct sx_str *values,
                                 size_t count, double delta);

/** As sx_counter_family_add, with C strings. A value that is NULL is the empty value. */
SX_API int sx_counter_family_add_strings(struct sx_counter_family *family,
                                         const char *const *values, size_t count, double delta);

/** As sx_counter_family_add_strings: `sx_counter_add_with(family, 512, "GET", "200")`. */
#define sx_counter_add_with(family, delta, ...) \
    sx_counter_family_add_strings((family), SX__STRINGS(__VA_ARGS__), (delta))

/** As sx_counter_add_with, with a delta of 1: `sx_counter_inc_with(family, "GET", "200")`. */
#define sx_counter_inc_with(family, ...) \
    sx_counter_family_add_strings((family), SX__STRINGS(__VA_ARGS__), 1)

/** As sx_counter_family_get, with C strings: `sx_counter_with(family, "GET", "200")`. It pins the
 * counter, too. A value that is NULL is the empty value. Returns NULL if that fails, which every
 * update accepts. */
#define sx_counter_with(family, ...) sx__counter_with((family), SX__STRINGS(__VA_ARGS__))

/** Adds 1.
 *
 * @param counter  NULL is a no-op
 * Threads:  [any], lock-free
 * Cost:     one relaxed load, add and store, in the thread's own row
 */
static inline void sx_counter_inc(struct sx_counter *counter);

/** Adds `delta`.
 *
 * Whole numbers below 2^53 are summed as integers, so the page shows their sum exactly, even beyond
 * 2^53. Fractions and larger numbers are summed as doubles. The page shows a counter that got any
 * as a double below 2^53, and without its fraction from 2^53 on, so that no page shows less than an
 * earlier one.
 *
 * At the end of its range a counter stays where it is. The integers end at 2^63, or at the latest
 * at 2^64 if several threads add to the counter. The doubles end at the largest double. An amount
 * that would go beyond is ignored and counted. sx_counter_inc cannot get there within centuries.
 *
 * @param counter  NULL is a no-op
 * @param delta    in the metric's base unit. Negative numbers, NaN, infinities and what is beyond
 *                 the end of the range are ignored and counted by
 *                 `sextant_updates_ignored_total{family="…"}`. The first fraction of a counter is
 *                 ignored, and counted, if the registry is full.
 * Threads:  [any], lock-free except for a counter's first fraction
 * Cost:     a load, an add and a store in the thread's own row. A thread that has added more than
 *           2^63 divided by the number of thread rows reads the rows of all threads in each call.
 */
static inline void sx_counter_add(struct sx_counter *counter, double delta);

/** As sx_counter_add, and keeps an exemplar of what was counted: labels that are not on the series,
 * such as the trace id of the request, with `delta` and the current time. The newest exemplar of a
 * counter wins. Formats that know exemplars show it (OpenMetrics, Protobuf).
 *
 * The amount is added in any case. The exemplar is dropped, and counted by
 * `sextant_exemplars_dropped_total{family="…"}`, if the names and values of the labels have more
 * than 128 code points in all, a value is not UTF-8, a name is not valid or given twice, there are
 * more than SX_LABELS_MAX labels, the thread is beyond `thread_rows`, or the registry is full.
 *
 * @param counter  NULL is a no-op
 * @param labels   copied; NULL if `count` is 0
 * Threads:  [any], lock-free except for the first exemplar of a thread, and of a counter
 * Memory:   944 bytes of the directory for each counter or bucket that has had an exemplar, and for
 *           each thread row; given back when the series is removed
 * Source:   OpenMetrics 1.0, "Exemplars"
 */
SX_API void sx_counter_add_with_exemplar(struct sx_counter *counter, double delta,
                                         const struct sx_label *labels, size_t count);
/** As sx_counter_add_with_exemplar, with a delta of 1. */
SX_API void sx_counter_inc_with_exemplar(struct sx_counter *counter, const struct sx_label *labels,
                                         size_t count);

/** Sets the counter to 0, for a program that starts a task anew. Prometheus takes it for a restart
 * of the process.
 *
 * @param counter  NULL is a no-op
 * Threads:  while no other thread updates the counter. A thread that is in the middle of an update
 *           may write back what it had counted before. Takes the lock under which series are made.
 */
SX_API void sx_counter_reset(struct sx_counter *counter);

/** Adds what a source that counts in 32 bits has counted since the last reading: a register of a
 * device, an SNMP Counter32, a field of a kernel's structure. The source may wrap: 5 after
 * 4294967290 adds 11.
 *
 * Read the source at least once while it counts 2^32. If it can also start again at 0, because a
 * device was restarted, set `*last` to 0 when that happens: a restart looks like a wrap, which adds
 * up to 2^32. For a value that is read during scrapes, call this in a collector.
 *
 * @param counter  NULL only stores `now`
 * @param last     the last reading, which becomes `now`. Before the first call it is 0, to include
 *                 what the source has counted so far, or the present reading, to leave it out.
 * @param now      the present reading
 * Threads:  [any], but calls with the same `last` only one after the other
 */
SX_API void sx_counter_add_wrapping32(struct sx_counter *counter, uint32_t *last, uint32_t now);

/** Returns the sum over all threads; 0 for NULL and for a removed counter. An update that another
 * thread is just making may be missing.
 *
 * Threads:  [any]
 */
SX_API double sx_counter_value(const struct sx_counter *counter);

/* ---- gauges ---- */

/** Registers a gauge without labels. As sx_counter_register. */
SX_API SX_MUST_CHECK int sx_gauge_register(struct sx_gauge **gauge, struct sx_registry *registry,
                                           const struct sx_metric_options *options);
/** Registers a family of gauges. As sx_counter_family_register. */
SX_API SX_MUST_CHECK int sx_gauge_family_register(struct sx_gauge_family **family,
                                                  struct sx_registry *registry,
                                                  const struct sx_metric_options *options);
/** As sx_counter_unregister. */
SX_API int sx_gauge_unregister(struct sx_gauge *gauge);
/** As sx_counter_family_unregister. */
SX_API int sx_gauge_family_unregister(struct sx_gauge_family *family);
/** Finds or makes a gauge. As sx_counter_family_get. */
SX_API SX_MUST_CHECK int sx_gauge_family_get(struct sx_gauge **gauge,
                                             struct sx_gauge_family *family,
                                             const struct sx_str *values, size_t count);
/** As sx_counter_release. */
SX_API void sx_gauge_release(struct sx_gauge *gauge);
/** As sx_counter_family_remove. */
SX_API int sx_gauge_family_remove(struct sx_gauge_family *family, const struct sx_str *values,
                                  size_t count);
/** As sx_counter_family_remove_matching. */
SX_API int sx_gauge_family_remove_matching(struct sx_gauge_family *family,
                                           const struct sx_label *labels, size_t count);
/** As sx_counter_family_clear. */
SX_API int sx_gauge_family_clear(struct sx_gauge_family *family);
/** Sets the gauge with these label values, which is made if needed. As sx_counter_family_add. */
SX_API int sx_gauge_family_set(struct sx_gauge_family *family, const struct sx_str *values,
                               size_t count, double value);
/** As sx_gauge_family_set, with C strings; NULL is the empty value. */
SX_API int sx_gauge_family_set_strings(struct sx_gauge_family *family, const char *const *values,
                                       size_t count, double value);
/** Adds `delta`, which may be negative, to the gauge with these label values. As
 * sx_counter_family_add. */
SX_API int sx_gauge_family_add(struct sx_gauge_family *family, const struct sx_str *values,
                               size_t count, double delta);
/** As sx_gauge_family_add, with C strings; NULL is the empty value. */
SX_API int sx_gauge_family_add_strings(struct sx_gauge_family *family, const char *const *values,
                                       size_t count, double delta);
/** As sx_gauge_family_set_strings: `sx_gauge_set_with(family, 21.5, "kitchen")`. */
#define sx_gauge_set_with(family, value, ...) \
    sx_gauge_family_set_strings((family), SX__STRINGS(__VA_ARGS__), (value))
/** As sx_gauge_family_add_strings: `sx_gauge_add_with(family, -1, "reader")`. */
#define sx_gauge_add_with(family, delta, ...) \
    sx_gauge_family_add_strings((family), SX__STRINGS(__VA_ARGS__), (delta))
/** As sx_counter_with. */
#define sx_gauge_with(family, ...) sx__gauge_with((family), SX__STRINGS(__VA_ARGS__))

/** Sets the value of this process. In a shared registry each process has its own value, and
 * `multiprocess_mode` says what the page shows of them.
 *
 * @param gauge  NULL is a no-op
 * @param value  any, NaN and infinities included
 * Threads:  [any]. Lock-free if the gauge was never incremented or decremented by 1. Otherwise the
 *           first call after that takes the lock under which series are made. A later call takes
 *           it if another thread updates the gauge at the same time.
 * Cost:     a store; after an increment or decrement, three loads for each thread row and one
 *           compare-and-swap. In a shared registry, modes of which one value or each value is shown
 *           also read the clock and store the time, here and in sx_gauge_add and sx_gauge_inc.
 */
SX_API void sx_gauge_set(struct sx_gauge *gauge, double value);

/** Adds `delta`, which may be negative.
 *
 * @param gauge  NULL is a no-op
 * Threads:  [any], lock-free; for 1 and -1 as sx_gauge_inc
 * Cost:     one atomic read-modify-write; for 1 and -1 as sx_gauge_inc
 */
SX_API void sx_gauge_add(struct sx_gauge *gauge, double delta);

/** Adds 1, for what is in progress: sx_gauge_dec subtracts it again, in any thread.
 *
 * In a private registry each thread counts its increments and decrements in its own row. The page
 * shows the value that was set, plus the increments, minus the decrements. If it includes a
 * decrement, it includes the increments that happened before it.
 *
 * @param gauge  NULL is a no-op
 * Threads:  [any]. Lock-free, except for the first increment or decrement of a gauge, and while
 *           another thread holds the lock to set it (see sx_gauge_set).
 * Cost:     a load, an add and a store in the thread's own row. In a shared registry, and if the
 *           gauge was set after an increment or decrement, one atomic read-modify-write.
 */
static inline void sx_gauge_inc(struct sx_gauge *gauge);
/** Subtracts 1. As sx_gauge_inc. */
static inline void sx_gauge_dec(struct sx_gauge *gauge);
/** Sets the value to the seconds since 1970, for a `…_timestamp_seconds`. As sx_gauge_set. */
SX_API void sx_gauge_set_to_current_time(struct sx_gauge *gauge);

/** Returns the value that the page shows; 0 for NULL and for a removed gauge.
 *
 * In a shared registry that is the sum over the live processes, unless the gauge has another
 * multiprocess_mode. With SX_MODE_LIVE_ALL it is the sum, too.
 *
 * Threads:  [any]
 */
SX_API double sx_gauge_value(const struct sx_gauge *gauge);

/** Counts what processes leave in a gauge when they end.
 *
 * When a process ends, however it ends, its value no longer counts in the gauge. With this call the
 * whole part of the value is added to the counter: requests in progress become aborted requests.
 * The next scrape does so, or the next process that starts. A value is added at most once; it is
 * lost if the process that adds it is killed at that moment. Negative values are not added, nor are
 * those above 2^53, nor those of processes beyond 64. What a process left shortly before the call
 * may be added, too.
 *
 * The call holds for all processes that share the registry, until the gauge is removed. A later
 * call replaces the counter. The caller may release the counter's handle.
 *
 * @param gauge    with or without labels, of SX_MODE_LIVE_SUM; not an untyped metric
 * @param counter  of the same registry
 * @return   SX_OK; in a private registry the call does nothing
 * Errors:   SX_EINVAL (NULL, another registry, another mode or type), SX_EFULL (no cells are left)
 * Threads:  [any]; takes the directory's lock
 */
SX_API SX_MUST_CHECK int sx_gauge_count_abandoned(struct sx_gauge *gauge,
                                                  struct sx_counter *counter);

/* ---- histograms ---- */

/** Registers a histogram without labels. As sx_counter_register. A histogram must not have a label
 * `le`.
 *
 * Errors:   also SX_EBUCKETS
 */
SX_API SX_MUST_CHECK int sx_histogram_register(struct sx_histogram **histogram,
                                               struct sx_registry *registry,
                                               const struct sx_metric_options *options);
/** Registers a family of histograms. As sx_counter_family_register; also SX_EBUCKETS. */
SX_API SX_MUST_CHECK int sx_histogram_family_register(struct sx_histogram_family **family,
                                                      struct sx_registry *registry,
                                                      const struct sx_metric_options *options);
/** As sx_counter_unregister. */
SX_API int sx_histogram_unregister(struct sx_histogram *histogram);
/** As sx_counter_family_unregister. */
SX_API int sx_histogram_family_unregister(struct sx_histogram_family *family);
/** Finds or makes a histogram. As sx_counter_family_get. */
SX_API SX_MUST_CHECK int sx_histogram_family_get(struct sx_histogram **histogram,
                                                 struct sx_histogram_family *family,
                                                 const struct sx_str *values, size_t count);
/** As sx_counter_release. */
SX_API void sx_histogram_release(struct sx_histogram *histogram);
/** As sx_counter_family_remove. */
SX_API int sx_histogram_family_remove(struct sx_histogram_family *family,
                                      const struct sx_str *values, size_t count);
/** As sx_counter_family_remove_matching. */
SX_API int sx_histogram_family_remove_matching(struct sx_histogram_family *family,
                                               const struct sx_label *labels, size_t count);
/** As sx_counter_family_clear. */
SX_API int sx_histogram_family_clear(struct sx_histogram_family *family);
/** Observes a value in the histogram with these label values, which is made if needed. As
 * sx_counter_family_add. */
SX_API int sx_histogram_family_observe(struct sx_histogram_family *family,
                                       const struct sx_str *values, size_t count, double value);
/** As sx_histogram_family_observe, with C strings; NULL is the empty value. */
SX_API int sx_histogram_family_observe_strings(struct sx_histogram_family *family,
                                               const char *const *values, size_t count,
                                               double value);
/** As sx_histogram_family_observe_strings: `sx_histogram_observe_with(family, .2, "GET")`. */
#define sx_histogram_observe_with(family, value, ...) \
    sx_histogram_family_observe_strings((family), SX__STRINGS(__VA_ARGS__), (value))
/** As sx_counter_with. */
#define sx_histogram_with(family, ...) sx__histogram_with((family), SX__STRINGS(__VA_ARGS__))

/** Writes `count` bucket bounds: start, start + width, start + 2 * width, …
 *
 * `count` does not include +Inf, so the histogram has `count` + 1 buckets. (Prometheus's guidelines
 * include +Inf; the clients in Go and Python do not.)
 *
 * @param bounds  room for `count`; untouched on failure
 * @param count   1 to SX_BUCKETS_MAX
 * Errors:   SX_EINVAL (count, NULL), SX_EBUCKETS (the bounds would not be finite and increasing)
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_buckets_linear(double *bounds, size_t count, double start,
                                           double width);

/** Writes `count` bucket bounds: start, start * factor, start * factor^2, … Otherwise as
 * sx_buckets_linear.
 *
 * @param start   positive, or SX_EBUCKETS
 * @param factor  greater than 1, or SX_EBUCKETS
 */
SX_API SX_MUST_CHECK int sx_buckets_exponential(double *bounds, size_t count, double start,
                                                double factor);

/** Counts `value` in its bucket and adds it to the sum. Upper bounds are inclusive.
 *
 * The page's `_count` is the sum of the buckets, so it always equals the bucket `+Inf`. The `_sum`
 * may lack observations that other threads make during the scrape. It is never NaN: infinite
 * observations make it infinite, and +Inf if there was one of each sign.
 *
 * @param histogram  NULL is a no-op
 * @param value      in the base unit. NaN would poison the sum permanently, so it is ignored and
 *                   counted by `sextant_updates_ignored_total{family="…"}`. So is a negative value
 *                   if the registry has no room for negative native buckets.
 * Threads:  [any], lock-free. With native buckets, the first negative observation takes a lock, and
 *           so does each observation of a thread beyond `thread_rows`.
 * Cost:     two relaxed loads, adds and stores, in the thread's own row; three with native buckets
 */
static inline void sx_histogram_observe(struct sx_histogram *histogram, double value);

/** As sx_histogram_observe, and keeps an exemplar with these labels. Each classic bucket has one
 * exemplar, the newest. A histogram without classic buckets has up to 8, of values of different
 * powers of two; OpenMetrics shows the newest of them. Otherwise as sx_counter_add_with_exemplar.
 */
SX_API void sx_histogram_observe_with_exemplar(struct sx_histogram *histogram, double value,
                                               const struct sx_label *labels, size_t count);

/** Returns the number of observations; 0 for NULL and for a removed histogram.
 *
 * Threads:  [any]
 */
SX_API uint64_t sx_histogram_count(const struct sx_histogram *histogram);

/** Returns the sum of the observations; 0 for NULL and for a removed histogram.
 *
 * Threads:  [any]
 */
SX_API double sx_histogram_sum(const struct sx_histogram *histogram);

/** Sets all buckets and the sum to 0. As sx_counter_reset. */
SX_API void sx_histogram_reset(struct sx_histogram *histogram);

/* ---- summaries ---- */

/** Registers a summary without labels: the sum and the number of the observations. With the option
 * `quantiles`, pages also show these quantiles over a sliding window; see sx_summary_quantile.
 * Quantiles of several registries cannot be combined. Use a histogram where they must be: its
 * buckets can be added. As sx_counter_register. A summary must not have a label `quantile`. */
SX_API SX_MUST_CHECK int sx_summary_register(struct sx_summary **summary,
                                             struct sx_registry *registry,
                                             const struct sx_metric_options *options);
/** Registers a family of summaries. As sx_counter_family_register. */
SX_API SX_MUST_CHECK int sx_summary_family_register(struct sx_summary_family **family,
                                                    struct sx_registry *registry,
                                                    const struct sx_metric_options *options);
/** As sx_counter_unregister. */
SX_API int sx_summary_unregister(struct sx_summary *summary);
/** As sx_counter_family_unregister. */
SX_API int sx_summary_family_unregister(struct sx_summary_family *family);
/** Finds or makes a summary. As sx_counter_family_get. */
SX_API SX_MUST_CHECK int sx_summary_family_get(struct sx_summary **summary,
                                               struct sx_summary_family *family,
                                               const struct sx_str *values, size_t count);
/** As sx_counter_release. */
SX_API void sx_summary_release(struct sx_summary *summary);
/** As sx_counter_family_remove. */
SX_API int sx_summary_family_remove(struct sx_summary_family *family, const struct sx_str *values,
                                    size_t count);
/** As sx_counter_family_remove_matching. */
SX_API int sx_summary_family_remove_matching(struct sx_summary_family *family,
                                             const struct sx_label *labels, size_t count);
/** As sx_counter_family_clear. */
SX_API int sx_summary_family_clear(struct sx_summary_family *family);
/** Observes a value in the summary with these label values, which is made if needed. As
 * sx_counter_family_add. */
SX_API int sx_summary_family_observe(struct sx_summary_family *family, const struct sx_str *values,
                                     size_t count, double value);
/** As sx_summary_family_observe, with C strings; NULL is the empty value. */
SX_API int sx_summary_family_observe_strings(struct sx_summary_family *family,
                                             const char *const *values, size_t count, double value);
/** As sx_summary_family_observe_strings: `sx_summary_observe_with(family, .2, "GET")`. */
#define sx_summary_observe_with(family, value, ...) \
    sx_summary_family_observe_strings((family), SX__STRINGS(__VA_ARGS__), (value))
/** As sx_counter_with. */
#define sx_summary_with(family, ...) sx__summary_with((family), SX__STRINGS(__VA_ARGS__))

/** Counts `value` and adds it to the sum.
 *
 * @param summary  NULL is a no-op
 * @param value    in the base unit; NaN is ignored and counted, as in sx_histogram_observe
 * Threads:  [any], lock-free
 * Cost:     two relaxed loads, adds and stores, in the thread's own row; with quantiles, that of a
 *           histogram with native buckets. No clock is read
 */
static inline void sx_summary_observe(struct sx_summary *summary, double value);

/** Returns the number of observations; 0 for NULL and for a removed summary.
 *
 * Threads:  [any]
 */
SX_API uint64_t sx_summary_count(const struct sx_summary *summary);

/** Returns the sum of the observations; 0 for NULL and for a removed summary.
 *
 * Threads:  [any]
 */
SX_API double sx_summary_sum(const struct sx_summary *summary);

/** Estimates a quantile of the observations in the summary's window: the smallest of them such that
 * at least this share of all are not larger. Any quantile can be read, also one that the page does
 * not show.
 *
 * The observations are counted in buckets of equal relative width, which are merged as those of a
 * histogram with native buckets are (see struct sx_native_options). The estimate is off by at most
 * (g - 1) / (g + 1) of the value, where g is the ratio of a bucket's bounds. That is 1.1 % if the
 * largest observation is 30 times the smallest one, 2.2 % for 1,000 times, 4.4 % for 10^6 times and
 * 8.7 % for 10^12 times, if all are positive. An absolute value of at most 2^-128 counts as 0.
 *
 * The window moves when it is read: by this function, and by scrapes of any process that shares the
 * registry. A reading keeps a snapshot of the buckets if the last snapshot is at least a fifth of
 * `window_seconds` old. The summary's creation or reset counts as a snapshot. The window begins at
 * the oldest snapshot that is at most `window_seconds` old. Example: with a window of 300 s and a
 * reading every 15 s, there is a snapshot every 60 to 75 s, and the window covers the last 225 to
 * 300 s.
 *
 * After more than `window_seconds` without a reading, no observation is left out: the next reading
 * covers all since the last snapshot. So do those of a fifth of `window_seconds` after it. The ones
 * after that begin at a snapshot as above: in the example, the window covers 60 s at first, and
 * grows to 300 s again.
 *
 * @param quantile  from 0 to 1
 * @return   NaN if nothing was observed in the window, and for NULL, a removed summary, a summary
 *           that was registered without quantiles, and a quantile that is out of range
 * Threads:  [any]; takes the lock under which series are made
 * Cost:     reads all native buckets, as a scrape does
 */
SX_API double sx_summary_quantile(struct sx_summary *summary, double quantile);

/** Sets the count and the sum to 0, and begins the window anew. As sx_counter_reset. */
SX_API void sx_summary_reset(struct sx_summary *summary);

/* ---- untyped metrics ---- */

/** Registers a metric whose type is not known, such as one that is passed on from elsewhere. It is
 * a gauge that the page shows as untyped. Use the functions of gauges for it. As sx_gauge_register.
 */
SX_API SX_MUST_CHECK int sx_untyped_register(struct sx_gauge **untyped,
                                             struct sx_registry *registry,
                                             const struct sx_metric_options *options);
/** Registers a family of untyped metrics. As sx_gauge_family_register. */
SX_API SX_MUST_CHECK int sx_untyped_family_register(struct sx_gauge_family **family,
                                                    struct sx_registry *registry,
                                                    const struct sx_metric_options *options);

/* ---- infos ---- */

/** Registers an info: labels that describe the program, such as its version. The value is always 1.
 * The page does not show it before sx_info_set.
 *
 * @param options  the name must end in `_info`; `labels` are required; no `unit` or `idle_seconds`
 * Errors:   as sx_counter_family_register; SX_ENAME also if the name does not end in `_info`
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_info_register(struct sx_info **info, struct sx_registry *registry,
                                          const struct sx_metric_options *options);

/** Sets the values of an info's labels, which replace the former ones. A scrape at the same time
 * shows the former values, the new ones, or neither.
 *
 * The processes of a shared registry share the info: each call replaces it for all of them.
 *
 * @param info    NULL is SX_EINVAL
 * @param values  in the order of the label names; copied
 * Errors:   SX_EVALUES, SX_EINVAL; SX_EFULL, SX_ENOMEM: the info may not be shown then
 * Threads:  [any]; takes the lock under which series are made
 */
SX_API SX_MUST_CHECK int sx_info_set(struct sx_info *info, const struct sx_str *values,
                                     size_t count);
/** As sx_info_set, with C strings; NULL is the empty value. */
SX_API SX_MUST_CHECK int sx_info_set_strings(struct sx_info *info, const char *const *values,
                                             size_t count);
/** As sx_info_set_strings: `sx_info_set_with(info, "1.2.3", "abcdef0")`. */
#define sx_info_set_with(info, ...) sx_info_set_strings((info), SX__STRINGS(__VA_ARGS__))

/** As sx_counter_family_unregister. NULL is SX_EINVAL. */
SX_API int sx_info_unregister(struct sx_info *info);

/* ---- state sets ---- */

#define SX_STATES_MAX 64 /* states of a set */

/** Registers a set of states, each of which is true or false. All are false at first. The page has
 * a line for each state, with a label whose name is that of the set, and the value 1 or 0.
 *
 * @param options  the name must not have colons; no `labels`, `unit` or `idle_seconds`
 * @param states   1 to SX_STATES_MAX different names of states, ended by NULL; any UTF-8; copied
 * Errors:   as sx_counter_register; SX_ENAME also if the name has a colon; SX_EEXIST also if it is
 *           registered with other states; SX_EINVAL also for the states, of which
 *           SX_OVERFLOW_VALUE is none; SX_ELABEL (a constant label has the name)
 * Threads:  [any]
 * Source:   OpenMetrics 1.0, "StateSet"
 */
SX_API SX_MUST_CHECK int sx_state_set_register(struct sx_state_set **set,
                                               struct sx_registry *registry,
                                               const struct sx_metric_options *options,
                                               const char *const *states);

/** Makes one state true, and all others false, at one moment.
 *
 * Each process of a shared registry has its own states. The page shows a state as 1 if it is true
 * in any live process.
 *
 * @param set    NULL is a no-op
 * @param state  its index in `states`; one that is too large is ignored
 * Threads:  [any], lock-free
 */
SX_API void sx_state_set_select(struct sx_state_set *set, size_t state);

/** Makes one state true or false, and leaves the others. As sx_state_set_select. */
SX_API void sx_state_set_set(struct sx_state_set *set, size_t state, bool is_true);

/** Returns whether a state is true in any live process; false for NULL and unknown states.
 *
 * Threads:  [any]
 */
SX_API bool sx_state_set_get(const struct sx_state_set *set, size_t state);

/** As sx_counter_unregister. */
SX_API int sx_state_set_unregister(struct sx_state_set *set);

/* ---- for the rest of a block ---- */

/** Observes how many seconds passed from here until the enclosing block is left:
 *
 *     SX_TIME_SCOPE(durations);
 *
 * It is a declaration with the cleanup attribute of gcc and clang, so it also works for return,
 * break and goto, but not for longjmp. A source line may contain one SX_TIME_SCOPE and one
 * SX_IN_PROGRESS_SCOPE. NULL is a no-op.
 */
#define SX_TIME_SCOPE(histogram)                              \
    struct sx__time_scope SX__JOIN(sx__time_scope_, __LINE__) \
        __attribute__((cleanup(sx__time_scope_leave), unused)) = sx__time_scope_enter(histogram)

/** Adds 1 to the gauge now, and subtracts 1 when the block is left. As SX_TIME_SCOPE. */
#define SX_IN_PROGRESS_SCOPE(gauge)                       \
    struct sx_gauge *SX__JOIN(sx__in_progress_, __LINE__) \
        __attribute__((cleanup(sx__in_progress_leave), unused)) = sx__in_progress_enter(gauge)

/* ---- private: what the macros and inlined updates need; not part of the API ---- */

#define SX__ARENAS 64

struct sx_counter {
    uint32_t arena; /* index of the registry's arena */
    uint32_t cell;  /* the same in every thread row of the arena, in units of 8 bytes */
};

/* The calling thread's row in each arena; NULL until its first update there. No TLS model is set,
 * so that a program gets the fast one and a plugin one that dlopen() supports everywhere. */
extern SX_API __thread char *const *sx__thread_rows;

/* SX__LIST is an array that lives as long as the block; in C++, where it would end with the
 * statement, as long as the program. SX__TEMPORARY is one that lives as long as the statement. */
#ifdef __cplusplus
#define SX__LIST(type, ...)                           \
    ([]() -> type const * {                           \
        static type const sx__list[] = {__VA_ARGS__}; \
        return sx__list;                              \
    }())
#define SX__TEMPORARY(type, ...) (std::initializer_list<type>{__VA_ARGS__}.begin())
#define SX__LENGTH(type, ...) (std::initializer_list<type>{__VA_ARGS__}.size())
#define SX__CAST(type, value) static_cast<type>(value)
#else
#define SX__LIST(type, ...) ((type const[]){__VA_ARGS__})
#define SX__TEMPORARY(type, ...) ((type const[]){__VA_ARGS__})
#define SX__LENGTH(type, ...) (sizeof((type const[]){__VA_ARGS__}) / sizeof(type))
#define SX__CAST(type, value) ((type)(value))
#endif

/* Two arguments: an array of the strings, and how many they are. */
#define SX__STRINGS(...) \
    SX__TEMPORARY(const char *, __VA_ARGS__), SX__LENGTH(const char *, __VA_ARGS__)

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

/* In these, `rows` is the caller's sx__thread_rows: a program reads it with one instruction, a
 * shared library with a function call. */
SX_API void sx__counter_inc_cold(struct sx_counter *counter);
SX_API void sx__counter_add(struct sx_counter *counter, double delta, char *const *rows);
SX_API void sx__histogram_observe(struct sx_histogram *histogram, double value, char *const *rows);
SX_API void sx__summary_observe(struct sx_summary *summary, double value, char *const *rows);
SX_API struct sx_summary *sx__summary_with(struct sx_summary_family *family,
                                           const char *const *values, size_t count);
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
    /* Only the owner writes the cells of a thread row: a load, an add and a store, no lock prefix.
     */
    void *cells = row;
    uint64_t *cell = SX__CAST(uint64_t *, cells) + counter->cell;
    __atomic_store_n(cell, __atomic_load_n(cell, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* The first members of struct sx__series; see records.h. */
struct sx_gauge {
    uint32_t arena;
    uint32_t cell;       /* in the row of the process */
    uint32_t increments; /* in thread rows, with that of decrements behind it; 0: none so far; from
                            SX__INCREMENTS_END on: see increments.h */
};
#define SX__INCREMENTS_END (UINT32_MAX - 3)

SX_API void sx__gauge_count_cold(struct sx_gauge *gauge, uint32_t down);

/* Counts 1 among the increments (`down` is 0) or the decrements (1). */
static inline void sx__gauge_count(struct sx_gauge *gauge, uint32_t down)
{
    if (gauge == NULL) {
        return;
    }
    uint32_t cell = __atomic_load_n(&gauge->increments, __ATOMIC_ACQUIRE);
    char *row = sx__thread_rows[gauge->arena];
    if (__builtin_expect(row == NULL || cell - 1 >= SX__INCREMENTS_END - 1, 0)) {
        sx__gauge_count_cold(gauge, down);
        return;
    }
    void *cells = row;
    uint64_t *at = SX__CAST(uint64_t *, cells) + cell + down;
    __atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED) + 1, __ATOMIC_RELEASE);
}

static inline void sx_gauge_inc(struct sx_gauge *gauge)
{
    sx__gauge_count(gauge, 0);
}

static inline void sx_gauge_dec(struct sx_gauge *gauge)
{
    sx__gauge_count(gauge, 1);
}

static inline void sx_counter_add(struct sx_counter *counter, double delta)
{
    sx__counter_add(counter, delta, sx__thread_rows);
}

static inline void sx_histogram_observe(struct sx_histogram *histogram, double value)
{
    sx__histogram_observe(histogram, value, sx__thread_rows);
}

static inline void sx_summary_observe(struct sx_summary *summary, double value)
{
    sx__summary_observe(summary, value, sx__thread_rows);
}

#ifdef __cplusplus
}
#endif
#endif
