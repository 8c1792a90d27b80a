/* gzip.c: compressing a page. The only file that uses zlib; SX_ZLIB says whether there is one. */
#include <sextant/gzip.h>

#ifdef SX_ZLIB
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* For 100,000 counters, level 1 makes a tenth of 7.8 MB in 20 ms, level 6 a twelfth in 48 ms. */
#define LEVEL 1
#define MEMORY_DEFAULT 8
#define WINDOW_OF_GZIP (15 + 16) /* zlib's default size, with the header and trailer of gzip */

#define OUTPUT_SIZE_FIRST ((size_t)1 << 10)
#define PIECE_SIZE_MAX ((size_t)1 << 30) /* zlib counts bytes with an unsigned int */

struct output {
    char *data;
    size_t size;
    size_t capacity;
};

/* Doubles the buffer, up to `most` bytes. Errors: SX_ENOMEM; SX_EFULL if it has so many. */
static int grow(struct output *output, size_t most)
{
    const size_t wanted = output->capacity > most / 2 ? most : output->capacity * 2;
    if (wanted == output->capacity) {
        return SX_EFULL;
    }
    char *data = realloc(output->data, wanted);
    if (data == NULL) {
        return SX_ENOMEM;
    }
    output->data = data;
    output->capacity = wanted;
    return SX_OK;
}

static uInt piece_size(size_t size)
{
    return (uInt)(size < PIECE_SIZE_MAX ? size : PIECE_SIZE_MAX);
}

static int deflate_page(z_stream *stream, const struct sx_page *page, struct output *output)
{
    size_t taken = 0;
    int status = SX_OK;
    int state = Z_OK;
    while (status == SX_OK && state != Z_STREAM_END) {
        if (output->size == output->capacity) {
            status = grow(output, page->size);
            continue;
        }
        const uInt given = piece_size(page->size - taken);
        const uInt room = piece_size(output->capacity - output->size);
        stream->next_in = (Bytef *)(page->data + taken);
        stream->avail_in = given;
        stream->next_out = (Bytef *)(output->data + output->size);
        stream->avail_out = room;
        state = deflate(stream, taken + given == page->size ? Z_FINISH : Z_NO_FLUSH);
        taken += given - stream->avail_in;
        output->size += room - stream->avail_out;
        if (state != Z_OK && state != Z_BUF_ERROR && state != Z_STREAM_END) {
            status = SX_ESYSTEM;
        }
    }
    return status;
}

static void *allocate_for_zlib(void *context, uInt count, uInt size)
{
    (void)context;
    return calloc(count, size);
}

static void free_for_zlib(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static int fill(struct output *output, const struct sx_page *page)
{
    z_stream stream = {.zalloc = allocate_for_zlib, .zfree = free_for_zlib};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_OF_GZIP, MEMORY_DEFAULT,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return SX_ENOMEM;
    }
    const int status = deflate_page(&stream, page, output);
    (void)deflateEnd(&stream);
    return status;
}

int sx_page_gzip(struct sx_page *page)
{
    if (page == NULL) {
        return SX_EINVAL;
    }
    const size_t expected = page->size / 8 + OUTPUT_SIZE_FIRST;
    struct output output = {.capacity = expected < page->size ? expected : page->size};
    if (output.capacity == 0) {
        return SX_EFULL;
    }
    output.data = malloc(output.capacity);
    int status = output.data == NULL ? SX_ENOMEM : fill(&output, page);
    if (status == SX_OK && output.size >= page->size) {
        status = SX_EFULL;
    }
    if (status == SX_OK) {
        memcpy(page->data, output.data, output.size);
        page->data[output.size] = '\0';
        page->size = output.size;
    }
    free(output.data);
    return status;
}
#else
int sx_page_gzip(struct sx_page *page)
{
    return page == NULL ? SX_EINVAL : SX_ESTATE;
}
#endif
