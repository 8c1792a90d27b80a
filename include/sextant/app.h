/* app.h: routes, handlers, components, hooks, observers, and the app that joins them.
 *
 * A handler is a C function that returns a struct sx_result. SX_BIND names the source of each of
 * its arguments. A component is a value that the framework makes and passes to the handlers, hooks
 * and other components that name it. sx_app_new resolves all of it: what does not fit together is
 * logged with file and line, and the app does not start.
 *
 *     static struct sx_result welcome(const char *name) { ... }
 *     SX_BIND(welcome, (query, opt_str, name));
 *
 *     static const struct sx_route routes[] = { SX_GET("/", welcome) };
 *
 *     int main(int argc, char **argv)
 *     {
 *         return sx_app_main(argc, argv, &(struct sx_app_options){.routes = SX_LIST(routes)});
 *     }
 *
 * Threads: [any] any thread at any time, but no signal handler. [read] at the same time as itself,
 * but not while the app is made or destroyed. [start] before sx_app_run, or in the init of an app
 * or worker component.
 */
#ifndef SEXTANT_APP_H
#define SEXTANT_APP_H

#include <sextant/bind.h>
#include <sextant/result.h>
#include <sextant/run.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_app;
struct sx_request;
struct sx_response;

/* Sizes. Structs that the library makes or that programs fill have reserved members, so that later
 * versions can add members. The following never change: struct sx_str, struct sx_texts, union
 * sx_value, struct sx_setting, and the lists of SX_LIST (items, count). */

#define SX_PARAMS_MAX 12 /* arguments of one bound function */

/* ---- binding: where a function's arguments come from ---- */

enum sx_source {
    SX_SOURCE_PATH = 1, /* (path, TYPE, NAME): the {NAME} of the route */
    SX_SOURCE_QUERY,    /* (query, TYPE, NAME): ?NAME=, the first one */
    SX_SOURCE_HEADER,   /* (header, TYPE, NAME): the header NAME, with `_` for `-` */
    SX_SOURCE_INJECT,   /* (inject, COMPONENT, NAME): the component's value */
    SX_SOURCE_OPTIONS,  /* (options, STRUCT, NAME): the options of the component itself; or NULL */
    SX_SOURCE_FORM,     /* (form, TYPE, NAME): a field of an urlencoded body, the first one */
    SX_SOURCE_BODY,     /* (body, json, NAME), (body, opt_json, NAME), (body, bytes, NAME) */
    SX_SOURCE_SETTING,  /* (setting, TYPE, NAME): a setting, constant while the app exists */
};

/* TYPE in a list of arguments:
 *
 *     i64 u64 f64 flag str     int64_t, uint64_t, double, bool, const char * (UTF-8 without NUL)
 *     opt_i64 ... opt_f64      a pointer to the value; NULL if the argument is absent
 *     opt_flag                 the same
 *     opt_str                  the string itself; NULL if the argument is absent
 *     list_str                 query and form: struct sx_texts, all parameters of that name
 *     json, opt_json, bytes    body: struct json_t *, struct sx_str
 *
 * Arguments live as long as the request. */
enum sx_type {
    SX_TYPE_NONE = 0,
    SX_TYPE_I64,
    SX_TYPE_U64,
    SX_TYPE_F64,
    SX_TYPE_FLAG,
    SX_TYPE_STR,
    SX_TYPE_LIST_STR,
    SX_TYPE_JSON,
    SX_TYPE_BYTES,
};

/** The values of a repeated parameter, in the order of the request. */
struct sx_texts {
    const char *const *items;
    size_t count;
};

struct sx_component;

/** One argument of a bound function; written by SX_BIND. */
struct sx_param {
    const char *name;
    const struct sx_component *component; /* inject only */
    enum sx_source source;
    enum sx_type type;
    bool optional, has_min, has_max;
    long double min, max; /* inclusive; holds every i64, u64 and f64 exactly */
    const char *fallback; /* stands for the text where it is absent; NULL: none */
    const char *help;     /* what it is, for listings; NULL: nothing */
    void *reserved[2];
};

/** Limits of a number, both inclusive: `(path, i64, id, SX_MIN(1), SX_MAX(1000))`. */
#define SX_MIN(value_) .has_min = true, .min = (value_)
#define SX_MAX(value_) .has_max = true, .max = (value_)
/** The default of a parameter, as a client would write it: `(query, i64, page, SX_DEFAULT("1"))`.
 * sx_app_new checks that the text converts to the type. */
#define SX_DEFAULT(text_) .fallback = (text_)
/** The description of a parameter or setting in --help: `SX_HELP("rows a page")`. */
#define SX_HELP(text_) .help = (text_)

/* One argument on its way to the function. */
union sx_value {
    int64_t i64;
    uint64_t u64;
    double f64;
    bool flag;
    void *pointer; /* str, json, the optional ones, inject, options */
    struct sx_str bytes;
    struct sx_texts texts;
};

/** A function bound with SX_BIND: a handler, or the enter or leave of a hook. */
struct sx_handler {
    const char *name;
    const char *file;
    int line;
    size_t param_count;
    const struct sx_param *params;
    struct sx_result (*call)(const union sx_value *args);
    void *reserved[4];
};

/** Binds a function of this file: `SX_BIND(get_user, (path, i64, id), (inject, db, db));`. A list
 * that does not match the prototype of the function does not compile. */
#define SX_BIND(...) SX__BIND(static, __VA_ARGS__)

/** Binds a handler that routes in other files use; put SX_HANDLER_DECLARE into a header. */
#define SX_BIND_SHARED(...) SX__BIND(, __VA_ARGS__)
#define SX_HANDLER_DECLARE(function_) extern SX_API const struct sx_handler sx_handler_##function_

/* ---- components ---- */

/* The lifetimes of components:
 *
 *     app      made once, before any fork. Each process that serves has a copy, so the component
 *              must not contain threads, connections, or a lock that may be locked at the fork.
 *     worker   made once in each process that serves.
 *     request  made for each request that needs it, and used only by the thread of that request.
 *
 * The thread that calls sx_app_new initialises app components. The thread that calls sx_app_run, or
 * the first sx_client_new, initialises worker components, and the last user of the app ends them.
 *
 * App and worker components are used by all threads that run handlers (`threads`, 64) at once. */
enum sx_lifetime {
    SX_LIFETIME_APP = 1,
    SX_LIFETIME_WORKER,
    SX_LIFETIME_REQUEST,
    SX_LIFETIME_BUILTIN, /* the framework's own: sx_request, sx_response, sx_app */
};

/** A component; written by SX_COMPONENT. Its identity is its address. */
struct sx_component {
    const char *name;
    const char *file;
    int line;
    enum sx_lifetime lifetime;
    size_t size, align;
    size_t param_count;
    const struct sx_param *params;
    struct sx_result (*init)(void *self, const union sx_value *args);
    void (*fini)(void *self);
    bool provided; /* by SX_PROVIDER: the value is a pointer to what is injected */
    void *(*builtin)(struct sx_request *request); /* private */
    void *reserved[3];
};

/** Declares a component and the type that is injected: `SX_COMPONENT_DECLARE(db, struct db);`. */
#define SX_COMPONENT_DECLARE(name_, type_) \
    typedef type_ sx_type_##name_;         \
    extern SX_API const struct sx_component sx_component_##name_

/** Defines a component: `SX_COMPONENT(db, app, db_open, db_close, (inject, sx_app, app));`.
 *
 * The framework holds a zeroed value of the declared type. `init` receives a pointer to it and the
 * bound arguments. It returns sx_continue() if it succeeds. If it fails, an app or worker component
 * returns sx_startup_error(), and the app does not start; a request component returns the response,
 * for example sx_fail(). `fini` receives the value; it may be NULL. Components end in reverse order
 * of their inits. Lifetimes are app, worker and request. A component may depend on components that
 * live at least as long.
 */
#define SX_COMPONENT(name_, lifetime_, init_, ...) \
    SX__CAT(SX__COMPONENT_, SX__HAS_PARAMS(__VA_ARGS__))(name_, lifetime_, init_, __VA_ARGS__)

/** As SX_COMPONENT, for a value that a library allocates: `init` receives the address of a pointer
 * and sets it, and `fini` receives the pointer: `SX_PROVIDER(db, app, db_open, db_close)` with
 * `struct sx_result db_open(sqlite3 **db)` and `void db_close(sqlite3 *db)`, after
 * `SX_COMPONENT_DECLARE(db, sqlite3)`. The pointer itself is injected. */
#define SX_PROVIDER(name_, lifetime_, init_, ...) \
    SX__CAT(SX__PROVIDER_, SX__HAS_PARAMS(__VA_ARGS__))(name_, lifetime_, init_, __VA_ARGS__)

/** Defines an app component whose members are settings of the app:
 *
 *     struct settings { const char *database; int64_t page_size; bool debug; };
 *     SX_COMPONENT_DECLARE(settings, struct settings);
 *     SX_SETTINGS(settings, (str, database, SX_DEFAULT("app.db")),
 *                 (i64, page_size, SX_DEFAULT("20"), SX_MIN(1)), (flag, debug, SX_DEFAULT("off")));
 *
 * The value of `page_size` is that of `--page-size`, else of `.settings`, else of the environment
 * variable PAGE_SIZE (behind `.settings_prefix`), else its default; one without default is
 * required. A value that does not convert or is missing is an error at start-up. Other components,
 * handlers and hooks can also have single settings bound, by (setting, TYPE, NAME). Types are the
 * scalars that are not optional. Up to 12 settings: more are two components.
 */
#define SX_SETTINGS(...) SX__CAT(SX__SETTINGS_, SX__HAS_PARAMS(__VA_ARGS__))(__VA_ARGS__)

/** A setting given by the program itself; see SX_SETTINGS. */
struct sx_setting {
    const char *name;
    const char *value;
};
struct sx_setting_list {
    const struct sx_setting *items;
    size_t count;
};

/** A component in an app, with its options. */
struct sx_component_use {
    const struct sx_component *component;
    const void *options;
    void *reserved[2];
};
struct sx_component_list {
    const struct sx_component_use *items;
    size_t count;
};

/** Replaces a component by another of the same type and lifetime, in a test:
 *  `.overrides = SX_LIST(overrides)` with `{SX_OVERRIDE(db, fake_db)}`. */
struct sx_override {
    const struct sx_component *component;
    const struct sx_component *by;
    void *reserved[2];
};
struct sx_override_list {
    const struct sx_override *items;
    size_t count;
};
#define SX_OVERRIDE(component_, by_)                                                        \
    {                                                                                       \
        .component = &sx_component_##component_,                                            \
        .by = &sx_component_##by_ +                                                         \
              SX__ASSERT(__builtin_types_compatible_p(sx_type_##component_, sx_type_##by_), \
                         "SX_OVERRIDE(" #component_ ", " #by_ "): their types differ")      \
    }

/** The components of an app: `.components = SX_COMPONENTS(sx_prometheus, (db, &db_options))`.
 * Up to 12; more are an array, `.components = SX_LIST(uses)`, of struct sx_component_use:
 * `{.component = &sx_component_db, .options = &db_options}`. */
#define SX_COMPONENTS(...) SX__CAT(SX__COMPONENTS_, SX__HAS_PARAMS(~, __VA_ARGS__))(~, __VA_ARGS__)

/** The components of every app; they need no registration. */
struct sx_headers;
SX_COMPONENT_DECLARE(sx_app, struct sx_app);               /* the app */
SX_COMPONENT_DECLARE(sx_request, const struct sx_request); /* the request */
SX_COMPONENT_DECLARE(sx_response,
                     struct sx_response);  /* its response, in a leave hook the final one */
SX_COMPONENT_DECLARE(sx_host, const char); /* "api.example:8443"; see sx_request_get_host */
SX_COMPONENT_DECLARE(sx_headers, const struct sx_headers); /* the headers of the request */

/* ---- hooks ---- */

/** Two bound functions around the handler of a request; either may be NULL.
 *
 * `enter` functions run in order, `leave` functions in reverse order. `leave` runs if and only if
 * its `enter` returned sx_continue() or is NULL. Any other result of `enter` is the response, and
 * the handler does not run. Any result of `leave` but sx_continue() replaces the response. The
 * hooks of an app also run if no route answers (404, 405), but not for admin routes. */
struct sx_hook {
    const struct sx_handler *enter;
    const struct sx_handler *leave;
    void *reserved[2];
};
struct sx_hook_list {
    const struct sx_hook *items;
    size_t count;
};
#define SX_HOOK(enter_, leave_)                                      \
    {                                                                \
        .enter = &sx_handler_##enter_, .leave = &sx_handler_##leave_ \
    }
#define SX_HOOK_ENTER(enter_)         \
    {                                 \
        .enter = &sx_handler_##enter_ \
    }
#define SX_HOOK_LEAVE(leave_)         \
    {                                 \
        .leave = &sx_handler_##leave_ \
    }

/* ---- renderers: how a JSON result is written ---- */

/** Writes a JSON value as text or bytes: returns sx_text, sx_bytes, sx_bytes_take, or sx_fail. */
typedef struct sx_result sx_render_fn(struct json_t *value);

/** One way to write JSON results.
 *
 * The Accept header of the request selects one of the renderers of the route or, if it has none, of
 * the app. If several are accepted equally, the first is used. If none is accepted, the response is
 * a 406. Not negotiated: text, bytes, errors for which no renderer is accepted, and results with a
 * content type of their own (sx_with_content_type). */
struct sx_renderer {
    const char *media_type; /* "text/csv; charset=utf-8"; becomes the Content-Type */
    sx_render_fn *render;
    void *reserved[2];
};
struct sx_renderer_list {
    const struct sx_renderer *items;
    size_t count;
};
/** application/json, compact: the default. For lists of your own: `{"application/json",
 * sx_render_json}`. */
SX_API SX_MUST_CHECK struct sx_result sx_render_json(struct json_t *value);

/* ---- routes ---- */

struct sx_route;
struct sx_route_list {
    const struct sx_route *items;
    size_t count;
};

/** A route.
 *
 * `path` has segments like `/users/{id}`, where {id} must be a path argument of the handler. A last
 * segment `{*rest}` takes the rest of the path with its slashes. Literal segments win over
 * parameters, and parameters over {*rest}. The route of GET answers HEAD, the framework answers
 * OPTIONS, and a path that differs from that of a route only by a slash at its end gets 308. */
struct sx_route {
    const char *method;
    const char *path;
    const struct sx_handler *handler;
    const char *file;
    int line;
    const char *name; /* for observers, metrics and sx_app_url_by_name; NULL: "file_stem.function"
                         of the handler. Routes of different handlers need different names */
    bool admin; /* an admin route, like /metrics: it has no hooks but its own, and a thread of its
                   own, so that it answers while all others are busy */
    struct sx_hook_list hooks;         /* of this route, inside those of the app */
    struct sx_renderer_list renderers; /* of this route, in place of the app's */
    struct sx_route_list include;      /* SX_INCLUDE */
    void *reserved[3];
};

#define SX_ROUTE(method_, path_, ...)                                             \
    {                                                                             \
        .method = (method_), .path = (path_), .file = __FILE__, .line = __LINE__, \
        .handler = &sx_handler_##__VA_ARGS__                                      \
    }
/** `SX_GET("/", welcome)`; options may follow: `SX_GET("/health", health, .admin = true)`,
 *  `SX_GET("/me", me, .hooks = SX_LIST(my_hooks), .renderers = SX_LIST(my_renderers))`,
 *  `SX_GET("/users/{id}", get, .name = "users.get")`. */
#define SX_GET(path_, ...) SX__METHOD("GET", path_, __VA_ARGS__)
#define SX_POST(path_, ...) SX__METHOD("POST", path_, __VA_ARGS__)
#define SX_PUT(path_, ...) SX__METHOD("PUT", path_, __VA_ARGS__)
#define SX_PATCH(path_, ...) SX__METHOD("PATCH", path_, __VA_ARGS__)
#define SX_DELETE(path_, ...) SX__METHOD("DELETE", path_, __VA_ARGS__)
/** Routes under a prefix: `SX_INCLUDE("/api", api_routes)`. Options hold for all of them:
 * `SX_INCLUDE("/api", api_routes, .hooks = SX_LIST(api_hooks))`. Includes may be nested. */
#define SX_INCLUDE(path_, ...) \
    SX__CAT(SX__INCLUDE_, SX__HAS_PARAMS(__VA_ARGS__))(path_, __VA_ARGS__)

/** An array as a list: `.routes = SX_LIST(routes), .hooks = SX_LIST(hooks)`. */
#define SX_LIST(array_)                             \
    {                                               \
        (array_), sizeof(array_) / sizeof *(array_) \
    }

/* ---- the request and the response, as injected components ---- */

/* Only the thread that handles the request may call these functions. Pointers must not be NULL
 * unless NULL is mentioned. Returned values live until the handler, the hooks and the components of
 * the request are done; the producer of a stream needs copies. */

/** The method as sent, "GET". */
SX_API const char *sx_request_get_method(const struct sx_request *request);
/** The decoded path, "/users/7". */
SX_API const char *sx_request_get_path(const struct sx_request *request);
/** The numeric address of the client, or of a proxy in front of the server. Empty: a Unix socket or
 * the test client. */
SX_API const char *sx_request_get_client(const struct sx_request *request);
/** "http" or "https". */
SX_API const char *sx_request_get_scheme(const struct sx_request *request);
/** The host and port that the client asked for: "api.example:8443", "[2001:db8::7]". Empty if it
 * sent none, which HTTP/1.0 allows. The client chooses this value: compare it with your own names
 * before you use it.
 *
 * It comes from the Host header. If the target is a whole URL, like `http://api.example/users`, its
 * host replaces the value of the Host header, also among the headers of the request.
 * Source: RFC 9112 3.2.2 */
SX_API const char *sx_request_get_host(const struct sx_request *request);
/** The route that answers. NULL: none (404, 405). */
SX_API const struct sx_route *sx_request_get_route(const struct sx_request *request);
/** The first header of that name (any case), white space around it removed; NULL: absent, or the
 * name is NULL. Its bytes are the client's: they need not be UTF-8. */
SX_API const char *sx_request_get_header(const struct sx_request *request, const char *name);
/** All headers of that name as one list, joined by commas: for Accept and others that are lists.
 * NULL: absent, or the name is NULL. Where memory is exhausted, only the first of them.
 * Source: RFC 9110 5.3 */
SX_API const char *sx_request_get_header_list(const struct sx_request *request, const char *name);
/** The headers of the request, as `(inject, sx_headers, headers)` gives them. */
SX_API const struct sx_headers *sx_request_get_headers(const struct sx_request *request);
/** How many headers the request has. */
SX_API size_t sx_headers_get_count(const struct sx_headers *headers);
/** Sets `*name` and `*value` to those of a header, in the order in which they were sent; to NULL if
 * there is no such index. */
SX_API void sx_headers_get(const struct sx_headers *headers, size_t index, const char **name,
                           const char **value);
/** The first query parameter of that name, decoded; NULL if it is absent or has a malformed escape,
 * or if the name is NULL. Unlike that of `(query, str, NAME)` it need not be UTF-8. */
SX_API const char *sx_request_get_query(const struct sx_request *request, const char *name);
/** The query of the target as it was sent, without the question mark; empty if there is none. */
SX_API struct sx_str sx_request_get_query_string(const struct sx_request *request);
/** The body without its transfer coding; not NUL-terminated. If no route answers (404, 405, 308), a
 * large body is read only if a hook binds a body or form argument; otherwise it is empty. */
SX_API struct sx_str sx_request_get_body(const struct sx_request *request);
/** Returns memory that is freed when the request has been handled, before its response is sent, so
 * it is not for the context of a stream, nor for a content type. Aligned for any type.
 *
 * @return  NULL: memory is exhausted, or the request is NULL or is not being handled */
SX_API void *sx_request_allocate(const struct sx_request *request, size_t size);

/** The status so far: 0 before the handler ran, in a leave hook the final one. */
SX_API int sx_response_get_status(const struct sx_response *response);
/** Sets a header of the response, which need not exist yet. It replaces one of the same name,
 * except Set-Cookie and Vary, of which there may be several. Name and value are copied.
 *
 * Errors:   SX_EINVAL: HTTP does not allow the name or value, or the server writes the header
 * itself (see sx_with_header); SX_ENOMEM
 */
SX_API SX_MUST_CHECK int sx_response_set_header(struct sx_response *response, const char *name,
                                                const char *value);

/* ---- observers: the life of each request, from outside ---- */

/** The nine methods of RFC 9110 and RFC 5789; anything else is SX_METHOD_OTHER. */
#define SX_METHOD_MAP(X)  \
    X(GET, "GET")         \
    X(HEAD, "HEAD")       \
    X(POST, "POST")       \
    X(PUT, "PUT")         \
    X(DELETE, "DELETE")   \
    X(CONNECT, "CONNECT") \
    X(OPTIONS, "OPTIONS") \
    X(TRACE, "TRACE")     \
    X(PATCH, "PATCH")     \
    X(OTHER, "_OTHER")
enum sx_method {
#define SX__METHOD_ENUM(id, name) SX_METHOD_##id,
    SX_METHOD_MAP(SX__METHOD_ENUM)
#undef SX__METHOD_ENUM
        SX_METHODS
};
/** "GET" ... "PATCH", "_OTHER". Static string. [any] */
SX_API const char *sx_method_name(enum sx_method method);

/** How a request ended. */
enum sx_outcome {
    SX_OUTCOME_COMPLETE,         /* the last byte of its response went to the kernel */
    SX_OUTCOME_REQUEST_ABORTED,  /* the client left before there was a response */
    SX_OUTCOME_RESPONSE_ABORTED, /* the connection ended between the first and the last byte of the
                                    response */
};

/** Why a request was rejected before it was routed. */
#define SX_REASON_MAP(X)                                                                 \
    X(MALFORMED, "malformed")               /* 400, 505: not HTTP, or ambiguous */       \
    X(TARGET_TOO_LONG, "target_too_long")   /* 414 */                                    \
    X(HEADER_TOO_LARGE, "header_too_large") /* 431: a header, their sum, their number */ \
    X(HEADER_TIMEOUT, "header_timeout")     /* 408 */                                    \
    X(DISCONNECTED, "disconnected")         /* the client left within the header */      \
    X(TLS_HANDSHAKE, "tls_handshake")       /* no common version, no certificate */      \
    X(OVERLOADED, "overloaded")             /* 503, or the connection was closed */
enum sx_reason {
#define SX__REASON_ENUM(id, name) SX_REASON_##id,
    SX_REASON_MAP(SX__REASON_ENUM)
#undef SX__REASON_ENUM
        SX_REASONS
};
/** "malformed" and so on. Static string. [any] */
SX_API const char *sx_reason_name(enum sx_reason reason);

/** What observers see of a request. Views are valid during the call only. */
struct sx_record {
    struct sx_str method; /* as sent: unbounded, not for labels */
    struct sx_str target; /* as sent */
    enum sx_method method_id;
    int status;                   /* 0 before respond */
    const struct sx_route *route; /* NULL: none answers */
    size_t route_index;   /* index into the app's routes; the number of routes: none answers */
    const char *handler;  /* the route's name, else "file_stem.function"; or "<builtin>" */
    struct sx_str client; /* its address, "192.0.2.7" or "2001:db8::7"; empty: a Unix socket's, or
                             the test client */
    const char *scheme;   /* "http" or "https"; static */
    const char *protocol; /* "HTTP/1.1", also for HTTP/1.2 to 1.9, or "HTTP/1.0"; static */
    uint64_t started_ns;  /* CLOCK_MONOTONIC at the request's first byte */
    uint64_t ended_ns;    /* at end: after the last byte went to the kernel, or it died */
    uint64_t request_body_bytes;  /* at respond and end */
    uint64_t response_body_bytes; /* at end: what went to the kernel */
    void *memory; /* of this observer for this request; NULL if its request_bytes is 0 */
    const struct sx_request *request; /* at begin, for its headers; later NULL */
    void *reserved[2];
};

/** Is called when a request begins, or when its response is known; `self` is that of
 * sx_app_observe. It may block as a handler may.
 *
 * Threads:  any thread, several at the same time
 */
typedef void sx_observe_fn(void *self, const struct sx_record *record);
/** Is called when a request ends. As sx_observe_fn. */
typedef void sx_observe_end_fn(void *self, const struct sx_record *record, enum sx_outcome outcome);
/** Is called when a request is rejected before it begins. As sx_observe_fn. */
typedef void sx_observe_rejected_fn(void *self, enum sx_reason reason);

/** What happens to a worker process of an app with workers. */
enum sx_worker_event {
    SX_WORKER_STARTED,
    SX_WORKER_STOPPED, /* as it was told to: by a stop, or because a reload replaced it */
    SX_WORKER_EXITED,  /* by itself */
    SX_WORKER_KILLED,  /* by a signal */
};
/** A worker process. */
struct sx_worker {
    unsigned place; /* its number in the log, from 1; the worker that replaces it has the same */
    pid_t pid;
};
/** Is called when a worker process has been started or has ended. One that has ended has not been
 * reaped: its id is not used again before the return, and its CPU time can be read
 * (clock_getcpuclockid). If the program ignores SIGCHLD, this does not hold.
 *
 * Threads:  that in sx_app_run, in the process that supervises the workers
 */
typedef void sx_observe_worker_fn(void *self, const struct sx_worker *worker,
                                  enum sx_worker_event event);
/** Is called in each process that is about to serve, when its components have been made.
 *
 * @return   SX_OK; a negative status, for which the process does not serve, and which sx_app_run
 *           returns
 * Threads:  that in sx_app_run, in the process that serves
 */
typedef int sx_observe_ready_fn(void *self);

/** The callbacks of an observer; each may be NULL. They are called outside of all hooks, and cannot
 * change the request. Each request has one begin, when it has been routed; at most one respond,
 * when the final status is known and before the first byte is sent; and one end. */
struct sx_observer {
    sx_observe_fn *begin;
    sx_observe_fn *respond;
    sx_observe_end_fn *end;
    sx_observe_rejected_fn
        *rejected;        /* in place of the others, if a request is rejected before it is routed */
    size_t request_bytes; /* memory that begin, respond and end of a request share, zeroed before
                             begin and aligned for any type: record->memory; 192 at most for all
                             observers of an app together; 0: none */
    sx_observe_worker_fn *worker;
    sx_observe_ready_fn *ready;
    void *reserved[1];
};

/* ---- the app ---- */

enum sx_log_level { SX_LOG_INFO, SX_LOG_ERROR };
/** Receives a line of the log without its line feed; other control characters have become blanks.
 *
 * Threads:  any thread, several at the same time: those that serve, the one in sx_app_run, and the
 *           one that reloads certificates
 * Memory:   `message` is borrowed for the call
 */
typedef void sx_log_fn(void *context, enum sx_log_level level, const char *message);

#define SX_WORKERS_MAX 1024

/** The parts of an app. Arrays are borrowed until the app is destroyed. */
struct sx_app_options {
    struct sx_route_list routes;
    struct sx_component_list components;
    struct sx_override_list overrides;
    struct sx_hook_list hooks;
    struct sx_renderer_list renderers; /* none: JSON */
    struct sx_setting_list settings;
    const char *settings_prefix; /* of environment variables, "MYAPP_"; NULL: none */
    sx_log_fn *log;              /* NULL: standard error */
    void *log_context;
    unsigned workers; /* processes that serve, at most SX_WORKERS_MAX. sx_app_run forks them, starts
                         another one when one dies, and stops them when it is stopped. App
                         components are made once, before, and may not start threads. 0: the process
                         that calls sx_app_run serves */
    void *reserved[7];
};

/** Makes an app: checks how its parts fit together and initialises its app components.
 *
 * Errors:   SX_EWIRING: every error has been logged with file and line; SX_ECOMPONENT: a component
 *           cannot start, logged; SX_ENOMEM; SX_EINVAL
 * Threads:  [any]
 * Memory:   destroy with sx_app_destroy
 */
SX_API SX_MUST_CHECK int sx_app_new(struct sx_app **app, const struct sx_app_options *options);

/** Ends the app components in reverse order and frees the app; NULL is a no-op. It does nothing
 * while a handler runs that sx_app_run has abandoned (SX_ETIMEOUT).
 *
 * Threads:  one, and not while the app runs
 */
SX_API void sx_app_destroy(struct sx_app *app);

/** The command line of an app, with the commands `run` and `routes`; `--help` lists the options.
 *
 * `run` prints `listening on http://HOST:PORT` for each address, serves until SIGTERM or SIGINT,
 * and reads certificates again at SIGHUP. With `--workers` it supervises processes that serve, and
 * SIGHUP replaces them. It raises the soft limit of descriptors to what its connections may need;
 * child processes inherit that limit. `routes` checks the app and lists its routes; it initialises
 * no component, reads no environment and needs no settings.
 *
 * @param options  as for sx_app_new
 * @return   the exit status for main: 0; 1: the app failed; 2: the command line is wrong. The
 *           reason is on standard error or in the log.
 * Threads:  one call in a process at a time, because the function handles signals
 */
SX_API SX_MUST_CHECK int sx_app_main(int argc, char **argv, const struct sx_app_options *options);

/** Writes the URL of the first route of a handler.
 *
 *     sx_app_url(app, url, sizeof url, &sx_handler_get_user, SX_URL_PARAMS("id", "7"))
 *
 * @param params  name, value, name, value, NULL. They are percent-encoded and fill `{id}` and the
 *                like; parameters that the path does not have become the query.
 * @return   the length without the NUL
 * Errors:   SX_EINVAL: no route has this handler, or a parameter of its path is missing; SX_EFULL:
 *           `size` is too small
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_app_url(const struct sx_app *app, char *url, size_t size,
                                    const struct sx_handler *handler, const char *const *params);
/** Writes the URL of the first route with this name: its `.name`, or "file_stem.function" of its
 * handler. Otherwise as sx_app_url.
 *
 * Errors:   as sx_app_url; SX_EINVAL: handlers of two files have this name
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK int sx_app_url_by_name(const struct sx_app *app, char *url, size_t size,
                                            const char *name, const char *const *params);
#define SX_URL_PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** The routes of the app, with its includes resolved, and the handler label of each route that
 * observers receive: its name, or "file_stem.function", which two handlers may share.
 *
 * Threads:  [read]
 */
SX_API size_t sx_app_get_route_count(const struct sx_app *app);
SX_API const struct sx_route *sx_app_get_route(const struct sx_app *app, size_t index);
SX_API const char *sx_app_get_route_handler(const struct sx_app *app, size_t index);

/** Returns how many worker processes the app is to have: the member `workers` of its options.
 *
 * Threads:  [any]
 */
SX_API unsigned sx_app_get_worker_count(const struct sx_app *app);

/** Adds an observer. Usually called by the init of an app or worker component that has
 * `(inject, sx_app, app)`.
 *
 * @param observer  borrowed until the app is destroyed
 * Errors:   SX_EINVAL; SX_ESTATE: the app runs; SX_EFULL: too many request_bytes; SX_ENOMEM
 * Threads:  [start]
 */
SX_API SX_MUST_CHECK int sx_app_observe(struct sx_app *app, const struct sx_observer *observer,
                                        void *self);

/** Makes every route of this handler an admin route. For handlers that are part of a component.
 *
 * Threads:  [start]
 */
SX_API void sx_app_set_admin(struct sx_app *app, const struct sx_handler *handler);

/** Logs a line through the log callback of the app; printf format.
 *
 * Threads:  [any]
 */
SX_API void sx_app_log(const struct sx_app *app, enum sx_log_level level, const char *format, ...)
    SX_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
