/* lint_names.h: what is unusual about the name of a metric.
 *
 * Source: Prometheus "Metric and label naming"; what `promtool check metrics` reports
 */
#ifndef SX_LINT_NAMES_H
#define SX_LINT_NAMES_H

#include <sextant/status.h>
#include <stdbool.h>

/** A unit in a name that is not a base unit. */
struct sx__lint_unit {
    struct sx_str word; /* of the name; size 0: there is none */
    const char *base;   /* the unit to use */
};

/** Finds the first word that is a unit with a prefix, or of another system. */
struct sx__lint_unit sx__lint_unit(struct sx_str name);

/** Finds the first word that is the abbreviation of a unit. Size 0: there is none. */
struct sx_str sx__lint_abbreviation(struct sx_str name);

/** Finds the first word that is a type of metric, but does not begin the name. */
struct sx_str sx__lint_type(struct sx_str name);

/** Finds the word `percent` or the like, but not at the beginning. */
struct sx_str sx__lint_percent(struct sx_str name);

/** Whether a small letter stands before a capital one. */
bool sx__lint_is_camel_case(struct sx_str name);

#endif
