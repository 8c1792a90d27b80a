/* removable.h: a registry with a family of each type, whose series tests remove. */
#ifndef TEST_REMOVABLE_H
#define TEST_REMOVABLE_H

#include <sextant/metrics.h>
#include <stdbool.h>

extern struct sx_registry *registry;
extern struct sx_counter_family *counters;     /* c_total, with the labels a and b */
extern struct sx_gauge_family *gauges;         /* g, with the same */
extern struct sx_histogram_family *histograms; /* h, with the same, and bounds 1 and 2 */

/* Makes the registry; it has room for some thousand series. */
void removable_make(bool shared);

/* For each test; a private registry. */
int set_up(void **state);
int tear_down(void **state);

int remove_counter(const char *a, const char *b);
void clear_all(void);

/* Gives up handles; each may be NULL. */
void release(struct sx_counter *counter, struct sx_gauge *gauge, struct sx_histogram *histogram);

/* Whether the page of the registry contains the text. */
bool page_has(const char *text);

#endif
