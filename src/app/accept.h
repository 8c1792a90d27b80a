/* accept.h: proactive negotiation, RFC 9110 section 12.5.1. */
#ifndef SX_ACCEPT_H
#define SX_ACCEPT_H

#include <sextant/app.h>

/* How much a client wants a media type, in thousandths: 0 is not at all. Of the ranges that fit the
 * most specific counts. `accept` NULL: there was no header, and anything is fine. Parameters of
 * media types are not compared; an element that is malformed is skipped. */
unsigned sx__accept_quality(const char *accept, const char *media_type);

/* The best renderer for the header, of equals the first; NULL: none fits. */
const struct sx_renderer *sx__accept_choose(const struct sx_renderer_list *renderers,
                                            const char *accept);

#endif
