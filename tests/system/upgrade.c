/* upgrade.c: an app for test_upgrade.py. Its setting `folder` is a folder with files that change
 * what the program does the next time that it is started. */
#include <sextant/app.h>
#include <sextant/collector.h>
#include <sextant/prometheus.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct jobs {
    struct sx_counter *done;
};
SX_COMPONENT_DECLARE(jobs, struct jobs);

static bool has_file(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* The counter is registered as this program defines it. That it cannot be is not an error of the
 * app, which then does without. */
static struct sx_result jobs_open(struct jobs *jobs, const char *folder,
                                  struct sx_registry *registry)
{
    const bool differs = has_file(folder, "differs");
    const struct sx_metric_options options = {.name = "jobs_total",
                                              .help = differs ? "Work done." : "Jobs done."};
    struct sx_counter *other = NULL;
    if (sx_counter_register(&jobs->done, registry, &options) != SX_OK) {
        jobs->done = NULL;
    }
    if (!has_file(folder, "fewer") &&
        sx_counter_register(&other, registry,
                            &(struct sx_metric_options){.name = "former_total", .help = "F."}) !=
            SX_OK) {
        return sx_startup_error("former_total cannot be registered");
    }
    sx_counter_inc(other);
    if (sx_process_collector_register(registry) != SX_OK) {
        return sx_startup_error("there are no metrics of the process");
    }
    if (has_file(folder, "hangs")) {
        (void)pause();
    }
    return has_file(folder, "fails") ? sx_startup_error("the app cannot start") : sx_continue();
}
SX_COMPONENT(jobs, app, jobs_open, NULL, (setting, str, folder), (inject, sx_registry, registry));

struct connection {
    int unused;
};
SX_COMPONENT_DECLARE(connection, struct connection);

static struct sx_result connection_open(struct connection *connection, bool broken)
{
    (void)connection;
    return broken ? sx_startup_error("there is no connection") : sx_continue();
}
SX_COMPONENT(connection, worker, connection_open, NULL,
             (setting, flag, broken, SX_DEFAULT("false")));

static struct sx_result who(void)
{
    return sx_json("{s:i}", "supervisor", (int)getppid());
}
SX_BIND(who);

static struct sx_result work(int64_t ms, struct jobs *jobs)
{
    (void)poll(NULL, 0, (int)ms);
    sx_counter_inc(jobs->done);
    return sx_json("{s:i}", "supervisor", (int)getppid());
}
SX_BIND(work, (path, i64, ms), (inject, jobs, jobs));

static struct sx_result echo(struct sx_str body)
{
    return sx_text("%.*s", (int)body.size, body.data);
}
SX_BIND(echo, (body, bytes, body));

static const struct sx_route routes[] = {
    SX_GET("/", who),
    SX_GET("/work/{ms}", work),
    SX_POST("/echo", echo),
    SX_GET("/metrics", sx_expose_metrics),
};

int main(int argc, char **argv)
{
    return sx_app_main(
        argc, argv,
        &(struct sx_app_options){
            .routes = SX_LIST(routes),
            .components = SX_COMPONENTS(jobs, connection, sx_prometheus, sx_registry),
        });
}
