/* metrics_server.h: a small listener for programs that have metrics and no HTTP server.
 *
 *     status = sx_metrics_serve(NULL, "127.0.0.1:9100", NULL);
 *
 * It answers GET and HEAD of /metrics over HTTP/1.1, and nothing else: no TLS, no passwords, so it
 * belongs on a private address. It has one thread, which blocks all signals and does nothing while
 * nobody asks. It is a library of its own, libsextant-metrics-server: libsextant-metrics starts no
 * threads.
 */
#ifndef SEXTANT_METRICS_SERVER_H
#define SEXTANT_METRICS_SERVER_H

#include <sextant/metrics.h>
#include <sextant/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_metrics_server;

/** Hears why an address cannot be listened on, and of trouble later; one sentence without line
 *  feed, borrowed. Called by sx_metrics_server_new and by the server's thread. */
typedef void sx_metrics_server_log_fn(void *context, const char *message);

/** How metrics are served; the zero value is right. */
struct sx_metrics_server_options {
    const char *path;         /* NULL: "/metrics"; copied */
    unsigned connections_max; /* at once; 0: 16; at most 1,024. One more displaces who waits longest
                                 without having asked for anything */
    unsigned timeout_ms; /* for a request to arrive, and for its answer to be taken; 0: 10,000 */
    sx_metrics_server_log_fn *log; /* NULL: nobody hears */
    void *log_context;
    void *reserved[4];
};

/** Serves the registry's page until the server is destroyed.
 *
 * @param registry  NULL: the default registry; it must outlive the server
 * @param address   "127.0.0.1:9100", "[::1]:9100", "localhost:9100", or ":9100" for all of the
 *                  machine's addresses, of IPv6 and IPv4; port 0: any that is free
 * @param options   NULL: all defaults
 * Errors:   SX_EADDRESS (malformed, unknown, not ours, or in use; the log hears which), SX_EINVAL,
 *           SX_ENOMEM, SX_ESYSTEM (no descriptors or threads left)
 * Threads:  [any]; starts one, so after a fork() only the process that called has a server. A
 *           collector or callback of the registry runs on that thread.
 * Memory:   destroy with sx_metrics_server_destroy; about 9 KiB a connection, and its page while it
 *           is being sent
 */
SX_API SX_MUST_CHECK int sx_metrics_server_new(struct sx_metrics_server **server,
                                               struct sx_registry *registry, const char *address,
                                               const struct sx_metrics_server_options *options);

/** Stops listening, cuts off what is being sent, waits for the thread to end; NULL is a no-op.
 *
 * In a child of fork() it only closes the child's copy of the listening socket.
 */
SX_API void sx_metrics_server_destroy(struct sx_metrics_server *server);

/** The port that it listens on; 0 for NULL. [any] */
SX_API uint16_t sx_metrics_server_get_port(const struct sx_metrics_server *server);

/** As sx_metrics_server_new, for as long as the process lives. */
SX_API SX_MUST_CHECK int sx_metrics_serve(struct sx_registry *registry, const char *address,
                                          const struct sx_metrics_server_options *options);

#ifdef __cplusplus
}
#endif
#endif
