/* clock.h: the time of a line as text, made once a second in each thread. */
#ifndef SX_ACCESS_LOG_CLOCK_H
#define SX_ACCESS_LOG_CLOCK_H

#include <time.h>

/* "10/Oct/2000:13:55:36 -0700", local time. Valid until the thread's next call. */
const char *sx__clock_local(time_t second);

/* "2000-10-10T20:55:36", UTC. Valid until the thread's next call. */
const char *sx__clock_utc(time_t second);

#endif
