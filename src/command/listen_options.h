/* listen_options.h: the addresses and certificates that a command line asks for. */
#ifndef SX_LISTEN_OPTIONS_H
#define SX_LISTEN_OPTIONS_H

#include <sextant/app.h>
#include <stdio.h>

/* Those of struct sx_run_options that say where to listen, and what they point to. */
struct sx__listen_options {
    struct sx_run_options *run;
    struct sx_tls_options tls;
    struct sx_listen_address *addresses;
    struct sx_unix_options *unix_options; /* as many, of the addresses that are Unix sockets */
    char *host;                           /* the value of --host; NULL: it was not given */
    struct sx_unix_options host_options;
    size_t count;
    bool has_admin; /* the reserved routes have an address of their own */
};

/* Room for `most` addresses besides those of a service manager, which are taken at once. Errors:
 * SX_ENOMEM */
int sx__listen_options_init(struct sx__listen_options *options, struct sx_run_options *run,
                            size_t most);
void sx__listen_options_clean_up(struct sx__listen_options *options);

/* Reads the value of --host: a host, or `unix:PATH` with its options. Returns false after printing
 * the error. */
bool sx__listen_options_set_host(struct sx__listen_options *options, const char *text);
/* Reads `[https://]HOST:PORT` or `unix:PATH`, for all routes or only the reserved ones. Returns
 * false after printing the error. Keeps a pointer to the text. */
bool sx__listen_options_add(struct sx__listen_options *options, const char *text, bool admin);
/* "1.2" or "1.3" */
bool sx__listen_options_set_minimum(struct sx__listen_options *options, const char *text);

/* Puts all of it into the run options; false: it has been printed what does not fit together. */
bool sx__listen_options_finish(struct sx__listen_options *options);

/* One line for each address that the app listens on. */
void sx__listen_options_print(const struct sx__listen_options *options, const struct sx_app *app,
                              FILE *to);

#endif
