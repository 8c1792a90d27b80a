/* request.h: a request on its way through the app. It lies in its exchange's app_state. */
#ifndef SX_REQUEST_H
#define SX_REQUEST_H

#include "header_lines.h"
#include "plan.h"
#include "router.h"
#include "target.h"

#include "exchange.h"

#include <sextant/app.h>
#include <stddef.h>

/* Decoded on first use. */
struct sx__form {
    char *text; /* NULL: not yet; see sx__form_decode */
    size_t size;
};

/* Memory that dies with the request: a list of blocks, each behind its link. */
struct sx__allocation {
    struct sx__allocation *next;
    long double memory[];
};

struct sx_response {
    int status; /* 0 before the handler has answered */
    struct sx__header_lines
        *lines; /* set by hooks and components; the result's own are merged in */
};

#define SX__OBSERVED_BYTES 192

struct sx_request {
    struct sx_app *app;
    struct sx__exchange *exchange;
    struct sx__path path;
    struct sx_str query;
    const char *host;
    struct sx__match match;
    const struct sx__plan *plan;
    bool bad_target;
    bool other_slash; /* there would be a route, but for the slash at the path's end */
    /* from here on only while it is handled */
    char *frame;
    const char *path_values[SX_PARAMS_MAX];
    char *query_space;
    struct sx__form query_form; /* of the query, decoded into the frame */
    struct sx__form body_form;  /* of an urlencoded body, decoded into an allocation */
    struct json_t *json;        /* of the body */
    const char *body_error;     /* why it cannot be read as JSON or as a form: "is not JSON" */
    int body_error_status;
    struct sx__allocation *allocations;
    struct sx_response response;
    struct sx_result result;
    /* until its end */
    _Alignas(max_align_t) unsigned char observed[SX__OBSERVED_BYTES]; /* the observers' memory */
};

/* Memory for the texts of a request at the end of its frame, for a request line of this size. */
size_t sx__request_text_bytes(size_t request_line_bytes);

/* Puts the path's parameters where they can be had as strings. `text` is that memory. */
void sx__request_begin_texts(struct sx_request *request, char *text);

/* The decoded form that a query or body parameter comes from. NULL if the body is no form; *reason
 * and *status then say why. */
const struct sx__form *sx__request_form(struct sx_request *request, enum sx_source source,
                                        const char **reason, int *status);

/* The body as JSON; NULL: it is empty where *reason is NULL, else it cannot be had. */
struct json_t *sx__request_json(struct sx_request *request, const char **reason, int *status);

/* A header by its name, in which `_` stands for `-`. */
const char *sx__request_header_argument(const struct sx_request *request, const char *name);

/* Frees what the request has allocated for its handling. */
void sx__request_end_texts(struct sx_request *request);

#endif
