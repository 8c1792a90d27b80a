/* The registered components of an app: which there are, what overrides which, and the memory of
 * those that outlive a request. Used by the thread that makes or destroys the app. */
#include "application.h"

#include <stdlib.h>
#include <string.h>

const struct sx_component *sx__component_actual(const struct sx_app *app,
                                                const struct sx_component *component)
{
    for (size_t i = 0; i < app->options.overrides.count; i++) {
        if (app->options.overrides.items[i].component == component) {
            return app->options.overrides.items[i].by;
        }
    }
    return component;
}

struct sx__component_entry *sx__component_find(const struct sx_app *app,
                                               const struct sx_component *component)
{
    component = sx__component_actual(app, component);
    for (size_t i = 0; i < app->options.components.count; i++) {
        if (app->components[i].component == component) {
            return &app->components[i];
        }
    }
    return NULL;
}

static void *value_new(const struct sx_component *component)
{
    size_t align = component->align < sizeof(void *) ? sizeof(void *) : component->align;
    void *self = NULL;
    if (posix_memalign(&self, align, component->size) != 0) {
        return NULL;
    }
    memset(self, 0, component->size);
    return self;
}

int sx__components_new(struct sx_app *app)
{
    size_t count = app->options.components.count;
    app->components = calloc(count + 1, sizeof *app->components);
    app->component_order = calloc(count + 1, sizeof *app->component_order);
    if (app->components == NULL || app->component_order == NULL) {
        return SX_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct sx_component_use *use = &app->options.components.items[i];
        struct sx__component_entry *entry = &app->components[i];
        entry->component = sx__component_actual(app, use->component);
        entry->options = use->options;
        if (entry->component->lifetime == SX_LIFETIME_APP ||
            entry->component->lifetime == SX_LIFETIME_WORKER) {
            entry->self = value_new(entry->component);
            if (entry->self == NULL) {
                return SX_ENOMEM;
            }
        }
    }
    return SX_OK;
}

void sx__components_destroy(struct sx_app *app)
{
    for (size_t i = 0; app->components != NULL && i < app->options.components.count; i++) {
        free(app->components[i].self);
    }
    free(app->components);
    free(app->component_order);
}

/* After what it needs. The check has shown that there is no cycle. */
static size_t place(struct sx_app *app, size_t placed, size_t index)
{
    for (size_t i = 0; i < placed; i++) {
        if (app->component_order[i] == index) {
            return placed;
        }
    }
    const struct sx_component *component = app->components[index].component;
    for (size_t i = 0; i < component->param_count; i++) {
        const struct sx_param *param = &component->params[i];
        const struct sx__component_entry *needed =
            param->source == SX_SOURCE_INJECT ? sx__component_find(app, param->component) : NULL;
        if (needed != NULL) {
            placed = place(app, placed, (size_t)(needed - app->components));
        }
    }
    app->component_order[placed] = index;
    return placed + 1;
}

void sx__components_sort(struct sx_app *app)
{
    size_t placed = 0;
    for (size_t i = 0; i < app->options.components.count; i++) {
        placed = place(app, placed, i);
    }
}
