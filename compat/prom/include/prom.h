/* prom.h: everything of libprom's API at once.
 *
 * These headers declare the API of prometheus-client-c 0.1.3 by its names and signatures, so that
 * a program that uses it compiles and links unchanged. Behind them are Sextant's metrics.
 * docs/libprom.md says what differs, and how to move on to Sextant's own API.
 *
 * Unless a declaration says otherwise: an int is 0 on success and not 0 on failure; a pointer is
 * NULL on failure; NULL for an object is a failure and changes nothing. Every function may be
 * called by any thread at any time, but not by a signal handler, and not for an object that another
 * thread is destroying, except for the page of a registry. Strings and arrays of strings are
 * copied.
 */
#ifndef PROM_INCLUDED
#define PROM_INCLUDED

#include "prom_alloc.h"
#include "prom_collector.h"
#include "prom_collector_registry.h"
#include "prom_counter.h"
#include "prom_gauge.h"
#include "prom_histogram.h"
#include "prom_histogram_buckets.h"
#include "prom_linked_list.h"
#include "prom_map.h"
#include "prom_metric.h"
#include "prom_metric_sample.h"
#include "prom_metric_sample_histogram.h"

#endif
