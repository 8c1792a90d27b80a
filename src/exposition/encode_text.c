/* encode_text.c: Prometheus text 0.0.4, and 1.0.0, which differs in that it may have names in
 * quotes.
 *
 * Source: Prometheus "Exposition formats", Text-based format
 */
#include "page.h"
#include "pieces.h"
#include "text_lines.h"

/* Text 0.0.4 has fewer types than the library. */
static const struct sx_str type_names[] = {
    [SX_COUNTER] = {"counter", 7},     [SX_GAUGE] = {"gauge", 5},
    [SX_HISTOGRAM] = {"histogram", 9}, [SX_SUMMARY] = {"summary", 7},
    [SX_INFO] = {"gauge", 5},          [SX_STATE_SET] = {"gauge", 5},
    [SX_UNTYPED] = {"untyped", 7},     [SX_GAUGE_HISTOGRAM] = {"histogram", 9},
};

/* HELP escapes the backslash and the line feed, and nothing else: `\"` is an error there. */
static char *copy_escaped(char *at, struct sx_str help)
{
    for (size_t i = 0; i < help.size; i++) {
        char c = help.data[i];
        if (c == '\\' || c == '\n') {
            *at++ = '\\';
        }
        *at++ = c == '\n' ? 'n' : c;
    }
    return at;
}

/* A family without help has no HELP line, which is optional. */
static char *write_help(char *at, const struct sx__writer *writer, const struct sx__family *family)
{
    const struct sx_str help = sx__family_help(family);
    if (help.size == 0) {
        return at;
    }
    at = sx__copy_piece(at, SX__PIECE("# HELP "));
    at = sx__text_name(at, writer, sx__family_name(family), SX__PIECE(""));
    *at++ = ' ';
    at = copy_escaped(at, help);
    *at++ = '\n';
    return at;
}

static int begin_text(struct sx__writer *writer, const struct sx__family *family)
{
    struct sx_page *page = writer->page;
    const struct sx_str name = sx__family_name(family);
    int status = sx__page_reserve(page, 2 * sx__name_escaped_size_max(name.size) +
                                            2 * sx__family_help(family).size + 64);
    if (status != SX_OK) {
        return status;
    }
    char *at = write_help(sx__page_end(page), writer, family);
    at = sx__copy_piece(at, SX__PIECE("# TYPE "));
    at = sx__text_name(at, writer, name, SX__PIECE(""));
    *at++ = ' ';
    at = sx__copy_piece(at, type_names[family->type]);
    *at++ = '\n';
    sx__page_set_end(page, at);
    return SX_OK;
}

static int enter_text(struct sx__writer *writer)
{
    return sx__text_enter(writer, sx__family_name(writer->family), SX__PIECE(""));
}

const struct sx__format sx__format_text = {
    .begin = begin_text,
    .enter = enter_text,
    .numbers = sx__text_numbers,
    .histogram = sx__text_histogram,
};
