/* clock.c: reads the clocks for the server and the app. See clock.h. */
#include "clock.h"
#include "http_date.h"
#include <time.h>

uint64_t sx__clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool sx__clock_has_reached(uint64_t deadline_ns)
{
    return deadline_ns != 0 && sx__clock_now_ns() >= deadline_ns;
}

/* Each thread formats the date once a second. */
const char *sx__clock_date(void)
{
    static __thread char date[SX__DATE_BYTES];
    static __thread time_t date_time;
    const time_t now = time(NULL);
    if (now != date_time || date[0] == '\0') {
        sx__date_write(date, now);
        date_time = now;
    }
    return date;
}
