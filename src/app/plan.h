/* plan.h: what is done for a request of a route, resolved before the first request comes.
 *
 * A plan is a row of steps: a request component's init, a hook's enter, at last the handler. They
 * run in order until one answers; then those that ran are unwound in reverse, components by their
 * fini and hooks by their leave. A component is initialised just before the first step that needs
 * it, but what a leave needs is there before its enter runs, so that a leave can always run.
 *
 * Everything that a step needs lies at a fixed offset of one frame, so a request allocates nothing
 * for injection.
 */
#ifndef SX_PLAN_H
#define SX_PLAN_H

#include "arguments.h"

#include <sextant/app.h>

struct sx_app;

/* A function's arguments. In the frame, at `values`: `count` values, then `count` places that
 * optional numbers point to. */
struct sx__call {
    size_t first; /* of the plan's arguments */
    size_t count;
    size_t values;
};

enum sx__step_kind { SX__STEP_INIT, SX__STEP_HOOK, SX__STEP_HANDLER };

struct sx__step {
    enum sx__step_kind kind;
    const struct sx_component *component; /* init */
    size_t self;                          /* init: offset of the component */
    const struct sx_hook *hook;
    const struct sx_handler *handler; /* NULL: the built-in answer */
    struct sx__call call;             /* of init, enter or handler */
    struct sx__call leave;
};

struct sx__plan {
    struct sx__step *steps;
    size_t step_count;
    struct sx__argument *arguments;
    size_t argument_count;
    size_t frame_bytes;
    size_t frame_align; /* the largest of what lies in it */
    bool reads_body;    /* an argument is bound from the body */
};

/* Builds the plan of a checked app for a route, or for what no route answers (NULL). Errors:
 * SX_ENOMEM. */
int sx__plan_init(struct sx__plan *plan, const struct sx_app *app, const struct sx_route *route);
void sx__plan_clean_up(struct sx__plan *plan);

#endif
