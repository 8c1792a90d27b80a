/* inprocess.h: one HTTP connection without a socket, for the test client.
 *
 * Threads: one at a time.
 */
#ifndef SX_INPROCESS_H
#define SX_INPROCESS_H

#include "exchange.h"

struct sx__inprocess;

/* src/http reads no clock, so the caller passes functions that do. */
struct sx__inprocess_clock {
    uint64_t (*now_ns)(void);      /* monotonic */
    const char *(*get_date)(void); /* as in struct sx__protocol */
};

/* Creates a connection. The service and the options, which must be resolved, are copied. Errors:
 * SX_ENOMEM */
int sx__inprocess_new(struct sx__inprocess **inprocess, const struct sx__service *service,
                      const struct sx_run_options *options,
                      const struct sx__inprocess_clock *clock);
/* Sends bytes to the connection. Appends the responses to `*out`, which is allocated with malloc
 * and which the caller frees; `*out_size` grows. Returns 0, or SX_EPROTO if the connection is
 * closed; the next send then starts a new one. */
int sx__inprocess_send(struct sx__inprocess *inprocess, const char *bytes, size_t size, char **out,
                       size_t *out_size);
/* Closes the client's side, which aborts the current exchange. */
void sx__inprocess_close(struct sx__inprocess *inprocess);
void sx__inprocess_destroy(struct sx__inprocess *inprocess);

#endif
