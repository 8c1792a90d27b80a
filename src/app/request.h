/* request.h: a request on its way through the app. It lies in its exchange's app_state. */
#ifndef SX_REQUEST_H
#define SX_REQUEST_H

#include "header_lines.h"
#include "plan.h"
#include "router.h"
#include "target.h"

#include "engine.h"

#include <sextant/app.h>

struct sx_response {
    int status; /* 0 before the handler has answered */
    struct sx__header_lines
        *lines; /* set by hooks and components; the result's own are merged in */
};

struct sx_request {
    struct sx_app *app;
    struct sx__exchange *exchange;
    struct sx__path path;
    struct sx_str query;
    struct sx__match match;
    const struct sx__plan *plan;
    bool bad_target;
    bool reserved;
    /* from here on only while it is handled */
    char *frame;
    const char *path_values[SX_PARAMS_MAX];
    char *query_space;
    size_t query_size; /* of the decoded query */
    enum { QUERY_AS_SENT, QUERY_DECODED, QUERY_MALFORMED } query_state;
    struct sx_response response;
    struct sx_result result;
};

/* Memory for the texts of a request at the end of its frame, for a request line of this size. */
size_t sx__request_text_bytes(size_t request_line_bytes);

/* Puts the path's parameters where they can be had as strings. `text` is that memory. */
void sx__request_begin_texts(struct sx_request *request, char *text);

/* The decoded query parameter. *malformed tells that the query as a whole cannot be decoded. */
const char *sx__request_query(struct sx_request *request, const char *name, bool *malformed);

/* A header by its name, in which `_` also stands for `-`. */
const char *sx__request_header_argument(const struct sx_request *request, const char *name);

#endif
