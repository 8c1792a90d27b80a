/* accept.h: parses an Accept header and weighs a media type by it (RFC 9110, 12.5.1), and the same
 * for Accept-Encoding and a coding (12.5.3).
 *
 * Threads: any.
 */
#ifndef SX_ACCEPT_H
#define SX_ACCEPT_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>

/* How much a client prefers a media type, by the most specific range of the header that covers it.
 */
struct sx__preference {
    unsigned weight;      /* in thousandths; 0: not acceptable */
    unsigned specificity; /* 0: any type, 1: type/any, 2: type/subtype, plus 1 for each parameter */
    size_t position;      /* of the range in the header */
};

/* Returns the preference that the header gives to `media_type`, such as "text/plain;
 * version=0.0.4".
 *
 * If both the range and the media type have a parameter, its values must be equal. A parameter that
 * the media type does not have is ignored. So text/plain accepts any version, and
 * text/plain;version=1.0.0 does not accept 0.0.4. An empty header, or one of only white space,
 * accepts anything. A malformed element is skipped. Of equally specific ranges the one with the
 * larger weight counts.
 */
struct sx__preference sx__accept_weigh(struct sx_str accept, struct sx_str media_type);

/* Returns the value of a parameter of the range at this position of the header, without its quotes,
 * or {NULL, 0} if the range does not have it. */
struct sx_str sx__accept_parameter(struct sx_str accept, size_t position, struct sx_str name);

/* Returns whether an Accept-Encoding header accepts a coding, such as "gzip", and does not prefer
 * `identity` to it. An element with a malformed weight refuses its coding, so that `*` does not
 * cover it. No header, or an empty one, accepts none. If a coding is listed twice, the larger
 * weight counts. `x-gzip` is `gzip`. */
bool sx__accepts_coding(struct sx_str accept_encoding, const char *coding);

#endif
