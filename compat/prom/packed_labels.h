/* packed_labels.h: metrics with labels that a family of Sextant cannot have: more than
 * SX_LABELS_MAX of them, or one whose name begins with two underscores.
 *
 * Their family has one label, PROM__PACKED_LABEL. Its value is the text that belongs between the
 * braces of a line, `method="GET",path="/"`, escaped as the page has it. Sextant escapes it again.
 * When the page is done, each `prom_packed_labels="…"` is replaced by its value, except in the
 * overflow series.
 *
 * The replacement cannot hit anything else: no program has this label, because names.c renames it,
 * and within a label value a quote follows a backslash, so `prom_packed_labels="` does not occur.
 */
#ifndef PROM_PACKED_LABELS_H
#define PROM_PACKED_LABELS_H

#include <stddef.h>

struct prom_metric;
struct sx_page;

struct prom__packed {
    const char *text; /* ends with NUL */
    size_t size;
    char *allocated; /* if it does not fit into `room` */
    char room[1024];
};

/** Writes the label values of a metric. Returns 0, or 1 without memory. */
int prom__packed_make(struct prom__packed *packed, const struct prom_metric *metric,
                      const char **values);

void prom__packed_clean_up(struct prom__packed *packed);

/** Replaces packed labels of a page by what they mean. Returns 0, or 1 without memory; then the
 * page is as it was. */
int prom__packed_expand(struct sx_page *page);

#endif
