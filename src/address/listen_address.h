/* listen_address.h: an address to listen on, as users write it everywhere: "127.0.0.1:8080",
 * "[::1]:8080", "localhost:8080", ":8080" for all of the machine's addresses, or
 * "unix:PATH[,mode=660][,owner=USER][,group=GROUP]". "http://" or "https://" may precede it.
 */
#ifndef SX_LISTEN_ADDRESS_H
#define SX_LISTEN_ADDRESS_H

#include "host_port.h"
#include "unix_address.h"

#include <stdbool.h>

#define SX__LISTEN_ADDRESS_BYTES 1024

struct sx__listen_address {
    bool says_http;
    bool says_https;
    const char *path; /* of a Unix socket; NULL: `tcp` is the address */
    struct sx__unix_options unix_options;
    struct sx__host_port tcp;
    char text[SX__LISTEN_ADDRESS_BYTES]; /* what `path` and `unix_options` point to */
    char message[SX__UNIX_ADDRESS_MESSAGE_BYTES];
};

/* Returns NULL, or what is wrong with the text, which ends a sentence and lives as long as
 * `address`. The text is copied. `address` points into itself, so it must not be copied. */
const char *sx__listen_address_parse(struct sx__listen_address *address, const char *text);

#endif
