#include "request.h"

#include "application.h"

#include <string.h>

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
        memcpy(text, request->path.text + segment.offset, segment.size);
        text[segment.size] = '\0';
        request->path_values[k] = text;
        text += segment.size + 1;
    }
    request->query_space = text;
    request->query_state = QUERY_AS_SENT;
}

const char *sx__request_query(struct sx_request *request, const char *name, bool *malformed)
{
    if (request->query_state == QUERY_AS_SENT) {
        int status =
            request->query_space == NULL
                ? SX_ESTATE
                : sx__form_decode(request->query_space, &request->query_size, request->query);
        request->query_state = status == SX_OK ? QUERY_DECODED : QUERY_MALFORMED;
    }
    *malformed = request->query_state == QUERY_MALFORMED;
    return *malformed ? NULL : sx__form_get(request->query_space, request->query_size, name);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same_name(struct sx_str header, const char *name, bool underscore_is_dash)
{
    for (size_t i = 0; i < header.size; i++) {
        char wanted = lower(name[i]);
        char have = lower(header.data[i]);
        bool dash = underscore_is_dash && wanted == '_' && have == '-';
        if (name[i] == '\0' || (wanted != have && !dash)) {
            return false;
        }
    }
    return name[header.size] == '\0';
}

static const char *find_header(const struct sx_request *request, const char *name,
                               bool underscore_is_dash)
{
    const struct sx__exchange *exchange = request->exchange;
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (same_name(exchange->headers[i].name, name, underscore_is_dash)) {
            return exchange->headers[i].value.data;
        }
    }
    return NULL;
}

const char *sx__request_header_argument(const struct sx_request *request, const char *name)
{
    return find_header(request, name, true);
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

const struct sx_route *sx_request_get_route(const struct sx_request *request)
{
    return request->exchange->record.route;
}

const char *sx_request_get_header(const struct sx_request *request, const char *name)
{
    return name == NULL ? NULL : find_header(request, name, false);
}

const char *sx_request_get_query(const struct sx_request *request, const char *name)
{
    /* Decoding on first use changes the request, but nothing that a reader could see. */
    struct sx_request *decoding = (struct sx_request *)(uintptr_t)request;
    bool malformed;
    return name == NULL ? NULL : sx__request_query(decoding, name, &malformed);
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
