/* shown.c: showing and hiding registries, and scrapes that hold what they show. */
#include "shown.h"

#include "desc.h"

#include "constants.h"
#include "shows.h"
#include "view.h"

#include <sextant/metrics.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* All scrapes that run, guarded by the lock of the shows. A registry that is destroyed waits for
 * those that have it. */
static struct sx__parts *first_scrape;
static pthread_cond_t scrape_ended = PTHREAD_COND_INITIALIZER;

static __thread struct sx__parts *parts_of_thread; /* of the scrape that it is in */

/* ---- showing and hiding ---- */

/* The arguments of a call, with the default registry in place of NULL. */
struct show_arguments {
    struct sx_registry *registry;
    struct sx_registry *shown;
    struct sx_str name; /* size 0: all families */
};

/* Errors: SX_EINVAL, SX_ENAME; SX_ENOMEM (the default registry cannot be made) */
static int check_show(struct show_arguments *checked, struct sx_registry *registry,
                      struct sx_registry *shown, const char *name)
{
    checked->registry = registry != NULL ? registry : sx_registry_default();
    checked->shown = shown != NULL ? shown : sx_registry_default();
    checked->name = (struct sx_str){"", 0};
    if (checked->registry == NULL || checked->shown == NULL) {
        return SX_ENOMEM;
    }
    if (checked->registry == checked->shown) {
        return SX_EINVAL;
    }
    if (name != NULL && !sx__metric_name_is_valid(name, true)) {
        return SX_ENAME;
    }
    if (name != NULL) {
        checked->name = sx__view(name);
    }
    return SX_OK;
}

int sx_registry_show(struct sx_registry *registry, struct sx_registry *shown, const char *name)
{
    struct show_arguments wanted;
    int status = check_show(&wanted, registry, shown, name);
    if (status != SX_OK) {
        return status;
    }
    struct sx__show *show = sx__show_new(wanted.registry, wanted.shown, wanted.name);
    if (show == NULL) {
        return SX_ENOMEM;
    }
    (void)pthread_mutex_lock(&sx__shows_lock);
    if (sx__shows_find(wanted.registry, wanted.shown, wanted.name) != NULL) {
        sx__show_release(show);
        status = SX_EEXIST;
    } else {
        sx__shows_add(show);
    }
    (void)pthread_mutex_unlock(&sx__shows_lock);
    return status;
}

int sx_registry_hide(struct sx_registry *registry, struct sx_registry *shown, const char *name)
{
    struct show_arguments unwanted;
    int status = check_show(&unwanted, registry, shown, name);
    if (status != SX_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&sx__shows_lock);
    struct sx__show *show = sx__shows_find(unwanted.registry, unwanted.shown, unwanted.name);
    if (show != NULL) {
        sx__shows_remove(show);
    }
    (void)pthread_mutex_unlock(&sx__shows_lock);
    return show != NULL;
}

/* The lock is held. */
static bool is_scraped(const struct sx_registry *registry)
{
    for (const struct sx__parts *scrape = first_scrape; scrape != NULL; scrape = scrape->next) {
        for (size_t i = 0; i < scrape->count; i++) {
            if (scrape->parts[i].registry == registry) {
                assert(scrape != parts_of_thread); /* it would wait for itself */
                return true;
            }
        }
    }
    return false;
}

void sx__shown_forget(const struct sx_registry *registry)
{
    (void)pthread_mutex_lock(&sx__shows_lock);
    for (struct sx__show *show = sx__shows_first(), *next; show != NULL; show = next) {
        next = show->next;
        if (show->registry == registry || show->shown == registry) {
            sx__shows_remove(show);
        }
    }
    while (is_scraped(registry)) {
        (void)pthread_cond_wait(&scrape_ended, &sx__shows_lock);
    }
    (void)pthread_mutex_unlock(&sx__shows_lock);
}

bool sx__registry_shows(const struct sx_registry *registry)
{
    if (sx__shows_are_none()) {
        return false;
    }
    (void)pthread_mutex_lock(&sx__shows_lock);
    const struct sx__show *show = sx__shows_first();
    while (show != NULL && show->registry != registry) {
        show = show->next;
    }
    (void)pthread_mutex_unlock(&sx__shows_lock);
    return show != NULL;
}

/* ---- the order in which a scrape has its shows ---- */

static int compare_shows(const struct sx_registry *shown, struct sx_str name,
                         const struct sx__show *show)
{
    const struct sx_str other = sx__show_name(show);
    if (shown != show->shown) {
        return (uintptr_t)shown < (uintptr_t)show->shown ? -1 : 1;
    }
    if (name.size != other.size) {
        return name.size < other.size ? -1 : 1;
    }
    return memcmp(name.data, other.data, name.size);
}

static int by_registry_and_name(const void *a, const void *b)
{
    const struct sx__show *const *left = a;
    return compare_shows((*left)->shown, sx__show_name(*left), *(const struct sx__show *const *)b);
}

/* ---- a scrape ---- */

static void add_part(struct sx__parts *parts, struct sx_registry *registry, bool is_whole)
{
    size_t i = 0;
    while (i < parts->count && parts->parts[i].registry != registry) {
        i++;
    }
    if (i == parts->count) {
        parts->parts[parts->count++] = (struct sx__part){registry, false, parts};
    }
    parts->parts[i].is_whole |= is_whole;
}

/* Adds a registry and what it shows. The lock is held. */
static void add_with_shown(struct sx__parts *parts, struct sx_registry *registry)
{
    add_part(parts, registry, true);
    for (struct sx__show *show = sx__shows_first(); show != NULL; show = show->next) {
        if (show->registry == registry) {
            show->uses++;
            parts->shows[parts->show_count++] = show;
            add_part(parts, show->shown, show->name_size == 0);
        }
    }
}

/* Finds the parts, and adds the scrape to those that run. The lock is held. */
static int begin_scrape(struct sx__parts *parts, struct sx_registry *const *registries,
                        size_t count)
{
    /* The same registry may be in the list twice, and holds what it shows twice then. */
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        for (const struct sx__show *show = sx__shows_first(); show != NULL; show = show->next) {
            most += show->registry == registries[i];
        }
    }
    parts->parts = calloc(count + most + 1, sizeof parts->parts[0]);
    parts->shows = calloc(most + 1, sizeof(struct sx__show *));
    if (parts->parts == NULL || parts->shows == NULL) {
        free(parts->parts);
        free(parts->shows);
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        add_with_shown(parts, registries[i]);
    }
    parts->next = first_scrape;
    first_scrape = parts;
    return SX_OK;
}

int sx__parts_open(struct sx__parts *parts, struct sx_registry *const *registries, size_t count)
{
    int status = SX_OK;
    *parts = (struct sx__parts){0};
    if (parts_of_thread != NULL) {
        return SX_ESTATE;
    }
    if (count > SIZE_MAX / (4 * sizeof(struct sx__part))) {
        return SX_ENOMEM;
    }
    struct sx_registry **found = calloc(count + 1, sizeof(struct sx_registry *));
    if (found == NULL) {
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        found[i] = registries[i] != NULL ? registries[i] : sx_registry_default();
        status = found[i] == NULL ? SX_ENOMEM : SX_OK;
    }
    if (status == SX_OK) {
        (void)pthread_mutex_lock(&sx__shows_lock);
        status = begin_scrape(parts, found, count);
        (void)pthread_mutex_unlock(&sx__shows_lock);
    }
    free(found);
    if (status == SX_OK) {
        qsort(parts->shows, parts->show_count, sizeof(struct sx__show *), by_registry_and_name);
        parts_of_thread = parts;
    }
    return status;
}

/* The lock is held. */
static void end_scrape(struct sx__parts *parts)
{
    struct sx__parts **link = &first_scrape;
    while (*link != parts) {
        link = &(*link)->next;
    }
    *link = parts->next;
    for (size_t i = 0; i < parts->show_count; i++) {
        sx__show_release(parts->shows[i]);
    }
}

void sx__parts_close(struct sx__parts *parts)
{
    parts_of_thread = NULL;
    (void)pthread_mutex_lock(&sx__shows_lock);
    end_scrape(parts);
    (void)pthread_cond_broadcast(&scrape_ended);
    (void)pthread_mutex_unlock(&sx__shows_lock);
    free(parts->shows);
    free(parts->parts);
    *parts = (struct sx__parts){0};
}

/* Returns the index of the scrape's first show that sorts at or after this family. */
static size_t find_held(const struct sx__part *part, struct sx_str name)
{
    size_t first = 0;
    size_t end = part->parts->show_count;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (compare_shows(part->registry, name, part->parts->shows[middle]) <= 0) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return first;
}

bool sx__part_has(const struct sx__part *part, struct sx_str name)
{
    if (part->is_whole) {
        return true;
    }
    /* Two registries of a page may show the same family. */
    const struct sx__parts *parts = part->parts;
    for (size_t i = find_held(part, name); i < parts->show_count; i++) {
        if (compare_shows(part->registry, name, parts->shows[i]) != 0) {
            return false;
        }
        if (!sx__show_is_hidden(parts->shows[i])) {
            return true;
        }
    }
    return false;
}

/* ---- fork ---- */

void sx__shown_before_fork(void)
{
    (void)pthread_mutex_lock(&sx__shows_lock);
}

void sx__shown_after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&sx__shows_lock);
}

/* The scrapes of other threads never end here. What they hold is not freed when it is hidden. */
void sx__shown_after_fork_in_child(void)
{
    (void)pthread_cond_init(&scrape_ended, NULL); /* no thread of the child waits for it */
    first_scrape = parts_of_thread;
    if (parts_of_thread != NULL) {
        parts_of_thread->next = NULL;
    }
    (void)pthread_mutex_unlock(&sx__shows_lock);
}
