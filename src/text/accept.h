/* accept.h: what an Accept header says of a media type: RFC 9110, 12.5.1. */
#ifndef SX_ACCEPT_H
#define SX_ACCEPT_H

#include <sextant/status.h>

#include <stddef.h>

/* How much a client wants a media type, by the most specific of its ranges that fit. */
struct sx__preference {
    unsigned weight;      /* in thousandths; 0: not at all */
    unsigned specificity; /* 0: any type at all, 1: type/any, 2: type/subtype, and 1 a parameter */
    size_t position;      /* of the range in the header */
};

/* What the header says of `media_type`, which is like "text/plain; version=0.0.4".
 *
 * A parameter of a range has to be equal where the media type has it too, and is ignored where not:
 * so text/plain asks for any version, and text/plain;version=1.0.0 not for 0.0.4. A header of
 * nothing but white space, or none, wants anything. A malformed element is skipped. Of ranges that
 * are as specific as each other the heavier counts.
 */
struct sx__preference sx__accept_weigh(struct sx_str accept, struct sx_str media_type);

#endif
