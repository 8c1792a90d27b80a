/* The app: made, listening, running, stopped. */
#include "application.h"
#include "pipe_signal.h"
#include "request.h"
#include "run_options.h"
#include "server.h"
#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void log_to_stderr(void *context, enum sx_log_level level, const char *message)
{
    (void)context;
    fprintf(stderr, "%s%s\n", level == SX_LOG_ERROR ? "error: " : "", message);
}

void sx_app_log(const struct sx_app *app, enum sx_log_level level, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = ' '; /* one line stays one line, whatever a client or an init put into it */
        }
    }
    app->options.log(app->options.log_context, level, text);
}

void sx__app_log_left_out(const struct sx_app *app, unsigned count)
{
    if (count > 0) {
        sx_app_log(app, SX_LOG_ERROR, "%u more failed requests were not logged", count);
    }
}

static int build_plans(struct sx_app *app)
{
    int status = sx__plan_init(&app->builtin_plan, app, NULL);
    for (size_t i = 0; i < app->route_count && status == SX_OK; i++) {
        status = sx__plan_init(&app->routes[i].plan, app, &app->routes[i].route);
    }
    return status;
}

/* The router of an address that has some of the routes, or all. */
static int build_router(struct sx_app *app, enum sx_admin admin)
{
    int status = sx__router_new(&app->routers[admin]);
    for (size_t i = 0; i < app->route_count && status == SX_OK; i++) {
        const struct sx_route *route = &app->routes[i].route;
        size_t other;
        if (admin == SX_ADMIN_INCLUDED || route->admin == (admin == SX_ADMIN_ONLY)) {
            status = sx__router_add(app->routers[admin], route, i, &other);
        }
    }
    return status;
}

static int build_routers(struct sx_app *app)
{
    int status = SX_OK;
    for (int admin = 0; admin < SX__ADMIN_CHOICES && status == SX_OK; admin++) {
        status = build_router(app, (enum sx_admin)admin);
    }
    return status;
}

static int build(struct sx_app *app)
{
    int status = sx__routes_new(app);
    if (status == SX_OK) {
        status = sx__settings_new(app);
    }
    if (status == SX_OK) {
        status = sx__components_new(app);
    }
    if (status == SX_OK) {
        status = sx__wiring_check(app);
    }
    if (status == SX_OK) {
        sx__components_sort(app);
    }
    if (status == SX_OK && !app->resolves_only) {
        status = sx__components_init(app, SX_LIFETIME_APP);
    }
    /* Last, because a component's init may have admin routes. */
    if (status == SX_OK) {
        status = build_routers(app);
    }
    return status < 0 ? status : build_plans(app);
}

static bool is_list(const void *items, size_t count)
{
    return items != NULL || count == 0;
}

static int app_new(struct sx_app **app, const struct sx_app_options *options, bool resolves_only)
{
    if (app == NULL || options == NULL || !is_list(options->routes.items, options->routes.count) ||
        !is_list(options->components.items, options->components.count) ||
        !is_list(options->hooks.items, options->hooks.count) ||
        !is_list(options->renderers.items, options->renderers.count) ||
        !is_list(options->overrides.items, options->overrides.count) ||
        !is_list(options->settings.items, options->settings.count) ||
        options->workers > SX_WORKERS_MAX) {
        return SX_EINVAL;
    }
    struct sx_app *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    pthread_mutex_init(&made->worker_lock, NULL);
    pthread_cond_init(&made->worker_changed, NULL);
    made->options = *options;
    made->resolves_only = resolves_only;
    if (made->options.log == NULL) {
        made->options.log = log_to_stderr;
    }
    int status = build(made);
    if (status < 0) {
        sx_app_destroy(made);
        return status;
    }
    *app = made;
    return SX_OK;
}

int sx_app_new(struct sx_app **app, const struct sx_app_options *options)
{
    return app_new(app, options, false);
}

int sx__app_resolve(struct sx_app **app, const struct sx_app_options *options)
{
    return app_new(app, options, true);
}

void sx_app_destroy(struct sx_app *app)
{
    if (app == NULL) {
        return;
    }
    if (!sx__server_destroy(app->server)) {
        return; /* the abandoned handler may use all of it */
    }
    sx__app_log_left_out(app, sx__log_limit_take(&app->failure_lines, 0, true));
    if (app->abandoned) {
        sx__worker_release(app);
    }
    sx__components_fini(app, SX_LIFETIME_APP);
    sx__components_destroy(app);
    sx__routes_destroy(app);
    sx__settings_destroy(app);
    sx__plan_clean_up(&app->builtin_plan);
    for (size_t i = 0; i < SX__ADMIN_CHOICES; i++) {
        sx__router_destroy(app->routers[i]);
    }
    free(app->observers);
    for (size_t i = 0; i < app->passed_count; i++) {
        free(app->passed[i].name);
    }
    free(app->passed);
    pthread_cond_destroy(&app->worker_changed);
    pthread_mutex_destroy(&app->worker_lock);
    free(app);
}

static int cannot_listen(const struct sx_app *app, int status, const char *reason)
{
    sx_app_log(app, SX_LOG_ERROR, "cannot listen: %s",
               reason == NULL ? sx_status_text(status) : reason);
    return status;
}

int sx_app_listen(struct sx_app *app, const struct sx_run_options *options)
{
    if (app == NULL) {
        return SX_EINVAL;
    }
    if (app->server != NULL) {
        return cannot_listen(app, SX_ESTATE, "the app is already listening");
    }
    struct sx_run_options resolved;
    int status = sx__run_options_resolve(&resolved, options);
    if (status < 0) {
        return cannot_listen(app, status, sx__run_options_error(options));
    }
    struct sx__service service = sx__dispatch_service(app, resolved.request_line_bytes);
    status = sx__server_new(&app->server, &service, &resolved);
    if (status == SX_ENOMEM) { /* the server has logged all others */
        return cannot_listen(app, status, NULL);
    }
    return status;
}

uint16_t sx_app_get_port(const struct sx_app *app, size_t index)
{
    return app == NULL || app->server == NULL ? 0 : sx__server_get_port(app->server, index);
}

/* Returns the first negative status. */
static int ask_observers(const struct sx_app *app)
{
    int status = SX_OK;
    for (size_t i = 0; i < app->observer_count && status == SX_OK; i++) {
        const struct sx__observer_entry *entry = &app->observers[i];
        status = entry->observer->ready == NULL ? SX_OK : entry->observer->ready(entry->self);
    }
    return status < 0 ? status : SX_OK;
}

int sx__app_serve(struct sx_app *app, int (*serve)(void *context), void *context)
{
    int status = sx__worker_acquire(app);
    if (status < 0) {
        return status;
    }
    app->serving = true;
    status = ask_observers(app);
    status = status < 0 ? status : serve(context);
    app->serving = false;
    app->has_run = status != SX_ESYSTEM; /* that is: no thread began */
    app->abandoned = status == SX_ETIMEOUT;
    if (!app->abandoned) {
        sx__worker_release(app);
    }
    sx__app_log_left_out(app, sx__log_limit_take(&app->failure_lines, 0, true));
    return status;
}

static int run_server(void *context)
{
    return sx__server_run(((struct sx_app *)context)->server);
}

int sx_app_run(struct sx_app *app)
{
    if (app == NULL) {
        return SX_EINVAL;
    }
    if (app->server == NULL || app->has_run) {
        return SX_ESTATE;
    }
    struct sx__pipe_signal sigpipe; /* the server logs from this thread */
    sx__pipe_signal_block(&sigpipe);
    const int status =
        app->options.workers > 0 ? sx__workers_run(app) : sx__app_serve(app, run_server, app);
    sx__pipe_signal_restore(&sigpipe);
    return status;
}

void sx_app_stop(struct sx_app *app)
{
    if (app != NULL && app->server != NULL) {
        sx__server_stop(app->server);
    }
}

void sx_app_reload(struct sx_app *app)
{
    if (app != NULL && app->server != NULL) {
        sx__server_reload(app->server);
    }
}

int sx_app_pass_descriptor(struct sx_app *app, const char *name, int fd)
{
    if (app == NULL || name == NULL || name[0] == '\0' || strchr(name, '=') != NULL || fd < 0) {
        return SX_EINVAL;
    }
    struct sx__passed *grown = realloc(app->passed, (app->passed_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return SX_ENOMEM;
    }
    app->passed = grown;
    app->passed[app->passed_count] = (struct sx__passed){strdup(name), fd};
    if (app->passed[app->passed_count].name == NULL) {
        return SX_ENOMEM;
    }
    app->passed_count++;
    return SX_OK;
}

unsigned sx_app_get_worker_count(const struct sx_app *app)
{
    return app->options.workers;
}

size_t sx_app_get_route_count(const struct sx_app *app)
{
    return app->route_count;
}

const struct sx_route *sx_app_get_route(const struct sx_app *app, size_t index)
{
    return index < app->route_count ? &app->routes[index].route : NULL;
}

const char *sx_app_get_route_handler(const struct sx_app *app, size_t index)
{
    return index < app->route_count ? app->routes[index].handler_label : NULL;
}

/* Where the memory of the next observer begins. */
static size_t observed_bytes(const struct sx_app *app)
{
    if (app->observer_count == 0) {
        return 0;
    }
    const struct sx__observer_entry *last = &app->observers[app->observer_count - 1];
    const size_t align = _Alignof(max_align_t);
    return (last->memory + last->observer->request_bytes + align - 1) / align * align;
}

int sx_app_observe(struct sx_app *app, const struct sx_observer *observer, void *self)
{
    if (app == NULL || observer == NULL) {
        return SX_EINVAL;
    }
    if (app->serving) {
        return SX_ESTATE;
    }
    for (size_t i = 0; i < app->observer_count; i++) {
        if (app->observers[i].observer == observer && app->observers[i].self == self) {
            return SX_OK;
        }
    }
    const size_t memory = observed_bytes(app);
    if (observer->request_bytes > SX__OBSERVED_BYTES - memory) {
        return SX_EFULL;
    }
    struct sx__observer_entry *grown =
        realloc(app->observers, (app->observer_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return SX_ENOMEM;
    }
    grown[app->observer_count++] =
        (struct sx__observer_entry){observer, self, memory, sx__worker_is_changed_here(app)};
    app->observers = grown;
    return SX_OK;
}

void sx_app_set_admin(struct sx_app *app, const struct sx_handler *handler)
{
    for (size_t i = 0; i < app->route_count; i++) {
        if (app->routes[i].route.handler == handler) {
            sx__route_set_admin(&app->routes[i]);
        }
    }
}
