/* explain.h: why a registration failed, for people: which label, which bound, what differs. */
#ifndef SX_METRICS_EXPLAIN_H
#define SX_METRICS_EXPLAIN_H

#include "desc.h"

/** Writes one line: type and name of the metric, the error, and the detail if there is one. Bytes
 * that are not printable ASCII are replaced, and what does not fit is cut off.
 *
 * @param registry  where it was to be registered; may be NULL
 * @param labelled  whether a family was to be registered
 * @param options   may be NULL
 * @param status    the error that the registration returned
 * Threads:  any, without the directory's lock
 */
void sx__explain(char *text, size_t size, struct sx_registry *registry, enum sx_metric_type type,
                 bool labelled, const struct sx_metric_options *options, int status);

#endif
