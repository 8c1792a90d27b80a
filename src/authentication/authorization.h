/* authorization.h: what an Authorization header says. */
#ifndef SX_AUTHENTICATION_AUTHORIZATION_H
#define SX_AUTHENTICATION_AUTHORIZATION_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>

enum sx__scheme { SX__SCHEME_BASIC, SX__SCHEME_BEARER };

/* The most that "name:password" may have. */
#define SX__BASIC_BYTES 1024

/* Finds the secret in the value of the header: of basic authentication "name:password", decoded
 * into `decoded`; of a bearer the token, within the value.
 *
 * Errors:   SX_EPROTO: another scheme, or credentials that are not well-formed; outputs untouched
 * Source:   RFC 9110, 11.4; RFC 7617, 2; RFC 6750, 2.1; RFC 4648, 3 and 4
 */
int sx__authorization_parse(enum sx__scheme *scheme, struct sx_str *secret, struct sx_str value,
                            char decoded[SX__BASIC_BYTES]);

/* RFC 6750, 2.1: b64token. */
bool sx__is_bearer_token(struct sx_str text);

#endif
