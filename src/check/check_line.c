/* check_line.c: one line of a page.
 *
 * Source: Prometheus "Exposition formats", Text format details
 */
#include "check.h"
#include "escape_name.h"
#include "utf8.h"
#include "view.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct sx_str *rest)
{
    while (rest->size > 0 && is_blank(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
}

/* Reads up to a blank or the character `end`. */
static struct sx_str take_token(struct sx_str *rest, char end)
{
    struct sx_str token = {rest->data, 0};
    while (token.size < rest->size && !is_blank(token.data[token.size]) &&
           token.data[token.size] != end) {
        token.size++;
    }
    rest->data += token.size;
    rest->size -= token.size;
    return token;
}

static bool check_metric_name(struct sx__check *check, struct sx_str name)
{
    if (sx__name_is_legacy(name, SX__NAME_OF_METRIC)) {
        return true;
    }
    sx__violation(check, SX__RULE_METRIC_NAME,
                  "`%s` is not a metric name: [a-zA-Z_:][a-zA-Z0-9_:]*", sx__quote(name).text);
    return false;
}

/* A backslash may stand before another, before n, and in label values before a quote. */
static void check_escapes(struct sx__check *check, struct sx_str text, bool quotes)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\\') {
            continue;
        }
        i++;
        char c = i < text.size ? text.data[i] : '\0';
        if (c != '\\' && c != 'n' && !(quotes && c == '"')) {
            sx__violation(check, SX__RULE_ESCAPE, "a backslash must be followed by %s",
                          quotes ? "`\\`, `n` or `\"`" : "`\\` or `n`, the two escapes of HELP");
            return;
        }
    }
}

/* Comments and the text of HELP may end with one; elsewhere it does not count as a blank. */
static void drop_carriage_return(struct sx__check *check, struct sx_str *text)
{
    if (text->size > 0 && text->data[text->size - 1] == '\r') {
        text->size--;
        if (!check->carriage_return_told) {
            check->carriage_return_told = true;
            sx__violation(check, SX__RULE_LINE_FEED,
                          "a carriage return ends the line; only line feeds may (reported once)");
        }
    }
}

/* ---- # HELP and # TYPE ---- */

static void read_help(struct sx__line *line, struct sx__check *check, struct sx_str rest)
{
    check_escapes(check, rest, false);
    line->kind = SX__LINE_HELP;
}

static void read_type(struct sx__line *line, struct sx__check *check, struct sx_str rest)
{
    static const char *const names[] = {
        [SX_PARSED_UNKNOWN] = "untyped", [SX_PARSED_COUNTER] = "counter",
        [SX_PARSED_GAUGE] = "gauge",     [SX_PARSED_HISTOGRAM] = "histogram",
        [SX_PARSED_SUMMARY] = "summary",
    };
    drop_carriage_return(check, &rest);
    struct sx_str type = rest;
    skip_blanks(&type);
    while (type.size > 0 && is_blank(type.data[type.size - 1])) {
        type.size--;
    }
    line->kind = SX__LINE_TYPE;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sx__view_is(type, names[i])) {
            line->type = (enum sx_parsed_type)i;
            /* Prometheus takes all that follows the first blank as the type, promtool one word. */
            if (rest.size > type.size + 1) {
                sx__violation(check, SX__RULE_BLANKS,
                              "too many blanks beside `%s`: Prometheus rejects the page", names[i]);
            }
            return;
        }
    }
    sx__violation(check, SX__RULE_TYPE,
                  "`%s` is not a type: counter, gauge, histogram, summary or untyped",
                  sx__quote(type).text);
}

/* Reads the name of HELP or TYPE. Returns false if it is none. */
static bool read_head_name(struct sx__line *line, struct sx__check *check, struct sx_str *rest)
{
    if (!check->utf8_names || rest->size == 0 || rest->data[0] != '"') {
        line->name = take_token(rest, '\0');
        return check_metric_name(check, line->name);
    }
    rest->data++;
    rest->size--;
    if (!sx__quoted_take(&line->name, rest) || line->name.size == 0 ||
        (rest->size > 0 && !is_blank(rest->data[0]))) {
        sx__violation(check, SX__RULE_METRIC_NAME,
                      "a metric name in quotes is empty or not closed");
        return false;
    }
    check_escapes(check, line->name, true);
    return true;
}

/* A comment is ignored unless its first word is HELP or TYPE. */
static void read_comment(struct sx__line *line, struct sx__check *check, struct sx_str rest)
{
    struct sx_str after_hash = rest;
    skip_blanks(&rest);
    struct sx_str word = take_token(&rest, '\0');
    bool help = sx__view_is(word, "HELP");
    if (!help && !sx__view_is(word, "TYPE")) {
        return;
    }
    skip_blanks(&rest);
    if (!read_head_name(line, check, &rest)) {
        return;
    }
    if (word.data == after_hash.data) {
        sx__violation(
            check, SX__RULE_NO_BLANK,
            "no blank before %s: for Prometheus this is a comment, for promtool it is not",
            help ? "HELP" : "TYPE");
    }
    if (help) {
        skip_blanks(&rest);
        read_help(line, check, rest);
    } else {
        read_type(line, check, rest);
    }
}

/* ---- samples ---- */

static void check_label(struct sx__check *check, const struct sx__label *label)
{
    check_escapes(check, label->value, true);
    if (label->is_quoted) {
        check_escapes(check, label->name, true);
    } else if (!sx__name_is_legacy(label->name, SX__NAME_OF_LABEL)) {
        sx__violation(check, SX__RULE_LABEL_NAME,
                      "`%s` is not a label name: [a-zA-Z_][a-zA-Z0-9_]*",
                      sx__quote(label->name).text);
        return;
    }
    if (sx__view_is(label->name, "__name__")) {
        sx__violation(check, SX__RULE_LABEL_NAME,
                      "the label `__name__` is the metric name: Prometheus rejects the page");
    } else if (sx__view_begins_with(label->name, sx__view("__")) && !check->reserved_label_told) {
        /* An external label of Prometheus is on every line of /federate. */
        check->reserved_label_told = true;
        sx__violation(
            check, SX__RULE_LABEL_RESERVED,
            "the label `%s` begins with `__`, which is reserved for Prometheus (reported once)",
            sx__quote(label->name).text);
    }
}

/* Reads from after the `{` to the `}`. Returns false if the rest of the line cannot be read. */
static bool read_sample_labels(struct sx__line *line, struct sx__check *check, struct sx_str *rest)
{
    const char *start = rest->data;
    for (size_t count = 0; sx__labels_reserve(check, &check->labels, count); count++) {
        struct sx__label *label = &check->labels.items[count];
        skip_blanks(rest);
        const bool quoted = rest->size > 0 && rest->data[0] == '"';
        const char *wrong =
            quoted && !check->utf8_names ? "a label has no name" : sx__label_take(label, rest);
        if (wrong != NULL) {
            sx__violation(check, SX__RULE_LABELS, "%s", wrong);
            return false;
        }
        if (label->name.size == 0) {
            line->labels = (struct sx_str){start, (size_t)(rest->data - start)};
            sx__check_label_count(check, count);
            sx__check_label_twice(check, check->labels.items, count);
            return true;
        }
        check_label(check, label);
    }
    return false;
}

static bool fits_64_bits(struct sx_str digits)
{
    while (digits.size > 0 && digits.data[0] == '0') {
        digits.data++;
        digits.size--;
    }
    return digits.size < 19 ||
           (digits.size == 19 && memcmp(digits.data, "9223372036854775807", 19) <= 0);
}

static void check_timestamp(struct sx__check *check, struct sx_str text)
{
    bool sign = text.data[0] == '-' || text.data[0] == '+';
    struct sx_str digits = {text.data + sign, text.size - sign};
    size_t count = 0;
    while (count < digits.size && digits.data[count] >= '0' && digits.data[count] <= '9') {
        count++;
    }
    if (count == 0 || count < digits.size || (!sign && !fits_64_bits(digits))) {
        sx__violation(check, SX__RULE_TIMESTAMP,
                      "`%s` is not a timestamp: whole milliseconds, 64 bits", sx__quote(text).text);
    } else if (sign) {
        /* The format and promtool allow a sign; Prometheus accepts only digits. */
        sx__violation(check, SX__RULE_TIMESTAMP_SIGN,
                      "the timestamp `%s` has a sign: Prometheus rejects the page",
                      sx__quote(text).text);
    }
}

void sx__check_spelling(struct sx__check *check, const struct sx__number *number,
                        struct sx_str text)
{
    if (number->misspelled) {
        const char *infinity = number->negative ? "-Inf" : "+Inf";
        sx__violation(check, SX__RULE_NUMBER_SPELLING, "`%s` is usually written `%s`",
                      sx__quote(text).text, number->kind == SX__NUMBER_NAN ? "NaN" : infinity);
    }
}

static void read_value(struct sx__line *line, struct sx__check *check, struct sx_str rest)
{
    skip_blanks(&rest);
    struct sx_str value = take_token(&rest, '\0');
    if (value.size == 0) {
        sx__violation(check, SX__RULE_VALUE, "the sample has no value");
        return;
    }
    const char *wrong = sx__number_read(&line->value, value);
    if (wrong != NULL) {
        sx__violation(check, SX__RULE_VALUE, "the value `%s` is %s", sx__quote(value).text, wrong);
    }
    sx__check_spelling(check, &line->value, value);
    skip_blanks(&rest);
    struct sx_str timestamp = take_token(&rest, '\0');
    skip_blanks(&rest);
    if (rest.size > 0) {
        sx__violation(check, SX__RULE_TIMESTAMP, "only a timestamp may follow the value");
        return;
    }
    if (timestamp.size > 0) {
        check_timestamp(check, timestamp);
    }
    if (is_blank(rest.data[-1])) {
        sx__violation(check, SX__RULE_BLANKS,
                      "a blank at the end of the line: promtool rejects the page");
    }
}

/* Reads a sample that begins with `{` and its metric name in quotes. */
static void read_quoted_sample(struct sx__line *line, struct sx__check *check, struct sx_str rest)
{
    rest.data++;
    rest.size--;
    const char *wrong = sx__quoted_metric_take(&line->name, &rest);
    if (wrong != NULL) {
        sx__violation(check, SX__RULE_METRIC_NAME, "%s", wrong);
        return;
    }
    check_escapes(check, line->name, true);
    if (read_sample_labels(line, check, &rest)) {
        line->kind = SX__LINE_SAMPLE;
        read_value(line, check, rest);
    }
}

static void read_sample(struct sx__line *line, struct sx__check *check, struct sx_str rest)
{
    line->name = take_token(&rest, '{');
    if (line->name.size == 0 && check->utf8_names && rest.size > 0 && rest.data[0] == '{') {
        read_quoted_sample(line, check, rest);
        return;
    }
    if (line->name.size == 0) {
        sx__violation(check, SX__RULE_METRIC_NAME, "a sample must begin with its metric name");
        return;
    }
    if (!check_metric_name(check, line->name)) {
        return;
    }
    skip_blanks(&rest);
    if (rest.size > 0 && rest.data[0] == '{') {
        rest.data++;
        rest.size--;
        if (!read_sample_labels(line, check, &rest)) {
            return;
        }
    }
    line->kind = SX__LINE_SAMPLE;
    read_value(line, check, rest);
}

void sx__line_read(struct sx__line *line, struct sx__check *check, struct sx_str text)
{
    *line = (struct sx__line){.kind = SX__LINE_NOTHING};
    if (!sx__utf8_is_valid(text)) {
        sx__violation(check, SX__RULE_UTF8,
                      "the line is not UTF-8, which makes the page unreadable");
    }
    struct sx_str rest = text;
    skip_blanks(&rest);
    if (rest.size > 0 && rest.data[0] == '#') {
        read_comment(line, check, (struct sx_str){rest.data + 1, rest.size - 1});
        return;
    }
    drop_carriage_return(check, &rest);
    if (rest.size > 0) {
        read_sample(line, check, rest);
    }
    if (line->kind == SX__LINE_SAMPLE && rest.data > text.data) {
        sx__violation(check, SX__RULE_BLANKS,
                      "a blank before the metric name: Prometheus takes it as part of the name");
    }
}

/* Finds the labels behind a name in quotes, which is within the braces. */
static void split_quoted_sample(struct sx_str *name, struct sx_str *labels, struct sx_str text)
{
    *labels = (struct sx_str){NULL, 0};
    if (sx__quoted_take(name, &text)) {
        skip_blanks(&text);
        bool comma = text.size > 0 && text.data[0] == ',';
        *labels = (struct sx_str){text.data + comma, text.size - comma};
    }
}

void sx__sample_split(struct sx_str *name, struct sx_str *labels, struct sx_str text,
                      bool is_quoted)
{
    if (is_quoted) {
        split_quoted_sample(name, labels, text);
        return;
    }
    *name = (struct sx_str){text.data, sx__name_legacy_size(text, SX__NAME_OF_METRIC)};
    text.data += name->size;
    text.size -= name->size;
    skip_blanks(&text);
    *labels = (struct sx_str){NULL, 0};
    if (text.size > 0 && text.data[0] == '{') {
        *labels = (struct sx_str){text.data + 1, text.size - 1};
    }
}
