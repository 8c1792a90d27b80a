/* names.h: names, labels and help as the page has them. libprom let everything pass; what would
 * make the page invalid is repaired and reported. */
#ifndef PROM_NAMES_H
#define PROM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/** The one label of a metric whose labels Sextant cannot have; see packed_labels.h. */
#define PROM__PACKED_LABEL "prom_packed_labels"

/** Returns the name as a metric may have it. Memory: free(); NULL if there is none */
char *prom__metric_name(const char *given);

/** Returns the names as labels may have them, each once, ended by NULL. One may begin with two
 * underscores.
 *
 * @param metric  for the report
 * @return   NULL: a name is NULL or reserved (`le`, `quantile`), or there is no memory
 * Memory:   prom__label_names_free
 */
char **prom__label_names(const char *metric, const char **given, size_t count);

/** NULL is a no-op. */
void prom__label_names_free(char **names);

/** Whether Sextant refuses one of the names, though the page may have it. */
bool prom__label_names_are_reserved(char *const *names);

/** Replaces what is not ASCII by question marks. */
void prom__help_repair(char *help, const char *metric);

#endif
