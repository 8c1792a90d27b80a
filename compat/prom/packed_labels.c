/* packed_labels.c: writing packed labels, and replacing them on a page. */
#include "packed_labels.h"

#include "metric.h"
#include "names.h"

#include <sextant/exposition.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- an update ---- */

static size_t bound_of_size(const struct prom_metric *metric, const char **values)
{
    size_t size = 1;
    for (size_t i = 0; i < metric->label_count; i++) {
        size += strlen(metric->labels[i]) + 4; /* ="", */
        size += values[i] == NULL ? 0 : 2 * strlen(values[i]);
    }
    return size;
}

static char *put_text(char *at, const char *text)
{
    const size_t size = strlen(text);
    memcpy(at, text, size);
    return at + size;
}

static char *put_escaped(char *at, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            *at++ = '\\';
            *at++ = 'n';
            continue;
        }
        if (*value == '\\' || *value == '"') {
            *at++ = '\\';
        }
        *at++ = *value;
    }
    return at;
}

int prom__packed_make(struct prom__packed *packed, const struct prom_metric *metric,
                      const char **values)
{
    const size_t bound = bound_of_size(metric, values);
    packed->allocated = bound > sizeof packed->room ? malloc(bound) : NULL;
    char *text = bound > sizeof packed->room ? packed->allocated : packed->room;
    if (text == NULL) {
        return 1;
    }
    char *at = text;
    for (size_t i = 0; i < metric->label_count; i++) {
        if (i > 0) {
            *at++ = ',';
        }
        at = put_text(at, metric->labels[i]);
        at = put_text(at, "=\"");
        at = put_escaped(at, values[i] == NULL ? "" : values[i]);
        *at++ = '"';
    }
    *at = '\0';
    packed->text = text;
    packed->size = (size_t)(at - text);
    return 0;
}

void prom__packed_clean_up(struct prom__packed *packed)
{
    free(packed->allocated);
}

/* ---- a page ---- */

#define PACKED_BEGINNING "{" PROM__PACKED_LABEL "=\""
#define PACKED_OVERFLOW SX_OVERFLOW_VALUE "\""

/* Copies the value that begins at `from` without its escapes, and returns what follows its closing
 * quote. The value is from the page, so it has one. */
static const char *put_unescaped(char **to, const char *from)
{
    char *at = *to;
    for (; *from != '"'; from++) {
        if (*from == '\\') {
            from++;
        }
        *at++ = *from;
    }
    *to = at;
    return from + 1;
}

/* Copies a line without its line feed. */
static void expand_line(char **to, const char *line, const char *end)
{
    const size_t size = sizeof PACKED_BEGINNING - 1;
    const char *brace = memchr(line, '{', (size_t)(end - line));
    if (line[0] != '#' && brace != NULL && (size_t)(end - brace) > size &&
        memcmp(brace, PACKED_BEGINNING, size) == 0 &&
        strncmp(brace + size, PACKED_OVERFLOW, sizeof PACKED_OVERFLOW - 1) != 0) {
        memcpy(*to, line, (size_t)(brace + 1 - line));
        *to += brace + 1 - line;
        line = put_unescaped(to, brace + size);
    }
    memcpy(*to, line, (size_t)(end - line));
    *to += end - line;
}

int prom__packed_expand(struct sx_page *page)
{
    char *expanded = malloc(page->size + 1); /* what is replaced only gets shorter */
    if (expanded == NULL) {
        return 1;
    }
    char *at = expanded;
    const char *line = page->data;
    const char *page_end = page->data + page->size;
    while (line < page_end) {
        const char *end = memchr(line, '\n', (size_t)(page_end - line));
        end = end == NULL ? page_end : end;
        expand_line(&at, line, end);
        *at++ = '\n';
        line = end + 1;
    }
    *at = '\0';
    const size_t size = (size_t)(at - expanded);
    const size_t capacity = page->size + 1;
    sx_page_clean_up(page);
    *page = (struct sx_page){.data = expanded, .size = size, .capacity = capacity};
    return 0;
}
