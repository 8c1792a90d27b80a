/* The life of one request, from its complete header to its end: routed, bound, handled, unwound,
 * observed. There is one way out for each phase, and whatever happens inside, observers see begin,
 * at most one respond, and one end. */
#include "accept.h"
#include "application.h"
#include "binding.h"
#include "clock.h"
#include "file.h"
#include "request.h"
#include "result_internal.h"
#include "token.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char builtin_label[] = "<builtin>";

static struct sx_request *request_of(struct sx__exchange *exchange)
{
    return (struct sx_request *)(void *)&exchange->app_state;
}

/* ---- begin ---- */

static enum sx_method method_id(struct sx_str method)
{
    for (int id = 0; id < SX_METHOD_OTHER; id++) {
        const char *name = sx_method_name((enum sx_method)id);
        if (strlen(name) == method.size && memcmp(name, method.data, method.size) == 0) {
            return (enum sx_method)id;
        }
    }
    return SX_METHOD_OTHER;
}

/* HTTP leaves the byte after each of these to us; from now on they are C strings. */
static void terminate(struct sx_str text)
{
    ((char *)(uintptr_t)text.data)[text.size] = '\0';
}

static void terminate_all(const struct sx__exchange *exchange)
{
    terminate(exchange->record.method);
    for (size_t i = 0; i < exchange->header_count; i++) {
        terminate(exchange->headers[i].name);
        terminate(exchange->headers[i].value);
    }
}

static void route(struct sx_request *request)
{
    const struct sx_app *app = request->app;
    const struct sx__router *router = app->routers[request->exchange->admin];
    struct sx_record *record = &request->exchange->record;
    request->match.route = SX__NO_ROUTE;
    int status = sx__target_parse(&request->path, &request->query, record->target,
                                  request->exchange->path_space);
    request->bad_target = status == SX_EPROTO;
    if (status == SX_OK) {
        request->match = sx__router_find(router, &request->path, record->method);
        request->other_slash =
            !request->match.path_exists && sx__router_has_other_slash(router, &request->path);
    }
    if (request->match.route == SX__NO_ROUTE) {
        request->plan = &app->builtin_plan;
        record->route = NULL;
        record->route_index = app->route_count;
        request->exchange->route_index = record->route_index;
        record->handler = builtin_label;
        request->exchange->skips_body = !request->plan->reads_body;
        return;
    }
    const struct sx__route_entry *entry = &app->routes[request->match.route];
    request->plan = &entry->plan;
    record->route = &entry->route;
    record->route_index = request->match.route;
    request->exchange->route_index = record->route_index;
    record->handler = entry->handler_label;
    request->exchange->is_admin = entry->route.admin;
}

static bool is_within(struct sx_str part, struct sx_str whole)
{
    return part.size > 0 && part.data >= whole.data && part.data < whole.data + whole.size;
}

/* RFC 9112 3.2.2: "When an origin server receives a request with an absolute-form of
 * request-target, the origin server MUST ignore the received Host header field (if any) and instead
 * use the host information of the request-target." There is no room for a NUL after the authority
 * in the target. The space of the decoded path has room for a copy, because the path is shorter
 * than the target by at least that much. */
static void set_host(struct sx_request *request)
{
    struct sx__exchange *exchange = request->exchange;
    const struct sx_str host = exchange->host;
    request->host = host.size > 0 ? host.data : "";
    if (!is_within(host, exchange->record.target)) {
        return;
    }
    char *copy = exchange->path_space + exchange->record.target.size + 1 - host.size;
    memcpy(copy, host.data, host.size);
    copy[host.size] = '\0';
    request->host = copy;
    for (size_t i = 0; i < exchange->header_count; i++) {
        struct sx__header *header = &exchange->headers[i];
        if (sx__is_word(header->name, "Host")) {
            header->value = (struct sx_str){copy, host.size};
        }
    }
}

/* The record as this observer sees it. */
static const struct sx_record *record_for(struct sx_request *request,
                                          const struct sx__observer_entry *entry)
{
    struct sx_record *record = &request->exchange->record;
    const bool has_memory = entry->observer->request_bytes > 0;
    record->memory = has_memory ? request->observed + entry->memory : NULL;
    return record;
}

static void begin(void *context, struct sx__exchange *exchange)
{
    struct sx_app *app = context;
    struct sx_request *request = request_of(exchange);
    request->app = app;
    request->exchange = exchange;
    exchange->record.method_id = method_id(exchange->record.method);
    exchange->record.status = 0;
    route(request);
    terminate_all(exchange);
    set_host(request);
    exchange->record.request = request;
    for (size_t i = 0; i < app->observer_count; i++) {
        const struct sx__observer_entry *entry = &app->observers[i];
        if (entry->observer->begin != NULL) {
            entry->observer->begin(entry->self, record_for(request, entry));
        }
    }
    exchange->record.request = NULL;
}

/* ---- the steps ---- */

/* A path that differs from a route's by a slash at its end: the same target with or without it. The
 * path as it was routed, not as it was sent: "//elsewhere/../a" would be another host's. */
static struct sx_result slash_redirect(const struct sx_request *request)
{
    const struct sx__path *path = &request->path;
    const bool has_slash = path->segments[path->segment_count - 1].size == 0;
    char *url = sx__url_from_path(path, !has_slash);
    if (url == NULL) {
        return sx__internal_error("out of memory");
    }
    struct sx_result result = sx_redirect(308, "%s%s%.*s", url, request->query.size > 0 ? "?" : "",
                                          (int)request->query.size, request->query.data);
    free(url);
    return result;
}

static struct sx_result builtin_answer(struct sx_request *request)
{
    if (request->bad_target) {
        return sx_fail(400, "the path is malformed");
    }
    bool options = request->exchange->record.method_id == SX_METHOD_OPTIONS;
    if (options && strcmp(request->path.text, "*") == 0) {
        return sx_empty(); /* RFC 9110 9.3.7: the server as a whole */
    }
    if (!request->match.path_exists) {
        return request->other_slash ? slash_redirect(request) : sx_fail(404, "not found");
    }
    char allow[256];
    sx__router_allow(request->app->routers[request->exchange->admin], &request->path, allow,
                     sizeof allow);
    return sx_with_header(options ? sx_empty() : sx_fail(405, "method not allowed"), "Allow",
                          allow);
}

static struct sx_result run_handler(const struct sx__step *step, struct sx_request *request,
                                    const union sx_value *values)
{
    if (step->handler == NULL) {
        return builtin_answer(request);
    }
    struct sx_result result = step->handler->call(values);
    if (result.status == 0) {
        sx_result_clean_up(&result);
        return sx__internal_error(
            "the handler returned sx_continue(), which is only for hooks and inits");
    }
    return result;
}

static struct sx_result run_step(const struct sx__step *step, struct sx_request *request)
{
    struct sx__validation_errors errors = {0};
    const union sx_value *values = sx__bind_call(request, &step->call, &errors);
    (void)sx__bind_call(request, &step->leave, &errors);
    if (errors.status != 0) {
        return sx__validation_errors_result(&errors);
    }
    switch (step->kind) {
    case SX__STEP_INIT:
        memset(request->frame + step->self, 0, step->component->size);
        return step->component->init(request->frame + step->self, values);
    case SX__STEP_HOOK:
        return step->hook->enter == NULL ? sx_continue() : step->hook->enter->call(values);
    case SX__STEP_HANDLER:
        break;
    }
    return run_handler(step, request, values);
}

static void log_cause(const struct sx_request *request, const char *cause)
{
    const struct sx_record *record = &request->exchange->record;
    unsigned left_out;
    const bool is_logged =
        sx__log_limit_allows(&request->app->failure_lines, sx__clock_now_ns(), &left_out);
    sx__app_log_left_out(request->app, left_out);
    if (!is_logged) {
        return;
    }
    sx_app_log(request->app, SX_LOG_ERROR, "%s %.*s (%s): %s", sx_method_name(record->method_id),
               (int)(record->target.size < 200 ? record->target.size : 200), record->target.data,
               record->handler, cause);
}

static const struct sx_renderer json_renderer = {.media_type = "application/json",
                                                 .render = sx_render_json};
static const struct sx_renderer_list json_renderers = {&json_renderer, 1};

static const struct sx_renderer_list *renderers_of(const struct sx_request *request)
{
    const struct sx_route *route = request->exchange->record.route;
    if (route != NULL && route->renderers.count > 0) {
        return &route->renderers;
    }
    const struct sx_renderer_list *own = &request->app->options.renderers;
    return own->count > 0 ? own : &json_renderers;
}

/* The renderer that the client likes best, of equals the first; NULL: it likes none. */
static const struct sx_renderer *choose_renderer(const struct sx_renderer_list *renderers,
                                                 const char *accept)
{
    const struct sx_renderer *best = NULL;
    unsigned best_weight = 0;
    const struct sx_str header = {accept, accept == NULL ? 0 : strlen(accept)};
    for (size_t i = 0; i < renderers->count; i++) {
        const char *media_type = renderers->items[i].media_type;
        const struct sx_str offer = {media_type, strlen(media_type)};
        const unsigned weight = sx__accept_weigh(header, offer).weight;
        if (weight > best_weight) {
            best = &renderers->items[i];
            best_weight = weight;
        }
    }
    return best;
}

static struct sx_result not_acceptable(const struct sx_renderer_list *renderers)
{
    json_t *available = json_array();
    for (size_t i = 0; i < renderers->count; i++) {
        json_array_append_new(available, json_string(renderers->items[i].media_type));
    }
    return sx_with_status(
        sx_json("{s:s, s:o*}", "message", "not acceptable", "available", available), 406);
}

static void render(struct sx_request *request, struct sx_result *result)
{
    const struct sx_renderer *renderer = &json_renderer;
    const bool is_json = result->json != NULL || result->has_json;
    if (is_json && !result->has_own_type && result->cause == NULL) {
        const struct sx_renderer_list *renderers = renderers_of(request);
        const struct sx_renderer *chosen =
            choose_renderer(renderers, sx_request_get_header_list(request, "Accept"));
        if (chosen == NULL && result->status < 400) {
            sx_result_clean_up(result);
            *result = not_acceptable(renderers);
        }
        /* An error is sent even in a format that the client did not ask for. */
        renderer = chosen == NULL ? renderer : chosen;
        if (renderers->count > 1 && result->cause == NULL) {
            *result = sx_with_header(*result, "Vary", "Accept");
        }
    }
    sx__result_render(result, renderer);
}

/* The server cannot send every size from memory. */
static void refuse_too_large(const struct sx_request *request, struct sx_result *result)
{
    char reason[256];
    if (!sx__response_body_fits(request->exchange, result->body_size, reason, sizeof reason)) {
        sx_result_clean_up(result);
        *result = sx__internal_error("%s", reason);
        sx__result_render(result, &json_renderer);
    }
}

/* Takes the result as the response so far: rendered, its status legal, its headers merged. */
static void accept_result(struct sx_request *request, struct sx_result result)
{
    if (result.status == SX__STARTUP_ERROR) {
        struct sx_result error = sx__internal_error(
            "%s (sx_startup_error is only for the init of app and worker components)",
            result.cause);
        sx_result_clean_up(&result);
        result = error;
    } else if (result.status < 200 || result.status > 599) {
        int status = result.status;
        sx_result_clean_up(&result);
        result = sx__internal_error("the result has status %d, which is not 200 to 599", status);
    }
    if (result.has_own_type && result.content_type != NULL &&
        !sx__header_value_is_allowed(result.content_type)) {
        sx_result_clean_up(&result);
        result = sx__internal_error("the content type is not a header value");
    }
    result = sx__file_answer(request, result);
    render(request, &result);
    refuse_too_large(request, &result);
    if (sx__header_lines_merge(&request->response.lines, result.headers) < 0) {
        sx_result_clean_up(&result);
        result = sx__internal_error("out of memory for the headers of the response");
        sx__result_render(&result, &json_renderer);
    }
    if (result.cause != NULL) {
        log_cause(request, result.cause);
    }
    request->result = result;
    request->response.status = result.status;
}

static void leave_hook(const struct sx__step *step, struct sx_request *request)
{
    if (step->hook->leave == NULL) {
        return;
    }
    /* Bound before its enter ran, and still in the frame. */
    struct sx_result replaced = step->hook->leave->call(
        (const union sx_value *)(void *)(request->frame + step->leave.values));
    if (replaced.status == 0) {
        sx_result_clean_up(&replaced);
        return;
    }
    sx__header_lines_remove_all(request->response.lines, request->result.headers);
    sx_result_clean_up(&request->result);
    accept_result(request, replaced);
}

static void run_plan(struct sx_request *request)
{
    const struct sx__plan *plan = request->plan;
    struct sx_result result = sx_continue();
    size_t done = 0;
    for (; done < plan->step_count; done++) {
        result = run_step(&plan->steps[done], request);
        if (result.status != 0) {
            break;
        }
        sx_result_clean_up(&result);
    }
    accept_result(request, result);
    while (done-- > 0) {
        const struct sx__step *step = &plan->steps[done];
        if (step->kind == SX__STEP_INIT) {
            step->component->fini(request->frame + step->self);
        } else if (step->kind == SX__STEP_HOOK) {
            leave_hook(step, request);
        }
    }
}

/* ---- the answer ---- */

static void respond(struct sx_request *request)
{
    struct sx_app *app = request->app;
    struct sx__exchange *exchange = request->exchange;
    const struct sx_result *result = &request->result;
    struct sx__response *response = &exchange->response;
    *response = (struct sx__response){.status = result->status};
    if (result->content_type != NULL) {
        response->content_type =
            (struct sx_str){result->content_type, strlen(result->content_type)};
    }
    if (request->response.lines != NULL) {
        response->header_lines =
            (struct sx_str){request->response.lines->text, request->response.lines->size};
    }
    response->body = (struct sx_str){result->body, result->body_size};
    const struct sx__source *source = result->source;
    if (source != NULL && source->produce != NULL) {
        response->produce = source->produce;
        response->produce_context = source->context;
    } else if (source != NULL && source->fd >= 0) {
        response->file = (struct sx__file_part){true, source->fd, source->offset, source->size};
    }
    exchange->record.status = result->status;
    for (size_t i = 0; i < app->observer_count; i++) {
        const struct sx__observer_entry *entry = &app->observers[i];
        if (entry->observer->respond != NULL) {
            entry->observer->respond(entry->self, record_for(request, entry));
        }
    }
}

static void handle(void *context, struct sx__exchange *exchange, void *frame)
{
    (void)context;
    struct sx_request *request = request_of(exchange);
    request->frame = frame;
    sx__request_begin_texts(request, request->frame + request->plan->frame_bytes);
    run_plan(request);
    sx__request_end_texts(request);
    request->frame = NULL;
    request->query_space = NULL;
    respond(request);
}

static void refuse(void *context, struct sx__exchange *exchange, int status, const char *message)
{
    (void)context;
    struct sx_request *request = request_of(exchange);
    struct sx_result result = sx_fail(status, "%s", message);
    /* RFC 9110 10.2.3: "how long the user agent ought to wait before making a follow-up request". A
     * queue that is full now may have moved on in a second. */
    accept_result(request, status == 503 ? sx_with_header(result, "Retry-After", "1") : result);
    respond(request);
}

static void end(void *context, struct sx__exchange *exchange, enum sx_outcome outcome)
{
    struct sx_app *app = context;
    struct sx_request *request = request_of(exchange);
    for (size_t i = 0; i < app->observer_count; i++) {
        const struct sx__observer_entry *entry = &app->observers[i];
        if (entry->observer->end != NULL) {
            entry->observer->end(entry->self, record_for(request, entry), outcome);
        }
    }
    sx_result_clean_up(&request->result);
    free(request->response.lines);
    request->response.lines = NULL;
}

static void rejected(void *context, enum sx_reason reason)
{
    struct sx_app *app = context;
    for (size_t i = 0; i < app->observer_count; i++) {
        if (app->observers[i].observer->rejected != NULL) {
            app->observers[i].observer->rejected(app->observers[i].self, reason);
        }
    }
}

static void log_line(void *context, enum sx_log_level level, const char *message)
{
    sx_app_log(context, level, "%s", message);
}

struct sx__service sx__dispatch_service(struct sx_app *app, size_t request_line_bytes)
{
    size_t frame = app->builtin_plan.frame_bytes;
    size_t align = app->builtin_plan.frame_align;
    for (size_t i = 0; i < app->route_count; i++) {
        const struct sx__plan *plan = &app->routes[i].plan;
        frame = plan->frame_bytes > frame ? plan->frame_bytes : frame;
        align = plan->frame_align > align ? plan->frame_align : align;
    }
    return (struct sx__service){
        .app = app,
        .frame_bytes = frame + sx__request_text_bytes(request_line_bytes),
        .frame_align = align,
        .begin = begin,
        .handle = handle,
        .refuse = refuse,
        .end = end,
        .rejected = rejected,
        .log = log_line,
    };
}
