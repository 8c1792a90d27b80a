/* unix_address.h: `unix:PATH[,mode=660][,owner=USER][,group=GROUP]`, as a command line says it. */
#ifndef SX_UNIX_ADDRESS_H
#define SX_UNIX_ADDRESS_H

#include <sextant/app.h>

#define SX__UNIX_ADDRESS_MESSAGE_BYTES 128

/* Takes the text apart in place: it is `unix:PATH` afterwards, and owner and group lie behind it.
 * Gives NULL, or what is wrong, for which there is `message`. */
const char *sx__unix_address_parse(char *text, struct sx_unix_options *options,
                                   char message[SX__UNIX_ADDRESS_MESSAGE_BYTES]);

#endif
