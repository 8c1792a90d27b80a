/* view.h: making and comparing views of text. */
#ifndef SX_TEXT_VIEW_H
#define SX_TEXT_VIEW_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
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

/** Whether a text is this string. */
static inline bool sx__view_is(struct sx_str text, const char *string)
{
    return sx__views_equal(text, sx__view(string));
}

/** Compares by bytes, as strcmp does; a text comes after those that it begins with. */
static inline int sx__views_compare(struct sx_str a, struct sx_str b)
{
    const size_t shorter = a.size < b.size ? a.size : b.size;
    const int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/** Whether a text begins with another, or is the same. */
static inline bool sx__view_begins_with(struct sx_str text, struct sx_str beginning)
{
    return text.size >= beginning.size &&
           (beginning.size == 0 || memcmp(text.data, beginning.data, beginning.size) == 0);
}

/** Whether a text ends with another, or is the same. */
static inline bool sx__view_ends_with(struct sx_str text, struct sx_str end)
{
    return text.size >= end.size &&
           (end.size == 0 || memcmp(text.data + text.size - end.size, end.data, end.size) == 0);
}

/** Whether a text is `base`, and `suffix` behind it. */
static inline bool sx__view_is_joined(struct sx_str text, struct sx_str base, struct sx_str suffix)
{
    return text.size == base.size + suffix.size && sx__view_begins_with(text, base) &&
           sx__view_ends_with(text, suffix);
}

#endif
