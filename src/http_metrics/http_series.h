/* http_series.h: the series of a handler, which are made when they are needed first.
 *
 * Those of a method and a scheme are found by an index, and those of a code by another, so that a
 * request takes no lock and allocates nothing once they exist. They are never freed before the
 * handler. No client can make more: there are ten methods, two schemes and 400 codes.
 */
#ifndef SX_HTTP_SERIES_H
#define SX_HTTP_SERIES_H

#include "http_metrics_internal.h"

#define SX__HTTP_CODE_MIN 200
#define SX__HTTP_CODE_COUNT 400

/* The series of one (method, handler, code). */
struct sx__http_code_series {
    struct sx_counter *requests;
    struct sx_histogram *duration; /* if it has the code as a label */
};

/* The series of one (method, handler); those that the options leave out are NULL, which every
 * update accepts. */
struct sx__http_series {
    struct sx_gauge *in_progress;
    struct sx_histogram *duration;
    struct sx_histogram *request_size, *response_size, *first_byte;
    _Atomic(struct sx__http_code_series *) codes[SX__HTTP_CODE_COUNT];
};

/* What the values of labels come from. */
struct sx__http_sources {
    const struct sx_http_handler *handler;
    unsigned short method, scheme;
    int code;          /* 200 to 599, or 0 */
    const char *phase; /* may be NULL */
};

/* Each finds or makes the series, and leaves the output as it is on failure. Errors: as
 * sx_counter_family_get; SX_ENOMEM */
int sx__http_series_make(struct sx__http_series **series, struct sx_http_handler *handler,
                         unsigned short method, unsigned short scheme);
int sx__http_code_series_make(struct sx__http_code_series **code_series,
                              struct sx__http_series *series,
                              const struct sx__http_sources *sources);

/* Counts an abort in sources->phase. */
void sx__http_count_abort(const struct sx__http_sources *sources);

/* Gives up the handles, and frees the struct with those of its codes. NULL does nothing. */
void sx__http_series_destroy(struct sx__http_series *series);

#endif
