/* page_lines.c: the lines of a page with names that can be compared. See page_lines.h. */
#include "page_lines.h"

#include "check_index.h"
#include "format_number.h"
#include "parser.h"
#include "sample_suffixes.h"
#include "view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void sx__page_lines_clean_up(struct sx__page_lines *lines)
{
    free(lines->lines);
    free(lines->text);
    *lines = (struct sx__page_lines){.lines = NULL};
}

struct sx__page_line *sx__page_lines_find(const struct sx__page_lines *lines, const char *key)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (strcmp(lines->text + lines->lines[i].key, key) == 0) {
            return &lines->lines[i];
        }
    }
    return NULL;
}

/* Makes room for a string. */
static int reserve_text(struct sx__page_lines *lines, size_t size)
{
    size_t capacity = lines->text_capacity == 0 ? 1024 : lines->text_capacity;
    while (capacity - lines->text_size < size) {
        capacity *= 2;
    }
    if (capacity > lines->text_capacity) {
        char *grown = realloc(lines->text, capacity);
        if (grown == NULL) {
            return SX_ENOMEM;
        }
        lines->text = grown;
        lines->text_capacity = capacity;
    }
    return SX_OK;
}

/* There must be room. */
static void append_text(struct sx__page_lines *lines, const char *data, size_t size)
{
    if (size > 0) {
        memcpy(lines->text + lines->text_size, data, size);
    }
    lines->text_size += size;
}

static int append_string(struct sx__page_lines *lines, size_t *offset, const char *head,
                         struct sx_str string)
{
    int status = reserve_text(lines, strlen(head) + string.size + 1);
    if (status == SX_OK) {
        *offset = lines->text_size;
        append_text(lines, head, strlen(head));
        append_text(lines, string.data, string.size);
        append_text(lines, "", 1);
    }
    return status;
}

static int compare_label_names(const void *left, const void *right)
{
    const struct sx_parsed_label *a = left, *b = right;
    return sx__views_compare(a->name, b->name);
}

/* A bound is written in one way, so that `1` and `1.0` are the same. */
static void append_value(struct sx__page_lines *lines, const struct sx_parsed_label *label)
{
    struct sx_parsed_number number;
    bool bound = sx__view_is(label->name, "le") || sx__view_is(label->name, "quantile");
    if (bound && sx__parse_number(&number, label->value) == NULL) {
        char text[SX__DOUBLE_SIZE_MAX];
        append_text(lines, text, (size_t)(sx__write_bound(text, number.value) - text));
    } else {
        append_text(lines, label->value.data, label->value.size);
    }
}

/* Appends the name and the labels, sorted by their names, without those that are empty. */
static int append_series(struct sx__page_lines *lines, const struct sx_parsed_line *line)
{
    size_t size = line->name.size + 3;
    for (size_t i = 0; i < line->label_count; i++) {
        size += line->labels[i].name.size + line->labels[i].value.size + SX__DOUBLE_SIZE_MAX + 4;
    }
    int status = reserve_text(lines, size);
    struct sx_parsed_label *labels = malloc((line->label_count + 1) * sizeof *labels);
    if (status != SX_OK || labels == NULL) {
        free(labels);
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < line->label_count; i++) {
        labels[i] = line->labels[i];
    }
    qsort(labels, line->label_count, sizeof *labels, compare_label_names);
    append_text(lines, line->name.data, line->name.size);
    bool open = false;
    for (size_t i = 0; i < line->label_count; i++) {
        if (labels[i].value.size > 0) {
            append_text(lines, open ? "," : "{", 1);
            append_text(lines, labels[i].name.data, labels[i].name.size);
            append_text(lines, "=\"", 2);
            append_value(lines, &labels[i]);
            append_text(lines, "\"", 1);
            open = true;
        }
    }
    append_text(lines, "}", open);
    append_text(lines, "", 1);
    free(labels);
    return SX_OK;
}

/* What is known of the family that the page is at. */
struct page_family {
    size_t name; /* offset */
    bool known;
    enum sx_parsed_type type;
};

/* Whether the sample belongs to the family. */
static bool is_of_family(const struct sx__page_lines *lines, const struct page_family *family,
                         struct sx_str name)
{
    if (!family->known) {
        return false;
    }
    const struct sx_str text = sx__view(lines->text + family->name);
    for (size_t i = 0; i < SX__SAMPLE_SUFFIXES; i++) {
        const struct sx__sample_suffix *known = &sx__sample_suffixes[i];
        if (known->is_in_text && known->type == family->type &&
            sx__view_is_joined(name, text, known->suffix)) {
            return true;
        }
    }
    return sx__views_equal(name, text);
}

static int add_page_line(struct sx__page_lines *lines, struct page_family *family,
                         const struct sx_parsed_line *line)
{
    const bool sample = line->kind == SX_PARSED_SAMPLE;
    struct sx__page_line *grown =
        sx__array_reserve(lines->lines, &lines->capacity, lines->count, sizeof *grown);
    if (grown == NULL) {
        return SX_ENOMEM;
    }
    lines->lines = grown;
    if (!is_of_family(lines, family, line->name)) {
        if (append_string(lines, &family->name, "", line->name) != SX_OK) {
            return SX_ENOMEM;
        }
        family->known = true;
        family->type = SX_PARSED_UNKNOWN;
    }
    if (line->kind == SX_PARSED_TYPE) {
        family->type = line->type;
    }
    struct sx__page_line added = {.family = family->name,
                                  .key = lines->text_size,
                                  .value = line->value.value,
                                  .is_sample = sample};
    int status =
        sample ? append_series(lines, line)
               : append_string(lines, &added.key,
                               line->kind == SX_PARSED_HELP ? "# HELP " : "# TYPE ", line->name);
    bool grouped = family->type == SX_PARSED_HISTOGRAM || family->type == SX_PARSED_SUMMARY;
    added.is_series =
        sample && (!grouped || sx__view_is_joined(line->name, sx__view(lines->text + family->name),
                                                  sx__view("_count")));
    if (status == SX_OK) {
        status =
            append_string(lines, &added.value_text, "", sample ? line->value.text : line->text);
    }
    if (status == SX_OK) {
        lines->lines[lines->count++] = added;
    }
    return status;
}

int sx__page_lines_read(struct sx__page_lines *lines, struct sx_str page)
{
    const struct sx_parser_options options = {
        .utf8_names = true, .line_max = SIZE_MAX, .labels_max = SIZE_MAX};
    struct sx_parser *parser = sx_parser_new(&options);
    struct page_family family = {.known = false};
    struct sx_parsed_line line;
    int status = parser == NULL ? SX_ENOMEM : 1;
    while (status == 1) {
        status = sx_parser_next(parser, &line, &page, true);
        if (status == 1) {
            status = add_page_line(lines, &family, &line) == SX_OK ? 1 : SX_ENOMEM;
        } else if (status == SX_EPROTO) {
            lines->wrong_line = line.number;
        }
    }
    sx_parser_destroy(parser);
    return status;
}

int sx__page_lines_render(struct sx__page_lines *lines, struct sx_registry *registry)
{
    struct sx_page page = {.data = NULL};
    int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
    if (status == SX_OK) {
        status = sx__page_lines_read(lines, (struct sx_str){page.data, page.size});
    }
    sx_page_clean_up(&page);
    return status;
}
