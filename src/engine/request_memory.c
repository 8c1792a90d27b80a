/* request_memory.c: where requests live, and the room for what comes next. */
#include "request.h"
#include <stdlib.h>
#include <string.h>

#define POOL_MAX 4 /* of one thread, which has one request in hand and seldom a second */

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
    /* Pages of it that are never written cost nothing. */
    request = malloc(sizeof *request + SX__INPUT_BYTES + limits->request_line_bytes + 2);
    if (request == NULL) {
        return NULL;
    }
    memset(request, 0, offsetof(struct sx__request, exchange));
    request->limits = limits;
    request->own_capacity = SX__INPUT_BYTES;
    request->input = request->own_input;
    request->capacity = request->own_capacity;
    request->path_space = request->own_input + request->own_capacity;
    empty(request);
    return request;
}

void sx__request_destroy(struct sx__request_pool *pool, struct sx__request *request)
{
    if (request == NULL) {
        return;
    }
    empty(request);
    if (request->input != request->own_input) {
        free(request->input);
        request->input = request->own_input;
        request->capacity = request->own_capacity;
    }
    if (pool->count == POOL_MAX) {
        free(request);
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
        free(request);
    }
    pool->count = 0;
}

void sx__request_next(struct sx__request *request)
{
    free(request->own_body);
    request->own_body = NULL;
    request->own_body_capacity = 0;
    request->body = NULL;
    request->body_size = 0;
    request->body_raw_bytes = 0;
    request->message_complete = false;
    request->in_trailer = false;

    request->start = request->parsed;
    if (request->start == request->filled) {
        request->start = request->parsed = request->filled = 0;
    }
    request->scan_offset = 0;
    request->line_offset = 0;
    request->headers_offset = 0;
    request->head_size = 0;
    request->line_count = 0;
    request->fault = NULL;

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
}

int sx__request_make_room(struct sx__request *request)
{
    const size_t size = request->filled - request->start;
    if (size + SX__INPUT_SPARE_BYTES <= request->capacity) {
        memmove(request->input, request->input + request->start, size);
    } else {
        const size_t capacity = size + size / 2 + 2 * (size_t)SX__INPUT_SPARE_BYTES;
        char *input = malloc(capacity);
        if (input == NULL) {
            return SX_ENOMEM;
        }
        memcpy(input, request->input + request->start, size);
        if (request->input != request->own_input) {
            free(request->input);
        }
        request->input = input;
        request->capacity = capacity;
    }
    request->parsed -= request->start;
    request->filled = size;
    request->start = 0;
    return 0;
}

int sx__request_reserve(struct sx__request *request, char **space, size_t *size)
{
    /* Once the header was parsed its views must stay where they are; parse_body then keeps room. */
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

/* Of a body only what has come: the rest of its room was never touched. */
size_t sx__request_get_held(const struct sx__request *request)
{
    const size_t input_size = request->input == request->own_input ? 0 : request->capacity;
    return input_size + (request->own_body == NULL ? 0 : request->body_size);
}
