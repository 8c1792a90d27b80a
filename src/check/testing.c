/* testing.c: values, numbers of series and findings, for tests. See testing.h. */
#include <sextant/testing.h>

#include "page_lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reads the name of a series as a sample of value 0. */
static int read_series(struct sx__page_lines *lines, const char *series)
{
    const size_t size = strlen(series);
    char *text = malloc(size + 4);
    int status = SX_ENOMEM;
    if (text != NULL) {
        memcpy(text, series, size);
        memcpy(text + size, " 0\n", 4);
        status = sx__page_lines_read(lines, (struct sx_str){text, size + 3});
    }
    free(text);
    return status == SX_OK && (lines->count != 1 || !lines->lines[0].is_sample) ? SX_EPROTO
                                                                                : status;
}

double sx_testing_value(struct sx_registry *registry, const char *series)
{
    struct sx__page_lines page = {.lines = NULL}, wanted = {.lines = NULL};
    double value = (double)NAN;
    if (series != NULL && read_series(&wanted, series) == SX_OK &&
        sx__page_lines_render(&page, registry) == SX_OK) {
        const struct sx__page_line *found =
            sx__page_lines_find(&page, sx__page_text(&wanted, wanted.lines[0].key));
        value = found == NULL ? value : found->value;
    }
    sx__page_lines_clean_up(&page);
    sx__page_lines_clean_up(&wanted);
    return value;
}

int sx_testing_count(struct sx_registry *registry, const char *name)
{
    struct sx__page_lines page = {.lines = NULL};
    int status = sx__page_lines_render(&page, registry);
    for (size_t i = 0; status >= 0 && i < page.count; i++) {
        const struct sx__page_line *line = &page.lines[i];
        status += line->is_series &&
                  (name == NULL || strcmp(sx__page_text(&page, line->family), name) == 0);
    }
    sx__page_lines_clean_up(&page);
    return status;
}

static int print_finding(void *context, const struct sx_violation *violation)
{
    if (context != NULL) {
        const char *suggestion = violation->suggestion;
        fprintf(context, "line %zu: %s%s%s (%s)\n", violation->line, violation->text,
                suggestion == NULL ? "" : ": ", suggestion == NULL ? "" : suggestion,
                violation->rule);
    }
    return 0;
}

int sx_testing_lint(struct sx_registry *registry, FILE *out)
{
    const struct sx_check_options options = {.lint = true};
    struct sx_page page = {.data = NULL};
    int status = sx_page_render(&page, registry, SX_FORMAT_TEXT);
    if (status == SX_OK) {
        status = sx_exposition_check((struct sx_str){page.data, page.size}, &options, print_finding,
                                     out);
    }
    sx_page_clean_up(&page);
    return status;
}
