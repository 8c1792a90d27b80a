/* parser.h: what the parts of the parser share.
 *
 * parser.c puts lines together from pieces, parse_line.c reads a line, parse_sample.c a sample,
 * parse_labels.c the text between braces, parse_number.c a number.
 */
#ifndef SX_PARSER_H
#define SX_PARSER_H

#include <sextant/parse.h>
#include <stdbool.h>

#define SX__PARSER_MESSAGE_SIZE 160

struct sx_parser {
    enum sx_format format;
    bool strict; /* OpenMetrics: only what the grammar has */
    bool utf8_names;
    size_t line_max, labels_max;

    size_t number;     /* of the line that was taken last, from 1 */
    bool ended;        /* `# EOF` was read */
    bool end_told;     /* what is wrong with the end of the page was reported */
    bool dropping;     /* the rest of a line that is too long */
    bool unterminated; /* the line that was taken last has no line feed */
    char *beginning;   /* of a line, from earlier pieces */
    size_t beginning_size, beginning_capacity;

    struct sx_parsed_label *labels; /* of the sample, then of its exemplar */
    size_t label_capacity;
    char message[SX__PARSER_MESSAGE_SIZE];
};

/* What is left of a line. */
struct sx__scan {
    const char *at, *end;
};

/** Notes what is wrong with the line. Returns SX_EPROTO. */
int sx__parse_fail(struct sx_parser *parser, struct sx_parsed_line *line,
                   enum sx_parsed_fault fault, const char *format, ...) SX_PRINTF(4, 5);

/** Reads a line without its line feed. Returns 1, or 0 if there is nothing to report of it, or a
 * negative status. */
int sx__parse_line(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str text);

/** Reads a sample. Returns 1 or a negative status. */
int sx__parse_sample(struct sx_parser *parser, struct sx_parsed_line *line, struct sx__scan scan);

/** Reads labels from behind the `{` to behind the `}`. A quoted metric name that stands first
 * becomes the name of the line if `names` is set.
 *
 * @param first  index of the first label in parser->labels
 * @param count  receives their number
 * @return  1 or a negative status
 */
int sx__parse_labels(struct sx_parser *parser, struct sx_parsed_line *line, struct sx__scan *scan,
                     size_t first, size_t *count, bool names);

/** Reads a number. Returns NULL, or the error, which completes a sentence after "is". */
const char *sx__parse_number(struct sx_parsed_number *number, struct sx_str text);

/** Skips blanks, except in OpenMetrics. */
static inline void sx__scan_blanks(const struct sx_parser *parser, struct sx__scan *scan)
{
    while (!parser->strict && scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t')) {
        scan->at++;
    }
}

/** Reads a metric name or, without `colons`, a label name. Returns its text, empty if there is
 * none. */
struct sx_str sx__scan_name(struct sx__scan *scan, bool colons);

/** Reads from behind a quote to behind the next one that is not escaped. Returns false if there is
 * none. */
bool sx__scan_quoted(struct sx__scan *scan, struct sx_str *text);

/** Reads up to the next blank. */
struct sx_str sx__scan_token(struct sx__scan *scan);

#endif
