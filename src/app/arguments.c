/* Where the arguments of bound functions come from; see arguments.h. */
#include "arguments.h"

#include "application.h"

enum sx__argument_kind sx__argument_resolve(const struct sx_app *app, const struct sx_param *param,
                                            const void *options, void **pointer)
{
    *pointer = NULL;
    switch (param->source) {
    case SX_SOURCE_PATH:
        return SX__ARGUMENT_PATH;
    case SX_SOURCE_QUERY:
    case SX_SOURCE_FORM:
        return SX__ARGUMENT_FORM;
    case SX_SOURCE_HEADER:
        return SX__ARGUMENT_HEADER;
    case SX_SOURCE_BODY:
        return SX__ARGUMENT_BODY;
    case SX_SOURCE_OPTIONS:
        *pointer = (void *)(uintptr_t)options;
        return SX__ARGUMENT_CONSTANT;
    case SX_SOURCE_SETTING:
        return SX__ARGUMENT_SETTING;
    case SX_SOURCE_INJECT:
        break;
    }
    if (param->component == &sx_component_sx_app) {
        *pointer = (void *)(uintptr_t)app;
        return SX__ARGUMENT_CONSTANT;
    }
    if (param->component->lifetime == SX_LIFETIME_BUILTIN) {
        return SX__ARGUMENT_BUILTIN;
    }
    bool provided = param->component->provided;
    if (param->component->lifetime == SX_LIFETIME_REQUEST) {
        return provided ? SX__ARGUMENT_FRAME_PROVIDED : SX__ARGUMENT_FRAME;
    }
    *pointer = sx__component_find(app, param->component)->self;
    return provided ? SX__ARGUMENT_PROVIDED : SX__ARGUMENT_CONSTANT;
}
