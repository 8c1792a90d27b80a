/* authentication.h: routes that need a password or a token.
 *
 *     SX_GET("/metrics", sx_expose_metrics, .hooks = SX_LIST(sx_authenticated))
 *     .components = SX_COMPONENTS(sx_prometheus, sx_authentication)
 *
 * The secrets are in files, because other users can read a command line or an environment:
 *
 *     --auth-tokens-file FILE  bearer tokens (RFC 6750), one a line
 *     --auth-users-file FILE   users of basic authentication (RFC 7617), a line NAME:PASSWORD each
 *
 * The files are settings (SX_SETTINGS) and are read when the app is made. Without any credential
 * the app does not start. Clients send passwords and tokens in clear text, so use TLS, or a
 * connection that does not leave the machine.
 */
#ifndef SEXTANT_AUTHENTICATION_H
#define SEXTANT_AUTHENTICATION_H

#include <sextant/app.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of the component. A credential here is accepted besides those in the files. Strings are
 * borrowed while the app is made. */
struct sx_authentication_options {
    const char *realm; /* shown by a browser that asks for a password; NULL: "restricted" */
    const char *token; /* NULL: none */
    const char *username, *password; /* both or neither */
    void *reserved[4];
};

struct sx_authentication;

/** An app component: `SX_COMPONENTS(sx_authentication)` or `SX_COMPONENTS((sx_authentication,
 *  &options))`. It cannot start without a credential, or with one that no client could send. It
 * holds SHA-256 digests only, and compares in constant time. */
SX_COMPONENT_DECLARE(sx_authentication, struct sx_authentication);

/** A hook for a route, an include or an app. A request without valid credentials is answered with
 * 401 and a challenge for each scheme that has credentials. The hooks of an app do not run for
 * admin routes like /metrics: give such a route the hook itself. */
extern SX_API const struct sx_hook sx_authenticated[1];

/** The same hook in a list of several: `SX_HOOK_ENTER(sx_authenticate)`. */
SX_HANDLER_DECLARE(sx_authenticate);

#ifdef __cplusplus
}
#endif
#endif
