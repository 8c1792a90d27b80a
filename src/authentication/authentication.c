#include "authorization.h"
#include "credentials.h"
#include "token.h"

#include <openssl/crypto.h>
#include <sextant/authentication.h>
#include <stdio.h>
#include <string.h>

enum { REALM_MOST = 128 };

struct sx_authentication {
    struct sx__credentials credentials;
    char challenge[2 * REALM_MOST + 64];       /* the WWW-Authenticate of a 401 */
    char token_challenge[2 * REALM_MOST + 96]; /* the same, to a bearer whose token is wrong */
};

/* ---- the hook ---- */

static struct sx_result refuse(const char *challenge)
{
    return sx_with_header(sx_fail(401, "this needs authentication"), "WWW-Authenticate", challenge);
}

/* Gives how many Authorization headers there are, and the last one. */
static size_t find_authorization(struct sx_str *value, const struct sx_headers *headers)
{
    size_t found = 0;
    for (size_t i = 0; i < sx_headers_get_count(headers); i++) {
        const char *name;
        const char *text;
        sx_headers_get(headers, i, &name, &text);
        if (sx__is_word((struct sx_str){name, strlen(name)}, "Authorization")) {
            *value = (struct sx_str){text, strlen(text)};
            found++;
        }
    }
    return found;
}

static struct sx_result sx_authenticate(struct sx_authentication *self,
                                        const struct sx_headers *headers)
{
    char decoded[SX__BASIC_BYTES];
    enum sx__scheme scheme;
    struct sx_str secret;
    struct sx_str value;
    if (find_authorization(&value, headers) != 1 ||
        sx__authorization_parse(&scheme, &secret, value, decoded) < 0) {
        return refuse(self->challenge);
    }
    const int matches = sx__credentials_match(&self->credentials, scheme, secret);
    if (matches < 0) {
        return sx_fail(500, "credentials cannot be compared: %s", sx_status_text(matches));
    }
    if (matches == 0) {
        return refuse(scheme == SX__SCHEME_BEARER ? self->token_challenge : self->challenge);
    }
    return sx_continue();
}
SX_BIND_SHARED(sx_authenticate, (inject, sx_authentication, self), (inject, sx_headers, headers));

const struct sx_hook sx_authenticated[1] = {SX_HOOK_ENTER(sx_authenticate)};

/* ---- the component ---- */

/* What stands between quotation marks as it is. */
static bool is_realm(const char *realm)
{
    const char *p = realm;
    while (*p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\') {
        p++;
    }
    return *p == '\0' && p != realm && p - realm <= REALM_MOST;
}

static void write_challenges(struct sx_authentication *self, const char *realm)
{
    const bool basic = sx__credentials_has(&self->credentials, SX__SCHEME_BASIC);
    const bool bearer = sx__credentials_has(&self->credentials, SX__SCHEME_BEARER);
    char first[REALM_MOST + 64] = "";
    if (basic) {
        snprintf(first, sizeof first, "Basic realm=\"%s\", charset=\"UTF-8\"%s", realm,
                 bearer ? ", " : "");
    }
    snprintf(self->challenge, sizeof self->challenge, "%s%s%s%s", first,
             bearer ? "Bearer realm=\"" : "", bearer ? realm : "", bearer ? "\"" : "");
    /* RFC 6750, 3: "If the request lacks any authentication information ... the resource server
     * SHOULD NOT include an error code", which it should otherwise. */
    snprintf(self->token_challenge, sizeof self->token_challenge, "%s%s", self->challenge,
             bearer ? ", error=\"invalid_token\"" : "");
}

/* SX_EINVAL: the options are wrong, for that reason. Otherwise memory is exhausted. */
static struct sx_result judge(int status, const char *reason)
{
    return status == SX_OK
               ? sx_continue()
               : sx_startup_error("%s", status == SX_EINVAL ? reason : sx_status_text(status));
}

static struct sx_result add_token(struct sx__credentials *credentials, const char *token)
{
    const struct sx_str secret = {token, token == NULL ? 0 : strlen(token)};
    const int status =
        token == NULL ? SX_OK : sx__credentials_add(credentials, SX__SCHEME_BEARER, secret);
    return judge(status, "the token of the options is no bearer token");
}

static struct sx_result add_user(struct sx__credentials *credentials, const char *username,
                                 const char *password)
{
    char pair[SX__BASIC_BYTES + 2]; /* one too many is noticed */
    if (username == NULL && password == NULL) {
        return sx_continue();
    }
    if (username == NULL || password == NULL || strchr(username, ':') != NULL) {
        return sx_startup_error(
            "the user of the options needs a name without a colon, and a password");
    }
    snprintf(pair, sizeof pair, "%s:%s", username, password);
    const int status =
        sx__credentials_add(credentials, SX__SCHEME_BASIC, (struct sx_str){pair, strlen(pair)});
    OPENSSL_cleanse(pair, sizeof pair);
    return judge(status, "no client could send the user of the options");
}

static struct sx_result add_file(struct sx__credentials *credentials, enum sx__scheme scheme,
                                 const char *path)
{
    char why[128] = "";
    return path[0] == '\0' || sx__credentials_load(credentials, scheme, path, why, sizeof why) == 0
               ? sx_continue()
               : sx_startup_error("%s: %s", path, why);
}

static struct sx_result add_all(struct sx__credentials *credentials,
                                const struct sx_authentication_options *options,
                                const char *tokens_file, const char *users_file)
{
    struct sx_result result = add_token(credentials, options->token);
    if (result.status == 0) {
        result = add_user(credentials, options->username, options->password);
    }
    if (result.status == 0) {
        result = add_file(credentials, SX__SCHEME_BEARER, tokens_file);
    }
    if (result.status == 0) {
        result = add_file(credentials, SX__SCHEME_BASIC, users_file);
    }
    if (result.status == 0 && credentials->count == 0) {
        result = sx_startup_error(
            "nobody could be let in: give --auth-tokens-file or --auth-users-file, or a token or user in the options");
    }
    return result;
}

static struct sx_result init(struct sx_authentication *self,
                             const struct sx_authentication_options *options,
                             const char *tokens_file, const char *users_file)
{
    static const struct sx_authentication_options defaults;
    options = options == NULL ? &defaults : options;
    const char *realm = options->realm == NULL ? "restricted" : options->realm;
    if (!is_realm(realm)) {
        return sx_startup_error(
            "a realm is 1 to %d printable characters of ASCII without \\ and \"", REALM_MOST);
    }
    struct sx_result result = add_all(&self->credentials, options, tokens_file, users_file);
    if (result.status != 0) {
        sx__credentials_clean_up(&self->credentials);
        return result;
    }
    write_challenges(self, realm);
    return result;
}

static void clean_up(struct sx_authentication *self)
{
    sx__credentials_clean_up(&self->credentials);
}

SX_COMPONENT(sx_authentication, app, init, clean_up,
             (options, struct sx_authentication_options, options),
             (setting, str, auth_tokens_file, SX_DEFAULT(""),
              SX_HELP("a file of bearer tokens, one a line")),
             (setting, str, auth_users_file, SX_DEFAULT(""),
              SX_HELP("a file of users, NAME:PASSWORD a line")));
