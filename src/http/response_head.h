/* response_head.h: "HTTP/1.1 200 OK" and the header lines that HTTP itself asks for. */
#ifndef SX_RESPONSE_HEAD_H
#define SX_RESPONSE_HEAD_H

#include "exchange.h"

#define SX__DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

struct sx__response_head {
    int status;
    const char *date; /* SX__DATE_BYTES bytes; NULL: no Date, as RFC 9110 6.6.1 demands of a server
                         without a clock */
    struct sx_str content_type;
    struct sx_str header_lines;
    size_t content_length;
    bool streamed;   /* its length is not known */
    bool chunked;    /* and it is sent in chunks, not up to the end of the connection */
    bool close;      /* Connection: close */
    bool keep_alive; /* Connection: keep-alive, which HTTP/1.0 clients wait for */
};

/* No content at all, not even for a GET: RFC 9110 15.3.5, 15.3.6 and 15.4.5. */
bool sx__status_has_body(int status);

/* How many bytes the head needs at most. */
size_t sx__response_head_bound(const struct sx__response_head *head);

/* Writes the head to a buffer of that size; gives its real size. */
size_t sx__response_head_write(char *buffer, const struct sx__response_head *head);

#endif
