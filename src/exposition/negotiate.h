/* negotiate.h: which of several formats a scraper wants. */
#ifndef SX_EXPOSITION_NEGOTIATE_H
#define SX_EXPOSITION_NEGOTIATE_H

#include <sextant/exposition.h>

/* A format that can be written. */
struct sx__offer {
    enum sx_format format;
    struct sx_str media_type;
};

/** The offer that suits an Accept header best; the first where none does, or all do alike.
 *
 * The highest weight wins, then the more specific range, then the one that comes first in the
 * header.
 *
 * Source: RFC 9110 12.5.1
 */
const struct sx__offer *sx__negotiate(const struct sx__offer *offers, size_t count,
                                      struct sx_str accept);

#endif
