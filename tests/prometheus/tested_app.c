/* An app and its client; see tested_app.h. */
#include "tested_app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct sx_registry *registry;
struct sx_app *app;
struct sx_client *client;
struct sx_reply reply;

static void quiet(void *context, enum sx_log_level level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
}

int try_app(struct sx_app_options options, struct sx_prometheus_options prometheus)
{
    /* The app borrows them. */
    static struct sx_prometheus_options kept;
    static const struct sx_component_use use = {.component = &sx_component_sx_prometheus,
                                                .options = &kept};
    kept = prometheus;
    kept.registry = registry;
    options.components = (struct sx_component_list){&use, 1};
    options.log = quiet;
    return sx_app_new(&app, &options);
}

void start_app(struct sx_app_options options, struct sx_prometheus_options prometheus)
{
    assert_int_equal(try_app(options, prometheus), SX_OK);
    assert_int_equal(sx_client_new(&client, app), SX_OK);
}

int tear_down(void **state)
{
    (void)state;
    sx_reply_clean_up(&reply);
    sx_client_destroy(client);
    sx_app_destroy(app);
    sx_registry_destroy(registry);
    client = NULL;
    app = NULL;
    registry = NULL;
    return 0;
}
