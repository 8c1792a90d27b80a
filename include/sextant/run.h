/* run.h: where an app listens, and how it serves. Included by <sextant/app.h>. */
#ifndef SEXTANT_RUN_H
#define SEXTANT_RUN_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address to listen on is a string:
 *
 *     "127.0.0.1:8080" "[::1]:8080"      a numeric address
 *     "localhost:8080"                   a name
 *     ":8080"                            all addresses of the machine, IPv6 and IPv4
 *     "unix:PATH"                        a Unix socket; may be followed by ",mode=660",
 *                                        ",owner=USER" and ",group=GROUP", once each
 *
 * Port 0 is a free port, see sx_app_get_port. "https://" may precede an address with TLS options,
 * "http://" one without. The command line (`--listen`, `--admin`) takes the same strings.
 */

#ifdef __cplusplus
extern "C" {
#endif

struct sx_app;

/** Which routes an address answers; the others are not found there. */
enum sx_admin {
    SX_ADMIN_INCLUDED = 0,
    SX_ADMIN_EXCLUDED, /* those that are not admin routes */
    SX_ADMIN_ONLY,     /* only these: an address of its own for /metrics, with some room that no
                               other address takes */
};

enum sx_tls_version { SX_TLS_DEFAULT = 0 /* 1.2 */, SX_TLS_1_2, SX_TLS_1_3 };

/** How an address speaks TLS. The files are PEM, are read when the app listens, and again by
 * sx_app_reload. */
struct sx_tls_options {
    const char *certificate; /* path; the server's, then those that lead to its root */
    const char *key;         /* path; NULL: it is in the file of the certificate */
    const char *client_ca;   /* path; clients must have a certificate that one of these has signed;
                                NULL: they are not asked for one */
    enum sx_tls_version minimum;
    void *reserved[4];
};

/** An address to listen on, besides that of struct sx_run_options. */
struct sx_listen_address {
    const char *address; /* as in struct sx_run_options, and so are the others */
    int listen_fd;
    enum sx_admin admin;
    const struct sx_tls_options *tls; /* NULL: without */
    void *reserved[4];
};
struct sx_listen_address_list {
    const struct sx_listen_address *items;
    size_t count;
};

/** How an app listens and serves. The zero value is right: 127.0.0.1, a free port. */
struct sx_run_options {
    const char *address;        /* where to listen, see above; NULL: "127.0.0.1:0" */
    unsigned threads;           /* handlers that run, and may block, at the same time; 0: 64; at
                                   most 4,096 */
    unsigned idle_timeout_ms;   /* of a kept-alive connection; 0: 15,000 */
    unsigned header_timeout_ms; /* from the first byte of a request to the end of its header, and
                                   for a TLS handshake; 0: 10,000 */
    unsigned body_timeout_ms;   /* from the end of the header to the end of the body, and a second
                                   more for each body_rate_bytes that have come; 0: 30,000 */
    unsigned write_timeout_ms;  /* for a response, while the client acknowledges no byte of it; 0:
                                   30,000 */
    unsigned stop_timeout_ms;   /* for what is in flight when the app stops; 0: 10,000 */
    size_t request_line_bytes;  /* 0: 8 KiB; more: 414 */
    size_t header_bytes;        /* all headers together; 0: 32 KiB; more: 431 */
    size_t header_count;        /* 0: 100; at most 100; more: 431 */
    size_t body_bytes;          /* 0: 1 MiB; more: 413 */
    unsigned queue_count;       /* requests that wait for a thread, and as many again for admin
                                   routes; 0: 1,024; more: 503 */
    unsigned queue_timeout_ms;  /* for that wait, after which it is 503; 0: 1,000, the most */
    unsigned body_rate_bytes;   /* a second, the least of a body's rate; 0: 4,096 */
    unsigned connection_count;  /* of all clients; 0: 16,384; more are closed at once */
    unsigned address_connection_count; /* of one client, by its IPv4 address or IPv6 network of 64
                                          bits; with those that have had their last response, twice
                                          as many. 0: no limit, which is right behind a proxy */
    size_t held_bytes; /* memory of all requests and responses that wait for their clients: headers,
                          bodies, streams, and with TLS each connection; with more, the slowest
                          clients are closed. The process grows by at most an eighth more than that,
                          and by what handlers use. 0: 256 MiB, or four times body_bytes; not less
                          than body_bytes. A response that is larger by itself is a 500 */
    int listen_fd; /* a listening socket in place of `address`, which the app takes over; 0: none */
    enum sx_admin admin;                     /* at `address`; 0: all routes */
    const struct sx_tls_options *tls;        /* at `address`; NULL: without */
    struct sx_listen_address_list addresses; /* further ones */
    bool half_close_streams; /* a client that closes its sending side still gets the rest of its
                                stream; false: it has left, and its streams end. Other responses
                                are sent to it in either case */
    void *reserved[4];
};

/** Binds and listens at all addresses, or at none. sx_app_get_port gives the ports.
 *
 * @param options  NULL: all defaults; nothing of it is kept. A listen_fd is the app's from here on;
 *                 where another address fails, those of the addresses before it have been closed
 * @return   SX_OK, or, logged with its reason, SX_EADDRESS, SX_ETLS, SX_EINVAL, SX_ENOMEM,
 *           SX_ESYSTEM, SX_ESTATE
 * Threads:  [start]
 */
SX_API SX_MUST_CHECK int sx_app_listen(struct sx_app *app, const struct sx_run_options *options);

/** The port that an address of the app listens on.
 *
 * @param index  0: `address`, or `listen_fd`; 1 and up: `addresses.items[index - 1]`
 * @return   the port, or 0 if the address is a Unix socket, there is no such address, or the app
 *           does not listen
 * Threads:  [any]
 */
SX_API uint16_t sx_app_get_port(const struct sx_app *app, size_t index);

/** Serves until sx_app_stop: stops accepting, answers what is in flight, returns 0. SIGPIPE is
 * blocked in the calling thread meanwhile.
 *
 * An app serves once. After an sx_app_stop that came before, it returns 0 at once.
 *
 * Errors:   SX_ESTATE (not listening, or it has run), SX_ECOMPONENT, SX_ESYSTEM, SX_ENOMEM,
 *           SX_EINVAL (NULL); SX_ETIMEOUT: handlers did not return within stop_timeout_ms. Their
 *           number has been logged; their threads go on, and what they may use is kept: the process
 *           had better end.
 * Threads:  one at a time
 */
SX_API SX_MUST_CHECK int sx_app_run(struct sx_app *app);

/** Makes sx_app_run return. Any thread, and async-signal-safe. */
SX_API void sx_app_stop(struct sx_app *app);

/** Makes a running app reload its certificates and keys soon, for new connections. If a file cannot
 * be used, the error is logged and the former certificate stays in use. An app without certificates
 * logs that it has none. Any thread, and async-signal-safe. */
SX_API void sx_app_reload(struct sx_app *app);

#ifdef __cplusplus
}
#endif
#endif
