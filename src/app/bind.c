/* Binds the arguments of a function from a request; see bind.h. Called by the thread that handles
 * the request. */
#include "binding.h"

#include "convert.h"
#include "settings.h"
#include "utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* ---- validation errors ---- */

/* A path parameter that does not convert is a 404, whatever else is wrong; then 503 and 415 come
 * before 400. */
static int worse(int one, int other)
{
    static const int order[] = {404, 503, 415, 400};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (one == order[i] || other == order[i]) {
            return order[i];
        }
    }
    return 400;
}

static void add_named(struct sx__validation_errors *errors, const char *name, int status,
                      const char *message)
{
    if (errors->by_name == NULL) {
        errors->by_name = json_object();
    }
    /* Where memory is short the answer names less, but is the same. */
    json_object_set_new(errors->by_name, name, json_string(message));
    errors->status = worse(errors->status, status);
}

/* The name of a header as clients write it: with dashes, not underscores. */
static void add(struct sx__validation_errors *errors, const struct sx_param *param, int status,
                const char *message)
{
    char header[128];
    if (param->source != SX_SOURCE_HEADER) {
        add_named(errors, param->name, status, message);
        return;
    }
    snprintf(header, sizeof header, "%s", param->name);
    for (char *at = strchr(header, '_'); at != NULL; at = strchr(at, '_')) {
        *at = '-';
    }
    add_named(errors, header, status, message);
}

/* The body as a whole is called `body`, because the client does not know the name of the argument.
 */
static void add_body(struct sx__validation_errors *errors, int status, const char *message)
{
    add_named(errors, "body", status, message);
}

struct sx_result sx__validation_errors_result(struct sx__validation_errors *errors)
{
    const char *message = errors->status == 404   ? "not found"
                          : errors->status == 415 ? "unsupported media type"
                          : errors->status == 503 ? "out of memory"
                                                  : "invalid parameters";
    struct sx_result result = sx_json("{s:s, s:o*}", "message", message, "errors", errors->by_name);
    errors->by_name = NULL;
    return sx_with_status(result, errors->status);
}

/* ---- texts ---- */

/* The error in a decoded form value, before it is converted; NULL: none. */
static const char *form_reason(const char *value)
{
    static const char *const reasons[] = {
        [SX__FORM_ESCAPE] = "has a malformed percent escape",
        [SX__FORM_NUL] = "must not contain a NUL",
    };
    const enum sx__form_state state = sx__form_state(value);
    return state == SX__FORM_GOOD ? NULL : reasons[state];
}

/* Looks for the argument and sets its text, NULL if it is absent. Returns false if the request has
 * no readable source for it. */
static bool find_text(struct sx_request *request, const struct sx__argument *argument,
                      const char **text, struct sx__validation_errors *errors)
{
    const struct sx_param *param = argument->param;
    const char *reason = NULL;
    int status = 400;
    *text = NULL;
    if (argument->kind == SX__ARGUMENT_PATH) {
        *text = request->path_values[argument->index];
    } else if (argument->kind == SX__ARGUMENT_HEADER) {
        *text = sx__request_header_argument(request, param->name);
    } else if (argument->kind == SX__ARGUMENT_FORM) {
        const struct sx__form *form = sx__request_form(request, param->source, &reason, &status);
        if (form == NULL) {
            add_body(errors, status, reason);
            return false;
        }
        *text = sx__form_get(form->text, form->size, param->name);
        reason = *text == NULL ? NULL : form_reason(*text);
    }
    if (reason != NULL) {
        add(errors, param, status, reason);
    }
    return reason == NULL;
}

static void bind_scalar(struct sx_request *request, const struct sx__argument *argument,
                        union sx_value *value, union sx_value *place,
                        struct sx__validation_errors *errors)
{
    const struct sx_param *param = argument->param;
    char message[SX__CONVERT_MESSAGE_BYTES];
    const int status = param->source == SX_SOURCE_PATH ? 404 : 400;
    const char *text;
    if (!find_text(request, argument, &text, errors)) {
        return;
    }
    text = text == NULL ? param->fallback : text;
    if (text == NULL) {
        value->pointer = NULL;
        if (!param->optional) {
            add(errors, param, status, "is required");
        }
        return;
    }
    bool by_pointer = param->optional && param->type != SX_TYPE_STR;
    if (by_pointer) {
        value->pointer = place;
    }
    if (!sx__convert(by_pointer ? place : value, param, text, message)) {
        add(errors, param, status, message);
    }
}

static void bind_list(struct sx_request *request, const struct sx__argument *argument,
                      union sx_value *value, struct sx__validation_errors *errors)
{
    const struct sx_param *param = argument->param;
    const char *reason = NULL;
    int status = 400;
    const struct sx__form *form = sx__request_form(request, param->source, &reason, &status);
    value->texts = (struct sx_texts){NULL, 0};
    if (form == NULL) {
        add_body(errors, status, reason);
        return;
    }
    size_t count = sx__form_get_all(NULL, 0, form->text, form->size, param->name);
    if (count == 0) {
        return;
    }
    const char **items = sx_request_allocate(request, count * sizeof *items);
    if (items == NULL) {
        add(errors, param, 503, "out of memory");
        return;
    }
    (void)sx__form_get_all(items, count, form->text, form->size, param->name);
    value->texts = (struct sx_texts){items, count};
    for (size_t i = 0; i < count && reason == NULL; i++) {
        reason = form_reason(items[i]);
        if (reason == NULL && !sx__utf8_is_valid((struct sx_str){items[i], strlen(items[i])})) {
            reason = "must be UTF-8 text";
        }
    }
    if (reason != NULL) {
        add(errors, param, 400, reason);
    }
}

static void bind_body(struct sx_request *request, const struct sx_param *param,
                      union sx_value *value, struct sx__validation_errors *errors)
{
    if (param->type == SX_TYPE_BYTES) {
        value->bytes = request->exchange->body;
        return;
    }
    const char *reason = NULL;
    int status = 400;
    value->pointer = sx__request_json(request, &reason, &status);
    if (reason != NULL) {
        add_body(errors, status, reason);
    } else if (value->pointer == NULL && !param->optional) {
        add_body(errors, 400, "is empty, but must be JSON");
    }
}

static void bind_one(struct sx_request *request, const struct sx__argument *argument,
                     union sx_value *value, union sx_value *place,
                     struct sx__validation_errors *errors)
{
    switch (argument->kind) {
    case SX__ARGUMENT_CONSTANT:
        value->pointer = argument->pointer;
        break;
    case SX__ARGUMENT_FRAME:
        value->pointer = request->frame + argument->index;
        break;
    case SX__ARGUMENT_PROVIDED:
        value->pointer = *(void **)argument->pointer;
        break;
    case SX__ARGUMENT_FRAME_PROVIDED:
        value->pointer = *(void **)(void *)(request->frame + argument->index);
        break;
    case SX__ARGUMENT_BUILTIN:
        value->pointer = argument->param->component->builtin(request);
        break;
    case SX__ARGUMENT_SETTING:
        sx__setting_bind(request->app, argument->param, value);
        break;
    case SX__ARGUMENT_BODY:
        bind_body(request, argument->param, value, errors);
        break;
    default:
        if (argument->param->type == SX_TYPE_LIST_STR) {
            bind_list(request, argument, value, errors);
        } else {
            bind_scalar(request, argument, value, place, errors);
        }
        break;
    }
}

const union sx_value *sx__bind_call(struct sx_request *request, const struct sx__call *call,
                                    struct sx__validation_errors *errors)
{
    union sx_value *values = (union sx_value *)(void *)(request->frame + call->values);
    for (size_t i = 0; i < call->count; i++) {
        const struct sx__argument *argument = &request->plan->arguments[call->first + i];
        bind_one(request, argument, &values[i], &values[call->count + i], errors);
    }
    return values;
}
