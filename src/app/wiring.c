/* The start-up check. It finds everything that does not fit together and logs each error with file
 * and line; then sx_app_new fails. It builds nothing. The plans and the dispatcher rely on it.
 * Called by the thread that makes the app. */
#include "application.h"
#include "convert.h"
#include "header_lines.h"
#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wiring {
    const struct sx_app *app;
    size_t errors;
    bool no_memory;
    const struct sx_handler **checked; /* the functions whose arguments have been looked at */
    size_t checked_count;
    struct sx__router *router; /* only to find two routes for the same requests */
};

/* Somebody with arguments: a handler, a hook's function, a component's init. */
struct owner {
    const char *file;
    int line;
    const char *what; /* "handler", "hook", "component" */
    const char *name;
    const struct sx_param *params;
    size_t param_count;
    enum sx_lifetime lifetime;
};

static void report(struct wiring *wiring, const char *file, int line, const char *format, ...)
    SX_PRINTF(4, 5);
static void report(struct wiring *wiring, const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wiring->errors++;
    sx_app_log(wiring->app, SX_LOG_ERROR, "%s:%d: %s", file == NULL ? "?" : file, line, text);
}

static struct owner owner_of_component(const struct sx_component *component)
{
    return (struct owner){component->file,    component->line,   "component",
                          component->name,    component->params, component->param_count,
                          component->lifetime};
}

static struct owner owner_of_function(const struct sx_handler *function, const char *what)
{
    return (struct owner){function->file,     function->line,   what,
                          function->name,     function->params, function->param_count,
                          SX_LIFETIME_REQUEST};
}

/* ---- arguments ---- */

static const char *lifetime_name(enum sx_lifetime lifetime)
{
    static const char *const names[] = {"", "app", "worker", "request", "built-in"};
    return names[lifetime];
}

static enum sx_lifetime lifetime_of(const struct sx_component *component)
{
    if (component == &sx_component_sx_app) {
        return SX_LIFETIME_APP;
    }
    return component->lifetime == SX_LIFETIME_BUILTIN ? SX_LIFETIME_REQUEST : component->lifetime;
}

static void check_injected(struct wiring *wiring, const struct owner *owner,
                           const struct sx_component *needed)
{
    if (needed->lifetime != SX_LIFETIME_BUILTIN &&
        sx__component_find(wiring->app, needed) == NULL) {
        report(
            wiring, owner->file, owner->line,
            "%s '%s' needs component '%s' (defined at %s:%d), which the app does not have: add it to .components",
            owner->what, owner->name, needed->name, needed->file, needed->line);
    }
    if (lifetime_of(needed) > owner->lifetime) {
        report(
            wiring, owner->file, owner->line,
            "%s '%s' lives as long as its %s and may not depend on '%s', which lives as long as its %s",
            owner->what, owner->name, lifetime_name(owner->lifetime), needed->name,
            lifetime_name(lifetime_of(needed)));
    }
}

static bool is_number(enum sx_type type)
{
    return type == SX_TYPE_I64 || type == SX_TYPE_U64 || type == SX_TYPE_F64;
}

/* Limits, and a default that must convert as a client's text would. */
static void check_scalar(struct wiring *wiring, const struct owner *owner,
                         const struct sx_param *param)
{
    if ((param->has_min || param->has_max) && !is_number(param->type)) {
        report(wiring, owner->file, owner->line, "%s '%s': '%s' has limits, but is not a number",
               owner->what, owner->name, param->name);
    }
    if (param->fallback == NULL) {
        return;
    }
    union sx_value value;
    char message[SX__CONVERT_MESSAGE_BYTES];
    if (param->optional || param->source == SX_SOURCE_PATH || param->type == SX_TYPE_NONE ||
        param->type >= SX_TYPE_LIST_STR) {
        report(
            wiring, owner->file, owner->line,
            "%s '%s': '%s' has a default, which only a scalar has that is not optional and not of the path",
            owner->what, owner->name, param->name);
    } else if (!sx__convert(&value, param, param->fallback, message)) {
        report(wiring, owner->file, owner->line, "%s '%s': the default \"%s\" of '%s' %s",
               owner->what, owner->name, param->fallback, param->name, message);
    }
}

static void check_setting(struct wiring *wiring, const struct owner *owner,
                          const struct sx_param *param)
{
    const struct sx_app *app = wiring->app;
    const struct sx__setting_text *setting = sx__setting_find(app, param->name);
    char variable[128];
    char message[SX__CONVERT_MESSAGE_BYTES];
    union sx_value value;
    sx__setting_variable(variable, sizeof variable, &app->options, param->name);
    if (param->optional || param->type >= SX_TYPE_LIST_STR) {
        report(wiring, owner->file, owner->line,
               "%s '%s': the setting '%s' has a type that settings cannot have", owner->what,
               owner->name, param->name);
    } else if (setting->text == NULL && param->fallback == NULL && !app->resolves_only) {
        report(
            wiring, owner->file, owner->line,
            "%s '%s' needs the setting '%s': give it on the command line, in .settings, or as %s in the environment",
            owner->what, owner->name, param->name, variable);
    } else if (setting->text != NULL && !sx__convert(&value, param, setting->text, message)) {
        report(wiring, owner->file, owner->line,
               "%s '%s': the setting '%s' (from %s) %s, not \"%s\"", owner->what, owner->name,
               param->name, setting->from, message, setting->text);
    }
}

/* A setting that nobody has is a slip of the pen. */
static void check_given_settings(struct wiring *wiring)
{
    const struct sx_setting_list *given = &wiring->app->options.settings;
    for (size_t i = 0; i < given->count; i++) {
        if (sx__setting_find(wiring->app, given->items[i].name) == NULL) {
            report(wiring, ".settings", (int)i, "there is no setting '%s'", given->items[i].name);
        }
    }
}

static void check_arguments(struct wiring *wiring, const struct owner *owner)
{
    bool component = strcmp(owner->what, "component") == 0;
    for (size_t i = 0; i < owner->param_count; i++) {
        const struct sx_param *param = &owner->params[i];
        if (param->source == SX_SOURCE_INJECT) {
            check_injected(wiring, owner, param->component);
        } else if (param->source == SX_SOURCE_OPTIONS) {
            if (!component) {
                report(wiring, owner->file, owner->line,
                       "%s '%s': only the init of a component has options ('%s')", owner->what,
                       owner->name, param->name);
            }
        } else if (param->source == SX_SOURCE_SETTING) {
            check_setting(wiring, owner, param);
        } else if (param->type == SX_TYPE_LIST_STR && param->source != SX_SOURCE_QUERY &&
                   param->source != SX_SOURCE_FORM) {
            report(wiring, owner->file, owner->line,
                   "%s '%s': a list_str comes from the query or a form, not '%s'", owner->what,
                   owner->name, param->name);
        } else if (owner->lifetime != SX_LIFETIME_REQUEST) {
            report(wiring, owner->file, owner->line,
                   "%s '%s' lives as long as its %s and may not have '%s' from a request",
                   owner->what, owner->name, lifetime_name(owner->lifetime), param->name);
        }
        check_scalar(wiring, owner, param);
    }
}

/* ---- components ---- */

static void check_components(struct wiring *wiring)
{
    const struct sx_app *app = wiring->app;
    for (size_t i = 0; i < app->options.components.count; i++) {
        const struct sx_component *component = app->components[i].component;
        if (sx__component_find(app, component) != &app->components[i]) {
            report(wiring, component->file, component->line,
                   "component '%s' is in .components twice", component->name);
            continue;
        }
        if (component->lifetime == SX_LIFETIME_BUILTIN) {
            report(wiring, component->file, component->line,
                   "component '%s' is built in and does not belong in .components",
                   component->name);
            continue;
        }
        struct owner owner = owner_of_component(component);
        check_arguments(wiring, &owner);
    }
}

static void check_overrides(struct wiring *wiring)
{
    const struct sx_override_list *overrides = &wiring->app->options.overrides;
    for (size_t i = 0; i < overrides->count; i++) {
        const struct sx_component *component = overrides->items[i].component;
        const struct sx_component *by = overrides->items[i].by;
        if (by->lifetime != component->lifetime || by->provided != component->provided) {
            report(wiring, by->file, by->line,
                   "component '%s' cannot override '%s' (%s:%d): its lifetime or kind is another",
                   by->name, component->name, component->file, component->line);
        } else if (sx__component_find(wiring->app, by) == NULL) {
            report(wiring, by->file, by->line,
                   "component '%s' overrides '%s', which the app does not have", by->name,
                   component->name);
        }
    }
}

/* The search for cycles: depth first, with the path from the component where it began. */
struct cycle_search {
    struct wiring *wiring;
    unsigned char *colours; /* 0: not seen, 1: on the path, 2: done */
    size_t *path;
    size_t depth;
};

static void report_cycle(struct cycle_search *search, size_t index)
{
    const struct sx__component_entry *entries = search->wiring->app->components;
    char text[400];
    size_t used = 0;
    size_t from = search->depth;
    while (from > 0 && search->path[from - 1] != index) {
        from--;
    }
    for (size_t i = from == 0 ? 0 : from - 1; i < search->depth && used < sizeof text; i++) {
        int size = snprintf(text + used, sizeof text - used, "%s -> ",
                            entries[search->path[i]].component->name);
        used += size < 0 ? 0 : (size_t)size;
    }
    const struct sx_component *component = entries[index].component;
    report(search->wiring, component->file, component->line,
           "components depend on each other: %s%s", text, component->name);
}

static void search_from(struct cycle_search *search, size_t index)
{
    const struct sx_app *app = search->wiring->app;
    if (search->colours[index] != 0) {
        if (search->colours[index] == 1) {
            report_cycle(search, index);
        }
        return;
    }
    search->colours[index] = 1;
    search->path[search->depth++] = index;
    const struct sx_component *component = app->components[index].component;
    for (size_t i = 0; i < component->param_count; i++) {
        const struct sx_param *param = &component->params[i];
        struct sx__component_entry *needed =
            param->source == SX_SOURCE_INJECT ? sx__component_find(app, param->component) : NULL;
        if (needed != NULL) {
            search_from(search, (size_t)(needed - app->components));
        }
    }
    search->depth--;
    search->colours[index] = 2;
}

static void check_cycles(struct wiring *wiring)
{
    size_t count = wiring->app->options.components.count;
    struct cycle_search search = {.wiring = wiring,
                                  .colours = calloc(count + 1, 1),
                                  .path = calloc(count + 1, sizeof(size_t))};
    if (search.colours == NULL || search.path == NULL) {
        wiring->no_memory = true;
    } else {
        for (size_t i = 0; i < count; i++) {
            search_from(&search, i);
        }
    }
    free(search.colours);
    free(search.path);
}

/* ---- hooks and routes ---- */

/* Every function once, however many routes or hooks use it. */
static void check_function(struct wiring *wiring, const struct sx_handler *function,
                           const char *what)
{
    if (function == NULL) {
        return;
    }
    for (size_t i = 0; i < wiring->checked_count; i++) {
        if (wiring->checked[i] == function) {
            return;
        }
    }
    wiring->checked[wiring->checked_count++] = function;
    struct owner owner = owner_of_function(function, what);
    check_arguments(wiring, &owner);
}

static void check_hooks(struct wiring *wiring, const struct sx_hook_list *hooks)
{
    for (size_t i = 0; i < hooks->count; i++) {
        check_function(wiring, hooks->items[i].enter, "hook");
        check_function(wiring, hooks->items[i].leave, "hook");
    }
}

static void check_functions(struct wiring *wiring)
{
    const struct sx_app *app = wiring->app;
    size_t most = 2 * app->options.hooks.count;
    for (size_t i = 0; i < app->route_count; i++) {
        most += 1 + 2 * app->routes[i].route.hooks.count;
    }
    wiring->checked = calloc(most + 1, sizeof *wiring->checked);
    if (wiring->checked == NULL) {
        wiring->no_memory = true;
        return;
    }
    check_hooks(wiring, &app->options.hooks);
    for (size_t i = 0; i < app->route_count; i++) {
        check_hooks(wiring, &app->routes[i].route.hooks);
        check_function(wiring, app->routes[i].route.handler, "handler");
    }
    free(wiring->checked);
}

/* Path arguments of a function, and of the request components that it needs, must be in the path.
 * Optional ones are absent where they are not, but a handler's own must all be there. */
static void check_path_arguments(struct wiring *wiring, const struct sx_route *route,
                                 const struct owner *owner, bool strict)
{
    for (size_t i = 0; i < owner->param_count; i++) {
        const struct sx_param *param = &owner->params[i];
        /* One that the app does not have has been told of, and what it needs may need it again. */
        if (param->source == SX_SOURCE_INJECT &&
            param->component->lifetime == SX_LIFETIME_REQUEST &&
            sx__component_find(wiring->app, param->component) != NULL) {
            struct owner component =
                owner_of_component(sx__component_actual(wiring->app, param->component));
            check_path_arguments(wiring, route, &component, false);
        }
        if (param->source != SX_SOURCE_PATH || (param->optional && !strict)) {
            continue;
        }
        if (route == NULL) {
            report(
                wiring, owner->file, owner->line,
                "%s '%s' needs {%s} of the path, but runs for requests that no route answers too: make it opt_",
                owner->what, owner->name, param->name);
        } else if (sx__template_find(route->path, param->name) < 0) {
            report(wiring, route->file, route->line,
                   "route %s %s has no {%s}, which %s '%s' (%s:%d) needs", route->method,
                   route->path, param->name, owner->what, owner->name, owner->file, owner->line);
        }
    }
}

static void check_hook_paths(struct wiring *wiring, const struct sx_route *route,
                             const struct sx_hook_list *hooks)
{
    for (size_t i = 0; i < hooks->count; i++) {
        const struct sx_handler *const functions[] = {hooks->items[i].enter, hooks->items[i].leave};
        for (size_t k = 0; k < 2; k++) {
            if (functions[k] != NULL) {
                struct owner owner = owner_of_function(functions[k], "hook");
                check_path_arguments(wiring, route, &owner, false);
            }
        }
    }
}

static bool has_path_argument(const struct sx_handler *handler, struct sx_str name)
{
    for (size_t i = 0; i < handler->param_count; i++) {
        const struct sx_param *param = &handler->params[i];
        if (param->source == SX_SOURCE_PATH && strlen(param->name) == name.size &&
            memcmp(param->name, name.data, name.size) == 0) {
            return true;
        }
    }
    return false;
}

/* A `.name` belongs to one handler. Two functions may share a "file_stem.function"; a component
 * that must distinguish them, such as sx_prometheus, refuses them. */
static void check_label(struct wiring *wiring, size_t index)
{
    const struct sx__route_entry *entries = wiring->app->routes;
    const struct sx_route *route = &entries[index].route;
    for (size_t i = 0; i < index; i++) {
        const struct sx_route *other = &entries[i].route;
        if (other->handler != route->handler && (other->name != NULL || route->name != NULL) &&
            entries[i].handler_label != NULL && other->method != NULL && other->path != NULL &&
            strcmp(entries[i].handler_label, entries[index].handler_label) == 0) {
            report(
                wiring, route->file, route->line,
                "route %s %s: its name '%s' is that of %s %s (%s:%d), which has another handler: give it another .name",
                route->method, route->path, entries[index].handler_label, other->method,
                other->path, other->file, other->line);
            return;
        }
    }
}

static void check_duplicate(struct wiring *wiring, const struct sx_route *route, size_t index)
{
    size_t other = 0;
    const int status = sx__router_add(wiring->router, route, index, &other);
    if (status == SX_EEXIST) {
        const struct sx_route *first = &wiring->app->routes[other].route;
        report(wiring, route->file, route->line,
               "route %s %s answers the same requests as %s %s (%s:%d)", route->method, route->path,
               first->method, first->path, first->file, first->line);
    } else if (status == SX_ENOMEM) {
        wiring->no_memory = true;
    }
}

static void check_renderers(struct wiring *wiring, const struct sx_renderer_list *renderers,
                            const char *file, int line)
{
    for (size_t i = 0; i < renderers->count; i++) {
        const struct sx_renderer *renderer = &renderers->items[i];
        const char *type = renderer->media_type;
        if (type == NULL || strchr(type, '/') == NULL || !sx__header_value_is_allowed(type)) {
            report(wiring, file, line, "renderer %zu: its media type is not one", i + 1);
        } else if (renderer->render == NULL) {
            report(wiring, file, line, "the renderer of %s has no function", type);
        }
    }
}

static void check_route(struct wiring *wiring, size_t index)
{
    const struct sx_route *route = &wiring->app->routes[index].route;
    const char *wrong = route->handler == NULL  ? "it has no handler"
                        : route->method == NULL ? "it has no method"
                        : route->method[0] == '\0' || strpbrk(route->method, " \t\r\n/") != NULL
                            ? "its method is not a token"
                        : route->name != NULL && route->name[0] == '\0'
                            ? "its name is empty"
                            : sx__template_error(route->path);
    if (wrong != NULL) {
        report(wiring, route->file, route->line, "route %s %s: %s",
               route->method == NULL ? "?" : route->method, route->path == NULL ? "?" : route->path,
               wrong);
        return;
    }
    check_renderers(wiring, &route->renderers, route->file, route->line);
    check_label(wiring, index);
    check_duplicate(wiring, route, index);
    struct owner owner = owner_of_function(route->handler, "handler");
    check_path_arguments(wiring, route, &owner, true);
    check_hook_paths(wiring, route, &route->hooks);
    for (size_t k = 0;; k++) {
        struct sx_str name = sx__template_param(route->path, k);
        if (name.size == 0) {
            break;
        }
        if (!has_path_argument(route->handler, name)) {
            report(wiring, route->file, route->line,
                   "route %s %s: handler '%s' has no path argument '%.*s'", route->method,
                   route->path, route->handler->name, (int)name.size, name.data);
        }
    }
}

int sx__wiring_check(const struct sx_app *app)
{
    struct wiring wiring = {.app = app};
    check_overrides(&wiring);
    check_components(&wiring);
    size_t before = wiring.errors;
    check_cycles(&wiring);
    bool cycles = wiring.errors > before;
    check_functions(&wiring);
    check_given_settings(&wiring);
    check_renderers(&wiring, &app->options.renderers, ".renderers", 0);
    /* Along a cycle the way down to the path arguments has no end. */
    wiring.no_memory |= sx__router_new(&wiring.router) < 0;
    if (!cycles && !wiring.no_memory) {
        check_hook_paths(&wiring, NULL, &app->options.hooks);
        for (size_t i = 0; i < app->route_count; i++) {
            check_route(&wiring, i);
        }
    }
    sx__router_destroy(wiring.router);
    if (wiring.no_memory) {
        return SX_ENOMEM;
    }
    if (wiring.errors > 0) {
        sx_app_log(app, SX_LOG_ERROR, "%zu wiring error%s: not starting", wiring.errors,
                   wiring.errors == 1 ? "" : "s");
        return SX_EWIRING;
    }
    return SX_OK;
}
