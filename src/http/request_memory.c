/* request_memory.c: the memory of requests, and the room for further input. See request_parser.h.
 */
#include "request_parser.h"
#include <string.h>

#define POOL_MAX 4 /* of one thread, which seldom has more than one request at a time */
#define PAGE_BYTES 4096

/* The number of body bytes that one call reads. It is so large that the calls cost little compared
 * with the copying. */
#define BODY_BYTES_AT_ONCE ((size_t)256 << 10)
#define BODY_CAPACITY_FIRST ((size_t)16 << 10) /* of a body of unknown size */

static void empty(struct sx__request *request)
{
    request->start = 0;
    request->parsed = 0;
    request->filled = 0;
    sx__request_next(request);
}

struct sx__request *sx__request_new(struct sx__request_pool *pool,
                                    const struct sx_run_options *limits)
{
    struct sx__request *request = pool->first;
    if (request != NULL) {
        pool->first = request->next;
        pool->count--;
        return request;
    }
    /* Pages that are never written cost nothing. */
    struct sx__buffer space;
    if (sx__buffer_pool_take(pool->buffers, &space,
                             sizeof *request + SX__INPUT_BYTES + limits->request_line_bytes + 2) <
        0) {
        return NULL;
    }
    request = (struct sx__request *)(void *)space.data;
    memset(request, 0, offsetof(struct sx__request, exchange));
    sx__buffer_touch(&space, space.capacity);
    request->limits = limits;
    request->buffers = pool->buffers;
    request->own_buffer = space;
    request->own_capacity = SX__INPUT_BYTES;
    request->own_touched = 0;
    request->input = request->own_input;
    request->capacity = request->own_capacity;
    request->path_space = request->own_input + request->own_capacity;
    empty(request);
    return request;
}

static void free_request(struct sx__request *request)
{
    struct sx__buffer space = request->own_buffer;
    sx__buffer_pool_give(request->buffers, &space);
}

void sx__request_destroy(struct sx__request_pool *pool, struct sx__request *request)
{
    if (request == NULL) {
        return;
    }
    empty(request);
    sx__buffer_pool_give(request->buffers, &request->input_buffer);
    request->input = request->own_input;
    request->capacity = request->own_capacity;
    if (pool->count == POOL_MAX) {
        free_request(request);
        return;
    }
    request->next = pool->first;
    pool->first = request;
    pool->count++;
}

void sx__request_pool_clean_up(struct sx__request_pool *pool)
{
    while (pool->first != NULL) {
        struct sx__request *request = pool->first;
        pool->first = request->next;
        free_request(request);
    }
    pool->count = 0;
}

void sx__request_next(struct sx__request *request)
{
    sx__buffer_pool_give(request->buffers, &request->own_body);
    request->body = NULL;
    request->body_size = 0;
    request->message_complete = false;

    request->start = request->parsed;
    if (request->start == request->filled) {
        request->start = request->parsed = request->filled = 0;
    }
    request->scan_offset = 0;
    request->line_offset = 0;
    request->headers_offset = 0;
    request->head_size = 0;
    request->line_count = 0;
    request->error = NULL;

    request->is_head = false;
    request->is_http_1_0 = false;
    request->wants_close = false;
    request->wants_keep_alive = false;
    request->expects_continue = false;
    request->expects_other = false;
    request->has_host = false;
    request->has_length = false;
    request->is_chunked = false;
    request->content_length = 0;
    request->host = (struct sx_str){"", 0};
}

int sx__request_make_room(struct sx__request *request)
{
    const size_t size = request->filled - request->start;
    if (size + SX__INPUT_SPARE_BYTES <= request->capacity) {
        memmove(request->input, request->input + request->start, size);
    } else {
        const size_t capacity = size + size / 2 + 2 * (size_t)SX__INPUT_SPARE_BYTES;
        struct sx__buffer space;
        if (sx__buffer_pool_take(request->buffers, &space, capacity) < 0) {
            return SX_ENOMEM;
        }
        if (sx__buffer_extend(&space, capacity) < 0) {
            sx__buffer_pool_give(request->buffers, &space);
            return SX_ENOMEM;
        }
        memcpy(space.data, request->input + request->start, size);
        sx__buffer_touch(&space, size);
        sx__buffer_pool_give(request->buffers, &request->input_buffer);
        request->input_buffer = space;
        request->input = space.data;
        request->capacity = capacity;
    }
    request->parsed -= request->start;
    request->filled = size;
    request->start = 0;
    return 0;
}

/* Returns whether the next bytes belong to the body only, and their final place is known. */
static bool is_body_next(const struct sx__request *request)
{
    return request->own_body.data != NULL && !request->is_chunked &&
           request->parsed == request->filled && request->body_size < request->content_length;
}

int sx__request_reserve(struct sx__request *request, char **space, size_t *size)
{
    if (is_body_next(request)) {
        const size_t left = (size_t)request->content_length - request->body_size;
        *size = left < BODY_BYTES_AT_ONCE ? left : BODY_BYTES_AT_ONCE;
        *space = request->own_body.data + request->body_size;
        return sx__buffer_extend(&request->own_body, request->body_size + *size);
    }
    /* Once the header is parsed, its views must stay where they are. parse_body then makes sure
     * that there is room. */
    if (request->head_size == 0 && request->filled + SX__INPUT_SPARE_BYTES > request->capacity) {
        const int status = sx__request_make_room(request);
        if (status < 0) {
            return status;
        }
    }
    *space = request->input + request->filled;
    *size = request->capacity - request->filled;
    return 0;
}

void sx__request_receive(struct sx__request *request, size_t size)
{
    if (is_body_next(request)) {
        request->body_size += size;
        request->exchange.record.request_body_bytes = request->body_size;
        request->message_complete = request->body_size == request->content_length;
        sx__buffer_touch(&request->own_body, request->body_size);
        return;
    }
    request->filled += size;
    if (request->input == request->own_input) {
        request->own_touched =
            request->filled > request->own_touched ? request->filled : request->own_touched;
    } else {
        sx__buffer_touch(&request->input_buffer, request->filled);
    }
}

int sx__request_grow_body(struct sx__request *request, size_t size)
{
    struct sx__buffer *body = &request->own_body;
    size_t capacity = body->capacity < BODY_CAPACITY_FIRST ? BODY_CAPACITY_FIRST : body->capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    if (capacity > body->capacity &&
        sx__buffer_pool_enlarge(request->buffers, body, request->body_size, capacity) < 0) {
        return SX_ENOMEM;
    }
    const int status = sx__buffer_extend(body, size);
    if (status == 0) {
        sx__buffer_touch(body, size);
    }
    return status;
}

size_t sx__request_get_large_bytes(const struct sx__request *request)
{
    return request->input_buffer.touched + request->own_body.touched;
}

/* Counts the touched pages of the request itself: one for the decoded path, and those up to the end
 * of its input. */
size_t sx__request_get_buffered_bytes(const struct sx__request *request)
{
    const size_t own_size = offsetof(struct sx__request, own_input) + request->own_touched;
    return (own_size / PAGE_BYTES + 2) * PAGE_BYTES + sx__request_get_large_bytes(request);
}
