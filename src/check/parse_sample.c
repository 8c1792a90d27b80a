/* parse_sample.c: a sample: metric name, labels, value, timestamp, exemplar. */
#include "check_number.h"
#include "parser.h"
#include "quote.h"

#include <math.h>
#include <string.h>

struct sx_str sx__scan_token(struct sx__scan *scan)
{
    const char *at = scan->at;
    while (at < scan->end && *at != ' ' && *at != '\t') {
        at++;
    }
    struct sx_str token = {scan->at, (size_t)(at - scan->at)};
    scan->at = at;
    return token;
}

/* Reads the blank between two tokens. Returns false where OpenMetrics needs it and it is not
 * there. */
static bool take_blank(const struct sx_parser *parser, struct sx__scan *scan)
{
    if (!parser->strict) {
        sx__scan_blanks(parser, scan);
        return true;
    }
    bool blank = scan->at < scan->end && *scan->at == ' ';
    scan->at += blank;
    return blank;
}

static int fail_blanks(struct sx_parser *parser, struct sx_parsed_line *line)
{
    return sx__parse_fail(parser, line, SX_FAULT_BLANKS,
                          "OpenMetrics has one space between tokens and none elsewhere");
}

/* Reads a number of the line. */
static int parse_sample_number(struct sx_parser *parser, struct sx_parsed_line *line,
                               struct sx__scan *scan, struct sx_parsed_number *number,
                               enum sx_parsed_fault fault)
{
    struct sx_str token = sx__scan_token(scan);
    if (token.size == 0 && scan->at < scan->end) {
        return fail_blanks(parser, line);
    }
    if (token.size == 0) {
        return sx__parse_fail(parser, line, fault,
                              fault == SX_FAULT_EXEMPLAR ? "the exemplar has no value"
                                                         : "the sample has no value");
    }
    const char *wrong = sx__parse_number(number, token);
    return wrong == NULL ? 1
                         : sx__parse_fail(parser, line, fault, "the value `%s` is %s",
                                          sx__quote(token).text, wrong);
}

/* Seconds: any number that is finite. */
static int parse_seconds(struct sx_parser *parser, struct sx_parsed_line *line,
                         struct sx__scan *scan, struct sx_parsed_number *timestamp)
{
    struct sx_str token = sx__scan_token(scan);
    if (token.size == 0) {
        return fail_blanks(parser, line);
    }
    if (sx__parse_number(timestamp, token) != NULL || !isfinite(timestamp->value)) {
        return sx__parse_fail(parser, line, SX_FAULT_TIMESTAMP,
                              "`%s` is not a timestamp: seconds since 1970", sx__quote(token).text);
    }
    return 1;
}

/* Whole milliseconds of 64 bits. */
static int parse_milliseconds(struct sx_parser *parser, struct sx_parsed_line *line,
                              struct sx__scan *scan, struct sx_parsed_number *timestamp)
{
    struct sx_str token = sx__scan_token(scan);
    bool sign = token.data[0] == '-' || token.data[0] == '+';
    uint64_t limit = (uint64_t)INT64_MAX + (token.data[0] == '-'), value = 0;
    bool fits = token.size > sign;
    for (size_t i = sign; i < token.size && fits; i++) {
        unsigned digit = (unsigned)(unsigned char)token.data[i] - '0';
        fits = digit <= 9 && value <= (limit - digit) / 10;
        value = value * 10 + digit;
    }
    if (!fits) {
        return sx__parse_fail(parser, line, SX_FAULT_TIMESTAMP,
                              "`%s` is not a timestamp: whole milliseconds, 64 bits",
                              sx__quote(token).text);
    }
    timestamp->text = token;
    timestamp->value = (double)value / (token.data[0] == '-' ? -1000 : 1000);
    return 1;
}

/* Reads from the `#` to the end of the line. */
static int parse_exemplar(struct sx_parser *parser, struct sx_parsed_line *line,
                          struct sx__scan *scan)
{
    struct sx_parsed_exemplar *exemplar = &line->exemplar;
    scan->at++;
    if (scan->end - scan->at < 2 || memcmp(scan->at, " {", 2) != 0) {
        return sx__parse_fail(parser, line, SX_FAULT_EXEMPLAR,
                              "an exemplar must begin with `# {`, also if it has no labels");
    }
    scan->at += 2;
    int status =
        sx__parse_labels(parser, line, scan, line->label_count, &exemplar->label_count, false);
    if (status < 0) {
        line->fault = line->fault == SX_FAULT_LABELS ? SX_FAULT_EXEMPLAR : line->fault;
        return status;
    }
    if (scan->at < scan->end && !take_blank(parser, scan)) {
        return fail_blanks(parser, line);
    }
    status = parse_sample_number(parser, line, scan, &exemplar->value, SX_FAULT_EXEMPLAR);
    if (status > 0 && scan->at < scan->end) {
        scan->at++;
        status = parse_seconds(parser, line, scan, &exemplar->timestamp);
    }
    if (status > 0 && scan->at < scan->end) {
        status = sx__parse_fail(parser, line, SX_FAULT_EXEMPLAR,
                                "text follows the exemplar; a sample has one at most");
    }
    line->has_exemplar = status > 0;
    return status;
}

/* Reads what follows the value in OpenMetrics. */
static int parse_rest_strict(struct sx_parser *parser, struct sx_parsed_line *line,
                             struct sx__scan *scan)
{
    int status = 1;
    for (int i = 0; scan->at < scan->end && status > 0 && !line->has_exemplar; i++) {
        if (!take_blank(parser, scan)) {
            status = fail_blanks(parser, line);
        } else if (scan->at < scan->end && *scan->at == '#') {
            status = parse_exemplar(parser, line, scan);
        } else if (i == 0) {
            status = parse_seconds(parser, line, scan, &line->timestamp);
        } else {
            status = sx__parse_fail(parser, line, SX_FAULT_TIMESTAMP,
                                    "only an exemplar may follow the timestamp");
        }
    }
    return status;
}

/* Reads what follows the value in text 0.0.4. */
static int parse_rest(struct sx_parser *parser, struct sx_parsed_line *line, struct sx__scan *scan)
{
    sx__scan_blanks(parser, scan);
    int status = 1;
    if (scan->at < scan->end && *scan->at != '#') {
        status = parse_milliseconds(parser, line, scan, &line->timestamp);
        sx__scan_blanks(parser, scan);
    }
    if (status > 0 && scan->at < scan->end) {
        status = sx__parse_fail(
            parser, line, SX_FAULT_TIMESTAMP, "%s",
            *scan->at == '#' ? "only a timestamp may follow the value; exemplars need OpenMetrics"
                             : "only a timestamp may follow the value");
    }
    return status;
}

static int fail_metric_name(struct sx_parser *parser, struct sx_parsed_line *line,
                            const char *start, const char *end)
{
    struct sx__scan scan = {start, end};
    while (scan.at < end && *scan.at != ' ' && *scan.at != '\t' && *scan.at != '{') {
        scan.at++;
    }
    struct sx_str name = {start, (size_t)(scan.at - start)};
    if (name.size == 0) {
        return sx__parse_fail(parser, line, SX_FAULT_METRIC_NAME,
                              "a sample must begin with its metric name");
    }
    return sx__parse_fail(parser, line, SX_FAULT_METRIC_NAME,
                          "`%s` is not a metric name: [a-zA-Z_:][a-zA-Z0-9_:]*",
                          sx__quote(name).text);
}

/* Reads name and labels. */
static int parse_series(struct sx_parser *parser, struct sx_parsed_line *line,
                        struct sx__scan *scan)
{
    const char *start = scan->at;
    line->name = sx__scan_name(scan, true);
    bool plain = line->name.size > 0;
    bool ends = scan->at == scan->end || *scan->at == '{' || *scan->at == ' ' || *scan->at == '\t';
    if (!ends || (!plain && !parser->utf8_names)) {
        return fail_metric_name(parser, line, start, scan->end);
    }
    struct sx__scan after = *scan;
    sx__scan_blanks(parser, &after);
    if (after.at < after.end && *after.at == '{') {
        after.at++;
        *scan = after;
        int status = sx__parse_labels(parser, line, scan, 0, &line->label_count, !plain);
        if (status < 0) {
            return status;
        }
    }
    return line->name.size > 0 ? 1 : fail_metric_name(parser, line, start, start);
}

int sx__parse_sample(struct sx_parser *parser, struct sx_parsed_line *line, struct sx__scan scan)
{
    int status = parse_series(parser, line, &scan);
    if (status > 0 && scan.at < scan.end && !take_blank(parser, &scan)) {
        status = fail_blanks(parser, line);
    }
    if (status > 0) {
        status = parse_sample_number(parser, line, &scan, &line->value, SX_FAULT_VALUE);
    }
    if (status > 0 && scan.at < scan.end) {
        status = parser->strict ? parse_rest_strict(parser, line, &scan)
                                : parse_rest(parser, line, &scan);
    }
    if (status > 0) {
        line->kind = SX_PARSED_SAMPLE;
        line->labels = parser->labels;
        if (line->exemplar.label_count > 0) {
            line->exemplar.labels = parser->labels + line->label_count;
        }
    }
    return status;
}
