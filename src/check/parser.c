/* parser.c: puts lines together from pieces of a page. */
#include "parser.h"

#include "view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sx_parser *sx_parser_new(const struct sx_parser_options *options)
{
    static const struct sx_parser_options defaults;
    options = options == NULL ? &defaults : options;
    const bool text_1_0_0 = options->format == SX_FORMAT_TEXT_1_0_0;
    if (options->format != SX_FORMAT_TEXT && !text_1_0_0 &&
        options->format != SX_FORMAT_OPENMETRICS) {
        return NULL;
    }
    struct sx_parser *parser = malloc(sizeof *parser);
    if (parser != NULL) {
        *parser = (struct sx_parser){
            .format = options->format,
            .strict = options->format == SX_FORMAT_OPENMETRICS,
            .utf8_names = options->utf8_names || text_1_0_0,
            .line_max = options->line_max == 0 ? SX_PARSER_LINE_MAX : options->line_max,
            .labels_max = options->labels_max == 0 ? SX_PARSER_LABELS_MAX : options->labels_max};
    }
    return parser;
}

void sx_parser_destroy(struct sx_parser *parser)
{
    if (parser != NULL) {
        free(parser->beginning);
        free(parser->labels);
        free(parser);
    }
}

void sx_parser_reset(struct sx_parser *parser)
{
    parser->number = 0;
    parser->beginning_size = 0;
    parser->ended = parser->end_told = parser->dropping = parser->unterminated = false;
}

int sx__parse_fail(struct sx_parser *parser, struct sx_parsed_line *line,
                   enum sx_parsed_fault fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parser->message, sizeof parser->message, format, arguments);
    va_end(arguments);
    *line =
        (struct sx_parsed_line){.number = parser->number, .fault = fault, .wrong = parser->message};
    return SX_EPROTO;
}

/* Keeps a piece of a line until its rest is there. */
static int keep_beginning(struct sx_parser *parser, struct sx_str piece)
{
    size_t size = parser->beginning_size + piece.size;
    if (size > parser->beginning_capacity) {
        size_t capacity = parser->beginning_capacity == 0 ? 256 : parser->beginning_capacity;
        while (capacity < size) {
            capacity *= 2;
        }
        char *grown = realloc(parser->beginning, capacity);
        if (grown == NULL) {
            return SX_ENOMEM;
        }
        parser->beginning = grown;
        parser->beginning_capacity = capacity;
    }
    memcpy(parser->beginning + parser->beginning_size, piece.data, piece.size);
    parser->beginning_size = size;
    return SX_OK;
}

static void remove_front(struct sx_str *input, size_t size)
{
    input->data += size;
    input->size -= size;
}

static int fail_too_long(struct sx_parser *parser, struct sx_parsed_line *line,
                         struct sx_str *input, size_t piece, bool terminated)
{
    parser->number++;
    parser->beginning_size = 0;
    parser->dropping = !terminated;
    remove_front(input, piece + terminated);
    return sx__parse_fail(parser, line, SX_FAULT_LIMIT, "the line is longer than %zu bytes",
                          parser->line_max);
}

/* The page has ended. */
static int end_page(struct sx_parser *parser, struct sx_parsed_line *line)
{
    if (!parser->strict || parser->ended || parser->end_told) {
        return 0;
    }
    parser->end_told = true;
    parser->number += parser->number == 0;
    return sx__parse_fail(
        parser, line, SX_FAULT_EOF,
        "the page does not end with `# EOF`: it is cut off, or is not OpenMetrics");
}

/* Removes the rest of a line that is too long. Returns false if its end is not there yet. */
static bool drop_rest(struct sx_parser *parser, struct sx_str *input)
{
    const char *end = input->size == 0 ? NULL : memchr(input->data, '\n', input->size);
    remove_front(input, end == NULL ? input->size : (size_t)(end - input->data) + 1);
    parser->dropping = end == NULL;
    return end != NULL;
}

/* Takes the next line from the input. Returns 1, 0 if it is not complete or if there is none, or a
 * negative status. */
static int take_line(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str *text,
                     struct sx_str *input, bool last)
{
    if (parser->dropping && !drop_rest(parser, input)) {
        return last ? end_page(parser, line) : 0;
    }
    const char *end = input->size == 0 ? NULL : memchr(input->data, '\n', input->size);
    const bool terminated = end != NULL;
    const struct sx_str piece = {input->data,
                                 terminated ? (size_t)(end - input->data) : input->size};
    if (last && !terminated && parser->beginning_size + piece.size == 0) {
        return end_page(parser, line);
    }
    if (piece.size > parser->line_max - parser->beginning_size) {
        return fail_too_long(parser, line, input, piece.size, terminated);
    }
    *text = piece;
    if (piece.size > 0 && (parser->beginning_size > 0 || (!terminated && !last))) {
        int status = keep_beginning(parser, piece);
        if (status != SX_OK) {
            return status;
        }
    }
    remove_front(input, piece.size + terminated);
    if (!terminated && !last) {
        return 0;
    }
    if (parser->beginning_size > 0) {
        *text = (struct sx_str){parser->beginning, parser->beginning_size};
        parser->beginning_size = 0;
    }
    parser->unterminated = !terminated;
    parser->number++;
    return 1;
}

/* Returns 0 if the line may be read. */
static int check_ends(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str text)
{
    if (parser->ended) {
        if (parser->end_told) {
            return 0;
        }
        parser->end_told = true;
        return sx__parse_fail(parser, line, SX_FAULT_EOF, "text follows after `# EOF`");
    }
    bool is_eof = parser->strict && sx__view_is(text, "# EOF");
    if (!parser->unterminated || is_eof) {
        return 0;
    }
    parser->end_told = true;
    return sx__parse_fail(parser, line, parser->strict ? SX_FAULT_EOF : SX_FAULT_LINE_FEED,
                          parser->strict
                              ? "the page is cut off: it ends within this line, without `# EOF`"
                              : "the last line does not end with a line feed");
}

int sx_parser_next(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str *input,
                   bool last)
{
    if (parser == NULL || line == NULL || input == NULL ||
        (input->data == NULL && input->size > 0)) {
        return SX_EINVAL;
    }
    for (;;) {
        struct sx_str text = {"", 0};
        *line = (struct sx_parsed_line){.kind = SX_PARSED_NOTHING};
        int status = take_line(parser, line, &text, input, last);
        if (status <= 0) {
            return status;
        }
        status = check_ends(parser, line, text);
        if (status == 0 && !parser->ended) {
            line->number = parser->number;
            status = sx__parse_line(parser, line, text);
        }
        if (status != 0) {
            return status;
        }
    }
}
