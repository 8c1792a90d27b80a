/* scrape_request.h: parsing the head of a request. Bodies are never read. */
#ifndef SX_METRICS_SERVER_SCRAPE_REQUEST_H
#define SX_METRICS_SERVER_SCRAPE_REQUEST_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SX__HEAD_SIZE_MAX 8192 /* of the request line and all headers */
#define SX__JOINED_SIZE_MAX 1024

/* The values of all headers of one name, joined by commas; a value is dropped if they become longer
 * than the buffer. */
struct sx__joined_header {
    size_t size;
    char text[SX__JOINED_SIZE_MAX];
};

struct sx__scrape_request {
    int refusal; /* the status of the response to an invalid request: 400, 431, 505 */
    struct sx_str method;
    struct sx_str path;  /* of the target, without its query */
    struct sx_str query; /* of the target, as it was sent; empty: none */
    bool keep_alive;     /* another request may follow on this connection */
    uint64_t begun_ns;   /* CLOCK_MONOTONIC at which its page was queued, set by the caller; 0: it
                            was not */
    struct sx__joined_header accept;
    struct sx__joined_header accept_encoding;
};

/** Parses the head that the bytes begin with.
 *
 * The result does not depend on how the bytes are split. A request with a body is the last one of
 * its connection, so its body is never read as a request (request smuggling).
 *
 * @param request  its views point into the bytes
 * @return   the size of the head in bytes
 * Errors:   SX_EAGAIN (the head is not complete, and valid so far), SX_EPROTO (see `refusal`)
 * Source:   RFC 9112
 */
ssize_t sx__scrape_request_parse(struct sx__scrape_request *request, struct sx_str bytes);

#endif
