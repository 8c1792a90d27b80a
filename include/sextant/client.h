/* client.h: the test client of an app: requests without a socket, over the same code.
 *
 * It uses the code that serves clients of the network: the request is written as bytes, parsed,
 * routed and answered, and the reply is parsed from bytes. Handlers, hooks and observers run on the
 * thread that sends the request.
 *
 *     struct sx_client *client = NULL;
 *     struct sx_reply reply = {0};
 *     if (sx_client_new(&client, app) == SX_OK &&
 *         sx_client_get(client, &reply, "/?name=you") == SX_OK) {
 *         assert(reply.status == 200);
 *     }
 *     sx_reply_clean_up(&reply);
 *     sx_client_destroy(client);
 *
 * Threads: [any] any thread at any time, but no signal handler.
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

/** A response as a client receives it. Initialise it with `{0}`. */
struct sx_reply {
    int status;
    struct sx_str body;    /* a NUL follows it */
    struct sx_str headers; /* the lines as sent */
    void *memory;          /* private */
    void *reserved[4];
};

/** Makes a client of an app. The first client initialises the worker components of the app.
 *
 * @param app  must outlive the client
 * Errors:   SX_EINVAL; SX_ENOMEM; SX_ECOMPONENT: a worker component cannot start, logged;
 *           SX_ESTATE: called by the init of a worker component
 * Threads:  [any]
 * Memory:   destroy with sx_client_destroy
 */
SX_API SX_MUST_CHECK int sx_client_new(struct sx_client **client, struct sx_app *app);

/** Ends the client; NULL is a no-op. The last client of an app that does not run ends the worker
 * components.
 *
 * Threads:  [any]
 */
SX_API void sx_client_destroy(struct sx_client *client);

/** Sends a request and waits for its response.
 *
 * The client keeps cookies: it sends what Set-Cookie has set with its next requests, until a
 * Max-Age of 0 removes it.
 *
 * @param headers  lines, each ended by CRLF: "Accept: text/plain\r\n"; NULL: none
 * @param body     may be empty
 * Errors:   SX_EPROTO: the app closed the connection before the end of the response (a stream that
 *           failed, a file that became shorter), or a stream or file has more than 64 MiB;
 *           SX_ENOMEM; SX_EINVAL
 * Threads:  one at a time for each client
 * Memory:   `reply` is replaced; free it with sx_reply_clean_up
 */
SX_API SX_MUST_CHECK int sx_client_send(struct sx_client *client, struct sx_reply *reply,
                                        const char *method, const char *target, const char *headers,
                                        struct sx_str body);

/** Sends a GET without headers or body. Otherwise as sx_client_send. */
SX_API SX_MUST_CHECK int sx_client_get(struct sx_client *client, struct sx_reply *reply,
                                       const char *target);

/** Parses the body as JSON.
 *
 * @return   NULL: it is not JSON, or memory is exhausted
 * Memory:   release it with json_decref
 */
SX_API struct json_t *sx_reply_get_json(const struct sx_reply *reply);

/** Copies the value of a header (any case) into `value`, cut to fit.
 *
 * @return   false: there is no such header
 */
SX_API bool sx_reply_get_header(const struct sx_reply *reply, const char *name, char *value,
                                size_t size);

/** Frees what the reply owns and zeroes it; NULL is a no-op. */
SX_API void sx_reply_clean_up(struct sx_reply *reply);

#ifdef __cplusplus
}
#endif
#endif
