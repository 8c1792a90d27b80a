/* authentication.h: routes that only those may ask for who know a password or a token.
 *
 *     SX_GET("/metrics", sx_expose_metrics, .hooks = SX_LIST(sx_authenticated))
 *     .components = SX_COMPONENTS(sx_prometheus, sx_authentication)
 *
 * Who that is is in files, as a secret on the command line or in the environment is easily seen:
 *
 *     --auth-tokens-file FILE  bearer tokens (RFC 6750), one a line
 *     --auth-users-file FILE   users of basic authentication (RFC 7617), a line NAME:PASSWORD each
 *
 * They are settings (SX_SETTINGS) and read when the app is made. With nobody to let in, the app
 * does not start. Passwords and tokens are sent as they are, so the connection needs TLS, or must
 * not leave the machine.
 */
#ifndef SEXTANT_AUTHENTICATION_H
#define SEXTANT_AUTHENTICATION_H

#include <sextant/app.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The component's options, beside its settings: who is in either is let in. Strings are borrowed
 * while the app is made. */
struct sx_authentication_options {
    const char *realm;               /* what a browser asks a password for; NULL: "restricted" */
    const char *token;               /* NULL: none */
    const char *username, *password; /* both or neither */
    void *reserved[4];
};

struct sx_authentication;

/** An app component: `SX_COMPONENTS(sx_authentication)` or `SX_COMPONENTS((sx_authentication,
 *  &options))`. It keeps the app from starting where there is no credential at all, or one that no
 *  client could send. It holds SHA-256 digests only, and compares in constant time. */
SX_COMPONENT_DECLARE(sx_authentication, struct sx_authentication);

/** The hook of a route, an include or an app: what is not authenticated is answered 401 with the
 *  challenges of the schemes there are credentials for. The hooks of an app do not run around
 *  admin routes like /metrics, those of the route do. */
extern SX_API const struct sx_hook sx_authenticated[1];

/** The same, for a list of several hooks: `SX_HOOK_ENTER(sx_authenticate)`. */
SX_HANDLER_DECLARE(sx_authenticate);

#ifdef __cplusplus
}
#endif
#endif
