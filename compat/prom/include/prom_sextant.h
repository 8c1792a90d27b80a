/* prom_sextant.h: metrics of Sextant on the page of a registry of libprom, for a program that is
 * ported one file at a time. prom.h does not include it.
 */
#ifndef PROM_SEXTANT_H
#define PROM_SEXTANT_H

#include "prom_collector_registry.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sx_registry;

/** Returns the registry of Sextant for the page of `self`. What is registered in it is on the page
 * of prom_collector_registry_bridge, before the metrics of libprom. Write the page with that
 * function: Sextant's own do not call the collect functions.
 *
 * @return   NULL if `self` is NULL
 * Threads:  any
 * Memory:   destroyed with `self`, and not by the caller
 */
struct sx_registry *prom_collector_registry_sextant(prom_collector_registry_t *self);

#ifdef __cplusplus
}
#endif
#endif
