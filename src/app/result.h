/* result.h: what the dispatcher does with results. */
#ifndef SX_RESULT_H
#define SX_RESULT_H

#include <sextant/app.h>

struct sx__stream {
    sx_produce_fn *produce;
    void *context;
    sx_clean_up_fn *clean_up;
};

/* Turns the JSON of a result into bytes; other results stay as they are. Where that fails the
 * result becomes a 500 with its cause. */
void sx__result_render(struct sx_result *result, const struct sx_renderer *renderer);

/* A 500 whose cause is for the log alone; printf format. */
struct sx_result sx__result_fault(const char *format, ...) SX_PRINTF(1, 2);

#endif
