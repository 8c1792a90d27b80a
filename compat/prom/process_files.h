/* process_files.h: the metrics of a process whose files are given by their paths. */
#ifndef PROM_PROCESS_FILES_H
#define PROM_PROCESS_FILES_H

#include "prom_collector.h"

struct prom__process_files;

/** Makes the collector's metrics and sets its collect function. NULL paths: of this process.
 * Returns 0, or 1. */
int prom__process_files_add(prom_collector_t *collector, const char *limits_path,
                            const char *stat_path);

/** NULL is a no-op. */
void prom__process_files_free(struct prom__process_files *files);

#endif
