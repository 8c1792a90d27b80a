/* scrapes.h: what sx_exposition_respond does with a struct sx_scrapes besides beginning and ending
 * scrapes. NULL is allowed everywhere. */
#ifndef SX_EXPOSITION_SCRAPES_H
#define SX_EXPOSITION_SCRAPES_H

#include <sextant/exposition.h>
#include <stdint.h>

/** How long a page may be rendered; 0: there is no limit. */
unsigned sx__scrapes_timeout_ms(const struct sx_scrapes *scrapes);

/** Counts a response to a request that is no scrape. */
void sx__scrapes_count(struct sx_scrapes *scrapes, int status);

/** Observes a page that is ready to be sent.
 *
 * @param started_ns  when its rendering began, by sx__clock_now_ns
 * @param size        in bytes, after compression
 */
void sx__scrapes_observe(struct sx_scrapes *scrapes, uint64_t started_ns, size_t size);

#endif
