/* inprocess.h: one HTTP connection without a socket, for the test client. */
#ifndef SX_INPROCESS_H
#define SX_INPROCESS_H

#include "exchange.h"

struct sx__inprocess;

/* This folder reads no clock, so the caller passes functions that do. */
struct sx__inprocess_clock {
    uint64_t (*now_ns)(void);      /* monotonic */
    const char *(*get_date)(void); /* as struct sx__protocol has it */
};

/* Creates a connection. The service and the options, which are resolved, are copied.
 * Errors: SX_ENOMEM */
int sx__inprocess_new(struct sx__inprocess **inprocess, const struct sx__service *service,
                      const struct sx_run_options *options,
                      const struct sx__inprocess_clock *clock);
/* Sends bytes to the connection. Appends the responses to `*out` (malloc, the caller frees;
 * `*out_size` grows). Returns 0, or SX_EPROTO if the connection is closed; the next send then
 * begins a new one. */
int sx__inprocess_send(struct sx__inprocess *inprocess, const char *bytes, size_t size, char **out,
                       size_t *out_size);
/* Closes the client's side: whatever is in progress ends. */
void sx__inprocess_close(struct sx__inprocess *inprocess);
void sx__inprocess_destroy(struct sx__inprocess *inprocess);

#endif
