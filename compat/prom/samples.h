/* samples.h: the samples of a metric that the program has looked up.
 *
 * A sample keeps a handle of Sextant. The same series has the same handle, so a table by handles
 * finds the sample of a series. Looking up takes no lock: the table is an array of pointers that
 * are only added, and when it is full, a larger array takes its place. Arrays that were replaced
 * are kept until the metric is destroyed, because a thread may be reading them.
 */
#ifndef PROM_SAMPLES_H
#define PROM_SAMPLES_H

#include "prom_metric_sample.h"

#include <sextant/metrics.h>

struct prom__sample_table;

struct prom__samples {
    struct prom__sample_table *table; /* NULL: no samples yet */
};

/** Gives up all handles, and frees all samples. */
void prom__samples_clean_up(struct prom__samples *samples);

#endif
