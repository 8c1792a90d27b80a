/* Renders and reads metrics pages in tests; see page.h. */
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

static int print_fault(void *context, const struct sx_violation *fault)
{
    (void)context;
    print_error("line %zu: %s\n", fault->line, fault->text);
    return 0;
}

const char *page_text(struct sx_registry *registry)
{
    static char text[1 << 20];
    struct sx_page page = {0};
    assert_int_equal(sx_page_render(&page, registry, SX_FORMAT_TEXT), SX_OK);
    assert_in_range(page.size, 0, sizeof text - 1);
    assert_int_equal(
        sx_exposition_check((struct sx_str){page.data, page.size}, NULL, print_fault, NULL), 0);
    if (page.size > 0) {
        memcpy(text, page.data, page.size);
    }
    text[page.size] = '\0';
    sx_page_clean_up(&page);
    return text;
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
