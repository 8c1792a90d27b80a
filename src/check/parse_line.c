/* parse_line.c: one line of a page: HELP, TYPE, UNIT and EOF; parse_sample.c has the samples. */
#include "parser.h"
#include "quote.h"
#include "utf8.h"
#include "view.h"

#include <stdint.h>
#include <string.h>

static const char *const parsed_type_words[] = {
    [SX_PARSED_UNKNOWN] = "unknown",   [SX_PARSED_COUNTER] = "counter",
    [SX_PARSED_GAUGE] = "gauge",       [SX_PARSED_HISTOGRAM] = "histogram",
    [SX_PARSED_SUMMARY] = "summary",   [SX_PARSED_INFO] = "info",
    [SX_PARSED_STATESET] = "stateset", [SX_PARSED_GAUGEHISTOGRAM] = "gaugehistogram",
};

#define TYPE_WORDS (sizeof parsed_type_words / sizeof parsed_type_words[0])

const char *sx_parsed_type_name(enum sx_parsed_type type)
{
    return (size_t)type < TYPE_WORDS ? parsed_type_words[type] : "unknown";
}

/* Almost all lines are ASCII, which is found eight bytes at a time. */
static bool is_line_utf8(struct sx_str text)
{
    size_t at = 0;
    uint64_t word, high = 0;
    for (; at + sizeof word <= text.size; at += sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        high |= word;
    }
    for (; at < text.size; at++) {
        high |= (unsigned char)text.data[at];
    }
    return (high & UINT64_C(0x8080808080808080)) == 0 || sx__utf8_is_valid(text);
}

static int parse_type(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str text)
{
    while (!parser->strict && text.size > 0 &&
           (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    const size_t known = parser->strict ? TYPE_WORDS : SX_PARSED_SUMMARY + 1;
    for (size_t i = 0; i < known; i++) {
        const char *word =
            i == SX_PARSED_UNKNOWN && !parser->strict ? "untyped" : parsed_type_words[i];
        if (sx__view_is(text, word)) {
            line->kind = SX_PARSED_TYPE;
            line->type = (enum sx_parsed_type)i;
            line->text = text;
            return 1;
        }
    }
    return sx__parse_fail(
        parser, line, SX_FAULT_TYPE, "`%s` is not a type of %s", sx__quote(text).text,
        parser->strict ? "OpenMetrics: counter, gauge, histogram, ..."
                       : "the format: counter, gauge, histogram, summary, untyped");
}

static int parse_unit(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        struct sx__scan scan = {text.data + i, text.data + i + 1};
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!digit && sx__scan_name(&scan, true).size == 0) {
            return sx__parse_fail(parser, line, SX_FAULT_COMMENT,
                                  "`%s` is not a unit: [a-zA-Z0-9_:]*", sx__quote(text).text);
        }
    }
    line->kind = SX_PARSED_UNIT;
    line->text = text;
    return 1;
}

/* Reads the name behind HELP, TYPE or UNIT. */
static int parse_family_name(struct sx_parser *parser, struct sx_parsed_line *line,
                             struct sx__scan *scan)
{
    const char *start = scan->at;
    if (parser->utf8_names && scan->at < scan->end && *scan->at == '"') {
        scan->at++;
        if (!sx__scan_quoted(scan, &line->name) || line->name.size == 0) {
            return sx__parse_fail(parser, line, SX_FAULT_METRIC_NAME,
                                  "the quoted metric name is empty or not closed");
        }
    } else {
        line->name = sx__scan_name(scan, true);
    }
    if (line->name.size > 0 && (scan->at == scan->end || *scan->at == ' ' || *scan->at == '\t')) {
        return 1;
    }
    scan->at = start;
    struct sx_str name = sx__scan_token(scan);
    return sx__parse_fail(parser, line, SX_FAULT_METRIC_NAME,
                          "`%s` is not a metric name: [a-zA-Z_:][a-zA-Z0-9_:]*",
                          sx__quote(name).text);
}

/* Reads what follows the word. */
static int parse_metadata(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str word,
                          struct sx__scan *scan)
{
    int status = parse_family_name(parser, line, scan);
    if (status < 0) {
        return status;
    }
    if (parser->strict) {
        if (scan->at == scan->end || *scan->at != ' ') {
            return sx__parse_fail(parser, line, SX_FAULT_BLANKS,
                                  "a space must follow the metric name, also if no text does");
        }
        scan->at++;
    }
    sx__scan_blanks(parser, scan);
    struct sx_str text = {scan->at, (size_t)(scan->end - scan->at)};
    if (sx__view_is(word, "HELP")) {
        line->kind = SX_PARSED_HELP;
        line->text = text;
        return 1;
    }
    return sx__view_is(word, "TYPE") ? parse_type(parser, line, text)
                                     : parse_unit(parser, line, text);
}

/* Reads a line that begins with `#` in OpenMetrics. */
static int parse_hash_strict(struct sx_parser *parser, struct sx_parsed_line *line,
                             struct sx__scan scan)
{
    struct sx_str all = {scan.at, (size_t)(scan.end - scan.at)};
    if (sx__view_is(all, "# EOF")) {
        parser->ended = true;
        line->kind = SX_PARSED_EOF;
        return 1;
    }
    struct sx_str word = {scan.at + 2, 4};
    if (all.size < 7 || scan.at[1] != ' ' || scan.at[6] != ' ' ||
        (!sx__view_is(word, "HELP") && !sx__view_is(word, "TYPE") && !sx__view_is(word, "UNIT"))) {
        return sx__parse_fail(
            parser, line, SX_FAULT_COMMENT,
            "OpenMetrics has no comments: a `#` begins HELP, TYPE, UNIT or EOF, after one space");
    }
    scan.at += 7;
    return parse_metadata(parser, line, word, &scan);
}

/* Reads a line that begins with `#` in text 0.0.4. Returns 0 for a comment. */
static int parse_hash(struct sx_parser *parser, struct sx_parsed_line *line, struct sx__scan scan)
{
    scan.at++;
    sx__scan_blanks(parser, &scan);
    struct sx_str word = sx__scan_token(&scan);
    bool type = sx__view_is(word, "TYPE");
    if (!type && !sx__view_is(word, "HELP")) {
        return 0;
    }
    if (type && scan.end[-1] == '\r') {
        return sx__parse_fail(parser, line, SX_FAULT_LINE_FEED,
                              "a carriage return ends the line; only line feeds may");
    }
    sx__scan_blanks(parser, &scan);
    return parse_metadata(parser, line, word, &scan);
}

int sx__parse_line(struct sx_parser *parser, struct sx_parsed_line *line, struct sx_str text)
{
    struct sx__scan scan = {text.data, text.data + text.size};
    if (!is_line_utf8(text)) {
        return sx__parse_fail(parser, line, SX_FAULT_UTF8,
                              "the line is not UTF-8, which makes the page unreadable");
    }
    sx__scan_blanks(parser, &scan);
    if (scan.at == scan.end) {
        return parser->strict
                   ? sx__parse_fail(parser, line, SX_FAULT_BLANKS, "OpenMetrics has no blank lines")
                   : 0;
    }
    if (*scan.at == '#' && !parser->strict) {
        return parse_hash(parser, line, scan);
    }
    if (scan.end[-1] == '\r') {
        return sx__parse_fail(parser, line, SX_FAULT_LINE_FEED,
                              "a carriage return ends the line; only line feeds may");
    }
    return *scan.at == '#' ? parse_hash_strict(parser, line, scan)
                           : sx__parse_sample(parser, line, scan);
}
