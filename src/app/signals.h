/* signals.h: the signals of a program that `run` serves. No other code of the libraries installs
 * signal handlers.
 *
 * SIGHUP reads the certificates again, and never ends the process. The first SIGTERM or SIGINT
 * stops the app, a second one ends the process as if it had no handler.
 */
#ifndef SX_SIGNALS_H
#define SX_SIGNALS_H

#include <sextant/app.h>
#include <signal.h>

/* The actions there were before. */
struct sx__signals {
    struct sigaction reload;
    struct sigaction stop[2];
};

/* From here on SIGHUP does not end the process. One that comes before there is an app is kept. */
void sx__signals_begin(struct sx__signals *signals);
/* The app listens: the signals are its own until sx__signals_release. */
void sx__signals_serve(struct sx__signals *signals, struct sx_app *app);
/* The app has run: SIGTERM and SIGINT have their former actions again. */
void sx__signals_release(struct sx__signals *signals);
/* SIGHUP has its former action again, too. */
void sx__signals_end(struct sx__signals *signals);

#endif
