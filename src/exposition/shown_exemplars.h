/* shown_exemplars.h: the exemplars of one series at a time, as a scrape reads them. */
#ifndef SX_EXPOSITION_SHOWN_EXEMPLARS_H
#define SX_EXPOSITION_SHOWN_EXEMPLARS_H

#include "exemplars.h"

/* Initialise it with zeros. The memory is kept from one series to the next. */
struct sx__shown_exemplars {
    struct sx__exemplar *memory;       /* one for each slot */
    const struct sx__exemplar **slots; /* NULL where there is none */
    uint32_t capacity;
    uint32_t count; /* slots of the series; 0: it has no exemplar at all */
};

/** Whether a series has ever had an exemplar. */
static inline bool sx__series_has_exemplars(const struct sx__series *series)
{
    return __atomic_load_n(&series->exemplars, __ATOMIC_ACQUIRE) != 0 &&
           !sx__series_has_window(series);
}

/** Reads the exemplars of a series, before its numbers; see sx__exemplar_read. Errors: SX_ENOMEM.
 */
int sx__shown_exemplars_read(struct sx__shown_exemplars *shown, const struct sx__series *series);

void sx__shown_exemplars_clean_up(struct sx__shown_exemplars *shown);

#endif
