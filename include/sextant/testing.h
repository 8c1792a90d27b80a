/* testing.h: looks at the metrics of a registry in your program's tests.
 *
 *     assert(sx_testing_value(registry, "jobs_total{queue=\"mail\"}") == 3);
 *     assert(sx_testing_count(registry, "jobs_total") == 2);
 *     assert(sx_testing_compare(registry, stderr,
 *                               "# TYPE jobs_total counter\n"
 *                               "jobs_total{queue=\"mail\"} 3\n"
 *                               "jobs_total{queue=\"push\"} 1\n") == 0);
 *     assert(sx_testing_lint(registry, stderr) == 0);
 *
 * Each call renders the registry in text 0.0.4 and reads the page, which has no exemplars or native
 * buckets. Series are named as in that format, their labels in any order. An empty label counts as
 * absent. Bounds (`le`, `quantile`) are compared as numbers.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler, a collector or a
 *            callback
 * Every function of this header is [any].
 */
#ifndef SEXTANT_TESTING_H
#define SEXTANT_TESTING_H

#include <sextant/metrics.h>
#include <sextant/status.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Returns the value of a series.
 *
 * @param registry  NULL: the default registry
 * @param series    `jobs_total`, `jobs_total{queue="mail"}`, `wait_seconds_bucket{le="0.5"}`
 * @return  NaN if there is no such series, if `series` cannot be read, or if memory is exhausted.
 *          NaN equals nothing, so a comparison with a number fails.
 */
SX_API double sx_testing_value(struct sx_registry *registry, const char *series);

/** Counts the series of a family; a histogram or summary with certain labels is one series.
 *
 * @param registry  NULL: the default registry
 * @param name      of the family; NULL: counts the series of all families
 * @return  their number, 0 if there is no such family, or a negative status
 * Errors:   SX_ENOMEM, SX_ESTATE (the caller is a collector or callback)
 */
SX_API SX_MUST_CHECK int sx_testing_count(struct sx_registry *registry, const char *name);

/** Compares families of the registry with a text, and prints the difference: lines that are only
 * expected with `-`, lines that are only found with `+`, those that agree with a space.
 *
 * Compared are the families that the text names, with all their series. The order of lines and
 * labels does not matter. HELP and TYPE are compared if the text has them. Values are compared as
 * numbers; NaN equals NaN.
 *
 * @param registry  NULL: the default registry
 * @param out       receives the difference; nothing is written if there is none; NULL: nothing is
 *                  written
 * @param expected  lines of text 0.0.4; the last one may lack its line feed
 * @return  the number of lines that differ, or a negative status
 * Errors:   SX_EPROTO (`expected` cannot be read; `out` receives the reason), SX_EINVAL (`expected`
 *           is NULL), SX_ENOMEM, SX_ESTATE
 * Cost:     grows with the square of the lines of `expected`: meant for tests
 */
SX_API SX_MUST_CHECK int sx_testing_compare(struct sx_registry *registry, FILE *out,
                                            const char *expected);

/** Checks and lints the page of the registry (sx_exposition_check with `lint`), and prints a line
 * for each finding.
 *
 * @param registry  NULL: the default registry
 * @param out       NULL: nothing is written
 * @return  the number of findings, at most 100, or a negative status
 * Errors:   SX_ENOMEM, SX_ESTATE
 */
SX_API SX_MUST_CHECK int sx_testing_lint(struct sx_registry *registry, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
