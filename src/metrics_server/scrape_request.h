/* scrape_request.h: parsing the head of a request. Bodies are never read. */
#ifndef SX_METRICS_SERVER_SCRAPE_REQUEST_H
#define SX_METRICS_SERVER_SCRAPE_REQUEST_H

#include <sextant/status.h>
#include <stdbool.h>
#include <sys/types.h>

#define SX__HEAD_SIZE_MAX 8192 /* of the request line and all headers */
#define SX__ACCEPT_SIZE_MAX 1024

struct sx__scrape_request {
    int refusal; /* the status of the response to an invalid request: 400, 431, 505 */
    struct sx_str method;
    struct sx_str path;     /* of the target, without its query */
    struct sx_str query;    /* of the target, as it was sent; empty: none */
    struct sx_str encoding; /* Accept-Encoding, the first; {NULL, 0}: none */
    bool keep_alive;        /* another request may follow on this connection */
    size_t accept_size;
    char accept[SX__ACCEPT_SIZE_MAX]; /* all Accept headers, joined; the rest is dropped if they are
                                         longer */
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
