/* collectors.c: registering, calling and unregistering callbacks and collectors.
 *
 * The process has one list under one lock, which is not held while a function runs. A scrape marks
 * the function that it calls as running. Unregistering waits until no scrape runs the function, so
 * that its context may be freed afterwards. Within a collector that would deadlock, so there it
 * fails with SX_ESTATE.
 */
#include "collectors.h"

#include "clock.h"
#include "each_process.h"
#include "epochs.h"
#include "family.h"
#include "log_limit.h"
#include "metric.h"
#include "self_metrics.h"
#include "view.h"

#include <sextant/collector.h>

#include <float.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct collector {
    struct collector *next;
    const struct sx_registry *registry;
    uint64_t id; /* grows along the list */
    void *context;
    sx_collect_fn *collect;          /* a collector */
    sx_value_fn *value;              /* or a callback, */
    const struct sx__family *family; /* of this family */
    double highest;                  /* counters: the value on an earlier page; negative: none */
    unsigned running;
    bool is_removed; /* from the list; `next` may then point to freed memory */
};

struct log {
    sx_registry_log_fn *log;
    void *context;
    struct sx__log_limit lines; /* each scrape may cause one */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the variables below */
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;
static struct collector *first_collector;
static uint64_t last_id;
static struct log logs[SX__ARENAS];

static __thread struct collector *runs; /* the function that the calling thread is in */

/* ---- the list ---- */

/* The first one of this registry with an id beyond this one, at or behind `from`. The lock is held.
 */
static struct collector *find_collector(struct collector *from, const struct sx_registry *registry,
                                        uint64_t id)
{
    while (from != NULL && (from->registry != registry || from->id <= id)) {
        from = from->next;
    }
    return from;
}

/* The next one of its registry. The collector is running, or the lock was held since it was. */
static struct collector *next_collector(const struct collector *collector)
{
    struct collector *from = collector->is_removed ? first_collector : collector->next;
    return find_collector(from, collector->registry, collector->id);
}

/* The link to the one that is the same as the wanted one, or to the end. The lock is held. */
static struct collector **find_same(const struct collector *wanted)
{
    struct collector **link = &first_collector;
    while (*link != NULL &&
           ((*link)->registry != wanted->registry || (*link)->collect != wanted->collect ||
            (*link)->family != wanted->family ||
            (wanted->collect != NULL && (*link)->context != wanted->context))) {
        link = &(*link)->next;
    }
    return link;
}

static int add(const struct collector *wanted)
{
    struct collector *made = malloc(sizeof *made);
    int status = SX_OK;
    if (made == NULL) {
        return SX_ENOMEM;
    }
    *made = *wanted;
    (void)pthread_mutex_lock(&lock);
    struct collector **link = find_same(wanted);
    if (*link != NULL) {
        status = SX_EEXIST;
    } else {
        made->id = ++last_id;
        *link = made;
    }
    (void)pthread_mutex_unlock(&lock);
    if (status != SX_OK) {
        free(made);
    }
    return status;
}

/* Returns 1, or 0 if it is not registered. */
static int take_away(const struct collector *wanted)
{
    (void)pthread_mutex_lock(&lock);
    struct collector **link = find_same(wanted);
    struct collector *found = *link;
    if (found != NULL) {
        *link = found->next;
        found->is_removed = true;
        while (found->running > 0) {
            (void)pthread_cond_wait(&finished, &lock);
        }
    }
    (void)pthread_mutex_unlock(&lock);
    free(found);
    return found != NULL;
}

/* ---- registering ---- */

static struct sx_registry *or_default(struct sx_registry *registry)
{
    return registry != NULL ? registry : sx_registry_default();
}

int sx_collector_register(struct sx_registry *registry, sx_collect_fn *collect, void *context)
{
    if (collect == NULL) {
        return SX_EINVAL;
    }
    registry = or_default(registry);
    if (registry == NULL) {
        return SX_ENOMEM;
    }
    return add(&(struct collector){.registry = registry, .collect = collect, .context = context});
}

int sx_collector_unregister(struct sx_registry *registry, sx_collect_fn *collect, void *context)
{
    if (collect == NULL) {
        return SX_EINVAL;
    }
    if (runs != NULL) {
        return SX_ESTATE;
    }
    return take_away(&(struct collector){
        .registry = or_default(registry), .collect = collect, .context = context});
}

int sx__collectors_add_callback(struct sx_registry *registry, const struct sx__family *family,
                                sx_value_fn *value, void *context)
{
    return add(&(struct collector){
        .registry = registry, .value = value, .family = family, .context = context, .highest = -1});
}

/* The family stays as long as this process has the callback. */
static struct sx__family *find_callback(struct sx_registry *registry, struct sx_str name)
{
    const struct sx__reader reader = sx__epoch_enter(registry);
    const struct sx__family *family = sx__family_find(registry, name);
    struct sx__family *found = family != NULL && family->source == SX__FROM_CALLBACK
                                   ? sx__at(registry, sx__ref(registry, family))
                                   : NULL;
    sx__epoch_leave(registry, reader);
    return found;
}

int sx_callback_unregister(struct sx_registry *registry, const char *name)
{
    if (name == NULL) {
        return SX_EINVAL;
    }
    if (runs != NULL) {
        return SX_ESTATE;
    }
    registry = or_default(registry);
    struct sx__family *family = NULL;
    if (registry != NULL) {
        struct sx__full_name full;
        if (sx__full_name_make(&full, registry, sx__view(name)) != SX_OK) {
            return SX_ENOMEM;
        }
        family = find_callback(registry, full.text);
        sx__full_name_clean_up(&full);
    }
    if (family == NULL || !take_away(&(struct collector){.registry = registry, .family = family})) {
        return 0;
    }
    (void)sx__family_unregister(family);
    return 1;
}

void sx_registry_set_log(struct sx_registry *registry, sx_registry_log_fn *log, void *context)
{
    registry = or_default(registry);
    if (registry != NULL) {
        (void)pthread_mutex_lock(&lock);
        logs[registry->arena] = (struct log){.log = log, .context = context};
        (void)pthread_mutex_unlock(&lock);
    }
}

void sx__collectors_forget(const struct sx_registry *registry)
{
    (void)pthread_mutex_lock(&lock);
    for (struct collector **link = &first_collector; *link != NULL;) {
        struct collector *collector = *link;
        if (collector->registry == registry) {
            *link = collector->next;
            free(collector);
        } else {
            link = &collector->next;
        }
    }
    logs[registry->arena] = (struct log){.log = NULL};
    (void)pthread_mutex_unlock(&lock);
}

/* ---- a scrape ---- */

static void count_failure(struct sx_registry *registry, int status)
{
    static const char *const labels[] = {"error", NULL};
    static const struct sx_metric_options options = {
        .name = "sextant_collector_failures_total",
        .help = "Collections that were left out of a page, by what was wrong with them.",
        .labels = labels,
    };
    struct sx_counter_family *failures = NULL;
    if (sx_counter_family_register(&failures, registry, &options) == SX_OK) {
        sx_counter_inc_with(failures, sx_status_name(status));
    }
}

static void count_conflict(struct sx_registry *registry, struct sx_str family, int status)
{
    static const char *const labels[] = {"family", "error", NULL};
    static const struct sx_metric_options options = {
        .name = "sextant_page_conflicts_total",
        .help = "Families of which a page of several registries left something out, by the reason.",
        .labels = labels,
    };
    struct sx_counter_family *conflicts = NULL;
    if (sx_counter_family_register(&conflicts, registry, &options) == SX_OK) {
        const char *error = sx_status_name(status);
        const struct sx_str values[] = {family, sx__view(error)};
        (void)sx_counter_family_add(conflicts, values, 2, 1);
    }
}

static void count_dropped_exemplars(const struct sx_collection *collection)
{
    static const char *const labels[] = {"family", NULL};
    static const struct sx_metric_options options = {
        .name = "sextant_collector_exemplars_dropped_total",
        .help =
            "Exemplars of collectors that were dropped: their labels are not valid or too long, their time is negative, or their value cannot have been counted.",
        .labels = labels,
    };
    const struct sx__collected_family *family = collection->first;
    for (; family != NULL; family = family->next) {
        struct sx_counter_family *dropped = NULL;
        if (family->exemplars_dropped > 0 &&
            sx_counter_family_register(&dropped, collection->registry, &options) == SX_OK) {
            const struct sx_str name = sx__family_name(family->family);
            (void)sx_counter_family_add(dropped, &name, 1, (double)family->exemplars_dropped);
        }
    }
}

/* Logs a line, unless there were too many. */
static void write_log(const struct sx_registry *registry, const char *line)
{
    char message[64];
    (void)pthread_mutex_lock(&lock);
    struct log log = logs[registry->arena];
    unsigned left_out;
    const bool is_logged =
        sx__log_limit_allows(&logs[registry->arena].lines, sx__clock_now_ns(), &left_out);
    (void)pthread_mutex_unlock(&lock);
    if (log.log != NULL && left_out > 0) {
        (void)snprintf(message, sizeof message, "something was left out of pages %u more times",
                       left_out);
        log.log(log.context, message);
    }
    if (log.log != NULL && is_logged) {
        log.log(log.context, line);
    }
}

/* For "%.*s". */
static int shown_size(struct sx_str name)
{
    return (int)(name.size < 100 ? name.size : 100);
}

void sx__collectors_report(const struct sx_collection *collection, int status)
{
    char message[256];
    if (collection->is_own) {
        return;
    }
    struct sx_str name = sx__collection_last_name(collection);
    if (name.size == 0) {
        name = (struct sx_str){"none", 4};
    }
    count_failure(collection->registry, status);
    (void)snprintf(message, sizeof message,
                   "a collector was left out of the page: %s: %s; its last family: %.*s",
                   sx_status_name(status), sx_status_text(status), shown_size(name), name.data);
    write_log(collection->registry, message);
}

void sx__collectors_report_conflict(struct sx_registry *registry, struct sx_str family, int status,
                                    size_t series)
{
    char message[256];
    count_conflict(registry, family, status);
    if (series > 0) {
        (void)snprintf(message, sizeof message,
                       "%zu series of `%.*s` were left out of the page: an earlier registry of the "
                       "page has the same series",
                       series, shown_size(family), family.data);
    } else {
        (void)snprintf(message, sizeof message,
                       "the family `%.*s` was left out of the page: %s: %s, which an earlier "
                       "registry of the page has",
                       shown_size(family), family.data, sx_status_name(status),
                       status == SX_EEXIST
                           ? "it has another type than the family of this name"
                           : "its name clashes with a sample name of another metric");
    }
    write_log(registry, message);
}

/* A page must not show that a counter went down. If the function returns less than before, or NaN,
 * show the highest value so far. Returns false if there was none yet. */
static bool keep_highest(struct collector *collector, double *value)
{
    if (collector->family->type != SX_COUNTER) {
        return true;
    }
    (void)pthread_mutex_lock(&lock);
    if (*value >= 0 && *value <= DBL_MAX && *value > collector->highest) {
        collector->highest = *value;
    }
    *value = collector->highest;
    (void)pthread_mutex_unlock(&lock);
    return *value >= 0;
}

static int call(struct collector *collector, struct sx_collection *collection)
{
    if (collector->collect != NULL) {
        int status = collector->collect(collector->context, collection);
        return collection->status != SX_OK ? collection->status : status;
    }
    double value = collector->value(collector->context);
    if (!keep_highest(collector, &value)) {
        return SX_OK;
    }
    int status = sx__collection_add_registered(collection, collector->family, NULL);
    if (status == SX_EEXIST) {
        return SX_OK;
    }
    return status != SX_OK ? status : sx_collection_add_sample(collection, NULL, 0, value);
}

static struct sx_collection *begin_collection(struct sx__collections *collections,
                                              struct sx_registry *registry)
{
    struct sx_collection *collection = calloc(1, sizeof *collection);
    if (collection != NULL) {
        collection->registry = registry;
        collection->names = &collections->names;
    }
    return collection;
}

/* Appends the collection, or leaves it out if the status is an error. */
static void end_collection(struct sx_collection *collection, struct sx__collections *collections,
                           int status)
{
    if (status != SX_OK) {
        sx__collectors_report(collection, status);
        sx__collection_clean_up(collection);
        free(collection);
        return;
    }
    if (collections->last == NULL) {
        collections->first = collection;
    } else {
        collections->last->next = collection;
    }
    collections->last = collection;
    count_dropped_exemplars(collection);
}

/* Calls one and appends its collection. */
static int collect(struct collector *collector, struct sx__collections *collections,
                   struct sx_registry *registry)
{
    struct sx_collection *collection = begin_collection(collections, registry);
    if (collection == NULL) {
        return SX_ENOMEM;
    }
    runs = collector;
    const int status = call(collector, collection);
    runs = NULL;
    end_collection(collection, collections, status);
    return SX_OK;
}

static int collect_own(unsigned metric, struct sx_collection *collection)
{
    return metric < SX__SELF_METRICS
               ? sx__self_metric_collect(collection, (enum sx__self_metric)metric)
               : sx__self_metric_collect_processes(collection);
}

/* A collection for each family, so that one that fails leaves the others on the page. */
static int collect_each_process(struct sx__collections *collections, struct sx_registry *registry,
                                const struct sx__part *part, uint64_t deadline_ns)
{
    const struct sx__reader reader = sx__epoch_enter(registry);
    const uint64_t epoch = __atomic_load_n(&registry->epoch, __ATOMIC_SEQ_CST);
    int status = SX_OK;
    const struct sx__family *family =
        sx__each_process_next(registry, &registry->first_family, part, epoch);
    for (; family != NULL && status == SX_OK;
         family = sx__each_process_next(registry, &family->next, part, epoch)) {
        struct sx_collection *collection = begin_collection(collections, registry);
        if (collection == NULL) {
            status = SX_ENOMEM;
        } else if (sx__clock_has_reached(deadline_ns)) {
            free(collection);
            status = SX_ETIMEOUT;
        } else {
            end_collection(collection, collections,
                           sx__each_process_collect(collection, family, epoch));
        }
    }
    sx__epoch_leave(registry, reader);
    return status;
}

/* Last, because collectors may cause them. */
static int collect_self_metrics(struct sx__collections *collections, struct sx_registry *registry)
{
    for (unsigned metric = 0; metric <= SX__SELF_METRICS; metric++) {
        struct sx_collection *collection = begin_collection(collections, registry);
        if (collection == NULL) {
            return SX_ENOMEM;
        }
        collection->is_own = true;
        end_collection(collection, collections, collect_own(metric, collection));
    }
    return SX_OK;
}

static bool is_on_page(const struct collector *collector, const struct sx__part *part)
{
    return part == NULL || part->is_whole ||
           (collector->family != NULL && sx__part_has(part, sx__family_name(collector->family)));
}

int sx__collectors_run(struct sx__collections *collections, struct sx_registry *registry,
                       const struct sx__part *part, uint64_t deadline_ns)
{
    int status = SX_OK;
    *collections = (struct sx__collections){.names.hash_key = registry->hash_key};
    if (runs != NULL) {
        return SX_ESTATE;
    }
    (void)pthread_mutex_lock(&lock);
    struct collector *collector = find_collector(first_collector, registry, 0);
    while (collector != NULL && status == SX_OK) {
        collector->running++;
        (void)pthread_mutex_unlock(&lock);
        if (is_on_page(collector, part)) {
            status = sx__clock_has_reached(deadline_ns) ? SX_ETIMEOUT
                                                        : collect(collector, collections, registry);
        }
        (void)pthread_mutex_lock(&lock);
        struct collector *next = next_collector(collector);
        collector->running--;
        (void)pthread_cond_broadcast(&finished);
        collector = next;
    }
    (void)pthread_mutex_unlock(&lock);
    if (status == SX_OK && __atomic_load_n(&registry->has_live_all, __ATOMIC_ACQUIRE)) {
        status = collect_each_process(collections, registry, part, deadline_ns);
    }
    const bool is_whole = part == NULL || part->is_whole;
    return status == SX_OK && is_whole ? collect_self_metrics(collections, registry) : status;
}

void sx__collections_clean_up(struct sx__collections *collections)
{
    for (struct sx_collection *collection = collections->first; collection != NULL;) {
        struct sx_collection *next = collection->next;
        sx__collection_clean_up(collection);
        free(collection);
        collection = next;
    }
    sx__name_index_clean_up(&collections->names);
}

/* ---- fork ---- */

void sx__collectors_before_fork(void)
{
    (void)pthread_mutex_lock(&lock);
}

void sx__collectors_after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&lock);
}

void sx__collectors_after_fork_in_child(void)
{
    (void)pthread_cond_init(&finished, NULL); /* no thread of the child waits for it */
    for (struct collector *collector = first_collector; collector != NULL;
         collector = collector->next) {
        collector->running = collector == runs;
    }
    (void)pthread_mutex_unlock(&lock);
}
