/* scrapes.h: what sx_exposition_respond does with a struct sx_scrapes besides beginning and ending
 * scrapes. NULL is allowed everywhere. */
#ifndef SX_EXPOSITION_SCRAPES_H
#define SX_EXPOSITION_SCRAPES_H

#include <sextant/exposition.h>

/** How long a page may be rendered; 0: there is no limit. */
unsigned sx__scrapes_timeout_ms(const struct sx_scrapes *scrapes);

/** Counts a response to a request for which no scrape was begun. */
void sx__scrapes_count(struct sx_scrapes *scrapes, int status);

#endif
