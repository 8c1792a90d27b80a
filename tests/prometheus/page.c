#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "page.h"

#include <cmocka.h>
#include <sextant/exposition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *page_new(struct sx_registry *registry)
{
    struct sx_page rendered = {0};
    assert_int_equal(sx_page_render(&rendered, registry, SX_FORMAT_TEXT), SX_OK);
    char *page = malloc(rendered.size + 1);
    assert_non_null(page);
    memcpy(page, rendered.data, rendered.size);
    page[rendered.size] = '\0';
    sx_page_clean_up(&rendered);
    return page;
}

void page_assert_line(const char *page, const char *line)
{
    char whole[512];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(page, whole) == NULL) {
        fail_msg("the page has no line\n%s\n\n%s", line, page);
    }
}

double page_sum(const char *page, const char *name)
{
    double sum = 0;
    size_t size = strlen(name);
    for (const char *line = page; line != NULL && *line != '\0';) {
        const char *next = strchr(line, '\n');
        if (strncmp(line, name, size) == 0 && (line[size] == '{' || line[size] == ' ')) {
            const char *blank = next;
            while (blank > line && *blank != ' ') {
                blank--;
            }
            sum += strtod(blank, NULL);
        }
        line = next == NULL ? NULL : next + 1;
    }
    return sum;
}

size_t page_count_lines(const char *page)
{
    size_t lines = 0;
    for (const char *p = page; (p = strchr(p, '\n')) != NULL; p++) {
        lines++;
    }
    return lines;
}
