/* response_limit.c: the limit of a response that is sent from memory. Called by the thread that
 * calls the handler. */
#include "exchange.h"

#include <stdio.h>

bool sx__response_body_fits(const struct sx__exchange *exchange, size_t body_size, char *reason,
                            size_t reason_size)
{
    if (body_size <= exchange->buffered_bytes) {
        return true;
    }
    snprintf(
        reason, reason_size,
        "the response has %zu bytes, and buffered_bytes is %zu: answer with sx_stream or sx_file, or raise buffered_bytes",
        body_size, exchange->buffered_bytes);
    return false;
}
