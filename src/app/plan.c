#include "plan.h"

#include "application.h"

#include <stdlib.h>
#include <string.h>

struct builder {
    const struct sx_app *app;
    const struct sx_route *route;
    struct sx__plan *plan;
};

static size_t reserve_frame(struct builder *builder, size_t size, size_t align)
{
    size_t at = (builder->plan->frame_bytes + align - 1) / align * align;
    builder->plan->frame_bytes = at + size;
    if (align > builder->plan->frame_align) {
        builder->plan->frame_align = align;
    }
    return at;
}

/* The offset of a request component that has a step already, or -1. */
static size_t offset_of(const struct sx__plan *plan, const struct sx_component *component)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].kind == SX__STEP_INIT && plan->steps[i].component == component) {
            return plan->steps[i].self;
        }
    }
    return (size_t)-1;
}

static int add_call(struct builder *builder, struct sx__call *call, const struct sx_param *params,
                    size_t count, const void *options)
{
    struct sx__plan *plan = builder->plan;
    if (count == 0) {
        *call = (struct sx__call){0};
        return SX_OK;
    }
    struct sx__argument *grown =
        realloc(plan->arguments, (plan->argument_count + count) * sizeof *grown);
    if (grown == NULL) {
        return SX_ENOMEM;
    }
    plan->arguments = grown;
    *call = (struct sx__call){
        .first = plan->argument_count,
        .count = count,
        .values =
            reserve_frame(builder, 2 * count * sizeof(union sx_value), _Alignof(union sx_value)),
    };
    for (size_t i = 0; i < count; i++) {
        struct sx__argument argument = {.param = &params[i]};
        argument.kind = sx__argument_resolve(builder->app, &params[i], options, &argument.pointer);
        if (argument.kind == SX__ARGUMENT_FRAME || argument.kind == SX__ARGUMENT_FRAME_PROVIDED) {
            argument.index =
                offset_of(plan, sx__component_actual(builder->app, params[i].component));
        } else if (argument.kind == SX__ARGUMENT_PATH) {
            int k = builder->route == NULL
                        ? -1
                        : sx__template_find(builder->route->path, params[i].name);
            argument.kind = k < 0 ? SX__ARGUMENT_ABSENT : SX__ARGUMENT_PATH;
            argument.index = k < 0 ? 0 : (size_t)k;
        }
        plan->reads_body |=
            params[i].source == SX_SOURCE_BODY || params[i].source == SX_SOURCE_FORM;
        grown[plan->argument_count++] = argument;
    }
    return SX_OK;
}

static int add_step(struct builder *builder, const struct sx__step *step)
{
    struct sx__plan *plan = builder->plan;
    struct sx__step *grown = realloc(plan->steps, (plan->step_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return SX_ENOMEM;
    }
    grown[plan->step_count++] = *step;
    plan->steps = grown;
    return SX_OK;
}

/* Adds the init of every request component among `params` that has none yet, dependencies first.
 * The check has shown that there is no cycle. */
static int add_components(struct builder *builder, const struct sx_param *params, size_t count)
{
    int status = SX_OK;
    for (size_t i = 0; i < count && status == SX_OK; i++) {
        const struct sx_component *component =
            sx__component_actual(builder->app, params[i].component);
        if (params[i].source != SX_SOURCE_INJECT || component->lifetime != SX_LIFETIME_REQUEST ||
            offset_of(builder->plan, component) != (size_t)-1) {
            continue;
        }
        status = add_components(builder, component->params, component->param_count);
        if (status < 0) {
            break;
        }
        struct sx__step step = {.kind = SX__STEP_INIT, .component = component};
        step.self = reserve_frame(builder, component->size, component->align);
        status = add_call(builder, &step.call, component->params, component->param_count,
                          sx__component_find(builder->app, component)->options);
        if (status == SX_OK) {
            status = add_step(builder, &step);
        }
    }
    return status;
}

static int add_function(struct builder *builder, struct sx__call *call,
                        const struct sx_handler *function)
{
    if (function == NULL) {
        return SX_OK;
    }
    return add_call(builder, call, function->params, function->param_count, NULL);
}

static int add_hook(struct builder *builder, const struct sx_hook *hook)
{
    struct sx__step step = {.kind = SX__STEP_HOOK, .hook = hook};
    const struct sx_handler *const functions[] = {hook->enter, hook->leave};
    for (size_t i = 0; i < 2; i++) {
        if (functions[i] != NULL) {
            int status = add_components(builder, functions[i]->params, functions[i]->param_count);
            if (status < 0) {
                return status;
            }
        }
    }
    int status = add_function(builder, &step.call, hook->enter);
    if (status == SX_OK) {
        status = add_function(builder, &step.leave, hook->leave);
    }
    return status < 0 ? status : add_step(builder, &step);
}

static int add_handler(struct builder *builder)
{
    struct sx__step step = {.kind = SX__STEP_HANDLER};
    int status = SX_OK;
    if (builder->route != NULL) {
        step.handler = builder->route->handler;
        status = add_components(builder, step.handler->params, step.handler->param_count);
        if (status == SX_OK) {
            status = add_function(builder, &step.call, step.handler);
        }
    }
    return status < 0 ? status : add_step(builder, &step);
}

static int add_hooks(struct builder *builder, const struct sx_hook_list *hooks)
{
    int status = SX_OK;
    for (size_t i = 0; i < hooks->count && status == SX_OK; i++) {
        status = add_hook(builder, &hooks->items[i]);
    }
    return status;
}

int sx__plan_init(struct sx__plan *plan, const struct sx_app *app, const struct sx_route *route)
{
    *plan = (struct sx__plan){0};
    struct builder builder = {.app = app, .route = route, .plan = plan};
    int status = SX_OK;
    if (route == NULL || !route->admin) {
        status = add_hooks(&builder, &app->options.hooks);
    }
    if (status == SX_OK && route != NULL) {
        status = add_hooks(&builder, &route->hooks);
    }
    if (status == SX_OK) {
        status = add_handler(&builder);
    }
    if (status < 0) {
        sx__plan_clean_up(plan);
    }
    return status;
}

void sx__plan_clean_up(struct sx__plan *plan)
{
    free(plan->steps);
    free(plan->arguments);
    *plan = (struct sx__plan){0};
}
