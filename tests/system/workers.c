/* workers.c: an app for test_workers.py. Its setting `fault` says what is wrong with it. */
#include <sextant/app.h>
#include <sextant/prometheus.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- an app component that must not start a thread when there are workers ---- */

struct pool {
    pthread_t thread;
    bool has_thread;
};
SX_COMPONENT_DECLARE(pool, struct pool);

static void *idle(void *unused)
{
    pause();
    return unused;
}

static struct sx_result pool_open(struct pool *pool, const char *fault)
{
    pool->has_thread =
        strcmp(fault, "thread") == 0 && pthread_create(&pool->thread, NULL, idle, NULL) == 0;
    return sx_continue();
}

static void pool_close(struct pool *pool)
{
    if (pool->has_thread) {
        pthread_cancel(pool->thread);
        pthread_join(pool->thread, NULL);
    }
}
SX_COMPONENT(pool, app, pool_open, pool_close, (setting, str, fault, SX_DEFAULT("none")));

/* ---- a worker component ---- */

struct connection {
    char path[64]; /* of a file that shows that it is open; "": none */
};
SX_COMPONENT_DECLARE(connection, struct connection);

static const struct sx_observer nothing = {.request_bytes = 0};

static struct sx_result connection_open(struct connection *connection, const char *fault,
                                        const char *folder, struct sx_app *app)
{
    if (sx_app_observe(app, &nothing, connection) != SX_OK) {
        return sx_startup_error("a worker component cannot observe");
    }
    if (strcmp(fault, "start") == 0) {
        return sx_startup_error("the database does not answer");
    }
    if (strcmp(fault, "crash") == 0) {
        (void)raise(SIGKILL);
    }
    char broken[64];
    snprintf(broken, sizeof broken, "%s/broken", folder);
    if (access(broken, F_OK) == 0) {
        return sx_startup_error("%s is there", broken);
    }
    char hangs[64];
    snprintf(hangs, sizeof hangs, "%s/hangs", folder);
    if (access(hangs, F_OK) == 0) {
        (void)pause(); /* until a signal ends it */
    }
    if (folder[0] != '\0') {
        snprintf(connection->path, sizeof connection->path, "%s/%ld", folder, (long)getpid());
        (void)close(open(connection->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    return sx_continue();
}

static void connection_close(struct connection *connection)
{
    if (connection->path[0] != '\0') {
        (void)unlink(connection->path);
    }
}
SX_COMPONENT(connection, worker, connection_open, connection_close,
             (setting, str, fault, SX_DEFAULT("none")), (setting, str, folder, SX_DEFAULT("")),
             (inject, sx_app, app));

/* ---- routes ---- */

static struct sx_result whoami(void)
{
    return sx_json("{s:i}", "pid", (int)getpid());
}
SX_BIND(whoami);

static struct sx_result wait_for(int64_t ms)
{
    (void)poll(NULL, 0, (int)ms);
    return sx_json("{s:i}", "pid", (int)getpid());
}
SX_BIND(wait_for, (path, i64, ms));

static struct sx_result leave(int64_t status)
{
    _exit((int)status);
}
SX_BIND(leave, (path, i64, status));

static const struct sx_route routes[] = {
    SX_GET("/", whoami),
    SX_GET("/wait/{ms}", wait_for),
    SX_GET("/exit/{status}", leave),
    SX_GET("/metrics", sx_expose_metrics),
};

int main(int argc, char **argv)
{
    if (getenv("PRIVATE_REGISTRY") != NULL && sx_registry_default() == NULL) {
        return 1;
    }
    const struct sx_prometheus_options options = {
        .process = getenv("PROCESS_BY_WORKER") != NULL ? SX_PROCESS_BY_WORKER : SX_PROCESS_SUMMED};
    return sx_app_main(argc, argv,
                       &(struct sx_app_options){
                           .routes = SX_LIST(routes),
                           .components = SX_COMPONENTS(pool, connection, (sx_prometheus, &options)),
                       });
}
