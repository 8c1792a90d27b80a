/* Results own their memory. Where memory is exhausted a result is a bare 500: no body, nothing to
 * free. */
#include "result_internal.h"

#include "exchange.h"
#include "header_lines.h"
#include "json_format.h"
#include "json_text.h"
#include "server.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char media_json[] = "application/json";
static const char media_text[] = "text/plain; charset=utf-8";

static char *format_text(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = size < 0 ? NULL : malloc((size_t)size + 1);
    if (text != NULL) {
        vsnprintf(text, (size_t)size + 1, format, arguments);
    }
    return text;
}

static struct sx_result message(int status, const char *text)
{
    /* json_string refuses text that is not UTF-8, so a message may carry a client's bytes. */
    json_t *value = json_string(text);
    if (value == NULL) {
        value = json_string("the message is not UTF-8");
    }
    json_t *object = json_object();
    if (json_object_set_new(object, "message", value) != 0) { /* takes the value in any case */
        json_decref(object);
        return (struct sx_result){.status = status};
    }
    return (struct sx_result){.status = status, .json = object, .content_type = media_json};
}

/* The cause where there is no memory for one: an internal error always has a cause, by which it is
 * known. */
static char no_memory[] = "out of memory";

static struct sx_result internal_error_with(char *cause)
{
    struct sx_result result = message(500, "internal server error");
    result.cause = cause == NULL ? no_memory : cause;
    return result;
}

struct sx_result sx__internal_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *cause = format_text(format, arguments);
    va_end(arguments);
    return internal_error_with(cause);
}

static struct sx_result refuse_arguments(const char *kinds, const char *format,
                                         const struct sx__json_mismatch *mismatch,
                                         va_list arguments)
{
    sx__json_arguments_release(mismatch, kinds, arguments);
    return sx__internal_error("sx_json(\"%s\"): %s", format == NULL ? "(null)" : format,
                              mismatch->message);
}

/* By making a json_t of the arguments. */
static struct sx_result build_json(const char *format, va_list arguments)
{
    json_error_t error;
    json_t *value = json_vpack_ex(&error, 0, format, arguments);
    if (value == NULL) {
        return sx__internal_error("sx_json(\"%s\"): %s", format == NULL ? "(null)" : format,
                                  error.text);
    }
    return sx_json_value(value);
}

static struct sx_result make_json(const char *kinds, const char *format, va_list arguments)
{
    struct sx__json_text text = {NULL, 0, 0};
    struct sx__json_mismatch mismatch;
    va_list again;
    va_copy(again, arguments);
    struct sx_result result;
    if (sx__json_text_pack(&text, kinds, format, arguments)) {
        result = (struct sx_result){.status = 200,
                                    .content_type = media_json,
                                    .has_json = true,
                                    .body = text.bytes,
                                    .body_size = text.size};
    } else {
        free(text.bytes);
        result = kinds != NULL && !sx__json_format_fits(&mismatch, format, kinds)
                     ? refuse_arguments(kinds, format, &mismatch, again)
                     : build_json(format, again);
    }
    va_end(again);
    return result;
}

struct sx_result(sx_json)(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct sx_result result = make_json(NULL, format, arguments);
    va_end(arguments);
    return result;
}

struct sx_result sx__json(const char *kinds, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct sx_result result = make_json(kinds, format, arguments);
    va_end(arguments);
    return result;
}

struct sx_result sx_json_value(json_t *value)
{
    if (value == NULL) {
        return sx__internal_error("sx_json_value: the value is NULL");
    }
    return (struct sx_result){.status = 200, .json = value, .content_type = media_json};
}

struct sx_result sx_text(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = format_text(format, arguments);
    va_end(arguments);
    if (text == NULL) {
        return sx__internal_error("sx_text: out of memory");
    }
    return sx_bytes_take(media_text, text, strlen(text));
}

struct sx_result sx_bytes(const char *content_type, const void *data, size_t size)
{
    char *copy = malloc(size + 1);
    if (copy == NULL || (data == NULL && size > 0)) {
        free(copy);
        return sx__internal_error("sx_bytes: %s", copy == NULL ? "out of memory" : "data is NULL");
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return sx_bytes_take(content_type, copy, size);
}

struct sx_result sx_bytes_take(const char *content_type, void *data, size_t size)
{
    return (struct sx_result){
        .status = 200,
        .content_type = content_type == NULL ? "application/octet-stream" : content_type,
        .has_own_type = true,
        .body = data,
        .body_size = size,
    };
}

struct sx_result sx_bytes_lend(const char *content_type, const void *data, size_t size,
                               sx_clean_up_fn *clean_up, void *context)
{
    struct sx__source *source = data == NULL && size > 0 ? NULL : malloc(sizeof *source);
    if (source == NULL) {
        if (clean_up != NULL) {
            clean_up(context);
        }
        return sx__internal_error("sx_bytes_lend: %s",
                                  data == NULL && size > 0 ? "data is NULL" : "out of memory");
    }
    *source =
        (struct sx__source){.lends = true, .context = context, .clean_up = clean_up, .fd = -1};
    struct sx_result result = sx_bytes_take(content_type, (void *)(uintptr_t)data, size);
    result.source = source;
    return result;
}

struct sx_result sx_stream(const char *content_type, sx_produce_fn *produce, void *context,
                           sx_clean_up_fn *clean_up)
{
    struct sx__source *source = produce == NULL ? NULL : malloc(sizeof *source);
    if (source == NULL) {
        if (clean_up != NULL) {
            clean_up(context);
        }
        return sx__internal_error("sx_stream: %s",
                                  produce == NULL ? "there is no producer" : "out of memory");
    }
    *source =
        (struct sx__source){.produce = produce, .context = context, .clean_up = clean_up, .fd = -1};
    return (struct sx_result){
        .status = 200,
        .content_type = content_type == NULL ? "application/octet-stream" : content_type,
        .has_own_type = true,
        .source = source,
    };
}

bool sx_stream_has_client(void)
{
    return sx__stream_has_client();
}

struct sx_result sx_empty(void)
{
    return (struct sx_result){.status = 204};
}

struct sx_result sx_fail(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = format_text(format, arguments);
    va_end(arguments);
    if (text == NULL || status == 500) {
        return internal_error_with(text);
    }
    if (status < 400 || status > 599) {
        struct sx_result wrong =
            sx__internal_error("sx_fail(%d, \"%s\"): not an error status", status, text);
        free(text);
        return wrong;
    }
    struct sx_result result = message(status, text);
    free(text);
    return result;
}

struct sx_result sx_startup_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *cause = format_text(format, arguments);
    va_end(arguments);
    return (struct sx_result){.status = SX__STARTUP_ERROR,
                              .cause = cause == NULL ? no_memory : cause};
}

struct sx_result sx_continue(void)
{
    return (struct sx_result){.status = 0};
}

struct sx_result sx_with_status(struct sx_result result, int status)
{
    if (status < 200 || status > 599) {
        sx_result_clean_up(&result);
        return sx__internal_error("sx_with_status(%d): a status is 200 to 599", status);
    }
    if (result.cause == NULL) {
        result.status = status;
    }
    return result;
}

struct sx_result sx_with_content_type(struct sx_result result, const char *content_type)
{
    if (content_type == NULL || !sx__header_value_is_allowed(content_type)) {
        sx_result_clean_up(&result);
        return sx__internal_error("sx_with_content_type: not a header value");
    }
    if (result.cause == NULL) {
        result.content_type = content_type;
        result.has_own_type = true;
    }
    return result;
}

struct sx_result sx_redirect(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *location = format_text(format, arguments);
    va_end(arguments);
    bool redirects =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (location == NULL || !redirects) {
        free(location);
        return sx__internal_error(redirects ? "sx_redirect: out of memory"
                                            : "sx_redirect(%d): not a redirect's status",
                                  status);
    }
    struct sx_result result =
        sx_with_header((struct sx_result){.status = status}, "Location", location);
    free(location);
    return result;
}

struct sx_result sx_with_header(struct sx_result result, const char *name, const char *value)
{
    int status = sx__header_lines_set(&result.headers, name, value);
    if (status < 0) {
        sx_result_clean_up(&result);
        return sx__internal_error(
            "sx_with_header(\"%s\"): %s", name == NULL ? "(null)" : name,
            status == SX_EINVAL
                ? "HTTP does not allow this name or value, or the server writes it itself"
                : sx_status_text(status));
    }
    return result;
}

json_t *sx_result_get_json(struct sx_result *result)
{
    if (result == NULL) {
        return NULL;
    }
    if (result->has_json) {
        result->json = json_loadb(result->body, result->body_size, 0, NULL);
    }
    if (result->has_json &&
        result->json != NULL) { /* it may be changed, so it counts from now on */
        free(result->body);
        result->body = NULL;
        result->has_json = false;
    }
    return result->json;
}

struct sx_result sx_render_json(struct json_t *value)
{
    struct sx__json_text text = {NULL, 0, 0};
    if (!sx__json_text_dump(&text, value)) {
        free(text.bytes);
        return sx__internal_error("a JSON result cannot be written");
    }
    return sx_bytes_take(media_json, text.bytes, text.size);
}

void sx__result_render(struct sx_result *result, const struct sx_renderer *renderer)
{
    if (!result->has_json && (result->json == NULL || result->body != NULL)) {
        return;
    }
    if (result->has_json && renderer->render == sx_render_json) {
        result->content_type = result->has_own_type ? result->content_type : renderer->media_type;
        result->has_json = false;
        return;
    }
    json_t *value = sx_result_get_json(result);
    struct sx_result rendered =
        value == NULL ? sx__internal_error("out of memory") : renderer->render(value);
    if (rendered.status >= 500 || rendered.body == NULL || rendered.has_json) {
        struct sx_result error =
            sx__internal_error("the renderer of %s: %s", renderer->media_type,
                               rendered.cause != NULL ? rendered.cause
                               : rendered.has_json    ? "it gave JSON, not text or bytes"
                                                      : "no body");
        sx_result_clean_up(&rendered);
        sx_result_clean_up(result);
        *result = error;
        rendered = error.json == NULL ? (struct sx_result){0} : sx_render_json(error.json);
        result->content_type = media_json;
    } else if (!result->has_own_type) {
        result->content_type = renderer->media_type;
    }
    result->body = rendered.body;
    result->body_size = rendered.body_size;
    result->source = rendered.source; /* which may lend the body */
    rendered.body = NULL;
    rendered.source = NULL;
    sx_result_clean_up(&rendered);
    if (result->body == NULL) {
        result->content_type = NULL;
    }
}

static void clean_up_source(struct sx__source *source)
{
    if (source != NULL && source->clean_up != NULL) {
        source->clean_up(source->context);
    }
    if (source != NULL && source->fd >= 0) {
        close(source->fd);
    }
    free(source);
}

void sx_result_clean_up(struct sx_result *result)
{
    if (result == NULL) {
        return;
    }
    free(result->source != NULL && result->source->lends ? NULL : result->body);
    clean_up_source(result->source);
    json_decref(result->json);
    free(result->headers);
    free(result->cause == no_memory ? NULL : result->cause);
    *result = (struct sx_result){0};
}
