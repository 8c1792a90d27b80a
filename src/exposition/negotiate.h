/* negotiate.h: choosing one of several formats by an Accept header. */
#ifndef SX_EXPOSITION_NEGOTIATE_H
#define SX_EXPOSITION_NEGOTIATE_H

#include <sextant/exposition.h>

/* A format that can be written. */
struct sx__offer {
    enum sx_format format;
    struct sx_str media_type;
};

/** Returns the offer that an Accept header prefers, or the first if it accepts none or all alike.
 *
 * The highest weight wins, then the more specific range, then the one that comes first in the
 * header.
 *
 * @param escaping  receives what the chosen range has as its parameter `escaping`; may be NULL
 * Source:   RFC 9110 12.5.1; Prometheus "Content negotiation"
 */
const struct sx__offer *sx__negotiate(const struct sx__offer *offers, size_t count,
                                      struct sx_str accept, enum sx_escaping *escaping);

#endif
