/* The time of day of a log line; see line_time.h. Any thread. */
#define _DEFAULT_SOURCE /* tm_gmtoff */
#include "line_time.h"

#include <stdbool.h>
#include <string.h>

/* A thread that writes thousands of lines a second formats one time of them, and shares nothing. */
struct cached {
    time_t second;
    bool filled;
    char text[32];
};
static __thread struct cached local_time;
static __thread struct cached utc_time;

static void put_number(char *place, unsigned number, size_t digits)
{
    for (; digits > 0; digits--) {
        place[digits - 1] = (char)('0' + number % 10);
        number /= 10;
    }
}

static bool refresh(struct cached *cached, time_t second)
{
    if (cached->filled && cached->second == second) {
        return false;
    }
    cached->second = second;
    cached->filled = true;
    return true;
}

/* strftime follows the locale, which logs do not. */
const char *sx__line_time_local(time_t second)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char *text = local_time.text;
    if (!refresh(&local_time, second)) {
        return text;
    }
    struct tm tm = {0};
    localtime_r(&second, &tm);
    const unsigned minutes = (unsigned)((tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff) / 60);
    memcpy(text, "00/Jan/0000:00:00:00 +0000", sizeof "00/Jan/0000:00:00:00 +0000");
    put_number(text, (unsigned)tm.tm_mday, 2);
    memcpy(text + 3, months + 3 * tm.tm_mon, 3);
    put_number(text + 7, (unsigned)tm.tm_year + 1900, 4);
    put_number(text + 12, (unsigned)tm.tm_hour, 2);
    put_number(text + 15, (unsigned)tm.tm_min, 2);
    put_number(text + 18, (unsigned)tm.tm_sec, 2);
    text[21] = tm.tm_gmtoff < 0 ? '-' : '+';
    put_number(text + 22, minutes / 60, 2);
    put_number(text + 24, minutes % 60, 2);
    return text;
}

const char *sx__line_time_utc(time_t second)
{
    char *text = utc_time.text;
    if (!refresh(&utc_time, second)) {
        return text;
    }
    struct tm tm = {0};
    gmtime_r(&second, &tm);
    memcpy(text, "0000-00-00T00:00:00", sizeof "0000-00-00T00:00:00");
    put_number(text, (unsigned)tm.tm_year + 1900, 4);
    put_number(text + 5, (unsigned)tm.tm_mon + 1, 2);
    put_number(text + 8, (unsigned)tm.tm_mday, 2);
    put_number(text + 11, (unsigned)tm.tm_hour, 2);
    put_number(text + 14, (unsigned)tm.tm_min, 2);
    put_number(text + 17, (unsigned)tm.tm_sec, 2);
    return text;
}
