/* convert.h: the text of a parameter as a typed value. */
#ifndef SX_CONVERT_H
#define SX_CONVERT_H

#include <sextant/app.h>

#define SX__CONVERT_MESSAGE_BYTES 160

/* Converts `text` as `param` wants it. Where it does not fit, false, and a message for the client
 * such as "must be a whole number of at least 1". */
bool sx__convert(union sx_value *value, const struct sx_param *param, const char *text,
                 char message[SX__CONVERT_MESSAGE_BYTES]);

/* "a whole number from 1 to 9": what a parameter takes, for messages and listings. */
void sx__convert_describe(const struct sx_param *param, char *text, size_t size);

#endif
