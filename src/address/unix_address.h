/* unix_address.h: `unix:PATH[,mode=660][,owner=USER][,group=GROUP]`: the path of a Unix socket, and
 * who may connect to it. */
#ifndef SX_UNIX_ADDRESS_H
#define SX_UNIX_ADDRESS_H

#include <stddef.h>

#define SX__UNIX_ADDRESS_MESSAGE_BYTES 128

/* A client must be allowed to write to the file of the socket. */
struct sx__unix_options {
    unsigned mode;     /* permissions of the file, at most 0777; 0: those of the umask */
    const char *owner; /* a user's name or number; NULL: the process's */
    const char *group; /* a group's name or number; NULL: the process's */
};

/* Splits the text in place: afterwards it is `unix:PATH`, and the options point to owner and group
 * after it. Returns NULL or the error, which may be written to `message`. */
const char *sx__unix_address_parse(char *text, struct sx__unix_options *options,
                                   char message[SX__UNIX_ADDRESS_MESSAGE_BYTES]);

#endif
