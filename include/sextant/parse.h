/* parse.h: reads a metrics page in the text formats of Prometheus and in OpenMetrics.
 *
 * The parser takes a page in pieces of any size and returns its lines one by one:
 *
 *     struct sx_parsed_line line;
 *     struct sx_str rest = {bytes, size};
 *     while ((status = sx_parser_next(parser, &line, &rest, last_piece)) == 1) {
 *         if (line.kind == SX_PARSED_SAMPLE) { ... line.name, line.labels, line.value ... }
 *     }
 *
 * It allocates memory when it is made, when a sample has more labels than any before, and when a
 * line that is split between pieces is longer than any such line before. It checks each line alone.
 * Errors between lines, such as a duplicate series or a histogram without +Inf, are found by
 * sx_exposition_check (exposition.h).
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler. A parser is used
 *            by one thread at a time.
 * Every function of this header is [any].
 */
#ifndef SEXTANT_PARSE_H
#define SEXTANT_PARSE_H

#include <sextant/exposition.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SX_PARSER_LINE_MAX ((size_t)1 << 20) /* bytes of a line, unless options say otherwise */
#define SX_PARSER_LABELS_MAX ((size_t)1024)  /* labels of a sample, unless options say otherwise */

/** How a page is read. The zero value reads text 0.0.4. */
struct sx_parser_options {
    /* SX_FORMAT_TEXT: any blanks between tokens, comments and blank lines are read.
     * SX_FORMAT_TEXT_1_0_0: the same, with utf8_names.
     * SX_FORMAT_OPENMETRICS: only what the grammar of OpenMetrics 1.0 has, up to `# EOF`. */
    enum sx_format format;
    bool utf8_names;   /* names of metrics and labels may be in quotes, and any UTF-8: as in text
                          1.0.0, and in OpenMetrics with escaping=allow-utf-8 */
    size_t line_max;   /* bytes of a line, without its line feed; 0: SX_PARSER_LINE_MAX */
    size_t labels_max; /* labels of a sample, or of an exemplar; 0: SX_PARSER_LABELS_MAX */
    void *reserved[4];
};

/** What a line is. Comments and blank lines of text 0.0.4 are not reported. */
enum sx_parsed_kind {
    SX_PARSED_NOTHING = 0, /* of a line that could not be read */
    SX_PARSED_SAMPLE,
    SX_PARSED_HELP,
    SX_PARSED_TYPE,
    SX_PARSED_UNIT, /* of OpenMetrics only */
    SX_PARSED_EOF,  /* of OpenMetrics only: `# EOF` */
};

/** The type of a TYPE line. Text 0.0.4 has the first five. */
enum sx_parsed_type {
    SX_PARSED_UNKNOWN = 0, /* `unknown` in OpenMetrics, `untyped` in text 0.0.4 */
    SX_PARSED_COUNTER,
    SX_PARSED_GAUGE,
    SX_PARSED_HISTOGRAM,
    SX_PARSED_SUMMARY,
    SX_PARSED_INFO,
    SX_PARSED_STATESET,
    SX_PARSED_GAUGEHISTOGRAM,
};

/** What is wrong with a line. */
enum sx_parsed_fault {
    SX_FAULT_NONE = 0,
    SX_FAULT_UTF8,      /* the line is not UTF-8 */
    SX_FAULT_LIMIT,     /* the line is too long, or the sample has too many labels */
    SX_FAULT_LINE_FEED, /* the last line has no line feed, or a carriage return ends the line */
    SX_FAULT_BLANKS,    /* a blank or a blank line where OpenMetrics has none */
    SX_FAULT_COMMENT,   /* OpenMetrics: a comment, or a UNIT that is not valid */
    SX_FAULT_EOF,       /* OpenMetrics: the page is cut off, lacks `# EOF`, or has text after it */
    SX_FAULT_METRIC_NAME, /* missing or malformed */
    SX_FAULT_TYPE,        /* the format does not have the type */
    SX_FAULT_LABELS,      /* the text between the braces */
    SX_FAULT_LABEL_NAME,
    SX_FAULT_VALUE,
    SX_FAULT_TIMESTAMP,
    SX_FAULT_EXEMPLAR,
};

/** A number of the page. */
struct sx_parsed_number {
    struct sx_str text; /* as it is written; size 0: there is none */
    double value;       /* the nearest double; 0 if there is none */
};

/** A label. The value is the text between the quotes, still escaped: see sx_parsed_unescape. */
struct sx_parsed_label {
    struct sx_str name; /* without quotes; may have escapes if utf8_names is set */
    struct sx_str value;
};

/** The exemplar of a sample. */
struct sx_parsed_exemplar {
    const struct sx_parsed_label *labels;
    size_t label_count;
    struct sx_parsed_number value;
    struct sx_parsed_number timestamp; /* seconds since 1970 */
};

/** A line of the page. Which members are set depends on its kind; the others are zero. */
struct sx_parsed_line {
    enum sx_parsed_kind kind;
    size_t number;      /* of the line in the page, from 1 */
    struct sx_str name; /* of the sample's metric, or of the family of HELP, TYPE and UNIT; without
                           quotes; may have escapes if utf8_names is set */
    enum sx_parsed_type type;             /* TYPE */
    struct sx_str text;                   /* HELP, still escaped; UNIT; the word of TYPE */
    const struct sx_parsed_label *labels; /* in the order of the page */
    size_t label_count;
    struct sx_parsed_number value;
    struct sx_parsed_number timestamp; /* text: milliseconds in text 0.0.4, else seconds;
                                          value: seconds since 1970 */
    bool has_exemplar;
    struct sx_parsed_exemplar exemplar;
    enum sx_parsed_fault fault; /* why the line could not be read; SX_FAULT_NONE: it was read */
    const char *wrong;          /* the same as a sentence without full stop, ASCII; or NULL */
    void *reserved[4];
};

/** Makes a parser.
 *
 * @param options  NULL: all defaults
 * @return  NULL if memory is exhausted, or if the format is not one that this parser reads
 * Memory:   some hundred bytes, and what the labels and lines need; free it with sx_parser_destroy
 */
SX_API SX_MUST_CHECK struct sx_parser *sx_parser_new(const struct sx_parser_options *options);

/** Frees the parser. NULL is a no-op. */
SX_API void sx_parser_destroy(struct sx_parser *parser);

/** Prepares the parser for another page; it keeps its memory. */
SX_API void sx_parser_reset(struct sx_parser *parser);

/** Reads the next line.
 *
 * A line that cannot be read is reported as SX_EPROTO, and the next call continues after it. A page
 * with such a line is not valid as a whole: use its other lines only to explain what is wrong.
 *
 * The parser accepts what Prometheus accepts in labels and HELP: a backslash that begins no escape
 * stands for itself. A label may be given twice. In text 0.0.4, a TYPE that the format does not
 * have is SX_EPROTO.
 *
 * @param line   receives the line, also one that is wrong (`number`, `fault`, `wrong`). It borrows
 *               from the input and from the parser, and is valid until the next call.
 * @param input  the next bytes of the page. The call removes from it what it has read; the same
 *               piece is passed again until it is empty.
 * @param last   the page ends with this input. May be set from the beginning if the input is the
 *               whole page; an empty input with `last` ends a page that came in pieces.
 * @return   1: a line; 0: the input is used up, or with `last` the page has ended
 * Errors:   SX_EPROTO (a line is wrong, or the page is cut off), SX_ENOMEM, SX_EINVAL
 * Source:   Prometheus "Exposition formats"; OpenMetrics 1.0, ABNF
 */
SX_API SX_MUST_CHECK int sx_parser_next(struct sx_parser *parser, struct sx_parsed_line *line,
                                        struct sx_str *input, bool last);

/** Replaces the escapes of a label's value or of a quoted name, and of HELP in OpenMetrics: `\\`,
 * `\n`, `\"`. Other backslashes are copied.
 *
 * @param text  receives the bytes, without a NUL; has room for escaped.size bytes; may be the
 *              escaped text itself
 * @return  the size written
 */
SX_API size_t sx_parsed_unescape(char *text, struct sx_str escaped);

/** As sx_parsed_unescape, for HELP of text 0.0.4, where `\"` is no escape. */
SX_API size_t sx_parsed_unescape_help(char *text, struct sx_str escaped);

/** Guesses the format of a page: OpenMetrics if it has `# EOF`, a UNIT line or an exemplar, else
 * text. An OpenMetrics page that is cut off is recognised if one of these is left.
 *
 * @param page  need not be complete, or good
 * Memory:   as a parser; text is also returned if memory is exhausted
 */
SX_API enum sx_format sx_format_guess(struct sx_str page);

/** Returns the word of a type in OpenMetrics: "counter", "unknown". Static. */
SX_API const char *sx_parsed_type_name(enum sx_parsed_type type);

#ifdef __cplusplus
}
#endif
#endif
