/* inprocess.c: an HTTP connection without a socket. See inprocess.h. */
#include "inprocess.h"
#include "connection.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES 16384
#define PAUSES_MAX 1000
#define OUTPUT_MAX_BYTES ((size_t)64 << 20)

struct sx__inprocess {
    struct sx__protocol protocol;
    struct sx__connection connection;
    struct sx__request_pool pool;
    void *frame;
    uint64_t (*now_ns)(void);
};

int sx__inprocess_new(struct sx__inprocess **inprocess, const struct sx__service *service,
                      const struct sx_run_options *options, const struct sx__inprocess_clock *clock)
{
    struct sx__inprocess *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    made->frame = sx__frame_new(service);
    if (made->frame == NULL) {
        free(made);
        return SX_ENOMEM;
    }
    made->protocol.service = *service;
    made->protocol.options = *options;
    made->protocol.get_date = clock->get_date;
    made->now_ns = clock->now_ns;
    sx__connection_init(&made->connection, &made->protocol, made->now_ns());
    *inprocess = made;
    return 0;
}

/* The bytes that the connection has sent. */
struct output {
    char *data;
    size_t size;
};

static int append(struct output *output, struct sx_str piece)
{
    if (piece.size > SIZE_MAX - output->size) {
        return SX_ENOMEM;
    }
    char *data = realloc(output->data, output->size + piece.size);
    if (data == NULL) {
        return SX_ENOMEM;
    }
    memcpy(data + output->size, piece.data, piece.size);
    output->data = data;
    output->size += piece.size;
    return 0;
}

static int write_output(struct sx__inprocess *inprocess, struct output *output)
{
    struct sx_str pieces[2];
    char bytes[FILE_BYTES];
    size_t count = sx__connection_get_output(&inprocess->connection, pieces);
    struct sx__file_part part;
    if (count == 0 && sx__connection_get_file(&inprocess->connection, &part)) {
        const size_t most = part.size < sizeof bytes ? part.size : sizeof bytes;
        const ssize_t size_read = pread(part.fd, bytes, most, (off_t)part.offset);
        if (size_read <= 0) {
            return SX_EPROTO; /* the file has become shorter */
        }
        pieces[count++] = (struct sx_str){bytes, (size_t)size_read};
    }
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const int status = append(output, pieces[i]);
        if (status < 0) {
            return status;
        }
        size += pieces[i].size;
    }
    sx__connection_sent(&inprocess->connection, size, inprocess->now_ns());
    return 0;
}

/* Passes bytes to the connection. Returns 0 and sets `*taken`, or returns an error. */
static int read_input(struct sx__inprocess *inprocess, const char *bytes, size_t size,
                      size_t *taken)
{
    char *space;
    size_t space_size;
    const int status =
        sx__connection_reserve(&inprocess->connection, &inprocess->pool, &space, &space_size);
    if (status < 0) {
        return status;
    }
    *taken = size < space_size ? size : space_size;
    memcpy(space, bytes, *taken);
    sx__connection_receive(&inprocess->connection, *taken);
    return 0;
}

/* Does the connection's steps until all bytes are used up and it needs more, or until it closes. */
static int serve(struct sx__inprocess *inprocess, const char *bytes, size_t size,
                 struct output *output)
{
    struct sx__connection *connection = &inprocess->connection;
    unsigned pauses = 0;
    for (;;) {
        int status = 0;
        switch (sx__connection_get_next_step(connection)) {
        case SX__NEXT_INPUT:
            if (size == 0) {
                return 0;
            }
            size_t taken = 0;
            status = read_input(inprocess, bytes, size, &taken);
            bytes += taken;
            size -= taken;
            break;
        case SX__NEXT_TIME:
            /* A pause ends at once, because the caller must not wait. A stream that pauses for ever
             * must not block the caller either. */
            if (++pauses > PAUSES_MAX) {
                return SX_EPROTO;
            }
            sx__connection_resume(connection, UINT64_MAX);
            break;
        case SX__NEXT_OUTPUT:
            status = output->size > OUTPUT_MAX_BYTES ? SX_EPROTO : write_output(inprocess, output);
            break;
        case SX__NEXT_LINGER:
        case SX__NEXT_CLOSE:
            return SX_EPROTO;
        default:
            (void)sx__connection_do_step(connection, inprocess->frame, inprocess->now_ns());
            break;
        }
        if (status < 0) {
            return status;
        }
    }
}

int sx__inprocess_send(struct sx__inprocess *inprocess, const char *bytes, size_t size, char **out,
                       size_t *out_size)
{
    struct output output = {*out, *out_size};
    const int status = serve(inprocess, bytes, size, &output);
    *out = output.data;
    *out_size = output.size;
    if (status < 0) {
        sx__inprocess_close(inprocess);
    } else {
        sx__connection_release_memory(&inprocess->connection, &inprocess->pool);
    }
    return status;
}

void sx__inprocess_close(struct sx__inprocess *inprocess)
{
    sx__connection_clean_up(&inprocess->connection, &inprocess->pool, inprocess->now_ns());
    sx__connection_init(&inprocess->connection, &inprocess->protocol, inprocess->now_ns());
}

void sx__inprocess_destroy(struct sx__inprocess *inprocess)
{
    if (inprocess == NULL) {
        return;
    }
    sx__connection_clean_up(&inprocess->connection, &inprocess->pool, inprocess->now_ns());
    sx__request_pool_clean_up(&inprocess->pool);
    free(inprocess->frame);
    free(inprocess);
}
