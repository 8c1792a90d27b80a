/* The settings of an app; see settings.h. Read when the app is made, then constant. */
#include "settings.h"

#include "application.h"

#include <stdlib.h>
#include <string.h>

/* ---- all of them ---- */

static void visit_params(const struct sx_param *params, size_t count, sx__param_fn *visit,
                         void *context)
{
    for (size_t i = 0; i < count; i++) {
        if (params[i].source == SX_SOURCE_SETTING) {
            visit(context, &params[i]);
        }
    }
}

static void visit_component(const struct sx_component *component, sx__param_fn *visit,
                            void *context)
{
    visit_params(component->params, component->param_count, visit, context);
}

static void visit_function(const struct sx_handler *function, sx__param_fn *visit, void *context)
{
    if (function != NULL) {
        visit_params(function->params, function->param_count, visit, context);
    }
}

static void visit_hooks(const struct sx_hook_list *hooks, sx__param_fn *visit, void *context)
{
    for (size_t i = 0; i < hooks->count; i++) {
        visit_function(hooks->items[i].enter, visit, context);
        visit_function(hooks->items[i].leave, visit, context);
    }
}

static void visit_routes(const struct sx_route_list *routes, unsigned depth, sx__param_fn *visit,
                         void *context)
{
    for (size_t i = 0; i < routes->count && depth <= SX__INCLUDE_DEPTH_MAX; i++) {
        visit_function(routes->items[i].handler, visit, context);
        visit_hooks(&routes->items[i].hooks, visit, context);
        visit_routes(&routes->items[i].include, depth + 1, visit, context);
    }
}

void sx__settings_visit(const struct sx_app_options *options, sx__param_fn *visit, void *context)
{
    for (size_t i = 0; i < options->components.count; i++) {
        visit_component(options->components.items[i].component, visit, context);
    }
    for (size_t i = 0; i < options->overrides.count; i++) {
        visit_component(options->overrides.items[i].by, visit, context);
    }
    visit_hooks(&options->hooks, visit, context);
    visit_routes(&options->routes, 0, visit, context);
}

/* ---- their values ---- */

void sx__setting_variable(char *variable, size_t size, const struct sx_app_options *options,
                          const char *name)
{
    const char *prefix = options->settings_prefix == NULL ? "" : options->settings_prefix;
    size_t used = 0;
    for (; *prefix != '\0' && used + 1 < size; prefix++) {
        variable[used++] = *prefix;
    }
    for (; *name != '\0' && used + 1 < size; name++) {
        variable[used++] = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
    }
    variable[used] = '\0';
}

static const char *given_text(const struct sx_app *app, const char *name, const char **from)
{
    const struct sx_app_options *options = &app->options;
    /* The last one counts, so that the command line can follow the program's own. */
    for (size_t i = options->settings.count; i-- > 0;) {
        if (strcmp(options->settings.items[i].name, name) == 0) {
            *from = ".settings or the command line";
            return options->settings.items[i].value;
        }
    }
    char variable[128];
    sx__setting_variable(variable, sizeof variable, options, name);
    *from = "the environment";
    return app->resolves_only ? NULL : getenv(variable);
}

struct collecting {
    struct sx_app *app;
    size_t count;
    bool no_memory;
};

static void count_param(void *context, const struct sx_param *param)
{
    struct collecting *collecting = context;
    (void)param;
    collecting->count++;
}

static void collect_param(void *context, const struct sx_param *param)
{
    struct collecting *collecting = context;
    struct sx_app *app = collecting->app;
    if (sx__setting_find(app, param->name) != NULL) {
        return;
    }
    struct sx__setting_text *setting = &app->settings[app->setting_count++];
    setting->name = param->name;
    const char *text = given_text(app, param->name, &setting->from);
    if (text == NULL) {
        return;
    }
    size_t size = strlen(text) + 1;
    setting->text = malloc(size); /* the environment may change under us */
    if (setting->text == NULL) {
        collecting->no_memory = true;
        return;
    }
    memcpy(setting->text, text, size);
}

int sx__settings_new(struct sx_app *app)
{
    struct collecting collecting = {.app = app};
    sx__settings_visit(&app->options, count_param, &collecting);
    app->settings = calloc(collecting.count + 1, sizeof *app->settings);
    if (app->settings == NULL) {
        return SX_ENOMEM;
    }
    sx__settings_visit(&app->options, collect_param, &collecting);
    return collecting.no_memory ? SX_ENOMEM : SX_OK;
}

void sx__settings_destroy(struct sx_app *app)
{
    for (size_t i = 0; i < app->setting_count; i++) {
        free(app->settings[i].text);
    }
    free(app->settings);
}

const struct sx__setting_text *sx__setting_find(const struct sx_app *app, const char *name)
{
    for (size_t i = 0; i < app->setting_count; i++) {
        if (strcmp(app->settings[i].name, name) == 0) {
            return &app->settings[i];
        }
    }
    return NULL;
}

void sx__setting_bind(const struct sx_app *app, const struct sx_param *param, union sx_value *value)
{
    char message[SX__CONVERT_MESSAGE_BYTES];
    const struct sx__setting_text *setting = sx__setting_find(app, param->name);
    const char *text = setting->text == NULL ? param->fallback : setting->text;
    (void)sx__convert(value, param, text, message);
}
