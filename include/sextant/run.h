/* run.h: where an app listens and how it serves. Included by <sextant/app.h>.
 *
 * An address is a string, here and on the command line (`--listen`, `--admin`):
 *
 *     "127.0.0.1:8080" "[::1]:8080"      a numeric address
 *     "localhost:8080"                   a name
 *     ":8080"                            all addresses of the machine, IPv6 and IPv4
 *     "unix:PATH"                        a Unix socket; ",mode=660", ",owner=USER" and
 *                                        ",group=GROUP" may follow, once each
 *
 * Port 0 is a free port; sx_app_get_port returns it. "https://" may precede an address that has TLS
 * options, and "http://" one that has none.
 *
 * Threads: [any] any thread at any time, but no signal handler. [start] before sx_app_run.
 */
#ifndef SEXTANT_RUN_H
#define SEXTANT_RUN_H

#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_app;

/** Which routes an address serves. All others are answered with 404 there. */
enum sx_admin {
    SX_ADMIN_INCLUDED = 0, /* all routes */
    SX_ADMIN_EXCLUDED,     /* all routes but the admin routes */
    SX_ADMIN_ONLY,         /* the admin routes only; 16 connections and descriptors are kept free
                              for such addresses */
};

enum sx_tls_version { SX_TLS_DEFAULT = 0 /* 1.2 */, SX_TLS_1_2, SX_TLS_1_3 };

/** The TLS options of an address. The files are PEM. sx_app_listen reads them, and sx_app_reload
 * reads them again. */
struct sx_tls_options {
    const char *certificate; /* path: the server's certificate, then its intermediates */
    const char *key;         /* path; NULL: the key is in the file of the certificate */
    const char *client_ca;   /* path: a client needs a certificate that one of these has signed;
                                NULL: a client needs none */
    enum sx_tls_version minimum;
    void *reserved[4];
};

/** An address to listen on, besides that of struct sx_run_options. */
struct sx_listen_address {
    const char *address;              /* NULL: "127.0.0.1:0" */
    int listen_fd;                    /* a listening socket in place of `address`; 0: none */
    enum sx_admin admin;              /* 0: all routes */
    const struct sx_tls_options *tls; /* NULL: no TLS */
    void *reserved[4];
};
/** A list; its size never changes. */
struct sx_listen_address_list {
    const struct sx_listen_address *items;
    size_t count;
};

/** How an app listens and serves. Each member that is 0 or NULL has the default named here. */
struct sx_run_options {
    const char *address; /* NULL: "127.0.0.1:0" */
    unsigned threads;    /* handlers that may run, and block, at the same time; 64, at most 4,096 */
    /* Time-outs in milliseconds. */
    unsigned idle_timeout_ms; /* of a kept-alive connection between requests; 15,000 */
    unsigned
        header_timeout_ms;     /* from the first byte of a request to the end of its header, and of
                                  a TLS handshake; 10,000. Protects from slow clients (slowloris) */
    unsigned body_timeout_ms;  /* from the end of the header to the end of the body, plus a second
                                  for each body_rate_bytes received; 30,000 */
    unsigned write_timeout_ms; /* of a response while the client acknowledges no byte; 30,000 */
    unsigned stop_timeout_ms;  /* of requests in progress when the app stops; 10,000 */
    /* Limits of a request. */
    size_t request_line_bytes; /* 8 KiB; beyond: 414 */
    size_t header_bytes;       /* of all headers together; 32 KiB; beyond: 431 */
    size_t header_count;       /* 100, which is the most; beyond: 431 */
    size_t body_bytes;         /* 1 MiB; beyond: 413 */
    /* Limits of the server. */
    unsigned queue_count;      /* requests that wait for a thread, and as many again for admin
                                  routes; 1,024; beyond: 503 */
    unsigned queue_timeout_ms; /* of that wait; 1,000, which is the most; then 503 */
    unsigned body_rate_bytes;  /* the slowest body that is accepted, in bytes a second; 4,096 */
    unsigned connection_count; /* of all clients; 16,384; more are closed at once */
    unsigned address_connection_count; /* of one client: an IPv4 address or an IPv6 network of 64
                                          bits. Connections after their last response are not
                                          counted, but a client may have at most twice as many in
                                          all. 0: no limit, which is right behind a proxy */
    size_t buffered_bytes; /* memory of all requests and responses that are being received or
                          sent: headers, bodies, streams, TLS. Beyond it the slowest
                          clients are closed. The process grows by at most an eighth more,
                          and by what handlers use. At least body_bytes; 256 MiB, or four
                          times body_bytes if that is more. A single response that is
                          larger becomes a 500 */
    int listen_fd;         /* a listening socket in place of `address`; 0: none */
    enum sx_admin admin;   /* of `address`; 0: all routes */
    const struct sx_tls_options *tls;        /* of `address`; NULL: no TLS */
    struct sx_listen_address_list addresses; /* further addresses */
    bool half_close_streams; /* true: a client that has closed its sending side (half-close) still
                                receives the rest of its stream. false: its stream ends. Other
                                responses are sent in either case */
    void *reserved[4];
};

/** Binds and listens at all addresses. If one cannot be bound, it listens at none.
 *
 * @param options  NULL: all defaults. Nothing is borrowed. The app takes over each listen_fd. If
 *                 an address fails, those of the addresses before it have been closed.
 * Errors:   SX_EADDRESS, SX_ETLS, SX_EINVAL, SX_ENOMEM, SX_ESYSTEM; SX_ESTATE: the app listens
 *           already. The reason is logged.
 * Threads:  [start]
 */
SX_API SX_MUST_CHECK int sx_app_listen(struct sx_app *app, const struct sx_run_options *options);

/** Returns the port of an address.
 *
 * @param index  0: `address` or `listen_fd`; from 1: `addresses.items[index - 1]`
 * @return   0: the address is a Unix socket, there is no such address, or the app does not listen
 * Threads:  [any]
 */
SX_API uint16_t sx_app_get_port(const struct sx_app *app, size_t index);

/** Serves until sx_app_stop is called. Then stops accepting, answers the requests in progress and
 * returns SX_OK. Returns at once if sx_app_stop was called before. An app serves once. SIGPIPE is
 * blocked in the calling thread meanwhile.
 *
 * If the app has workers (struct sx_app_options), processes that this function forks serve, and it
 * supervises them: docs/workers.md.
 *
 * Errors:   SX_EINVAL: `app` is NULL; SX_ESTATE: the app does not listen, has run before, or has
 *           workers although the process has other threads; SX_ESYSTEM; SX_ENOMEM; SX_ECOMPONENT: a
 *           worker component cannot start, logged; SX_ETIMEOUT: handlers did not return within
 *           stop_timeout_ms. The log says how many. They go on running and their memory is kept, so
 *           end the process. A worker with such handlers ends.
 * Threads:  one call at a time. The calling thread watches the server until the function returns;
 *           handlers, hooks and observers run on other threads, which this function starts. Worker
 *           components are initialised, and usually ended, by the calling thread.
 */
SX_API SX_MUST_CHECK int sx_app_run(struct sx_app *app);

/** Makes sx_app_run return.
 *
 * Threads:  [any], and signal handlers
 */
SX_API void sx_app_stop(struct sx_app *app);

/** Makes a running app read its certificates and keys again, for new connections. If a file cannot
 * be used, the error is logged and the previous certificate stays in use. If the app has workers,
 * they are replaced one after the other.
 *
 * Threads:  [any], and signal handlers
 */
SX_API void sx_app_reload(struct sx_app *app);

/** Passes a descriptor on to the program that an upgrade starts (SIGUSR2, docs/workers.md). There
 * it is open, and its number is the value of the environment variable `name`. If the new program
 * does not start with it, the program is started once more without.
 *
 * @param fd  remains the caller's, and stays open until the app is destroyed
 * Errors:   SX_EINVAL: no name, or a '=' in it, or `fd` is negative; SX_ENOMEM
 * Threads:  [start]
 * Memory:   copies the name
 */
SX_API SX_MUST_CHECK int sx_app_pass_descriptor(struct sx_app *app, const char *name, int fd);

#ifdef __cplusplus
}
#endif
#endif
