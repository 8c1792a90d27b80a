/* report.c: remembers the lines that were printed, by their hashes. */
#include "report.h"

#include "map.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LINES_MAX 256 /* then nothing more is printed */

/* 0 is a free place. No lock, because another thread may hold it in fork(). */
static uint64_t printed[LINES_MAX];

static bool is_new(uint64_t hash)
{
    for (size_t i = 0; i < LINES_MAX; i++) {
        uint64_t found = 0;
        if (__atomic_compare_exchange_n(&printed[i], &found, hash, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
        if (found == hash) {
            return false;
        }
    }
    return false;
}

void prom__report_once(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (is_new(prom__hash(line))) {
        (void)fprintf(stderr, "libprom: %s\n", line);
    }
}
