/* line_time.h: the time of a line as text, made once a second in each thread. */
#ifndef SX_LINE_TIME_H
#define SX_LINE_TIME_H

#include <time.h>

/* "10/Oct/2000:13:55:36 -0700", local time. Valid until the thread's next call. */
const char *sx__line_time_local(time_t second);

/* "2000-10-10T20:55:36", UTC. Valid until the thread's next call. */
const char *sx__line_time_utc(time_t second);

#endif
