/* report.c: remembers the lines that were printed, by their hashes. */
#include "report.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LINES_MAX 256 /* then nothing more is printed */

static pthread_mutex_t printed_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t printed[LINES_MAX];
static unsigned printed_count;

/* FNV-1a */
static uint64_t hash_line(const char *line)
{
    uint64_t hash = 14695981039346656037u;
    for (; *line != '\0'; line++) {
        hash = (hash ^ (unsigned char)*line) * 1099511628211u;
    }
    return hash;
}

static bool is_new(uint64_t hash)
{
    (void)pthread_mutex_lock(&printed_lock);
    unsigned i = 0;
    while (i < printed_count && printed[i] != hash) {
        i++;
    }
    const bool found = i == printed_count && i < LINES_MAX;
    if (found) {
        printed[printed_count++] = hash;
    }
    (void)pthread_mutex_unlock(&printed_lock);
    return found;
}

void prom__report_once(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (is_new(hash_line(line))) {
        (void)fprintf(stderr, "libprom: %s\n", line);
    }
}
