/* tracked.c: one handler for each way in which a request can end, all of them on the metrics page,
 * and a metric of the app's own.
 *
 *     build/examples/tracked run
 *     curl http://127.0.0.1:8080/users/2
 *     curl http://127.0.0.1:8080/metrics
 */
/* For nanosleep; and without it string.h takes the name `index`. */
#define _POSIX_C_SOURCE 200809L

#include <sextant/app.h>
#include <sextant/metrics.h>
#include <sextant/prometheus.h>

#include <string.h>
#include <time.h>

/* ---- an app component: made once, with a counter of its own on the page ---- */

struct users {
    struct sx_counter *found;
    const char *names[3];
};
SX_COMPONENT_DECLARE(users, struct users);

static struct sx_result users_open(struct users *users, struct sx_registry *registry)
{
    int status = sx_counter_register(&users->found, registry,
                                     &(struct sx_metric_options){
                                         .name = "tracked_users_found_total",
                                         .help = "Users that were asked for and found.",
                                     });
    if (status < 0) {
        return sx_startup_error("tracked_users_found_total: %s", sx_status_text(status));
    }
    memcpy(users->names, (const char *const[]){"ada", "grace", "edsger"}, sizeof users->names);
    return sx_continue();
}
SX_COMPONENT(users, app, users_open, NULL, (inject, sx_registry, registry));

/* ---- a request component: made for each request whose handler wants it ---- */

struct session {
    struct users *users;
    bool trusted;
};
SX_COMPONENT_DECLARE(session, struct session);

static struct sx_result session_open(struct session *session, struct users *users,
                                     const char *authorization)
{
    session->users = users;
    session->trusted = authorization != NULL && strcmp(authorization, "Bearer sextant") == 0;
    return sx_continue();
}
SX_COMPONENT(session, request, session_open, NULL, (inject, users, users),
             (header, opt_str, authorization));

/* ---- handlers ---- */

static struct sx_result index(void)
{
    return sx_json("{s:s}", "hello", "world");
}
SX_BIND(index);

static struct sx_result bad_request(void)
{
    return sx_fail(400, "this request is always wrong");
}
SX_BIND(bad_request);

static struct sx_result fail(void)
{
    return sx_fail(500, "the cause is for the log, not for the client");
}
SX_BIND(fail);

static struct sx_result auth_required(void)
{
    return sx_json("{s:b}", "authorised", 1);
}
SX_BIND(auth_required);

static struct sx_result explicit_response(void)
{
    return sx_text("hello");
}
SX_BIND(explicit_response);

static struct sx_result slow(const int64_t *ms)
{
    int64_t wait_ms = ms == NULL ? 100 : *ms;
    struct timespec left = {.tv_sec = (time_t)(wait_ms / 1000),
                            .tv_nsec = (long)(wait_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
    return sx_json("{s:I}", "slept_ms", wait_ms);
}
SX_BIND(slow, (query, opt_i64, ms, SX_MIN(0), SX_MAX(60000)));

static struct sx_result get_user(int64_t id, struct session *session)
{
    const struct users *users = session->users;
    if (id > (int64_t)(sizeof users->names / sizeof *users->names)) {
        return sx_fail(404, "no user %lld", (long long)id);
    }
    sx_counter_inc(users->found);
    return sx_json("{s:I, s:s, s:b}", "id", id, "name", users->names[id - 1], "trusted",
                   session->trusted);
}
SX_BIND(get_user, (path, i64, id, SX_MIN(1)), (inject, session, session));

/* ---- a hook of the app: who may ask for what ---- */

static struct sx_result check_permission(const struct sx_request *request, struct session *session)
{
    const struct sx_route *route = sx_request_get_route(request);
    if (route != NULL && route->handler == &sx_handler_auth_required && !session->trusted) {
        return sx_fail(403, "not without authorization");
    }
    return sx_continue();
}
SX_BIND(check_permission, (inject, sx_request, request), (inject, session, session));

static const struct sx_route routes[] = {
    SX_GET("/", index),
    SX_GET("/bad-request", bad_request),
    SX_GET("/fail", fail),
    SX_GET("/auth-required", auth_required),
    SX_GET("/explicit", explicit_response),
    SX_GET("/slow", slow),
    SX_GET("/users/{id}", get_user),
    SX_GET("/metrics", sx_expose_metrics),
};

static const struct sx_hook hooks[] = {
    SX_HOOK_ENTER(check_permission),
};

int main(int argc, char **argv)
{
    return sx_app_main(argc, argv,
                       &(struct sx_app_options){
                           .routes = SX_LIST(routes),
                           .hooks = SX_LIST(hooks),
                           .components = SX_COMPONENTS(sx_prometheus, sx_registry, users, session),
                       });
}
