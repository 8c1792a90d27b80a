/* The request of a handler: its parameters, headers and body. Used by the thread that handles it.
 */
#include "request.h"

#include "application.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Static_assert(sizeof(struct sx_request) <= SX__APP_STATE_BYTES,
               "a request fits into the state that an exchange has for the app");

size_t sx__request_text_bytes(size_t request_line_bytes)
{
    return request_line_bytes + SX_PARAMS_MAX + 2 * request_line_bytes + 2;
}

void sx__request_begin_texts(struct sx_request *request, char *text)
{
    for (size_t k = 0; k < request->match.param_count; k++) {
        struct sx__segment segment = request->path.segments[request->match.segment[k]];
        if (request->match.has_rest && k + 1 == request->match.param_count) {
            segment.size = (uint32_t)(request->path.size - segment.offset);
        }
        memcpy(text, request->path.text + segment.offset, segment.size);
        text[segment.size] = '\0';
        request->path_values[k] = text;
        text += segment.size + 1;
    }
    request->query_space = text;
}

void sx__request_end_texts(struct sx_request *request)
{
    json_decref(request->json);
    request->json = NULL;
    while (request->allocations != NULL) {
        struct sx__allocation *next = request->allocations->next;
        free(request->allocations);
        request->allocations = next;
    }
    request->query_form.text = NULL;
    request->body_form.text = NULL;
}

void *sx_request_allocate(const struct sx_request *request, size_t size)
{
    struct sx_request *owner = (struct sx_request *)(uintptr_t)request;
    if (owner == NULL || owner->frame == NULL || size > SIZE_MAX / 2) {
        return NULL;
    }
    struct sx__allocation *made = malloc(sizeof *made + size);
    if (made == NULL) {
        return NULL;
    }
    made->next = owner->allocations;
    owner->allocations = made;
    return made->memory;
}

/* ---- forms: the query, and an urlencoded body ---- */

static const struct sx__form *query_form(struct sx_request *request)
{
    struct sx__form *form = &request->query_form;
    if (form->text == NULL) {
        form->text = request->query_space;
        form->size = sx__form_decode(form->text, request->query);
    }
    return form;
}

/* Whether the body is said to be of a media type: `type/subtype`, or with `+suffix` any of that
 * suffix. */
static bool body_is(const struct sx_request *request, const char *media_type, const char *suffix)
{
    const char *have = sx_request_get_header(request, "Content-Type");
    if (have == NULL) {
        return false;
    }
    size_t size = strcspn(have, "; \t");
    size_t suffix_size = strlen(suffix);
    return (size == strlen(media_type) && strncasecmp(have, media_type, size) == 0) ||
           (suffix_size > 0 && size > suffix_size &&
            strncasecmp(have + size - suffix_size, suffix, suffix_size) == 0);
}

static const struct sx__form *body_form(struct sx_request *request)
{
    struct sx__form *form = &request->body_form;
    struct sx_str body = request->exchange->body;
    if (form->text != NULL || request->body_error != NULL) {
        return form;
    }
    if (body.size > 0 && !body_is(request, "application/x-www-form-urlencoded", "")) {
        request->body_error = "must be application/x-www-form-urlencoded";
        request->body_error_status = 415;
        return form;
    }
    char *text = sx_request_allocate(request, 2 * body.size + 2);
    if (text == NULL) {
        request->body_error = "cannot be read now: out of memory";
        request->body_error_status = 503;
        return form;
    }
    if (body.size == 0) {
        body.data = "";
    }
    form->text = text;
    form->size = sx__form_decode(text, body);
    return form;
}

const struct sx__form *sx__request_form(struct sx_request *request, enum sx_source source,
                                        const char **reason, int *status)
{
    const struct sx__form *form =
        source == SX_SOURCE_QUERY ? query_form(request) : body_form(request);
    *status = 400;
    if (form->text == NULL) {
        *reason = request->body_error;
        *status = request->body_error_status;
        return NULL;
    }
    return form;
}

/* ---- JSON ---- */

/* Error messages for the client: jansson's own name its flags and functions. */
static const char *json_reason_of(const json_error_t *error, bool *is_json)
{
    static const struct {
        enum json_error_code code;
        bool is_json; /* valid by the grammar, but refused */
        const char *text;
    } reasons[] = {
        {json_error_premature_end_of_input, false, "it ends too early"},
        {json_error_end_of_input_expected, false, "there is more after the value"},
        {json_error_invalid_utf8, false, "it is not UTF-8"},
        {json_error_null_character, true, "\\u0000 is not allowed"},
        {json_error_null_byte_in_key, true, "\\u0000 is not allowed"},
        {json_error_duplicate_key, true, "an object has two members of this name"},
        {json_error_numeric_overflow, true, "the number is too large"},
        {json_error_stack_overflow, true, "it is nested too deeply"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].code == json_error_code(error)) {
            *is_json = reasons[i].is_json;
            return reasons[i].text;
        }
    }
    *is_json = false;
    return "unexpected text";
}

/* The end of jansson's message: " near 'what the client sent'". */
static const char *json_reason_place(const json_error_t *error)
{
    const char *near = strstr(error->text, " near '");
    return near == NULL ? "" : near;
}

static const char *json_reason_text(struct sx_request *request, const json_error_t *error)
{
    bool is_json;
    const char *reason = json_reason_of(error, &is_json);
    size_t size = sizeof error->text + 128;
    char *text = sx_request_allocate(request, size);
    if (text == NULL) {
        return is_json ? "is refused" : "is not JSON";
    }
    snprintf(text, size, "%s: line %d, column %d: %s%s", is_json ? "is refused" : "is not JSON",
             error->line, error->column, reason, json_reason_place(error));
    return text;
}

/* What jansson has no word for is that it could not allocate. */
static void set_json_error(struct sx_request *request, const json_error_t *error)
{
    const bool is_memory =
        error->text[0] == '\0' || json_error_code(error) == json_error_out_of_memory;
    request->body_error =
        is_memory ? "cannot be read now: out of memory" : json_reason_text(request, error);
    request->body_error_status = is_memory ? 503 : 400;
}

struct json_t *sx__request_json(struct sx_request *request, const char **reason, int *status)
{
    struct sx_str body = request->exchange->body;
    if (request->json == NULL && request->body_error == NULL && body.size > 0) {
        if (!body_is(request, "application/json", "+json")) {
            request->body_error = "must be application/json";
            request->body_error_status = 415;
        } else {
            json_error_t error;
            request->json =
                json_loadb(body.data, body.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
            if (request->json == NULL) {
                set_json_error(request, &error);
            }
        }
    }
    *reason = request->body_error;
    *status = request->body_error_status;
    return request->json;
}

/* ---- headers ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Where `_` stands for `-`, it stands for nothing else: what proxies set must not be had from a
 * client that spells it X_Forwarded_User. */
static bool same_name(struct sx_str header, const char *name, bool underscore_is_dash)
{
    for (size_t i = 0; i < header.size; i++) {
        char wanted = lower(name[i]);
        char have = lower(header.data[i]);
        wanted = underscore_is_dash && wanted == '_' ? '-' : wanted;
        if (name[i] == '\0' || wanted != have) {
            return false;
        }
    }
    return name[header.size] == '\0';
}

/* The index of the first such header from `index` on, or the number of headers. */
static size_t find_header(const struct sx__exchange *exchange, size_t index, const char *name,
                          bool underscore_is_dash)
{
    while (index < exchange->header_count &&
           !same_name(exchange->headers[index].name, name, underscore_is_dash)) {
        index++;
    }
    return index;
}

static const char *get_header(const struct sx_request *request, const char *name,
                              bool underscore_is_dash)
{
    const struct sx__exchange *exchange = request->exchange;
    const size_t index = find_header(exchange, 0, name, underscore_is_dash);
    return index < exchange->header_count ? exchange->headers[index].value.data : NULL;
}

const char *sx__request_header_argument(const struct sx_request *request, const char *name)
{
    return get_header(request, name, true);
}

/* ---- public ---- */

const char *sx_request_get_method(const struct sx_request *request)
{
    return request->exchange->record.method.data;
}

const char *sx_request_get_path(const struct sx_request *request)
{
    return request->path.text;
}

const char *sx_request_get_client(const struct sx_request *request)
{
    return request->exchange->record.client.data;
}

const char *sx_request_get_scheme(const struct sx_request *request)
{
    return request->exchange->record.scheme;
}

const char *sx_request_get_host(const struct sx_request *request)
{
    return request->host;
}

const struct sx_route *sx_request_get_route(const struct sx_request *request)
{
    return request->exchange->record.route;
}

const char *sx_request_get_header(const struct sx_request *request, const char *name)
{
    return name == NULL ? NULL : get_header(request, name, false);
}

static char *join_headers(const struct sx_request *request, const char *name, size_t first)
{
    const struct sx__exchange *exchange = request->exchange;
    const size_t end = exchange->header_count;
    size_t size = 0;
    for (size_t i = first; i < end; i = find_header(exchange, i + 1, name, false)) {
        size += exchange->headers[i].value.size + 2;
    }
    char *list = sx_request_allocate(request, size);
    char *at = list;
    for (size_t i = first; at != NULL && i < end; i = find_header(exchange, i + 1, name, false)) {
        const struct sx_str value = exchange->headers[i].value;
        memcpy(at, value.data, value.size);
        memcpy(at + value.size, ", ", 2);
        at += value.size + 2;
    }
    if (list != NULL) {
        at[-2] = '\0';
    }
    return list;
}

const char *sx_request_get_header_list(const struct sx_request *request, const char *name)
{
    const struct sx__exchange *exchange = request->exchange;
    const size_t end = exchange->header_count;
    const size_t first = name == NULL ? end : find_header(exchange, 0, name, false);
    if (first == end) {
        return NULL;
    }
    const bool is_list = find_header(exchange, first + 1, name, false) < end;
    const char *list = is_list ? join_headers(request, name, first) : NULL;
    return list == NULL ? exchange->headers[first].value.data : list;
}

const char *sx_request_get_query(const struct sx_request *request, const char *name)
{
    /* Decoding on first use changes the request, but nothing that a reader could see. */
    struct sx_request *decoding = (struct sx_request *)(uintptr_t)request;
    if (name == NULL || request->query_space == NULL) {
        return NULL;
    }
    const struct sx__form *form = query_form(decoding);
    const char *value = sx__form_get(form->text, form->size, name);
    return value != NULL && sx__form_state(value) == SX__FORM_GOOD ? value : NULL;
}

struct sx_str sx_request_get_query_string(const struct sx_request *request)
{
    return request->query;
}

struct sx_str sx_request_get_body(const struct sx_request *request)
{
    return request->exchange->body;
}

int sx_response_get_status(const struct sx_response *response)
{
    return response->status;
}

int sx_response_set_header(struct sx_response *response, const char *name, const char *value)
{
    return sx__header_lines_set(&response->lines, name, value);
}
