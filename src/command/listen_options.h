/* listen_options.h: where a command line says that the app listens, and with which certificate.
 * Called by the thread that runs the command line. */
#ifndef SX_LISTEN_OPTIONS_H
#define SX_LISTEN_OPTIONS_H

#include <sextant/app.h>
#include <stdio.h>

/* Without --listen, and without sockets of systemd. */
#define SX__COMMAND_ADDRESS "127.0.0.1:8080"

struct sx__listen_options {
    struct sx_run_options run;
    struct sx_tls_options tls;
    struct sx_listen_address
        *addresses; /* as given, --admin among them; sockets of systemd first */
    size_t count;
    unsigned workers; /* 0: as the program says */
    const char *user; /* NULL: that of the process */
    bool has_listen;
    bool has_admin; /* the admin routes have an address of their own */
};

/* Makes room for `most` addresses besides the sockets of systemd, which it takes. Errors: SX_ENOMEM
 */
int sx__listen_options_init(struct sx__listen_options *options, size_t most);
void sx__listen_options_clean_up(struct sx__listen_options *options);

/* Takes the value of --listen or --admin and keeps a pointer to it. Returns false after printing
 * the error. */
bool sx__listen_options_add(struct sx__listen_options *options, const char *text, bool admin);

/* Completes `options->run`. Returns false after printing what does not fit together. */
bool sx__listen_options_finish(struct sx__listen_options *options);

/* Prints a line for each address that the app listens on. */
void sx__listen_options_print(const struct sx__listen_options *options, const struct sx_app *app,
                              FILE *to);

#endif
