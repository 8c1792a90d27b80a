/* result_internal.h: what the dispatcher does with results. */
#ifndef SX_RESULT_H
#define SX_RESULT_H

#include <sextant/app.h>
#include <time.h>

/* The source of a body that is not memory of the result. */
struct sx__source {
    bool lends;             /* the result's body is borrowed until clean_up */
    sx_produce_fn *produce; /* NULL: the body is borrowed, or is a file */
    void *context;
    sx_clean_up_fn *clean_up;
    int fd; /* of the file, and what is to be sent of it */
    uint64_t offset;
    uint64_t size;
    struct timespec modified;
};

/* Turns the JSON of a result into bytes; other results stay as they are. Where that fails the
 * result becomes a 500 with its cause. */
void sx__result_render(struct sx_result *result, const struct sx_renderer *renderer);

/* The status of sx_startup_error. */
#define SX__STARTUP_ERROR (-1)

/* A 500 whose cause is for the log alone; printf format. */
struct sx_result sx__internal_error(const char *format, ...) SX_PRINTF(1, 2);

#endif
