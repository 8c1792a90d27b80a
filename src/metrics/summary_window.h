/* summary_window.h: quantiles of what a summary has observed lately.
 *
 * A summary with quantiles counts in native buckets (native.h), which only grow. So updates take no
 * lock and read no clock. A reader keeps snapshots of the buckets, in the registry's directory,
 * where all processes see the same ones. The quantiles are those of the buckets of now, minus the
 * snapshot in which the window begins. sx_summary_quantile describes which one that is.
 *
 * The alternative is a set of buckets for each part of the window, in each thread row, and a clock
 * in each update. It would be exact also after a time without readers. But it costs five times the
 * memory in each thread row, where snapshots cost 12 KiB for each series.
 *
 * All functions but sx__summary_window_read need the directory's lock. A process that is killed
 * while it writes a snapshot leaves one that is not used.
 */
#ifndef SX_METRICS_SUMMARY_WINDOW_H
#define SX_METRICS_SUMMARY_WINDOW_H

#include "reading.h"
#include "records.h"

#include <sextant/collector.h>

/** Makes the window of a new series, which begins now. Returns false if the directory is full. */
bool sx__summary_window_make(struct sx_registry *registry, struct sx__series *series);

/** Frees the window, if the series has one. */
void sx__summary_window_free(struct sx_registry *registry, const struct sx__series *series);

/** Begins the window anew, if the series has one. To be called before its cells are set to 0. */
void sx__summary_window_restart(struct sx_registry *registry, const struct sx__series *series);

/** Estimates quantiles of the observations in the window: reads `quantile` of each and sets
 * `value`. Keeps a snapshot if it is time. Returns false if the series is removed.
 *
 * The caller is reading (see epochs.h) or has a handle, and does not have the directory's lock,
 * which this takes.
 */
bool sx__summary_window_read(const struct sx__reading *reading, const struct sx__series *series,
                             struct sx_quantile *quantiles, size_t count);

#endif
