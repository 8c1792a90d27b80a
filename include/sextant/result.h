/* result.h: the results of handlers, hooks and components. Included by <sextant/app.h>.
 *
 * A function that makes or changes a result never fails: without memory, or with an argument that
 * is not allowed, the result becomes a 500. Its cause is logged and never sent to the client.
 *
 * Threads: [any] any thread at any time, but no signal handler.
 */
#ifndef SEXTANT_RESULT_H
#define SEXTANT_RESULT_H

#include <sextant/json_kinds.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_t; /* a value of the jansson library */
struct sx__header_lines;
struct sx__source;

/** The result of a handler, a hook, or the init of a component. Make one with the functions below
 * and return it; the framework frees it. In a unit test, free it with sx_result_clean_up. */
struct sx_result {
    int status;               /* 200-599; 0: go on (sx_continue); -1: sx_startup_error */
    bool has_own_type;        /* its content type is not negotiated */
    const char *content_type; /* static or owned by the result; NULL: none */
    bool has_json;            /* its body is JSON text, which a renderer may replace */
    struct json_t *json;      /* a value that is not written yet; see sx_result_get_json */
    char *body;               /* bytes, or NULL */
    size_t body_size;
    struct sx__header_lines *headers;
    char *cause;               /* why it is a 500, for the log; NULL: none */
    struct sx__source *source; /* of a stream or a file, else NULL */
    void *reserved[2];
};

/** Answers 200 with JSON in the format of jansson's json_pack: `sx_json("{s:s}", "hello", name)`.
 *
 * It is a macro that passes the types of the arguments. A call that does not match its format
 * becomes a 500: a missing argument, one too many, another type than the letter takes (an int for
 * `s`, or an int for `I`), NULL for `s`, text that is not UTF-8. Reals are written with the fewest
 * digits that read back as the same number. An object of plain members, as above, is written as
 * text at once; a json_t is made of it only if it is needed. `(sx_json)(...)`, and C++, call the
 * function, which cannot check types.
 *
 * @param format  at most 64 arguments may follow
 * Threads:  [any]
 * Source:   jansson, "Building Values"
 */
SX_API SX_MUST_CHECK struct sx_result sx_json(const char *format, ...);
/* private; kinds: see json_kinds.h */
SX_API SX_MUST_CHECK struct sx_result sx__json(const char *kinds, const char *format, ...);
#ifndef __cplusplus
#define sx_json(...) sx__json(SX__JSON_KINDS(__VA_ARGS__), __VA_ARGS__)
#endif

/** Returns the value of a JSON result, for example in a unit test of a handler. Changes to it are
 * sent.
 *
 * @return   NULL: the result is not JSON, or memory is exhausted
 * Threads:  one at a time
 * Memory:   borrowed from the result
 */
SX_API struct json_t *sx_result_get_json(struct sx_result *result);

/** Answers 200 with a JSON value.
 *
 * @param value  NULL becomes a 500
 * Threads:  [any]
 * Memory:   takes over the caller's reference
 */
SX_API SX_MUST_CHECK struct sx_result sx_json_value(struct json_t *value);

/** Answers 200 with `text/plain; charset=utf-8`; printf format.
 *
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_text(const char *format, ...) SX_PRINTF(1, 2);

/** Answers 200 with a copy of the bytes. Like every response in memory, it becomes a 500 if it is
 * larger than `buffered_bytes` of struct sx_run_options.
 *
 * @param content_type  must outlive the request; NULL: application/octet-stream
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_bytes(const char *content_type, const void *data,
                                               size_t size);

/** Answers 200 with bytes from malloc. Otherwise as sx_bytes.
 *
 * Threads:  [any]
 * Memory:   the result frees `data`
 */
SX_API SX_MUST_CHECK struct sx_result sx_bytes_take(const char *content_type, void *data,
                                                    size_t size);

/** Releases the context of a result. */
typedef void sx_clean_up_fn(void *context);

/** Answers 200 with bytes that are not copied, for example because several requests share them or
 * because they do not come from malloc. Otherwise as sx_bytes.
 *
 * `clean_up` is called exactly once: after the last byte went to the kernel, when the client has
 * left, or when another result has replaced this one. Until then the bytes must not change.
 *
 * @param data      NULL with a size becomes a 500, and `clean_up` is called
 * @param clean_up  NULL: nothing to do, as for constants. Called by any thread
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_bytes_lend(const char *content_type, const void *data,
                                                    size_t size, sx_clean_up_fn *clean_up,
                                                    void *context);

/** Writes the next bytes of a streamed body to `space`.
 *
 * It may block as a handler may, and then occupies a thread. If no bytes are available yet, return
 * SX_EAGAIN instead. It is not called again after the client has left; a producer that blocks for
 * long should call sx_stream_has_client from time to time.
 *
 * @param wait_ms  with SX_EAGAIN: when to call again; 100 unless the producer sets it
 * @return   the number of bytes; 0: the stream is complete; SX_EAGAIN: none yet; any other negative
 *           value: the stream failed, and the connection ends without the rest, so that the client
 *           notices
 * Threads:  any thread, one at a time; each call may come from another thread
 */
typedef int sx_produce_fn(void *context, char *space, size_t size, unsigned *wait_ms);

/** Answers 200 with a body whose length is not known yet.
 *
 * `produce` is called when all its previous bytes went to the kernel, so a slow client slows it
 * down, and memory is bounded. `clean_up` is called exactly once: also for HEAD, which calls no
 * producer, and when the client has left and the producer does not run. The request components have
 * ended before.
 *
 * @param content_type  must outlive the request; NULL: application/octet-stream
 * @param produce       NULL becomes a 500, and `clean_up` is called
 * @param clean_up      NULL: nothing to do
 * Threads:  [any]
 * Source:   RFC 9112 7.1: chunked with HTTP/1.1; with HTTP/1.0 the close ends the body
 */
SX_API SX_MUST_CHECK struct sx_result sx_stream(const char *content_type, sx_produce_fn *produce,
                                                void *context, sx_clean_up_fn *clean_up);

/** Returns whether the client of the running producer is still there. If not, the producer should
 * return; its value is ignored. A client has left if it has reset the connection or closed its
 * sending side (see half_close_streams of struct sx_run_options), or if a stop has timed out.
 *
 * @return   true outside of a producer, and in the test client
 * Threads:  the thread that runs the producer
 * Cost:     one load; one or two system calls if the client has sent something since
 */
SX_API bool sx_stream_has_client(void);

/** Answers with a file: 200, 206 for a Range, 304 (If-None-Match, If-Modified-Since), 412 or 416,
 * with ETag, Last-Modified and a content type by the extension. 404 if there is no such regular
 * file or it may not be read.
 *
 * @param path  opened as it is, so never take it from a client: use sx_file_beneath
 * Threads:  [any]
 * Source:   RFC 9110 13 and 14
 */
SX_API SX_MUST_CHECK struct sx_result sx_file(const char *path);

/** Answers with a file in a folder, for routes like `/static/{*rest}`:
 * `return sx_file_beneath("public", rest)`. Otherwise as sx_file.
 *
 * No path leads out of the folder: symbolic links are not followed, and names that begin with a dot
 * are not found. The path of the folder itself may contain both.
 *
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_file_beneath(const char *folder, const char *path);

/** Answers 204 without a body.
 *
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_empty(void);

/** Answers an error as JSON, `{"message": "no such user"}`; printf format. The message of a 500 is
 * its cause: it is logged, and the client reads "internal server error".
 *
 * @param status  400 to 599; any other becomes a 500
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_fail(int status, const char *format, ...) SX_PRINTF(2, 3);

/** The result of the init of an app or worker component that cannot start; printf format. The app
 * logs `component 'NAME' cannot start: ` with the message, and sx_app_new or sx_app_run returns
 * SX_ECOMPONENT. From any other function it is a mistake and becomes a 500 with this cause.
 *
 *     return sx_startup_error("cannot open %s", path);
 *
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_startup_error(const char *format, ...) SX_PRINTF(1, 2);

/** From a hook: continue with the request. From the init of a component: it has started. From a
 * leave hook: the response stays as it is. From a handler it becomes a 500.
 *
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_continue(void);

/** Returns the result with another status: `sx_with_status(sx_json(...), 201)`.
 *
 * @param status  200 to 599; any other becomes a 500
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_with_status(struct sx_result result, int status);

/** Returns the result with a header. It replaces one of the same name, except Set-Cookie and Vary,
 * of which there may be several.
 *
 * Name and value are copied. What HTTP does not allow (CR, LF, NUL, a name that is not a token)
 * becomes a 500. So do headers that the server writes itself: Content-Type (see
 * sx_with_content_type), Content-Length, Transfer-Encoding, Trailer, Connection, Keep-Alive,
 * Upgrade, Date.
 *
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_with_header(struct sx_result result, const char *name,
                                                     const char *value);

/** Returns the result with a content type. A JSON result is then written as JSON under that type
 * and not negotiated by Accept.
 *
 * @param content_type  must outlive the request; NULL or control characters become a 500
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_with_content_type(struct sx_result result,
                                                           const char *content_type);

/** Answers with a Location; printf format. Control characters in it become a 500.
 *
 * @param status  301, 302, 303, 307 or 308; any other becomes a 500
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_redirect(int status, const char *format, ...)
    SX_PRINTF(2, 3);

/** Frees what the result owns and zeroes it; NULL is a no-op.
 *
 * Threads:  one at a time
 */
SX_API void sx_result_clean_up(struct sx_result *result);

#ifdef __cplusplus
}
#endif
#endif
