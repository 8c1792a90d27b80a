/* page_lines.h: the lines of a page, so that they can be compared with those of another page. */
#ifndef SX_PAGE_LINES_H
#define SX_PAGE_LINES_H

#include <sextant/parse.h>

struct sx__page_line {
    size_t family, key; /* offsets in the text: the family's name; `# HELP jobs`, `jobs{a="b"}` */
    size_t value_text;  /* of HELP and TYPE the text; as written */
    double value;
    bool is_sample;
    bool is_series; /* counts as a series: any sample, but of a histogram or summary only _count */
    bool is_found;  /* for the caller */
};

struct sx__page_lines {
    struct sx__page_line *lines;
    size_t count, capacity;
    char *text; /* strings that end with NUL */
    size_t text_size, text_capacity;
    size_t wrong_line; /* of the page, that cannot be read; 0: none */
};

/** Reads a page of text 0.0.4.
 *
 * @param lines  `{0}`; free it with sx__page_lines_clean_up in any case
 * Errors:   SX_ENOMEM, SX_EPROTO (wrong_line is set)
 */
int sx__page_lines_read(struct sx__page_lines *lines, struct sx_str page);

/** Reads the page of a registry. Errors: as above, and as sx_page_render. */
int sx__page_lines_render(struct sx__page_lines *lines, struct sx_registry *registry);

void sx__page_lines_clean_up(struct sx__page_lines *lines);

/** A string of the text. */
static inline const char *sx__page_text(const struct sx__page_lines *lines, size_t offset)
{
    return lines->text + offset;
}

/** Finds a line by its key. Returns NULL if there is none. */
struct sx__page_line *sx__page_lines_find(const struct sx__page_lines *lines, const char *key);

#endif
