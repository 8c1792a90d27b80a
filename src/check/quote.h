/* quote.h: bytes of a page for a message. */
#ifndef SX_CHECK_QUOTE_H
#define SX_CHECK_QUOTE_H

#include <sextant/status.h>

#define SX__QUOTE_SIZE 64
struct sx__quote {
    char text[SX__QUOTE_SIZE];
};

/** Returns the bytes truncated, and without control characters. */
struct sx__quote sx__quote(struct sx_str text);

#endif
