/* parsed_text.h: writes what the parser returned as a line of a page, so that tests can compare it,
 * and parse it again. */
#ifndef SX_TESTS_PARSED_TEXT_H
#define SX_TESTS_PARSED_TEXT_H

#include <sextant/parse.h>
#include <stdio.h>
#include <string.h>

/* Writes as much as fits. The text ends with NUL. */
struct parsed_text {
    char *text;
    size_t size, capacity;
};

static void put_bytes(struct parsed_text *out, struct sx_str bytes)
{
    if (bytes.size > 0 && bytes.size < out->capacity - out->size) {
        memcpy(out->text + out->size, bytes.data, bytes.size);
        out->size += bytes.size;
    }
    out->text[out->size] = '\0';
}

static void put_text(struct parsed_text *out, const char *text)
{
    put_bytes(out, (struct sx_str){text, strlen(text)});
}

static int needs_quotes(struct sx_str name, const char *more)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                     (c != '\0' && strchr(more, c) != NULL);
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return 1;
        }
    }
    return 0;
}

static void put_quoted(struct parsed_text *out, struct sx_str text)
{
    put_text(out, "\"");
    put_bytes(out, text);
    put_text(out, "\"");
}

static void put_name(struct parsed_text *out, struct sx_str name, const char *more)
{
    if (needs_quotes(name, more)) {
        put_quoted(out, name);
    } else {
        put_bytes(out, name);
    }
}

static void put_labels(struct parsed_text *out, const struct sx_parsed_label *labels, size_t count,
                       const char *separator)
{
    for (size_t i = 0; i < count; i++) {
        put_text(out, i > 0 ? "," : separator);
        put_name(out, labels[i].name, "");
        put_text(out, "=");
        put_quoted(out, labels[i].value);
    }
}

static void put_numbers(struct parsed_text *out, const struct sx_parsed_number *value,
                        const struct sx_parsed_number *timestamp)
{
    put_text(out, " ");
    put_bytes(out, value->text);
    if (timestamp->text.size > 0) {
        put_text(out, " ");
        put_bytes(out, timestamp->text);
    }
}

static void put_sample(struct parsed_text *out, const struct sx_parsed_line *line)
{
    int quoted = needs_quotes(line->name, ":");
    if (!quoted) {
        put_bytes(out, line->name);
    }
    if (quoted || line->label_count > 0) {
        put_text(out, "{");
        if (quoted) {
            put_quoted(out, line->name);
        }
        put_labels(out, line->labels, line->label_count, quoted ? "," : "");
        put_text(out, "}");
    }
    put_numbers(out, &line->value, &line->timestamp);
    if (line->has_exemplar) {
        put_text(out, " # {");
        put_labels(out, line->exemplar.labels, line->exemplar.label_count, "");
        put_text(out, "}");
        put_numbers(out, &line->exemplar.value, &line->exemplar.timestamp);
    }
}

/* Writes the line as it stands in a page, without a line feed. */
static void put_parsed_line(struct parsed_text *out, const struct sx_parsed_line *line)
{
    static const char *const heads[] = {
        [SX_PARSED_HELP] = "# HELP ", [SX_PARSED_TYPE] = "# TYPE ", [SX_PARSED_UNIT] = "# UNIT "};
    if (line->kind == SX_PARSED_SAMPLE) {
        put_sample(out, line);
    } else if (line->kind == SX_PARSED_EOF) {
        put_text(out, "# EOF");
    } else if (line->kind != SX_PARSED_NOTHING) {
        put_text(out, heads[line->kind]);
        put_name(out, line->name, ":");
        put_text(out, " ");
        put_bytes(out, line->text);
    }
}

#endif
