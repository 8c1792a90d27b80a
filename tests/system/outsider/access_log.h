/* access_log.h: a line for each request, by a component that anyone could have written. */
#ifndef OUTSIDER_ACCESS_LOG_H
#define OUTSIDER_ACCESS_LOG_H

#include <sextant/app.h>
#include <stdio.h>

struct access_log_options {
    const char *path; /* appended to */
};
struct access_log {
    FILE *file;
};
SX_COMPONENT_DECLARE(access_log, struct access_log);

#endif
