/* escape_name.h: UTF-8 names of metrics and labels, written for readers that know only the legacy
 * characters: [a-zA-Z_:][a-zA-Z0-9_:]* for metrics, the same without the colon for labels.
 *
 * Where the documents and Prometheus' code differ, this is what the code does: hexadecimal digits
 * are lower case, and the scheme `dots` writes two underscores for any other character. Unlike that
 * code, a colon in the name of a label is escaped, because legacy readers refuse it there.
 *
 * Threads: any.
 * Source:  Prometheus "Escaping schemes"; prometheus/common model/metric.go
 */
#ifndef SX_ESCAPE_NAME_H
#define SX_ESCAPE_NAME_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>

enum sx__name_scheme {
    SX__NAME_UNDERSCORES, /* each other character becomes `_` */
    SX__NAME_DOTS,        /* `_` becomes `__`, `.` becomes `_dot_`, other characters `__` */
    SX__NAME_VALUES,      /* `U__`, then `_` becomes `__`, and other characters `_HEX_` */
    SX__NAME_AS_IT_IS
};

enum sx__name_kind { SX__NAME_OF_METRIC, SX__NAME_OF_LABEL };

/** Returns the size of the legacy name that a text begins with; 0: it begins with none. */
size_t sx__name_legacy_size(struct sx_str text, enum sx__name_kind kind);

/** Whether a name has only legacy characters, and does not begin with a digit. False if empty. */
bool sx__name_is_legacy(struct sx_str name, enum sx__name_kind kind);

/** The most bytes that sx__name_escape writes for a name of this size. */
static inline size_t sx__name_escaped_size_max(size_t size)
{
    return 5 * size + 3;
}

/** Writes a name, which is UTF-8, and returns the position behind it. The schemes `underscores` and
 * `values` leave legacy names as they are. */
char *sx__name_escape(char *at, struct sx_str name, enum sx__name_kind kind,
                      enum sx__name_scheme scheme);

/** Whether two names are the same under SX__NAME_UNDERSCORES. */
bool sx__names_meet(struct sx_str a, struct sx_str b, enum sx__name_kind kind);

/** Whether sx__name_escape would write the name as it is. */
bool sx__name_stays(struct sx_str name, enum sx__name_kind kind, enum sx__name_scheme scheme);

#endif
