/* metrics_server.h: a small HTTP server for programs that have metrics but no HTTP server.
 *
 *     status = sx_metrics_serve(NULL, "127.0.0.1:9100", NULL);
 *
 * It answers GET and HEAD over HTTP/1.1:
 *
 *     /metrics     the page, compressed with gzip for clients that prefer it
 *     /            HTML with a link to the page
 *     /-/healthy   200 and "healthy", without calling callbacks and collectors
 *
 * Any other path is 404. The server has neither TLS nor passwords, so give it a private address.
 *
 * One thread reads requests and sends responses. Other threads render pages: one from the start,
 * and up to three more when scrapes arrive while callbacks or collectors are running. So a slow
 * collector delays no page that is rendered. All threads block all signals and sleep while there is
 * nothing to do. The server is a library of its own, libsextant-metrics-server, because
 * libsextant-metrics starts no threads.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 */
#ifndef SEXTANT_METRICS_SERVER_H
#define SEXTANT_METRICS_SERVER_H

#include <sextant/metrics.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_metrics_server;

/** Receives why the server cannot listen on its address, and later errors: one sentence without a
 * line feed, borrowed.
 *
 * A response that is cut off is logged with the bytes sent, the bytes of the whole response with
 * its head, and the reason: "an answer was cut off after 270336 of 7340213 bytes: the client did
 * not read it within 10000 ms". If its page was not rendered yet, its size is not known: "an answer
 * was cut off after 0 bytes: the server stops". At most ten such lines are logged in ten seconds.
 * The rest are summed up in one line: "answers were cut off 20 more times".
 *
 * Threads:  called by sx_metrics_server_new, and by the thread that sends responses, which should
 *           not be kept waiting; never by two threads at the same time
 */
typedef void sx_metrics_server_log_fn(void *context, const char *message);

/** How metrics are served. The zero value is right. */
struct sx_metrics_server_options {
    const char *path;              /* of the page; NULL: "/metrics"; must begin with "/", else
                                      SX_EINVAL; copied */
    unsigned connections_max;      /* at the same time; 0: 16; a number over 1,024 is taken as
                                      1,024. If all are in use, a new connection replaces, in this
                                      order: the one idle longest; one whose request is incomplete;
                                      one whose client has read nothing for a second, or whose page
                                      has been queued for timeout_ms. Otherwise the new one waits */
    unsigned timeout_ms;           /* to receive a request, and to send its response after it is
                                      rendered; 0: 10,000 */
    sx_metrics_server_log_fn *log; /* NULL: no log */
    void *log_context;             /* borrowed until sx_metrics_server_destroy returns */
    struct sx_registry *const *registries; /* on the page instead of one, as in
                                              sx_page_render_registries; the list is copied */
    size_t registry_count;                 /* 0: the page is of one registry */
    unsigned scrapes_max; /* pages that are rendered or queued at the same time; a scrape beyond is
                             answered with 503; 0: no limit but connections_max */
    unsigned render_timeout_ms; /* a page that is not rendered within this time is answered with
                                   503, and the connection closed. Its collectors run on, and keep
                                   the connection's place until they return; no more of them are
                                   called. 0: no limit */
    bool measure_scrapes;       /* the page also has metrics of its scrapes, which sx_scrapes_new
                                   (exposition.h) lists, in the first registry */
};

/** Serves the registry's page until the server is destroyed.
 *
 * @param registry  NULL: the default registry, or those of the options; they must outlive the
 *                  server
 * @param address   "127.0.0.1:9100", "[::1]:9100", "localhost:9100", or ":9100" for all addresses
 *                  of the machine, IPv6 and IPv4; port 0: a free one. Or "unix:PATH" for a Unix
 *                  socket, with options as in "unix:PATH,mode=660,group=prometheus"; its file is
 *                  removed with the server
 * @param options   NULL: all defaults
 * Errors:   SX_EADDRESS (malformed, unknown, not of this machine, or in use; the log receives
 *           which), SX_EINVAL, SX_ENOMEM, SX_ESYSTEM (no descriptors or threads left); as
 *           sx_scrapes_new, if `measure_scrapes`
 * Threads:  [any]. Starts two threads, and later up to three more, which all run until the server
 *           is destroyed. Up to four of them run the registry's callbacks and collectors, also at
 *           the same time. After a fork() only the process that called this function has a server.
 * Memory:   destroy with sx_metrics_server_destroy; about 11 KiB for each connection, and its page
 *           while it is rendered and sent; see also sx_page_gzip
 */
SX_API SX_MUST_CHECK int sx_metrics_server_new(struct sx_metrics_server **server,
                                               struct sx_registry *registry, const char *address,
                                               const struct sx_metrics_server_options *options);

/** Stops listening, closes all connections, and waits for the threads to end, so also for callbacks
 * and collectors that are running. Connections end and the address is free even if a child of
 * fork() has copies of the descriptors. In such a child this function only closes the child's copy
 * of the listening socket.
 *
 * @param server  NULL is a no-op
 * Threads:  any thread, once. A callback, a collector or the log must not call it: it would wait
 *           for itself
 */
SX_API void sx_metrics_server_destroy(struct sx_metrics_server *server);

/** Returns the port that the server listens on; 0 for NULL and for a Unix socket.
 *
 * Threads:  [any]
 */
SX_API uint16_t sx_metrics_server_get_port(const struct sx_metrics_server *server);

/** As sx_metrics_server_new, but the server runs until the process ends. It cannot be stopped, so
 * the registry must never be destroyed, and `log_context` is borrowed for ever. */
SX_API SX_MUST_CHECK int sx_metrics_serve(struct sx_registry *registry, const char *address,
                                          const struct sx_metrics_server_options *options);

#ifdef __cplusplus
}
#endif
#endif
