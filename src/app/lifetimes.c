/* The lifetimes of app and worker components: their init and fini in the order of what they need,
 * and how long the worker components of a process are there. App components are made and ended by
 * the thread that makes or destroys the app, worker components by any thread. */
#include "application.h"
#include "arguments.h"
#include "result_internal.h"
#include "settings.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A response is of no use here, but its message may be. */
static void log_failure(const struct sx_app *app, const struct sx_component *component,
                        struct sx_result *result)
{
    if (result->status == SX__STARTUP_ERROR) {
        sx_app_log(app, SX_LOG_ERROR, "%s:%d: component '%s' cannot start: %s", component->file,
                   component->line, component->name, result->cause);
        return;
    }
    const char *message = result->cause;
    if (message == NULL) {
        message = json_string_value(json_object_get(sx_result_get_json(result), "message"));
    }
    sx_app_log(
        app, SX_LOG_ERROR,
        "%s:%d: component '%s' cannot start: %s (its init returned a response with status %d; expected sx_startup_error)",
        component->file, component->line, component->name, message == NULL ? "no message" : message,
        result->status);
}

static int init_one(struct sx_app *app, struct sx__component_entry *entry)
{
    const struct sx_component *component = entry->component;
    union sx_value values[SX_PARAMS_MAX];
    for (size_t i = 0; i < component->param_count; i++) {
        void *pointer;
        if (component->params[i].source == SX_SOURCE_SETTING) {
            sx__setting_bind(app, &component->params[i], &values[i]);
            continue;
        }
        enum sx__argument_kind kind =
            sx__argument_resolve(app, &component->params[i], entry->options, &pointer);
        values[i].pointer = kind == SX__ARGUMENT_PROVIDED ? *(void **)pointer : pointer;
    }
    memset(entry->self, 0, component->size);
    const bool may_start_threads =
        app->options.workers == 0 || component->lifetime == SX_LIFETIME_WORKER;
    const unsigned threads = may_start_threads ? 0 : sx__thread_count(1);
    struct sx_result result = component->init(entry->self, values);
    entry->initialised = result.status == 0;
    if (!entry->initialised) {
        log_failure(app, component, &result);
    }
    sx_result_clean_up(&result);
    if (entry->initialised && !may_start_threads && sx__thread_count(threads) > threads) {
        sx_app_log(app, SX_LOG_ERROR,
                   "%s:%d: component '%s' has started a thread, which the workers would not have; "
                   "its lifetime should be `worker` instead of `app`",
                   component->file, component->line, component->name);
        return SX_ECOMPONENT; /* it is initialised, so it ends with the others */
    }
    return entry->initialised ? SX_OK : SX_ECOMPONENT;
}

int sx__components_init(struct sx_app *app, enum sx_lifetime lifetime)
{
    int status = SX_OK;
    for (size_t i = 0; i < app->options.components.count && status == SX_OK; i++) {
        struct sx__component_entry *entry = &app->components[app->component_order[i]];
        if (entry->component->lifetime == lifetime) {
            status = init_one(app, entry);
        }
    }
    if (status < 0) {
        sx__components_fini(app, lifetime);
    }
    return status;
}

void sx__components_fini(struct sx_app *app, enum sx_lifetime lifetime)
{
    if (app->components == NULL || app->component_order == NULL) {
        return; /* memory was exhausted before anything was initialised */
    }
    for (size_t i = app->options.components.count; i-- > 0;) {
        struct sx__component_entry *entry = &app->components[app->component_order[i]];
        if (entry->initialised && entry->component->lifetime == lifetime) {
            entry->component->fini(entry->self);
            entry->initialised = false;
        }
    }
}

/* Worker components are initialised and ended with no lock held. The thread that does it sets
 * worker_changes, and other threads wait for it. A component that asked for itself in its own init
 * would wait for ever, so that is an error. */
static int lock_workers(struct sx_app *app)
{
    pthread_mutex_lock(&app->worker_lock);
    if (sx__worker_is_changed_here(app)) {
        pthread_mutex_unlock(&app->worker_lock);
        return SX_ESTATE;
    }
    while (app->worker_changes) {
        pthread_cond_wait(&app->worker_changed, &app->worker_lock);
    }
    return SX_OK;
}

static void begin_change(struct sx_app *app)
{
    app->worker_changes = true;
    app->worker_changer = pthread_self();
    pthread_mutex_unlock(&app->worker_lock);
}

bool sx__worker_is_changed_here(const struct sx_app *app)
{
    return app->worker_changes && pthread_equal(app->worker_changer, pthread_self());
}

/* The observers of worker components refer to their values. */
static void drop_observers(struct sx_app *app)
{
    size_t kept = 0;
    for (size_t i = 0; i < app->observer_count; i++) {
        if (!app->observers[i].of_worker) {
            app->observers[kept++] = app->observers[i];
        }
    }
    app->observer_count = kept;
}

static void end_change(struct sx_app *app, bool are_there)
{
    if (!are_there) {
        drop_observers(app);
    }
    pthread_mutex_lock(&app->worker_lock);
    app->worker_changes = false;
    pthread_cond_broadcast(&app->worker_changed);
}

int sx__worker_acquire(struct sx_app *app)
{
    int status = lock_workers(app);
    if (status < 0) {
        return status;
    }
    if (app->worker_users == 0) {
        begin_change(app);
        status = sx__components_init(app, SX_LIFETIME_WORKER);
        end_change(app, status == SX_OK);
    }
    app->worker_users += status == SX_OK;
    pthread_mutex_unlock(&app->worker_lock);
    return status;
}

void sx__worker_release(struct sx_app *app)
{
    if (lock_workers(app) < 0) {
        return; /* called by a fini: the components end already */
    }
    if (--app->worker_users == 0) {
        begin_change(app);
        sx__components_fini(app, SX_LIFETIME_WORKER);
        end_change(app, false);
    }
    pthread_mutex_unlock(&app->worker_lock);
}
