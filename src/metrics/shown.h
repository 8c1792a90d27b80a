/* shown.h: which registries are on a page: those that it was asked for, and those that these show.
 *
 * What a registry shows belongs to the process, as callbacks do. A scrape holds what it shows, and
 * sx_registry_hide and sx_registry_destroy wait until no scrape does.
 */
#ifndef SX_METRICS_SHOWN_H
#define SX_METRICS_SHOWN_H

#include "arena.h"

struct sx__parts;
struct sx__show;

/* A registry on a page. */
struct sx__part {
    struct sx_registry *registry;
    bool is_whole; /* false: only the families that were shown by name */
    const struct sx__parts *parts;
};

/* All registries of a page, in order, each once. */
struct sx__parts {
    struct sx__part *parts;
    size_t count;
    struct sx__show **shows; /* what the scrape holds */
    size_t show_count;
};

/** Whether a page of the registry has another one. One load if none shows another. */
bool sx__registry_shows(const struct sx_registry *registry);

/** Finds the registries of a page, and holds those that are shown.
 *
 * @param registries  NULL in the list: the default registry
 * @param parts       to be given to sx__parts_close, unless this fails
 * Errors:   SX_ENOMEM; SX_ESTATE (the calling thread has parts open, so it is in a callback, a
 * collector or a log of their scrape)
 */
int sx__parts_open(struct sx__parts *parts, struct sx_registry *const *registries, size_t count);

void sx__parts_close(struct sx__parts *parts);

/** Whether the page has the family of this name. */
bool sx__part_has(const struct sx__part *part, struct sx_str name);

/** Forgets what a registry shows and where it is shown, and waits for the scrapes that have it.
 * The caller destroys the registry, and holds no lock. */
void sx__shown_forget(const struct sx_registry *registry);

/* Around fork(): in the child only the calling thread may be in a scrape. */
void sx__shown_before_fork(void);
void sx__shown_after_fork_in_parent(void);
void sx__shown_after_fork_in_child(void);

#endif
