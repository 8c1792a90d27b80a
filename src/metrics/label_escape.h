/* label_escape.h: a label as it is on a page, `name="value"`, or `"na.me"="value"`. */
#ifndef SX_METRICS_LABEL_ESCAPE_H
#define SX_METRICS_LABEL_ESCAPE_H

#include "escape_name.h"

#include <sextant/status.h>

/** The bytes that a name takes, and its quotes if it needs them. */
size_t sx__name_quoted_size(struct sx_str name, enum sx__name_kind kind);

/** Writes a name, in quotes if it needs them. Returns the end. */
char *sx__name_write_quoted(char *at, struct sx_str name, enum sx__name_kind kind);

/** The bytes that a label takes. */
size_t sx__label_escaped_size(struct sx_str name, struct sx_str value);

/** Writes a label. Returns the end. */
char *sx__label_write_escaped(char *at, struct sx_str name, struct sx_str value);

/** Writes a text as it stands between quotes, at most twice its size. Returns the end. */
char *sx__label_escape(char *at, struct sx_str value);

#endif
