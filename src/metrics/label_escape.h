/* label_escape.h: a label as it is on a page, `name="value"`. */
#ifndef SX_METRICS_LABEL_ESCAPE_H
#define SX_METRICS_LABEL_ESCAPE_H

#include <sextant/status.h>

/** The bytes that a label takes. */
size_t sx__label_escaped_size(struct sx_str name, struct sx_str value);

/** Writes a label. Returns the end. */
char *sx__label_write_escaped(char *at, struct sx_str name, struct sx_str value);

/** Writes a text as it stands between quotes, at most twice its size. Returns the end. */
char *sx__label_escape(char *at, struct sx_str text);

#endif
