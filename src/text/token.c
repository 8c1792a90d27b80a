/* token.c: parses the parts of header fields. See token.h. */
#include "token.h"

/* RFC 9110 5.6.2: token = 1*tchar; tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" /
 * "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA */
const bool sx__tchars[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

size_t sx__token_size(struct sx_str bytes)
{
    size_t i = 0;
    while (i < bytes.size && sx__is_tchar(bytes.data[i])) {
        i++;
    }
    return i;
}

bool sx__is_token(struct sx_str text)
{
    return text.size > 0 && sx__token_size(text) == text.size;
}

bool sx__begins_with_token(struct sx_str bytes, const char *token)
{
    const size_t size = strlen(token);
    return size < bytes.size && sx__token_size(bytes) == size &&
           memcmp(bytes.data, token, size) == 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool sx__is_same(struct sx_str text, struct sx_str other)
{
    if (text.size != other.size || text.size == 0) {
        return text.size == other.size;
    }
    if (lower(text.data[0]) != lower(other.data[0])) {
        return false;
    }
    size_t i = memcmp(text.data, other.data, text.size) == 0 ? text.size : 1;
    while (i < text.size && lower(text.data[i]) == lower(other.data[i])) {
        i++;
    }
    return i == text.size;
}

static bool is_space_or_tab(char c)
{
    return c == ' ' || c == '\t';
}

struct sx_str sx__trim(struct sx_str text)
{
    while (text.size > 0 && is_space_or_tab(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space_or_tab(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Takes `size` bytes off the front, and also the separator after them, if there is one. */
static struct sx_str take_front(struct sx_str *rest, size_t size)
{
    struct sx_str part = {rest->data, size};
    size_t taken = size < rest->size ? size + 1 : size;
    if (taken > 0) {
        rest->data += taken;
        rest->size -= taken;
    }
    return part;
}

static size_t size_until(struct sx_str text, char separator)
{
    const char *end = text.size == 0 ? NULL : memchr(text.data, separator, text.size);
    return end == NULL ? text.size : (size_t)(end - text.data);
}

struct sx_str sx__take_until(struct sx_str *rest, char separator)
{
    return take_front(rest, size_until(*rest, separator));
}

/* As size_until, for a separator outside of quoted strings. */
static size_t unquoted_size_until(struct sx_str text, char separator)
{
    bool quoted = false;
    size_t size = 0;
    for (; size < text.size && (quoted || text.data[size] != separator); size++) {
        if (text.data[size] == '"') {
            quoted = !quoted;
        } else if (quoted && text.data[size] == '\\') {
            size += size + 1 < text.size;
        }
    }
    return size;
}

struct sx_str sx__take_part(struct sx_str *rest, char separator)
{
    size_t size = size_until(*rest, separator);
    if (size_until((struct sx_str){rest->data, size}, '"') < size) {
        size = unquoted_size_until(*rest, separator);
    }
    return sx__trim(take_front(rest, size));
}
