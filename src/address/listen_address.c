/* Parses an address to listen on; see listen_address.h. */
#include "listen_address.h"

#include <string.h>

static bool take_prefix(const char **text, const char *prefix)
{
    const size_t size = strlen(prefix);
    const bool has = strncmp(*text, prefix, size) == 0;
    *text += has ? size : 0;
    return has;
}

const char *sx__listen_address_parse(struct sx__listen_address *address, const char *text)
{
    *address = (struct sx__listen_address){.path = NULL};
    address->says_https = take_prefix(&text, "https://");
    address->says_http = !address->says_https && take_prefix(&text, "http://");
    if (strncmp(text, "unix:", 5) != 0) {
        return sx__host_port_parse(&address->tcp, text);
    }
    if (strlen(text) >= sizeof address->text) {
        return "the address is too long";
    }
    memcpy(address->text, text, strlen(text) + 1);
    address->path = address->text + 5;
    return sx__unix_address_parse(address->text, &address->unix_options, address->message);
}
