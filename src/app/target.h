/* target.h: a request target taken apart, RFC 9112 section 3.2 and RFC 3986. */
#ifndef SX_TARGET_H
#define SX_TARGET_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SX__SEGMENTS_MAX 48

struct sx__segment {
    uint32_t offset; /* of its first byte within the path, behind the slash */
    uint32_t size;
};

/* A decoded path. Segments are split before they are decoded, so that %2F is a byte of a segment
 * and never makes one. The path is text: "/users/7", ended by NUL. */
struct sx__path {
    char *text;
    size_t size;
    size_t segment_count;
    struct sx__segment segments[SX__SEGMENTS_MAX];
};

/* Takes the target apart: the path decoded into `space` (target.size + 2 bytes), dot segments
 * resolved, and the query as sent. Errors: SX_EPROTO: not a target, a malformed escape, NUL, not
 * UTF-8. SX_EFULL: too many segments; no route has that many, and the path's text is there all the
 * same. */
int sx__target_parse(struct sx__path *path, struct sx_str *query, struct sx_str target,
                     char *space);

/* The result of decoding the value of a parameter, which is stored in the byte before the value. */
enum sx__form_state {
    SX__FORM_GOOD = 1,
    SX__FORM_ESCAPE, /* it has a malformed escape; the decoded value is "" */
    SX__FORM_NUL,    /* it has a NUL; the decoded value is "" */
};

/* Decodes a query or a form, `a=1&b=x+y`, into `out`: name, NUL, state, value, NUL and so on. A
 * parameter whose name has a malformed escape or a NUL is left out, because no code can ask for it.
 * `out` needs 2 * size + 2 bytes. Gives the size written. */
size_t sx__form_decode(char *out, struct sx_str form);

/* The value of the first `name` in a decoded form, NULL: absent. */
const char *sx__form_get(const char *decoded, size_t size, const char *name);

/* The state of a value in a decoded form. */
enum sx__form_state sx__form_state(const char *value);

/* The values of every `name`, of which the first `capacity` are stored; gives how many there are.
 */
size_t sx__form_get_all(const char **values, size_t capacity, const char *decoded, size_t size,
                        const char *name);

#endif
