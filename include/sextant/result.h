/* result.h: what handlers answer with. Included by <sextant/app.h>. */
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

/** What a handler, a hook or a component's init answers. Make one with the functions below, return
 *  it, and the framework frees it; in a unit test, free it with sx_result_clean_up. */
struct sx_result {
    int status;               /* 200-599; 0: go on (sx_continue); -1: sx_startup_error */
    bool has_own_type;        /* its content type is not up for negotiation */
    const char *content_type; /* static or owned by the result; NULL: none */
    bool has_json;            /* its body is JSON, which may yet be written otherwise */
    struct json_t *json;      /* a value that is to be written; see sx_result_get_json */
    char *body;               /* bytes, or NULL */
    size_t body_size;
    struct sx__header_lines *headers;
    char *cause;               /* why it is a 500: for the log, never for the client; NULL: none */
    struct sx__source *source; /* of a stream or a file, else NULL */
    void *reserved[2];
};

/** Answers 200 with JSON, built like jansson's json_pack: `sx_json("{s:s}", "hello", name)`.
 *
 * A call whose arguments do not match the format becomes a 500 whose cause goes to the log: an
 * argument that is missing, one too many, or one of another type than its letter takes (an int for
 * `s`, also an int for `I`), a NULL for `s`, text that is not UTF-8. Reals are written with the
 * fewest digits that read back as the same number. An object of plain members, like the one above,
 * is written as text at once; a json_t is made of it only if it is needed. At most 64 arguments
 * after the format.
 *
 * It is a macro that passes the types of the arguments. `(sx_json)(...)`, and C++, call the
 * function, which must trust the format.
 *
 * Threads:  [any]
 * Source:   jansson, "Building Values"
 */
SX_API SX_MUST_CHECK struct sx_result sx_json(const char *format, ...);
/* private; kinds: see json_kinds.h */
SX_API SX_MUST_CHECK struct sx_result sx__json(const char *kinds, const char *format, ...);
#ifndef __cplusplus
#define sx_json(...) sx__json(SX__JSON_KINDS(__VA_ARGS__), __VA_ARGS__)
#endif

/** The value of a JSON result, as for a unit test of a handler; borrowed from the result. What is
 *  changed in it is sent.
 *
 * @return   NULL: it is no JSON, or memory is exhausted
 * Threads:  any, one at a time
 */
SX_API struct json_t *sx_result_get_json(struct sx_result *result);

/** Answers 200 with a JSON value; takes over the caller's reference. NULL becomes a 500. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_json_value(struct json_t *value);

/** Answers 200 with `text/plain; charset=utf-8`; printf format. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_text(const char *format, ...) SX_PRINTF(1, 2);

/** Answers 200 with bytes, which are copied. More than `held_bytes` of struct sx_run_options, as of
 * any response in memory, become a 500 whose cause goes to the log.
 *
 * @param content_type  a string that outlives the request; NULL: application/octet-stream
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_bytes(const char *content_type, const void *data,
                                               size_t size);

/** Answers 200 with bytes from malloc, which the result owns from now on. As sx_bytes. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_bytes_take(const char *content_type, void *data,
                                                    size_t size);

/** Releases the context of a result that needs it no longer. */
typedef void sx_clean_up_fn(void *context);

/** Answers 200 with bytes that are not copied; `clean_up` is called when they are no longer needed.
 * For bytes that are kept from request to request, or that do not come from malloc.
 *
 * `clean_up` is called exactly once: after the last byte went to the kernel, when the client has
 * left, or when another result has replaced this one. Until then nothing may change the bytes. As
 * sx_bytes.
 * @param data      NULL with a size becomes a 500, as does running out of memory; clean_up is
 *                  still called
 * @param clean_up  NULL: nothing to do, as for constants
 * Threads:  [any]; clean_up may be called from any thread
 */
SX_API SX_MUST_CHECK struct sx_result sx_bytes_lend(const char *content_type, const void *data,
                                                    size_t size, sx_clean_up_fn *clean_up,
                                                    void *context);

/** Writes the next bytes of a streamed body to `space`.
 *
 * It may block, as a handler may, but then occupies a thread as a handler does; if no bytes are
 * available yet, it should return SX_EAGAIN instead. It is not called again after its client has
 * left; a producer that blocks for long should call sx_stream_has_client now and then.
 * @param wait_ms  with SX_EAGAIN: when to ask again; 100 if it is left alone
 * @return  how many bytes; 0: that was all; SX_EAGAIN: none yet; any other status: it failed, and
 * the connection is closed so that the client sees it
 * Threads:  any, one at a time
 */
typedef int sx_produce_fn(void *context, char *space, size_t size, unsigned *wait_ms);

/** Answers 200 with a body of a length that is not known yet.
 *
 * `produce` is called for more whenever all that it gave before has gone to the kernel, so a slow
 * reader slows it down, and memory is bounded. `clean_up` is called exactly once: also for HEAD,
 * for which nothing is produced, and after the client has left, as soon as the producer is not
 * running. The components of the request have ended before.
 * @param content_type  a string that outlives the request; NULL: application/octet-stream
 * @param produce       NULL, as want of memory, makes it a 500, and the context is cleaned up
 * @param clean_up      NULL: nothing to do
 * Threads:  [any]
 * Source:   RFC 9112, 7.1: chunked with HTTP/1.1; with HTTP/1.0 up to the end of the connection
 */
SX_API SX_MUST_CHECK struct sx_result sx_stream(const char *content_type, sx_produce_fn *produce,
                                                void *context, sx_clean_up_fn *clean_up);

/** Whether the client is still there, for a producer that blocks: if not, it should return, with
 * any value. False after the client has reset the connection or closed its sending side (see
 * half_close_streams in struct sx_run_options), and after a stop has run out of time.
 *
 * @return   true outside of a producer, and in the test client
 * Threads:  the one that calls the producer
 * Cost:     one load; one or two system calls more if the client has sent something since
 */
SX_API bool sx_stream_has_client(void);

/** Answers with a file, by the request: 200, 206 for a part (Range), 304 where the client has it
 * (If-None-Match, If-Modified-Since), 412, 416; with ETag, Last-Modified and a content type by the
 * file's extension. 404 where there is no such regular file, or it may not be read.
 *
 * @param path  is opened as it is, so never take it from a client: see sx_file_beneath
 * Threads:  [any]
 * Source:   RFC 9110, 13 and 14
 */
SX_API SX_MUST_CHECK struct sx_result sx_file(const char *path);

/** sx_file of a file within a folder, for routes like `/static/{*rest}`:
 *  `return sx_file_beneath("public", rest)`.
 *
 * A client cannot get out of the folder: symbolic links are not followed, and names that begin with
 * a dot are not found. The folder itself may be, or lie behind, either.
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_file_beneath(const char *folder, const char *path);

/** Answers 204 without a body. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_empty(void);

/** Answers an error: `{"message": "no such user"}` with the given status; printf format.
 *
 * Of a 500 the message is the cause: it goes to the log, and the client reads "internal server
 * error".
 *
 * @param status  400-599; anything else becomes a 500
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

/** Of a hook: go on with the request. Of a component's init: it worked. Of a leave hook: the
 * response stays as it is. From a handler it is a mistake and becomes a 500. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_continue(void);

/** Gives the result another status: `sx_with_status(sx_json(...), 201)`. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_with_status(struct sx_result result, int status);

/** Gives the result a header; copied. One of the same name is replaced, but for Set-Cookie and
 * Vary, of which there may be many.
 *
 * A name or value that HTTP does not allow (CR, LF, NUL, not a token) makes it a 500 whose cause
 * goes to the log; so does a header that the server writes itself: Content-Type
 * (sx_with_content_type sets that), Content-Length, Transfer-Encoding, Trailer, Connection,
 * Keep-Alive, Upgrade, Date.
 * Threads:  [any]
 */
SX_API SX_MUST_CHECK struct sx_result sx_with_header(struct sx_result result, const char *name,
                                                     const char *value);

/** Gives the result a content type, which always wins: a JSON result is then written as JSON under
 * that name and not negotiated. `content_type` must outlive the request; NULL, or control
 * characters in it, make it a 500 whose cause goes to the log. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_with_content_type(struct sx_result result,
                                                           const char *content_type);

/** Answers 301, 302, 303, 307 or 308 with a Location; printf format. Any other status, or control
 * characters in the Location, become a 500 whose cause goes to the log. [any] */
SX_API SX_MUST_CHECK struct sx_result sx_redirect(int status, const char *format, ...)
    SX_PRINTF(2, 3);

/** Frees what the result owns and zeroes it; NULL is a no-op. */
SX_API void sx_result_clean_up(struct sx_result *result);

#ifdef __cplusplus
}
#endif
#endif
