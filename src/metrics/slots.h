/* slots.h: which thread updates which slot. */
#ifndef SX_METRICS_SLOTS_H
#define SX_METRICS_SLOTS_H

#include "arena.h"

/** Registers the thread-exit destructor; once per process, before the first update. */
void sx__slots_prepare(void);

/** Asks that the destructor runs for the calling thread; false where it will not. */
bool sx__slots_watch_thread(void);

/** The slot of the calling thread, claimed now; NULL: use the overflow row, with real atomics.
 *
 * NULL is the answer where all slots are taken, and for a thread whose destructor has run: a slot
 * claimed then would never be released. Costs little either way: a refused thread tries again only
 * after some thousand updates.
 */
char *sx__slot_claim(uint32_t arena);

/** Drops what the thread knows of its slots, after fork() made it another process's thread. */
void sx__slots_forget(void);

/** The calling thread's slot or NULL, as sx__slot_claim. */
static inline char *sx__slot(uint32_t arena)
{
    char *slot = sx__thread_slots[arena];
    return __builtin_expect(slot != NULL, 1) ? slot : sx__slot_claim(arena);
}

#endif
