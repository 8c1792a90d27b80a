/* signals.h: signal handlers of a program under `run`. No other code of the libraries installs
 * signal handlers.
 *
 * SIGHUP reads the certificates again and SIGUSR2 starts the program anew; neither ends the
 * process. The first SIGTERM or SIGINT stops the app, a second one ends the process as if it had no
 * handler.
 */
#ifndef SX_SIGNALS_H
#define SX_SIGNALS_H

#include <sextant/app.h>
#include <signal.h>

/* The former actions of the signals. */
struct sx__signals {
    struct sigaction reload;
    struct sigaction upgrade;
    struct sigaction stop[2];
};

/* From here on SIGHUP and SIGUSR2 do not end the process. A SIGHUP that comes before there is an
 * app is remembered. */
void sx__signals_begin(struct sx__signals *signals);
/* Called when the app listens: the signals act on this app until sx__signals_release. */
void sx__signals_serve(struct sx__signals *signals, struct sx_app *app);
/* Called when the app has run: gives SIGTERM and SIGINT their former actions back. */
void sx__signals_release(struct sx__signals *signals);
/* Gives SIGHUP and SIGUSR2 their former action back, too. */
void sx__signals_end(struct sx__signals *signals);

#endif
