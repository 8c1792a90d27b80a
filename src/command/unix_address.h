/* unix_address.h: `unix:PATH[,mode=660][,owner=USER][,group=GROUP]`, as it is given on the command
 * line. */
#ifndef SX_UNIX_ADDRESS_H
#define SX_UNIX_ADDRESS_H

#include <sextant/app.h>

#define SX__UNIX_ADDRESS_MESSAGE_BYTES 128

/* Splits the text in place: afterwards it is `unix:PATH`, and the options point to owner and group
 * after it. Returns NULL or the error, which may be written to `message`. */
const char *sx__unix_address_parse(char *text, struct sx_unix_options *options,
                                   char message[SX__UNIX_ADDRESS_MESSAGE_BYTES]);

#endif
