/* shown.h: the registries of a page: those that the caller names, and those that they show.
 *
 * A scrape holds the shows of its registries until it ends (see shows.h). sx_registry_hide does not
 * wait for that, only sx_registry_destroy does.
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

/* All registries of a page, in order, each once. The struct must not move while it is open. */
struct sx__parts {
    struct sx__parts *next; /* of the scrapes that run */
    struct sx__part *parts;
    size_t count;
    struct sx__show **shows; /* what the scrape holds, sorted by registry and name */
    size_t show_count;
};

/** Whether a page of the registry has families of another one. One load if the process has no
 * shows. */
bool sx__registry_shows(const struct sx_registry *registry);

/** Finds the registries of a page, and holds those that are shown.
 *
 * @param registries  NULL in the list: the default registry
 * @param parts       to be given to sx__parts_close, unless this fails
 * Errors:   SX_ENOMEM; SX_ESTATE (the calling thread has parts open, so it is in a callback, a
 *           collector or a log of their scrape)
 */
int sx__parts_open(struct sx__parts *parts, struct sx_registry *const *registries, size_t count);

void sx__parts_close(struct sx__parts *parts);

/** Whether this part of the page has the family of this name. A family that was hidden since the
 * scrape began is not on the page. */
bool sx__part_has(const struct sx__part *part, struct sx_str name);

/** Ends what a registry shows and where it is shown, and waits for the scrapes that have it. The
 * caller destroys the registry, holds no lock, and is in no scrape that has it. */
void sx__shown_forget(const struct sx_registry *registry);

/* Around fork(): in the child only the calling thread may be in a scrape. */
void sx__shown_before_fork(void);
void sx__shown_after_fork_in_parent(void);
void sx__shown_after_fork_in_child(void);

#endif
