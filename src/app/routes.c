/* Includes resolved: the tree of routes that an app is given becomes a flat table, in which each
 * route has its whole path and all of its hooks. */
#include "application.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where in the tree we are: the includes from the outermost to here. */
struct branch {
    const struct sx_route *includes[SX__INCLUDE_DEPTH_MAX];
    size_t depth;
};

static size_t count_routes(const struct sx_route_list *list, size_t depth)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct sx_route_list *include = &list->items[i].include;
        bool below = include->items != NULL && depth < SX__INCLUDE_DEPTH_MAX;
        count += below ? count_routes(include, depth + 1) : 1;
    }
    return count;
}

static char *join_path(const struct branch *branch, const char *path)
{
    size_t size = strlen(path) + 1;
    for (size_t i = 0; i < branch->depth; i++) {
        size += strlen(branch->includes[i]->path);
    }
    char *joined = malloc(size);
    if (joined == NULL) {
        return NULL;
    }
    joined[0] = '\0';
    char *to = joined;
    for (size_t i = 0; i < branch->depth; i++) {
        size_t part = strlen(branch->includes[i]->path);
        memcpy(to, branch->includes[i]->path, part);
        to += part;
    }
    memcpy(to, path, strlen(path) + 1);
    return joined;
}

/* The hooks of the includes, then the route's own. */
static struct sx_hook *join_hooks(const struct branch *branch, const struct sx_hook_list *own,
                                  size_t *count)
{
    size_t total = own->count;
    for (size_t i = 0; i < branch->depth; i++) {
        total += branch->includes[i]->hooks.count;
    }
    struct sx_hook *joined = calloc(total + 1, sizeof *joined);
    if (joined == NULL) {
        return NULL;
    }
    *count = 0;
    for (size_t i = 0; i <= branch->depth; i++) {
        const struct sx_hook_list *hooks = i < branch->depth ? &branch->includes[i]->hooks : own;
        for (size_t k = 0; k < hooks->count; k++) {
            joined[(*count)++] = hooks->items[k];
        }
    }
    return joined;
}

/* The name of the route, else "file_stem.function". */
static char *label_new(const struct sx_route *route)
{
    const struct sx_handler *handler = route->handler;
    const char *slash = strrchr(handler->file, '/');
    const char *stem = slash == NULL ? handler->file : slash + 1;
    const char *dot = strrchr(stem, '.');
    int stem_size = (int)(dot == NULL ? strlen(stem) : (size_t)(dot - stem));
    if (route->name != NULL) {
        return strdup(route->name);
    }
    size_t size = (size_t)stem_size + strlen(handler->name) + 2;
    char *label = malloc(size);
    if (label != NULL) {
        snprintf(label, size, "%.*s.%s", stem_size, stem, handler->name);
    }
    return label;
}

static int add_route(struct sx_app *app, const struct branch *branch, const struct sx_route *route)
{
    struct sx__route_entry *entry = &app->routes[app->route_count++];
    bool admin = route->admin;
    size_t count = 0;
    entry->route = *route;
    for (size_t i = branch->depth; i-- > 0;) {
        const struct sx_route *include = branch->includes[i];
        admin = admin || include->admin;
        if (entry->route.renderers.count == 0) {
            entry->route.renderers = include->renderers;
        }
    }
    entry->path = join_path(branch, route->path == NULL ? "" : route->path);
    entry->hooks = join_hooks(branch, &route->hooks, &count);
    entry->handler_label = route->handler == NULL ? NULL : label_new(route);
    if (entry->path == NULL || entry->hooks == NULL ||
        (route->handler != NULL && entry->handler_label == NULL)) {
        return SX_ENOMEM;
    }
    entry->own_hook_count = route->hooks.count;
    entry->route.path = entry->path;
    entry->route.hooks = (struct sx_hook_list){entry->hooks, count};
    if (admin) {
        sx__route_set_admin(entry);
    }
    return SX_OK;
}

void sx__route_set_admin(struct sx__route_entry *entry)
{
    struct sx_hook_list *hooks = &entry->route.hooks;
    entry->route.admin = true;
    if (hooks->count > entry->own_hook_count) {
        hooks->items += hooks->count - entry->own_hook_count;
        hooks->count = entry->own_hook_count;
    }
}

static int add_all(struct sx_app *app, struct branch *branch, const struct sx_route_list *list)
{
    int status = SX_OK;
    for (size_t i = 0; i < list->count && status == SX_OK; i++) {
        const struct sx_route *route = &list->items[i];
        if (route->include.items == NULL) {
            const char *path = route->path;
            if (branch->depth > 0 && (path == NULL || (path[0] != '/' && path[0] != '\0'))) {
                sx_app_log(app, SX_LOG_ERROR, "%s:%d: route %s %s: a path begins with '/'",
                           route->file, route->line, route->method == NULL ? "?" : route->method,
                           path == NULL ? "?" : path);
                return SX_EWIRING;
            }
            status = add_route(app, branch, route);
            continue;
        }
        size_t size = route->path == NULL ? 0 : strlen(route->path);
        const bool is_prefix = size >= 2 && route->path[0] == '/' && route->path[size - 1] != '/';
        if (!is_prefix || route->name != NULL || branch->depth == SX__INCLUDE_DEPTH_MAX) {
            sx_app_log(app, SX_LOG_ERROR, "%s:%d: include %s: %s", route->file, route->line,
                       route->path == NULL ? "?" : route->path,
                       branch->depth == SX__INCLUDE_DEPTH_MAX ? "includes are nested too deeply"
                       : is_prefix ? "only a route has a name, not an include"
                                   : "a prefix begins with '/' and does not end with it");
            return SX_EWIRING;
        }
        branch->includes[branch->depth++] = route;
        status = add_all(app, branch, &route->include);
        branch->depth--;
    }
    return status;
}

int sx__routes_new(struct sx_app *app)
{
    struct branch branch = {.depth = 0};
    app->routes = calloc(count_routes(&app->options.routes, 0) + 1, sizeof *app->routes);
    return app->routes == NULL ? SX_ENOMEM : add_all(app, &branch, &app->options.routes);
}

void sx__routes_destroy(struct sx_app *app)
{
    for (size_t i = 0; i < app->route_count; i++) {
        struct sx__route_entry *entry = &app->routes[i];
        free(entry->path);
        free(entry->hooks);
        free(entry->handler_label);
        sx__plan_clean_up(&entry->plan);
    }
    free(app->routes);
}
