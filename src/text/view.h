/* view.h: making and comparing views of text. */
#ifndef SX_TEXT_VIEW_H
#define SX_TEXT_VIEW_H

#include <sextant/status.h>
#include <stdbool.h>
#include <string.h>

/** A view of a string. NULL: the empty text. */
static inline struct sx_str sx__view(const char *string)
{
    return string == NULL ? (struct sx_str){"", 0} : (struct sx_str){string, strlen(string)};
}

/** Whether both are the same bytes. */
static inline bool sx__views_equal(struct sx_str a, struct sx_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
