/* arguments.h: where the arguments of bound functions come from: the functions of a request's plan,
 * and the inits of app and worker components. */
#ifndef SX_ARGUMENTS_H
#define SX_ARGUMENTS_H

#include <sextant/app.h>

enum sx__argument_kind {
    SX__ARGUMENT_PATH, /* index: the k-th parameter of the route */
    SX__ARGUMENT_FORM, /* the query, or a form in the body */
    SX__ARGUMENT_HEADER,
    SX__ARGUMENT_BODY,
    SX__ARGUMENT_ABSENT,   /* an optional path parameter that this route does not have */
    SX__ARGUMENT_CONSTANT, /* pointer: an app or worker component, options, the app */
    SX__ARGUMENT_PROVIDED, /* pointer: to the pointer that an app or worker component has provided
                            */
    SX__ARGUMENT_FRAME,    /* index: offset of a request component */
    SX__ARGUMENT_FRAME_PROVIDED,
    SX__ARGUMENT_BUILTIN,
    SX__ARGUMENT_SETTING,
};

struct sx__argument {
    const struct sx_param *param;
    enum sx__argument_kind kind;
    size_t index;
    void *pointer;
};

/* Returns where an argument of an app that has been checked comes from, and puts the constant into
 * `*pointer`, NULL if it is none. The index of a request component is the plan's affair.
 * `options` are those of the component whose init has the argument. */
enum sx__argument_kind sx__argument_resolve(const struct sx_app *app, const struct sx_param *param,
                                            const void *options, void **pointer);

#endif
