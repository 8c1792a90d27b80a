/* bridged.h: the page of a registry of libprom, as tests look at it; see also page.h. */
#ifndef TEST_BRIDGED_H
#define TEST_BRIDGED_H

#include <prom.h>
#include <stdbool.h>

/* The registry's page, until the next one is asked for; begins with a line feed. Fails the test
 * where the checker finds an error in it. */
const char *bridged(prom_collector_registry_t *registry);

/* Whether the page has a line that begins so. */
bool page_has(const char *page, const char *beginning);

/* Makes a registry with a collector that has these metrics, up to NULL. */
prom_collector_registry_t *registry_with(prom_metric_t *metric, ...);

/* Sends stderr to a file until what was printed is asked for. */
void begin_stderr(void);
const char *end_stderr(void);

#endif
