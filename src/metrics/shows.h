/* shows.h: the shows of the process. A show is one call of sx_registry_show that is in force.
 *
 * They are in a list, in the order of the calls, and in a chained hash table, so that one of 10,000
 * is found as fast as one of ten. All functions but sx__show_is_hidden and sx__show_name need the
 * lock, sx__shows_lock.
 */
#ifndef SX_METRICS_SHOWS_H
#define SX_METRICS_SHOWS_H

#include "arena.h"

#include <pthread.h>

/* The page of `registry` has `shown`, or one of its families. */
struct sx__show {
    struct sx__show *previous;
    struct sx__show *next;
    struct sx__show *next_in_chain;
    struct sx_registry *registry;
    struct sx_registry *shown;
    uint32_t hash;
    unsigned uses;  /* 1 for the list, and 1 for each scrape that holds it; the last one frees it */
    bool is_hidden; /* it is no longer in the list; also read without the lock */
    size_t prefix_size;
    size_t name_size; /* with the prefix; 0: all families */
    char name[];      /* the prefix of `shown`, and the name that the program gave */
};

extern pthread_mutex_t sx__shows_lock;

/** Makes a show that is not in the list yet, with one use.
 *
 * @param name  without the prefix; size 0: all families
 * @return   NULL: no memory
 */
struct sx__show *sx__show_new(struct sx_registry *registry, struct sx_registry *shown,
                              struct sx_str name);

/** Returns the show with these arguments, or NULL. Allocates nothing. */
struct sx__show *sx__shows_find(const struct sx_registry *registry, const struct sx_registry *shown,
                                struct sx_str name);

/** Appends a show to the list, which takes over its use. */
void sx__shows_add(struct sx__show *show);

/** Takes a show out of the list, marks it as hidden, and releases the list's use. */
void sx__shows_remove(struct sx__show *show);

/** Returns the first show of the list, or NULL. */
struct sx__show *sx__shows_first(void);

/** Whether the list is empty. One load; needs no lock. */
bool sx__shows_are_none(void);

/** Ends a use; the last one frees the show. */
void sx__show_release(struct sx__show *show);

/** Whether it was taken out of the list. Needs no lock, but a use. */
bool sx__show_is_hidden(const struct sx__show *show);

/** The name with its prefix. Needs no lock, but a use. */
struct sx_str sx__show_name(const struct sx__show *show);

#endif
