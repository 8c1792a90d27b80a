/* shown.c: the list of what registries show, and scrapes that hold some of it. */
#include "shown.h"

#include "constants.h"
#include "view.h"

#include <sextant/metrics.h>

#include <stdlib.h>
#include <string.h>

/* The page of `registry` has `shown`, or one of its families. */
struct sx__show {
    struct sx__show *next;
    const struct sx_registry *registry;
    struct sx_registry *shown;
    unsigned running; /* scrapes that hold it */
    size_t name_size; /* 0: all families */
    char name[];      /* with the prefix of `shown` */
};

static pthread_mutex_t shows_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list, and `running` */
static pthread_cond_t shows_released = PTHREAD_COND_INITIALIZER;
static struct sx__show *first_show;
static uint32_t show_count; /* read without the lock */

static __thread const struct sx__parts *parts_of_thread; /* of the scrape that it is in */

/* ---- the list ---- */

static struct sx_str name_of_show(const struct sx__show *show)
{
    return (struct sx_str){show->name, show->name_size};
}

/* The link to the show that is the same, or to the end. The lock is held. */
static struct sx__show **find_show(const struct sx__show *wanted)
{
    struct sx__show **link = &first_show;
    while (*link != NULL &&
           ((*link)->registry != wanted->registry || (*link)->shown != wanted->shown ||
            !sx__views_equal(name_of_show(*link), name_of_show(wanted)))) {
        link = &(*link)->next;
    }
    return link;
}

/* Takes a show out of the list, and frees it when no scrape holds it. The lock is held. */
static void withdraw(struct sx__show **link)
{
    struct sx__show *show = *link;
    *link = show->next;
    __atomic_store_n(&show_count, show_count - 1, __ATOMIC_RELAXED);
    while (show->running > 0) {
        (void)pthread_cond_wait(&shows_released, &shows_lock);
    }
    free(show);
}

/* Makes a show that is not in the list. Errors: SX_EINVAL, SX_ENAME, SX_ENOMEM. */
static int make_show(struct sx__show **made, struct sx_registry *registry,
                     struct sx_registry *shown, const char *name)
{
    struct sx__full_name full = {.text = {"", 0}};
    registry = registry != NULL ? registry : sx_registry_default();
    shown = shown != NULL ? shown : sx_registry_default();
    if (registry == NULL || shown == NULL) {
        return SX_ENOMEM;
    }
    if (registry == shown) {
        return SX_EINVAL;
    }
    if (name != NULL && !sx_metric_name_is_valid(name)) {
        return SX_ENAME;
    }
    int status = SX_OK;
    if (name != NULL) {
        status = sx__full_name_make(&full, shown, sx__view(name));
    }
    struct sx__show *show = status == SX_OK ? malloc(sizeof *show + full.text.size) : NULL;
    if (show != NULL) {
        *show =
            (struct sx__show){.registry = registry, .shown = shown, .name_size = full.text.size};
        memcpy(show->name, full.text.data, full.text.size);
        *made = show;
    }
    sx__full_name_clean_up(&full);
    return show == NULL ? SX_ENOMEM : SX_OK;
}

int sx_registry_show(struct sx_registry *registry, struct sx_registry *shown, const char *name)
{
    struct sx__show *show = NULL;
    int status = make_show(&show, registry, shown, name);
    if (status != SX_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&shows_lock);
    struct sx__show **link = find_show(show);
    if (*link != NULL) {
        status = SX_EEXIST;
    } else {
        *link = show;
        __atomic_store_n(&show_count, show_count + 1, __ATOMIC_RELAXED);
    }
    (void)pthread_mutex_unlock(&shows_lock);
    if (status != SX_OK) {
        free(show);
    }
    return status;
}

int sx_registry_hide(struct sx_registry *registry, struct sx_registry *shown, const char *name)
{
    struct sx__show *wanted = NULL;
    if (parts_of_thread != NULL) {
        return SX_ESTATE;
    }
    int status = make_show(&wanted, registry, shown, name);
    if (status != SX_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&shows_lock);
    struct sx__show **link = find_show(wanted);
    const int found = *link != NULL;
    if (found) {
        withdraw(link);
    }
    (void)pthread_mutex_unlock(&shows_lock);
    free(wanted);
    return found;
}

/* The link to a show that has the registry, or to the end. The lock is held. */
static struct sx__show **find_show_with(const struct sx_registry *registry)
{
    struct sx__show **link = &first_show;
    while (*link != NULL && (*link)->registry != registry && (*link)->shown != registry) {
        link = &(*link)->next;
    }
    return link;
}

void sx__shown_forget(const struct sx_registry *registry)
{
    (void)pthread_mutex_lock(&shows_lock);
    /* The list may change while a withdrawal waits. */
    for (struct sx__show **link = find_show_with(registry); *link != NULL;
         link = find_show_with(registry)) {
        withdraw(link);
    }
    (void)pthread_mutex_unlock(&shows_lock);
}

bool sx__registry_shows(const struct sx_registry *registry)
{
    if (__atomic_load_n(&show_count, __ATOMIC_RELAXED) == 0) {
        return false;
    }
    (void)pthread_mutex_lock(&shows_lock);
    const struct sx__show *show = first_show;
    while (show != NULL && show->registry != registry) {
        show = show->next;
    }
    (void)pthread_mutex_unlock(&shows_lock);
    return show != NULL;
}

/* ---- the order in which a scrape has its shows ---- */

static int compare_shows(const struct sx_registry *shown, struct sx_str name,
                         const struct sx__show *show)
{
    const struct sx_str other = name_of_show(show);
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
    return compare_shows((*left)->shown, name_of_show(*left), *(const struct sx__show *const *)b);
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
    for (struct sx__show *show = first_show; show != NULL; show = show->next) {
        if (show->registry == registry) {
            show->running++;
            parts->shows[parts->show_count++] = show;
            add_part(parts, show->shown, show->name_size == 0);
        }
    }
}

/* The lock is held. */
static int fill_parts(struct sx__parts *parts, struct sx_registry *const *registries, size_t count)
{
    /* The same registry may be in the list twice, and holds what it shows twice then. */
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        for (const struct sx__show *show = first_show; show != NULL; show = show->next) {
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
        (void)pthread_mutex_lock(&shows_lock);
        status = fill_parts(parts, found, count);
        (void)pthread_mutex_unlock(&shows_lock);
    }
    free(found);
    if (status == SX_OK) {
        qsort(parts->shows, parts->show_count, sizeof(struct sx__show *), by_registry_and_name);
        parts_of_thread = parts;
    }
    return status;
}

void sx__parts_close(struct sx__parts *parts)
{
    parts_of_thread = NULL;
    (void)pthread_mutex_lock(&shows_lock);
    for (size_t i = 0; i < parts->show_count; i++) {
        parts->shows[i]->running--;
    }
    (void)pthread_cond_broadcast(&shows_released);
    (void)pthread_mutex_unlock(&shows_lock);
    free(parts->shows);
    free(parts->parts);
    *parts = (struct sx__parts){0};
}

bool sx__part_has(const struct sx__part *part, struct sx_str name)
{
    if (part->is_whole) {
        return true;
    }
    size_t first = 0;
    size_t end = part->parts->show_count;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        const int order = compare_shows(part->registry, name, part->parts->shows[middle]);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return false;
}

/* ---- fork ---- */

void sx__shown_before_fork(void)
{
    (void)pthread_mutex_lock(&shows_lock);
}

void sx__shown_after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&shows_lock);
}

void sx__shown_after_fork_in_child(void)
{
    (void)pthread_cond_init(&shows_released, NULL); /* no thread of the child waits for it */
    for (struct sx__show *show = first_show; show != NULL; show = show->next) {
        show->running = 0;
    }
    for (size_t i = 0; parts_of_thread != NULL && i < parts_of_thread->show_count; i++) {
        parts_of_thread->shows[i]->running++;
    }
    (void)pthread_mutex_unlock(&shows_lock);
}
