/* application.h: the app as its own files see it. */
#ifndef SX_APPLICATION_H
#define SX_APPLICATION_H

#include "plan.h"
#include "router.h"

#include "exchange.h"
#include "log_limit.h"
#include "upgrade.h"

#include <pthread.h>
#include <sextant/app.h>

/* A registered component. App and worker components have their value here, from the start, so that
 * its address can stand in every plan; those of requests have theirs in the request's frame. */
struct sx__component_entry {
    const struct sx_component *component;
    const void *options;
    void *self;
    bool initialised;
};

/* How deep includes may lie within one another. */
#define SX__INCLUDE_DEPTH_MAX 16

/* A route as it is served: its path with the prefixes of its includes, and their hooks with its
 * own. */
struct sx__route_entry {
    struct sx_route route;
    char *path;
    struct sx_hook *hooks; /* of includes and the route, the outermost first */
    size_t own_hook_count;
    char *handler_label; /* the route's name, else "file_stem.function" */
    struct sx__plan plan;
};

struct sx__observer_entry {
    const struct sx_observer *observer;
    void *self;
    size_t memory;  /* its request_bytes in sx_request.observed begin here */
    bool of_worker; /* of a worker component, with which it ends */
};

#define SX__ADMIN_CHOICES (SX_ADMIN_ONLY + 1)

struct sx_app {
    struct sx_app_options options;
    bool resolves_only;                     /* see sx__app_resolve */
    struct sx__component_entry *components; /* as registered */
    size_t *component_order;                /* indexes, dependencies first */
    struct sx__route_entry *routes;
    size_t route_count;
    struct sx__plan builtin_plan;                  /* the hooks around 404 and 405 */
    struct sx__router *routers[SX__ADMIN_CHOICES]; /* by what an address serves */
    struct sx__observer_entry *observers;
    size_t observer_count;
    struct sx__setting_text *settings;
    size_t setting_count;
    pthread_mutex_t worker_lock; /* guards the four below; never held while a component is called */
    pthread_cond_t worker_changed;
    pthread_t worker_changer;           /* the thread that makes or ends the worker components, */
    bool worker_changes;                /* while it does */
    unsigned worker_users;              /* the run and the clients that need them */
    struct sx__log_limit failure_lines; /* of the log, for requests that failed */
    bool serving;
    bool has_run;   /* a server runs once */
    bool abandoned; /* handlers did not return when it stopped: their worker components stay */
    struct sx__server *server;
    struct sx__program *program; /* that an upgrade starts; NULL: none */
    struct sx__passed *passed;   /* what it gets */
    size_t passed_count;
};

/* app.c: as sx_app_new, for an app that only lists its routes and never runs. It initialises no
 * component, reads no environment, and needs no values of settings. */
int sx__app_resolve(struct sx_app **app, const struct sx_app_options *options);

/* app.c: logs how many requests failed without a line of their own; logs nothing if `count` is 0.
 */
void sx__app_log_left_out(const struct sx_app *app, unsigned count);

/* components.c */

/* The component that is used where this one is asked for: itself, or what overrides it. */
const struct sx_component *sx__component_actual(const struct sx_app *app,
                                                const struct sx_component *component);
/* The entry of a component, or of what overrides it; NULL: not registered. */
struct sx__component_entry *sx__component_find(const struct sx_app *app,
                                               const struct sx_component *component);
int sx__components_new(struct sx_app *app);
void sx__components_destroy(struct sx_app *app);
/* Puts the components of a checked app into the order of their initialisation. */
void sx__components_sort(struct sx_app *app);

/* lifetimes.c */

/* Initialises all of one lifetime in the order of their dependencies; on failure those that were
 * initialised end again. Errors: SX_ECOMPONENT, logged; SX_ENOMEM. */
int sx__components_init(struct sx_app *app, enum sx_lifetime lifetime);
void sx__components_fini(struct sx_app *app, enum sx_lifetime lifetime);
/* Whether the calling thread is making or ending the worker components. */
bool sx__worker_is_changed_here(const struct sx_app *app);

/* Worker components exist while the run or a client uses them. Errors as sx__components_init. */
int sx__worker_acquire(struct sx_app *app);
void sx__worker_release(struct sx_app *app);

/* workers.c: how many threads the process has; 0: unknown. If there are more than expected, it
 * looks again for a tenth of a second, because a thread that was joined may still be listed. */
unsigned sx__thread_count(unsigned expected);
/* workers.c: as sx_app_run, in worker processes. */
int sx__workers_run(struct sx_app *app);
/* app.c: serves in this process by calling `serve`, with the worker components. */
int sx__app_serve(struct sx_app *app, int (*serve)(void *context), void *context);

/* routes.c: the app's routes with their includes resolved. Errors: SX_ENOMEM, SX_EWIRING (logged).
 */
int sx__routes_new(struct sx_app *app);
void sx__routes_destroy(struct sx_app *app);
/* From now on the route has no hooks but its own. */
void sx__route_set_admin(struct sx__route_entry *entry);

/* wiring.c: checks everything, logs every error, changes nothing. Errors: SX_EWIRING, SX_ENOMEM. */
int sx__wiring_check(const struct sx_app *app);

/* dispatch.c */
struct sx__service sx__dispatch_service(struct sx_app *app, size_t request_line_bytes);

/* url.c: the path, encoded again, with a slash at its end or without; malloc. NULL: exhausted. */
char *sx__url_from_path(const struct sx__path *path, bool slash);

#endif
