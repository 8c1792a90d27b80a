/* Parses the target of a request: decoded path and query; see target.h. Any thread. */
#include "target.h"

#include "percent.h"
#include "utf8.h"

#include <string.h>

/* Decodes %XX, and `+` where it stands for a blank. Gives the end of what was written, or NULL. */
static char *percent_decode(char *out, const char *from, const char *end, bool plus_is_blank)
{
    while (from < end) {
        char c = *from++;
        if (c == '%') {
            int high = end - from >= 2 ? sx__hex_digit(from[0]) : -1;
            int low = high >= 0 ? sx__hex_digit(from[1]) : -1;
            if (low < 0 || (high == 0 && low == 0)) {
                return NULL;
            }
            c = (char)(high * 16 + low);
            from += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '\0') {
            return NULL;
        }
        *out++ = c;
    }
    return out;
}

/* Cuts `http://authority` off an absolute-form target. */
static struct sx_str without_authority(struct sx_str target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i]);
        bool same = target.size >= size;
        for (size_t k = 0; same && k < size; k++) {
            char c = target.data[k];
            same = (c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c) == schemes[i][k];
        }
        if (same) {
            size_t at = size;
            while (at < target.size && target.data[at] != '/' && target.data[at] != '?') {
                at++;
            }
            return (struct sx_str){target.data + at, target.size - at};
        }
    }
    return target;
}

static bool is_dots(const char *segment, size_t size, size_t dots)
{
    return size == dots && memcmp(segment, "..", dots) == 0;
}

/* RFC 3986 5.2.4: `.` goes, `..` takes the segment before it along and cannot climb out of the
 * root. */
static int add_segment(struct sx__path *path, char *start, char *end, bool last)
{
    size_t size = (size_t)(end - start);
    bool up = is_dots(start, size, 2);
    if (up || is_dots(start, size, 1)) {
        size_t keep = path->segment_count;
        if (up && keep > 0) {
            keep--;
        }
        path->segment_count = keep;
        path->size =
            keep == 0 ? 0 : path->segments[keep - 1].offset + path->segments[keep - 1].size;
        if (!last) {
            return SX_OK;
        }
        start = end; /* "/a/." and "/a/b/.." are the folder "/a/" */
        size = 0;
    }
    if (path->segment_count == SX__SEGMENTS_MAX) {
        return SX_EFULL;
    }
    char *to = path->text + path->size;
    *to++ = '/';
    memmove(to, start, size);
    path->segments[path->segment_count++] = (struct sx__segment){
        .offset = (uint32_t)(to - path->text),
        .size = (uint32_t)size,
    };
    path->size = (size_t)(to - path->text) + size;
    return SX_OK;
}

static int parse_path(struct sx__path *path, const char *from, const char *end)
{
    int status = SX_OK;
    bool last = false;
    while (!last && status == SX_OK) {
        from++; /* the slash */
        const char *slash = memchr(from, '/', (size_t)(end - from));
        last = slash == NULL;
        const char *stop = last ? end : slash;
        char *start = path->text + path->size + 1;
        char *written = percent_decode(start, from, stop, false);
        if (written == NULL ||
            !sx__utf8_is_valid((struct sx_str){start, (size_t)(written - start)})) {
            status = SX_EPROTO;
        } else {
            status = add_segment(path, start, written, last);
        }
        from = stop;
    }
    path->text[path->size] = '\0';
    return status;
}

int sx__target_parse(struct sx__path *path, struct sx_str *query, struct sx_str target, char *space)
{
    path->text = space;
    path->size = 0;
    path->segment_count = 0;
    *query = (struct sx_str){"", 0};
    space[0] = '\0';
    if (target.size == 1 && target.data[0] == '*') {
        memcpy(space, "*", 2);
        path->size = 1;
        return SX_OK;
    }
    struct sx_str rest = without_authority(target);
    if (memchr(rest.data, '#', rest.size) != NULL) {
        return SX_EPROTO; /* RFC 9112 3.2: a target has no fragment */
    }
    const char *mark = memchr(rest.data, '?', rest.size);
    const char *end = mark == NULL ? rest.data + rest.size : mark;
    if (mark != NULL) {
        *query = (struct sx_str){mark + 1, rest.size - (size_t)(mark + 1 - rest.data)};
    }
    if (end == rest.data && rest.data != target.data) {
        static const char root[] = "/"; /* RFC 9112 3.2.2: what an empty path of absolute-form is */
        return parse_path(path, root, root + 1);
    }
    if (end == rest.data || rest.data[0] != '/') {
        return SX_EPROTO;
    }
    return parse_path(path, rest.data, end);
}

/* Why the text cannot be decoded: the first error counts. */
static enum sx__form_state bad_state_of(const char *from, const char *end)
{
    for (; from < end; from++) {
        if (*from == '\0') {
            return SX__FORM_NUL;
        }
        if (*from == '%') {
            const int high = end - from > 2 ? sx__hex_digit(from[1]) : -1;
            const int low = high >= 0 ? sx__hex_digit(from[2]) : -1;
            if (low < 0) {
                return SX__FORM_ESCAPE;
            }
            if (high == 0 && low == 0) {
                return SX__FORM_NUL;
            }
        }
    }
    return SX__FORM_GOOD;
}

/* Writes one parameter; returns the end of what was written. */
static char *decode_pair(char *out, const char *from, const char *stop)
{
    const char *equals = memchr(from, '=', (size_t)(stop - from));
    const char *value = equals == NULL ? stop : equals + 1;
    char *to = percent_decode(out, from, equals == NULL ? stop : equals, true);
    if (to == NULL) {
        return out;
    }
    *to++ = '\0';
    char *state = to++;
    char *end = percent_decode(to, value, stop, true);
    *state = (char)(end == NULL ? bad_state_of(value, stop) : SX__FORM_GOOD);
    to = end == NULL ? to : end;
    *to++ = '\0';
    return to;
}

size_t sx__form_decode(char *out, struct sx_str form)
{
    char *to = out;
    const char *end = form.data + form.size;
    for (const char *from = form.data; from < end;) {
        const char *amp = memchr(from, '&', (size_t)(end - from));
        const char *stop = amp == NULL ? end : amp;
        if (stop > from) {
            to = decode_pair(to, from, stop);
        }
        from = amp == NULL ? end : amp + 1;
    }
    return (size_t)(to - out);
}

enum sx__form_state sx__form_state(const char *value)
{
    return (enum sx__form_state)value[-1];
}

size_t sx__form_get_all(const char **values, size_t capacity, const char *decoded, size_t size,
                        const char *name)
{
    size_t count = 0;
    for (size_t at = 0; at < size;) {
        const char *this_name = decoded + at;
        const char *value = this_name + strlen(this_name) + 2; /* behind the state */
        if (strcmp(this_name, name) == 0) {
            if (count < capacity) {
                values[count] = value;
            }
            count++;
        }
        at = (size_t)(value - decoded) + strlen(value) + 1;
    }
    return count;
}

const char *sx__form_get(const char *decoded, size_t size, const char *name)
{
    const char *first = NULL;
    (void)sx__form_get_all(&first, 1, decoded, size, name);
    return first;
}
