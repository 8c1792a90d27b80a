/* quote.c: makes bytes of a page harmless in a message. See quote.h. */
#include "quote.h"

#include <string.h>

struct sx__quote sx__quote(struct sx_str text)
{
    struct sx__quote quote;
    size_t size = text.size < SX__QUOTE_SIZE - 4 ? text.size : SX__QUOTE_SIZE - 4;
    for (size_t i = 0; i < size; i++) {
        quote.text[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    }
    memcpy(quote.text + size, text.size > size ? "..." : "", text.size > size ? 4 : 1);
    return quote;
}
