/* tested_app.h: an app with sx_prometheus, a registry of its own, and a client in the same process.
 */
#ifndef TEST_PROMETHEUS_TESTED_APP_H
#define TEST_PROMETHEUS_TESTED_APP_H

#include <sextant/app.h>
#include <sextant/client.h>
#include <sextant/prometheus.h>

extern struct sx_registry *registry;
extern struct sx_app *app;
extern struct sx_client *client;
extern struct sx_reply reply;

/* Makes the app, which logs nothing. Gives the status of sx_app_new. */
int try_app(struct sx_app_options options, struct sx_prometheus_options prometheus);
/* Makes the app and its client. */
void start_app(struct sx_app_options options, struct sx_prometheus_options prometheus);
/* Frees what is there of client, app and registry. */
int tear_down(void **state);

#endif
