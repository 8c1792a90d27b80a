/* is_text.h: which bytes are text. */
#ifndef SX_IS_TEXT_H
#define SX_IS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are well-formed UTF-8 (RFC 3629) without NUL: what may be injected as a string.
 */
bool sx__is_text(const char *bytes, size_t size);

#endif
