/* SIGHUP, SIGUSR2, SIGTERM and SIGINT of the command line; see signals.h. The handlers run in any
 * thread. */
#include "signals.h"

#include "application.h"
#include "server.h"

#include <stddef.h>

static struct sx_app *volatile running_app;
static volatile sig_atomic_t was_hung_up;
static volatile sig_atomic_t was_stopped;

static const int stop_signals[] = {SIGTERM, SIGINT};
#define STOP_SIGNALS (sizeof stop_signals / sizeof *stop_signals)

static void on_hangup(int signal_number)
{
    (void)signal_number;
    was_hung_up = 1;
    sx_app_reload(running_app);
}

static void on_upgrade(int signal_number)
{
    struct sx_app *app = running_app;
    (void)signal_number;
    if (app != NULL) {
        sx__server_upgrade(app->server);
    }
}

static void on_stop(int signal_number)
{
    if (was_stopped) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
        return;
    }
    was_stopped = 1;
    sx_app_stop(running_app);
}

static void install(int signal_number, void (*handler)(int), struct sigaction *before)
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, before);
}

void sx__signals_begin(struct sx__signals *signals)
{
    was_hung_up = 0;
    was_stopped = 0;
    install(SIGHUP, on_hangup, &signals->reload);
    install(SIGUSR2, on_upgrade, &signals->upgrade);
}

void sx__signals_serve(struct sx__signals *signals, struct sx_app *app)
{
    running_app = app;
    if (was_hung_up) { /* the certificate may have been read before the signal came */
        sx_app_reload(app);
    }
    for (size_t i = 0; i < STOP_SIGNALS; i++) {
        install(stop_signals[i], on_stop, &signals->stop[i]);
    }
}

void sx__signals_release(struct sx__signals *signals)
{
    for (size_t i = 0; i < STOP_SIGNALS; i++) {
        sigaction(stop_signals[i], &signals->stop[i], NULL);
    }
    running_app = NULL;
}

void sx__signals_end(struct sx__signals *signals)
{
    sigaction(SIGHUP, &signals->reload, NULL);
    sigaction(SIGUSR2, &signals->upgrade, NULL);
}
