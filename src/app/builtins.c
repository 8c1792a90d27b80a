/* What every app can inject without registration. Those of a request are found in it when they are
 * asked for, by the `builtin` of their descriptor. */
#include "request.h"

static void *find_request(struct sx_request *request)
{
    return request;
}

static void *find_response(struct sx_request *request)
{
    return &request->response;
}

static void *find_host(struct sx_request *request)
{
    return (void *)(uintptr_t)request->host;
}

#define BUILTIN(name_, find_)                                                          \
    const struct sx_component sx_component_##name_ = {.name = #name_,                  \
                                                      .file = __FILE__,                \
                                                      .line = __LINE__,                \
                                                      .lifetime = SX_LIFETIME_BUILTIN, \
                                                      .builtin = find_}

BUILTIN(sx_app, NULL); /* a constant of each app */
BUILTIN(sx_request, find_request);
BUILTIN(sx_response, find_response);
BUILTIN(sx_host, find_host);
BUILTIN(sx_headers, find_request); /* the request, seen as its headers */

static const struct sx__exchange *exchange_of(const struct sx_headers *headers)
{
    return ((const struct sx_request *)(const void *)headers)->exchange;
}

const struct sx_headers *sx_request_get_headers(const struct sx_request *request)
{
    return (const struct sx_headers *)(const void *)request;
}

size_t sx_headers_get_count(const struct sx_headers *headers)
{
    return exchange_of(headers)->header_count;
}

void sx_headers_get(const struct sx_headers *headers, size_t index, const char **name,
                    const char **value)
{
    const struct sx__exchange *exchange = exchange_of(headers);
    bool there = index < exchange->header_count;
    *name = there ? exchange->headers[index].name.data : NULL;
    *value = there ? exchange->headers[index].value.data : NULL;
}
