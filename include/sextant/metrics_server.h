/* metrics_server.h: a small HTTP server for programs that have metrics but no HTTP server.
 *
 *     status = sx_metrics_serve(NULL, "127.0.0.1:9100", NULL);
 *
 * It answers GET and HEAD of /metrics over HTTP/1.1, and nothing else. It has neither TLS nor
 * passwords, so give it a private address. It has one thread, which blocks all signals and sleeps
 * until a client connects. It is a library of its own, libsextant-metrics-server, because
 * libsextant-metrics starts no threads.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
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

/** Receives why the server cannot listen on its address, and later errors: one sentence without a
 * line feed, borrowed.
 *
 * Threads:  called by sx_metrics_server_new, and by the server's thread
 */
typedef void sx_metrics_server_log_fn(void *context, const char *message);

/** How metrics are served. The zero value is right. */
struct sx_metrics_server_options {
    const char *path;              /* NULL: "/metrics"; copied */
    unsigned connections_max;      /* at the same time; 0: 16; at most 1,024. One more closes the
                                      connection that has been idle for longest */
    unsigned timeout_ms;           /* to receive a request, and to send its response; 0: 10,000 */
    sx_metrics_server_log_fn *log; /* NULL: no log */
    void *log_context;
    void *reserved[4];
};

/** Serves the registry's page until the server is destroyed.
 *
 * @param registry  NULL: the default registry; it must outlive the server
 * @param address   "127.0.0.1:9100", "[::1]:9100", "localhost:9100", or ":9100" for all addresses
 *                  of the machine, IPv6 and IPv4; port 0: a free one. Or "unix:PATH" for a Unix
 *                  socket, with options as in "unix:PATH,mode=660,group=prometheus"; its file is
 *                  removed with the server
 * @param options   NULL: all defaults
 * Errors:   SX_EADDRESS (malformed, unknown, not of this machine, or in use; the log receives
 *           which), SX_EINVAL, SX_ENOMEM, SX_ESYSTEM (no descriptors or threads left)
 * Threads:  [any]. Starts a thread, which also runs the registry's collectors and callbacks. After
 *           a fork() only the process that called this function has a server.
 * Memory:   destroy with sx_metrics_server_destroy; about 9 KiB for each connection, and its page
 *           while it is sent
 */
SX_API SX_MUST_CHECK int sx_metrics_server_new(struct sx_metrics_server **server,
                                               struct sx_registry *registry, const char *address,
                                               const struct sx_metrics_server_options *options);

/** Stops listening, closes all connections, and waits for the thread to end. In a child of fork()
 * it only closes the child's copy of the listening socket.
 *
 * @param server  NULL is a no-op
 * Threads:  any thread, once
 */
SX_API void sx_metrics_server_destroy(struct sx_metrics_server *server);

/** Returns the port that the server listens on; 0 for NULL and for a Unix socket.
 *
 * Threads:  [any]
 */
SX_API uint16_t sx_metrics_server_get_port(const struct sx_metrics_server *server);

/** As sx_metrics_server_new, until the process ends. */
SX_API SX_MUST_CHECK int sx_metrics_serve(struct sx_registry *registry, const char *address,
                                          const struct sx_metrics_server_options *options);

#ifdef __cplusplus
}
#endif
#endif
