/* http_metrics_internal.h: the structs behind the opaque types of http_metrics.h. */
#ifndef SX_HTTP_METRICS_INTERNAL_H
#define SX_HTTP_METRICS_INTERNAL_H

#include "http_families.h"
#include "http_methods.h"

#include <stdatomic.h>

#define SX__HTTP_SCHEMES 2 /* http, https */

struct sx__http_series;

struct sx_http_handler {
    struct sx_http_metrics *http;
    struct sx_http_handler *next; /* of its chain; see http_handlers.h */
    uint64_t hash;
    _Atomic(struct sx__http_series *) series[SX__HTTP_METHODS][SX__HTTP_SCHEMES];
    char label[];
};

struct sx_http_metrics {
    struct sx__http_families families;
    struct sx_http_handler *builtin, *other; /* in the table, but take no place */
    unsigned handlers_max;                   /* places */
    _Atomic unsigned places_taken;           /* by handlers in the table or about to be added */
    _Atomic unsigned handlers_added;         /* those in the table */
    size_t chain_count;                      /* a power of two */
    _Atomic(struct sx_http_handler *) *chains;
};

#endif
