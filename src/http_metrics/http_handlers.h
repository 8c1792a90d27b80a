/* http_handlers.h: the handlers of a server, which are found by their labels.
 *
 * A hash table whose chains only grow: a look-up takes no lock, and a handler is added by one
 * compare-and-swap, so that a fork at any time leaves the child a whole table.
 */
#ifndef SX_HTTP_HANDLERS_H
#define SX_HTTP_HANDLERS_H

#include "http_metrics_internal.h"

#define SX__HTTP_HANDLERS_MOST 1000000u

/* Errors: SX_ENOMEM */
int sx__http_handlers_init(struct sx_http_metrics *http, unsigned handlers_max);
/* Frees the handlers with their series. Accepts zeroed metrics. */
void sx__http_handlers_clean_up(struct sx_http_metrics *http);
/* Returns the handler with this label, which is made if needed; `http->other` if there are
 * handlers_max others already, or if another thread holds the last place for too long. NULL: no
 * memory. Yields while another thread is about to add a handler at the last place. */
struct sx_http_handler *sx__http_handlers_get(struct sx_http_metrics *http, const char *label);

#endif
