/* guess_format.c: which format a page is in. */
#include <sextant/parse.h>

enum sx_format sx_format_guess(struct sx_str page)
{
    const struct sx_parser_options options = {.format = SX_FORMAT_OPENMETRICS, .utf8_names = true};
    enum sx_format format = SX_FORMAT_TEXT;
    struct sx_parser *parser = sx_parser_new(&options);
    struct sx_parsed_line line;
    int status = parser == NULL ? 0 : SX_EPROTO;
    while (format == SX_FORMAT_TEXT && (status == 1 || status == SX_EPROTO)) {
        status = sx_parser_next(parser, &line, &page, true);
        if (status == 1 &&
            (line.kind == SX_PARSED_EOF || line.kind == SX_PARSED_UNIT || line.has_exemplar)) {
            format = SX_FORMAT_OPENMETRICS;
        }
    }
    sx_parser_destroy(parser);
    return format;
}
