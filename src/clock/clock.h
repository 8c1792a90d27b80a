/* clock.h: the monotonic clock, and the date of a response.
 *
 * Threads: any.
 */
#ifndef SX_CLOCK_H
#define SX_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Returns the time of CLOCK_MONOTONIC in nanoseconds. */
uint64_t sx__clock_now_ns(void);

/* Returns whether that time has reached a deadline; 0: there is none. */
bool sx__clock_has_reached(uint64_t deadline_ns);

/* Returns the current date in the format of HTTP: SX__DATE_BYTES bytes, not NUL-terminated, valid
 * until the thread's next call. */
const char *sx__clock_date(void);

#endif
