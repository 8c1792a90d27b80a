/* parse_labels.c: the text between the braces of a sample or exemplar. */
#include "check_index.h"
#include "parser.h"
#include "quote.h"

#include <string.h>

static bool is_name_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26 || c == '_';
}

struct sx_str sx__scan_name(struct sx__scan *scan, bool colons)
{
    const char *at = scan->at;
    if (at < scan->end && (is_name_letter(*at) || (colons && *at == ':'))) {
        do {
            at++;
        } while (at < scan->end && (is_name_letter(*at) || (unsigned char)(*at - '0') < 10 ||
                                    (colons && *at == ':')));
    }
    struct sx_str name = {scan->at, (size_t)(at - scan->at)};
    scan->at = at;
    return name;
}

bool sx__scan_quoted(struct sx__scan *scan, struct sx_str *text)
{
    const char *at = scan->at;
    while (at < scan->end && *at != '"') {
        at += *at == '\\' ? 2 : 1;
    }
    if (at >= scan->end) {
        return false;
    }
    *text = (struct sx_str){scan->at, (size_t)(at - scan->at)};
    scan->at = at + 1;
    return true;
}

static bool take_byte(struct sx__scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c) {
        return false;
    }
    scan->at++;
    return true;
}

/* Makes room for a label more. */
static int reserve_label(struct sx_parser *parser, struct sx_parsed_line *line, size_t index,
                         size_t count)
{
    if (count == parser->labels_max) {
        return sx__parse_fail(parser, line, SX_FAULT_LIMIT, "the line has more than %zu labels",
                              parser->labels_max);
    }
    void *labels =
        sx__array_reserve(parser->labels, &parser->label_capacity, index, sizeof *parser->labels);
    if (labels == NULL) {
        return SX_ENOMEM;
    }
    parser->labels = labels;
    return 1;
}

static int fail_label_name(struct sx_parser *parser, struct sx_parsed_line *line,
                           const struct sx__scan *scan)
{
    const char *end = scan->at;
    while (end < scan->end && strchr(" \t=,}\"", *end) == NULL) {
        end++;
    }
    if (end == scan->at) {
        return sx__parse_fail(parser, line, SX_FAULT_LABELS,
                              end == scan->end ? "the labels are not closed by `}`"
                                               : "a label has no name");
    }
    struct sx_str name = {scan->at, (size_t)(end - scan->at)};
    return sx__parse_fail(parser, line, SX_FAULT_LABEL_NAME,
                          "`%s` is not a label name: [a-zA-Z_][a-zA-Z0-9_]*", sx__quote(name).text);
}

/* Reads the `=` and the value. */
static int parse_label_value(struct sx_parser *parser, struct sx_parsed_line *line,
                             struct sx__scan *scan, struct sx_parsed_label *label)
{
    const char *wrong = NULL;
    sx__scan_blanks(parser, scan);
    if (!take_byte(scan, '=')) {
        wrong = "a label has no `=` after its name";
    } else {
        sx__scan_blanks(parser, scan);
        if (!take_byte(scan, '"')) {
            wrong = "a label's value is not in quotes";
        } else if (!sx__scan_quoted(scan, &label->value)) {
            wrong = "a label's value is not closed by a quote";
        }
    }
    return wrong == NULL ? 1 : sx__parse_fail(parser, line, SX_FAULT_LABELS, "%s", wrong);
}

/* Reads the name and its value. Returns 0 if it was the metric name, which has no value. */
static int parse_label(struct sx_parser *parser, struct sx_parsed_line *line, struct sx__scan *scan,
                       struct sx_parsed_label *label, bool may_be_metric)
{
    bool quoted = parser->utf8_names && take_byte(scan, '"');
    if (quoted && (!sx__scan_quoted(scan, &label->name) || label->name.size == 0)) {
        return sx__parse_fail(parser, line, SX_FAULT_LABELS,
                              "a quoted name is empty or not closed");
    }
    if (!quoted) {
        struct sx__scan start = *scan;
        label->name = sx__scan_name(scan, false);
        bool ends =
            scan->at < scan->end && (*scan->at == '=' || *scan->at == ' ' || *scan->at == '\t' ||
                                     *scan->at == ',' || *scan->at == '}' || *scan->at == '"');
        if (label->name.size == 0 || (scan->at < scan->end && !ends)) {
            return fail_label_name(parser, line, &start);
        }
    }
    if (quoted && may_be_metric) {
        sx__scan_blanks(parser, scan);
        if (scan->at == scan->end || *scan->at != '=') {
            line->name = label->name;
            return 0;
        }
    }
    return parse_label_value(parser, line, scan, label);
}

/* Reads the `}`, or the comma in front of the next label. Returns 1 if there are more labels. */
static int parse_separator(struct sx_parser *parser, struct sx_parsed_line *line,
                           struct sx__scan *scan)
{
    sx__scan_blanks(parser, scan);
    bool comma = take_byte(scan, ',');
    sx__scan_blanks(parser, scan);
    if (!take_byte(scan, '}')) {
        return comma ? 1
                     : sx__parse_fail(parser, line, SX_FAULT_LABELS,
                                      "neither `,` nor `}` follows a label");
    }
    return comma && parser->strict
               ? sx__parse_fail(parser, line, SX_FAULT_LABELS, "a comma follows the last label")
               : 0;
}

int sx__parse_labels(struct sx_parser *parser, struct sx_parsed_line *line, struct sx__scan *scan,
                     size_t first, size_t *count, bool names)
{
    *count = 0;
    sx__scan_blanks(parser, scan);
    if (take_byte(scan, '}')) {
        return 1;
    }
    for (int i = 0;; i = 1) {
        int status = reserve_label(parser, line, first + *count, *count);
        if (status > 0) {
            status =
                parse_label(parser, line, scan, &parser->labels[first + *count], names && i == 0);
        }
        if (status < 0) {
            return status;
        }
        *count += (size_t)status;
        status = parse_separator(parser, line, scan);
        if (status <= 0) {
            return status < 0 ? status : 1;
        }
    }
}
