/* page.h: a metrics page as tests look at it. */
#ifndef TEST_PAGE_H
#define TEST_PAGE_H

#include <sextant/metrics.h>
#include <stdbool.h>

/* The registry's page, NUL-terminated, until the next one is asked for. It fails the test where the
 * checker finds a fault in it. */
const char *page_text(struct sx_registry *registry);

/* Fails the test unless the page has the whole line. */
void page_assert_line(const char *page, const char *line);

/* The sum of all samples of a name, over all label values. */
double page_sum(const char *page, const char *name);

size_t page_count_lines(const char *page);

#endif
