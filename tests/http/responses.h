/* responses.h: reads the bytes that a server sends as a client would. */
#ifndef SX_TEST_RESPONSES_H
#define SX_TEST_RESPONSES_H

#include "exchange.h"

#define RESPONSES_STATUSES_BYTES 200

/* Reads complete responses, by their Content-Length or their chunks, and writes their statuses:
 * "100 200 404". For bytes that are not a complete response it writes "nonsense", and reads nothing
 * after them.
 *
 * @param statuses  room for `size` bytes; NUL-terminated afterwards
 * @param output    what the server sent; a NUL must follow it
 * @param is_head   the first final response is that to a HEAD
 */
void responses_read(char *statuses, size_t size, struct sx_str output, bool is_head);

#endif
