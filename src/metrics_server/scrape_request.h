/* scrape_request.h: reading the head of a request; a body is never read. */
#ifndef SX_METRICS_SERVER_SCRAPE_REQUEST_H
#define SX_METRICS_SERVER_SCRAPE_REQUEST_H

#include <sextant/status.h>
#include <stdbool.h>
#include <sys/types.h>

#define SX__HEAD_SIZE_MAX 8192 /* of the request line and all headers */
#define SX__ACCEPT_SIZE_MAX 1024

struct sx__scrape_request {
    int refusal; /* the status that answers what cannot be read: 400, 431, 505 */
    struct sx_str method;
    struct sx_str path;     /* of the target, without its query */
    struct sx_str encoding; /* Accept-Encoding, the first; {NULL, 0}: none */
    bool keep_alive;        /* another request may follow on this connection */
    size_t accept_size;
    char accept[SX__ACCEPT_SIZE_MAX]; /* all of them joined; what is beyond its size is left out */
};

/** Parses the head that the bytes begin with.
 *
 * However the bytes are split, the answer is the same once there is one. A request with a body is
 * taken for the last one of its connection, so nothing of it is ever read as a request.
 *
 * @param request  views lie in the bytes
 * @return   how many bytes the head has
 * Errors:   SX_EAGAIN: there is no more wrong with it than that its end is missing; SX_EPROTO: see
 *           `refusal`
 * Source:   RFC 9112
 */
ssize_t sx__scrape_request_parse(struct sx__scrape_request *request, struct sx_str bytes);

#endif
