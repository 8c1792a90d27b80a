/* client.h: the test client of an app: requests without a socket, over the same code.
 *
 * What is tested is what a client of the network gets: the request is written as bytes, parsed,
 * routed and answered, and the reply is read from bytes.
 *
 *     struct sx_client *client = NULL;
 *     struct sx_reply reply = {0};
 *     if (sx_client_new(&client, app) == SX_OK &&
 *         sx_client_get(client, &reply, "/?name=you") == SX_OK) {
 *         assert(reply.status == 200);
 *     }
 *     sx_reply_clean_up(&reply);
 *     sx_client_destroy(client);
 */
#ifndef SEXTANT_CLIENT_H
#define SEXTANT_CLIENT_H

#include <sextant/app.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_client;

/** A response as a client sees it. Initialise with `{0}`. */
struct sx_reply {
    int status;
    struct sx_str body;    /* NUL-terminated for convenience */
    struct sx_str headers; /* the lines as sent, for inspection */
    void *memory;          /* private */
    void *reserved[4];
};

/** Makes a client of an app, and initialises the app's worker components if it is the first.
 *
 * @param app  must outlive the client
 * Errors:   SX_EINVAL, SX_ENOMEM, SX_ECOMPONENT: a worker component's init failed, logged;
 * SX_ESTATE: it is called by such an init
 * Threads:  [any]
 * Memory:   destroy with sx_client_destroy
 */
SX_API SX_MUST_CHECK int sx_client_new(struct sx_client **client, struct sx_app *app);

/** Ends the client; the last one of an app that does not run ends its worker components. NULL is a
 * no-op. */
SX_API void sx_client_destroy(struct sx_client *client);

/** Sends a request and waits for its response.
 *
 * The client keeps cookies: what Set-Cookie has set goes with the following requests, by name and
 * value; a Max-Age of 0 takes it away.
 * @param headers  lines, each ended by CRLF: "Accept: text/plain\r\n"; NULL: none
 * @param body     may be empty
 * Errors:   SX_EPROTO (the app closed without an answer, or within it: a stream that failed, a file
 *           that became shorter, a stream or file of more than 64 MiB), SX_ENOMEM, SX_EINVAL
 * Threads:  one client a thread
 * Memory:   reply is replaced; free it with sx_reply_clean_up
 */
SX_API SX_MUST_CHECK int sx_client_send(struct sx_client *client, struct sx_reply *reply,
                                        const char *method, const char *target, const char *headers,
                                        struct sx_str body);

/** sx_client_send of a GET without headers or body. */
SX_API SX_MUST_CHECK int sx_client_get(struct sx_client *client, struct sx_reply *reply,
                                       const char *target);

/** The body as a JSON value, which the caller releases with json_decref; NULL: it is not JSON. */
SX_API struct json_t *sx_reply_get_json(const struct sx_reply *reply);

/** Copies the value of a header (any case) into `value`, cut to fit; false: absent. */
SX_API bool sx_reply_get_header(const struct sx_reply *reply, const char *name, char *value,
                                size_t size);

/** Frees what the reply owns and zeroes it; NULL is a no-op. */
SX_API void sx_reply_clean_up(struct sx_reply *reply);

#ifdef __cplusplus
}
#endif
#endif
