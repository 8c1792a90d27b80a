/* header_lines.h: response headers as they go on the wire, lines ended by CRLF. */
#ifndef SX_HEADER_LINES_H
#define SX_HEADER_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct sx__header_lines {
    size_t size;
    size_t capacity;
    char text[];
};

/* RFC 9110 5.5: no CR, LF, NUL or other controls but HTAB. */
bool sx__header_value_is_allowed(const char *text);

/* Sets a header, replacing one of the same name; but of Set-Cookie and Vary there may be many.
 * `*lines` may be NULL: none yet. Errors: SX_EINVAL where HTTP does not allow the name or value, or
 * the server writes that header itself; SX_ENOMEM.
 */
int sx__header_lines_set(struct sx__header_lines **lines, const char *name, const char *value);

/* Sets each line of `from` in `*lines`. Errors: SX_ENOMEM; some lines may then be set. */
int sx__header_lines_merge(struct sx__header_lines **lines, const struct sx__header_lines *from);

/* Takes back what was merged: removes each line that `others` has and that has not been replaced
 * since. NULL: nothing. */
void sx__header_lines_remove_all(struct sx__header_lines *lines,
                                 const struct sx__header_lines *others);

#endif
