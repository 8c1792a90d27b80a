/* negotiate.h: which of several formats a scraper wants. */
#ifndef SX_EXPOSITION_NEGOTIATE_H
#define SX_EXPOSITION_NEGOTIATE_H

#include <sextant/exposition.h>

#define SX__OFFER_PARAMETERS 2

/* A format that can be written. */
struct sx__offer {
    enum sx_format format;
    const char *type, *subtype;
    struct {
        const char *name, *value; /* NULL: no more */
    } parameters[SX__OFFER_PARAMETERS];
};

/** The offer that suits an Accept header best; the first where none does, or all do alike.
 *
 * Each offer has the weight of the most specific media range that matches it; the highest weight
 * wins, then the more specific range, then the one that comes first in the header. A parameter of
 * a range has to be equal where the offer has it too, and is ignored where not: so text/plain asks
 * for any version, and text/plain;version=1.0.0 not for 0.0.4.
 *
 * Source: RFC 9110 12.5.1
 */
const struct sx__offer *sx__negotiate(const struct sx__offer *offers, size_t count,
                                      struct sx_str accept);

#endif
