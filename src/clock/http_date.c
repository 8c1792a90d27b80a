/* http_date.c: writes and parses dates of HTTP. See http_date.h. */
#include "http_date.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* strftime depends on the locale, so it cannot be used. */
void sx__date_write(char date[SX__DATE_BYTES], time_t time)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    struct tm tm;
    gmtime_r(&time, &tm);
    const unsigned fields[] = {(unsigned)tm.tm_mday, (unsigned)tm.tm_hour, (unsigned)tm.tm_min,
                               (unsigned)tm.tm_sec};
    static const size_t places[] = {5, 17, 20, 23};
    memcpy(date, "Sun, 00 Jan 0000 00:00:00 GMT", SX__DATE_BYTES);
    memcpy(date, days + 3 * tm.tm_wday, 3);
    memcpy(date + 8, months + 3 * tm.tm_mon, 3);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        date[places[i]] = (char)('0' + fields[i] / 10);
        date[places[i] + 1] = (char)('0' + fields[i] % 10);
    }
    unsigned year = (unsigned)tm.tm_year + 1900;
    for (size_t i = 15; i >= 12; i--) {
        date[i] = (char)('0' + year % 10);
        year /= 10;
    }
}

/* Returns the days from 1970-01-01 to a date of the Gregorian calendar. The calculation starts the
 * year in March, so that the leap day is its last day. */
static int64_t days_of(int year, int month, int day)
{
    const int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    const int64_t m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

struct fields {
    int day, year, hour, minute, second;
    char month[4];
};

/* Returns the full year of a date like "Sunday, 06-Nov-94". RFC 9110 5.6.7: "Recipients of a
 * timestamp value in rfc850-date format, which uses a two-digit year, MUST interpret a timestamp
 * that appears to be more than 50 years in the future as representing the most recent year in the
 * past that had the same last two digits." */
static int full_year(int year)
{
    struct tm tm;
    const time_t now = time(NULL);
    gmtime_r(&now, &tm);
    const int this_year = tm.tm_year + 1900;
    const int guess = this_year - this_year % 100 + year;
    return guess > this_year + 50 ? guess - 100 : guess;
}

static bool read_fields(struct fields *f, const char *text)
{
    int end = 0;
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &f->day, f->month,
               &f->year, &f->hour, &f->minute, &f->second, &end) == 6 &&
        end > 0) {
        return text[end] == '\0';
    }
    if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &f->day, f->month,
               &f->year, &f->hour, &f->minute, &f->second, &end) == 6 &&
        end > 0) {
        f->year = full_year(f->year);
        return text[end] == '\0';
    }
    return sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", f->month, &f->day, &f->hour,
                  &f->minute, &f->second, &f->year, &end) == 6 &&
           end > 0 && text[end] == '\0';
}

int sx__date_parse(time_t *time, const char *text)
{
    struct fields f = {.month = ""};
    if (!read_fields(&f, text)) {
        return SX_EPROTO;
    }
    const char *month = strstr(months, f.month);
    if (month == NULL || strlen(f.month) != 3 || (month - months) % 3 != 0 || f.day < 1 ||
        f.day > 31 || f.hour < 0 || f.hour > 23 || f.minute < 0 || f.minute > 59 || f.second < 0 ||
        f.second > 60 || f.year < 0) {
        return SX_EPROTO;
    }
    const int64_t days = days_of(f.year, (int)(month - months) / 3 + 1, f.day);
    *time = (time_t)(days * 86400 + f.hour * 3600 + f.minute * 60 + f.second);
    return 0;
}
