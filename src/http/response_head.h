/* response_head.h: writes the status line and the header of a response. */
#ifndef SX_RESPONSE_HEAD_H
#define SX_RESPONSE_HEAD_H

#include "exchange.h"

#define SX__DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

struct sx__response_head {
    int status;
    const char *date; /* SX__DATE_BYTES bytes; NULL: no Date, as RFC 9110 6.6.1 requires of a server
                         without a clock */
    struct sx_str content_type;
    struct sx_str header_lines;
    size_t content_length;
    bool streamed;   /* the length of the body is not known */
    bool chunked;    /* and the body is sent in chunks, not delimited by the close */
    bool close;      /* Connection: close */
    bool keep_alive; /* Connection: keep-alive, which HTTP/1.0 clients need */
};

/* Returns whether a response with this status has content: not for the codes of RFC 9110 15.3.5,
 * 15.3.6 and 15.4.5. */
bool sx__status_has_body(int status);

/* Returns how many bytes the head needs at most. */
size_t sx__response_head_bound(const struct sx__response_head *head);

/* Writes the head to a buffer of that size. Returns the size of the head. */
size_t sx__response_head_write(char *buffer, const struct sx__response_head *head);

#endif
