/* parse_escape.c: replaces the escapes of a page. */
#include <sextant/parse.h>

static size_t replace_escapes(char *text, struct sx_str escaped, bool quotes)
{
    size_t size = 0;
    for (size_t i = 0; i < escaped.size; i++) {
        char c = escaped.data[i];
        char next = c == '\\' && i + 1 < escaped.size ? escaped.data[i + 1] : '\0';
        if (next == '\\' || next == 'n' || (quotes && next == '"')) {
            c = next == 'n' ? '\n' : next;
            i++;
        }
        text[size++] = c;
    }
    return size;
}

size_t sx_parsed_unescape(char *text, struct sx_str escaped)
{
    return replace_escapes(text, escaped, true);
}

size_t sx_parsed_unescape_help(char *text, struct sx_str escaped)
{
    return replace_escapes(text, escaped, false);
}
