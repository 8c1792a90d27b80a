/* thread_rows.h: which thread updates which slot. */
#ifndef SX_METRICS_THREAD_ROWS_H
#define SX_METRICS_THREAD_ROWS_H

#include "arena.h"

/** Makes ending threads give back their rows. Once per process, before the first update. */
void sx__slots_prepare(void);

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
