/* process.c: the collector of what the kernel knows of a process. */
#include "collector.h"
#include "process_files.h"

prom_collector_t *prom_collector_process_new(const char *limits_path, const char *stat_path)
{
    prom_collector_t *collector = prom_collector_new("process");
    if (collector == NULL) {
        return NULL;
    }
    collector->is_process = limits_path == NULL && stat_path == NULL;
    if (!collector->is_process && prom__process_files_add(collector, limits_path, stat_path) != 0) {
        (void)prom_collector_destroy(collector);
        return NULL;
    }
    return collector;
}
