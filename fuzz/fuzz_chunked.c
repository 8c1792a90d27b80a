/* Property: the decoder of chunked bodies gives the same result however the bytes are split. It
 * accepts exactly the grammar of RFC 9112 7.1 (as plain_chunks.h reads it) within its limits. If
 * llhttp's decoder accepts a body too, both decode the same bytes and stop at the same place. If
 * only one of them accepts it, they differ at one of these bytes:
 *
 *     - after the digits of a size, where llhttp has another grammar of chunk extensions: it
 * rejects some that the RFC allows (blanks, quoted pairs, several extensions, depending on the
 *       version), and accepts some that the RFC does not (no name, no value, quotes within a
 * value);
 *     - in the trailer section, where llhttp accepts bare LFs, folded lines and empty names, and
 * some versions accept Content-Length.
 *
 * In sizes, data and the line ends after data they never differ. The first byte of the input
 * chooses the split and the limit, the rest is the body.
 */
#include "chunked.h"
#include "plain_chunks.h"
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum sx__chunked_result result;
    size_t size; /* bytes up to and including the one that decided */
    char *body;
    size_t body_size;
};

static void demand(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "fuzz_chunked: %s\n", what);
        abort();
    }
}

static void add(struct outcome *outcome, const char *data, size_t size)
{
    memcpy(outcome->body + outcome->body_size, data, size);
    outcome->body_size += size;
}

static void init(struct outcome *outcome, size_t size)
{
    *outcome = (struct outcome){.body = malloc(size + 1)};
    demand(outcome->body != NULL, "no memory");
}

/* ---- ours ---- */

/* Decodes in pieces of 1 to `largest` bytes; 0: at once. */
static void decode(struct outcome *outcome, const char *bytes, size_t size, uint64_t limit,
                   size_t largest)
{
    struct sx__chunked chunked;
    sx__chunked_init(&chunked, limit);
    init(outcome, size);
    uint32_t random = (uint32_t)largest;
    while (outcome->size < size && outcome->result == SX__CHUNKED_MORE) {
        random = random * 1664525u + 1013904223u;
        size_t piece = largest == 0 ? size : 1 + (random >> 16) % largest;
        piece = piece < size - outcome->size ? piece : size - outcome->size;
        /* A copy of exactly that size, so that sanitizers notice a read past its end. */
        char *copy = malloc(piece);
        demand(copy != NULL, "no memory");
        memcpy(copy, bytes + outcome->size, piece);
        struct sx_str rest = {copy, piece};
        do {
            struct sx_str data;
            outcome->result = sx__chunked_read(&chunked, &rest, &data);
            if (outcome->result == SX__CHUNKED_DATA) {
                demand(data.size > 0 && data.data + data.size == rest.data, "no piece of data");
                add(outcome, data.data, data.size);
            }
        } while (outcome->result == SX__CHUNKED_DATA);
        demand(outcome->result != SX__CHUNKED_MORE || rest.size == 0, "not all is used up");
        outcome->size += piece - rest.size;
        free(copy);
    }
    demand(chunked.body_size == outcome->body_size && chunked.body_size <= limit, "a wrong sum");
    demand(chunked.body_size + chunked.framing_size <= outcome->size, "more than there was");
}

static void demand_same(const struct outcome *one, const struct outcome *other)
{
    demand(one->result == other->result && one->size == other->size &&
               one->body_size == other->body_size &&
               memcmp(one->body, other->body, one->body_size) == 0,
           "the split makes a difference");
}

/* ---- the plain reader ---- */

static void demand_plain(const struct outcome *ours, const char *bytes, size_t size, uint64_t limit)
{
    char *body = malloc(size + 1);
    demand(body != NULL, "no memory");
    const struct plain_chunks plain = plain_read_chunks(bytes, size, body, size);
    switch (ours->result) {
    case SX__CHUNKED_DONE:
        demand(plain.verdict == PLAIN_GOOD && plain.size == ours->size &&
                   plain.body_size == ours->body_size &&
                   memcmp(body, ours->body, plain.body_size) == 0,
               "accepted, and not what it plainly is");
        break;
    case SX__CHUNKED_MORE:
        demand(plain.verdict == PLAIN_MORE, "it goes on, and plainly does not");
        break;
    case SX__CHUNKED_TOO_LARGE:
        demand(limit < UINT64_MAX, "too large for no limit");
        break;
    case SX__CHUNKED_FRAMING_TOO_LARGE:
        demand(ours->size > SX__CHUNKED_FRAMING_BYTES, "so little framing is not too large");
        break;
    default:
        /* The decoder rejects it before the line ends, so the plain reader may still need more
         * bytes. */
        demand(plain.verdict != PLAIN_GOOD, "refused, and plainly good");
        demand(plain_read_chunks(bytes, ours->size, NULL, 0).verdict != PLAIN_GOOD, "refused late");
        break;
    }
    free(body);
}

/* ---- llhttp ---- */

static int on_body(llhttp_t *parser, const char *data, size_t size)
{
    add(parser->data, data, size);
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    ((struct outcome *)parser->data)->result = SX__CHUNKED_DONE;
    return HPE_PAUSED;
}

static int on_headers_complete(llhttp_t *parser)
{
    parser->upgrade = 0;
    return 0;
}

/* Decodes byte by byte, to find out which byte llhttp rejects. */
static void decode_with_llhttp(struct outcome *outcome, const char *bytes, size_t size)
{
    static const llhttp_settings_t settings = {.on_body = on_body,
                                               .on_headers_complete = on_headers_complete,
                                               .on_message_complete = on_message_complete};
    static const char head[] = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    init(outcome, size);
    parser.data = outcome;
    demand(llhttp_execute(&parser, head, sizeof head - 1) == HPE_OK, "llhttp refuses the header");
    while (outcome->size < size && outcome->result == SX__CHUNKED_MORE) {
        const llhttp_errno_t error = llhttp_execute(&parser, bytes + outcome->size++, 1);
        if (error == HPE_PAUSED) {
            demand(llhttp_get_error_pos(&parser) == bytes + outcome->size, "an end within a byte");
        } else if (error != HPE_OK) {
            outcome->result = SX__CHUNKED_BAD;
        }
    }
}

/* Returns whether the byte is in an extension or in the trailer section. */
static bool may_differ_at(const char *bytes, size_t at)
{
    size_t i = 0;
    for (;;) {
        uint64_t size = 0;
        struct plain_text line = {bytes + i, bytes + at + 1};
        if (!plain_take_size(&size, &line) || line.at == line.end) {
            return false; /* in a size */
        }
        i = (size_t)(line.at - bytes);
        const char *line_end = memchr(bytes + i, '\n', at + 1 - i);
        if (line_end == NULL || line_end == bytes + at) {
            /* A blank without an extension, and a line end after such a blank, also count. */
            return bytes[i] == ';' || plain_is_blank(bytes[i]);
        }
        i = (size_t)(line_end + 1 - bytes);
        if (size == 0) {
            return true; /* in the trailer section */
        }
        if (size + 2 > at - i) {
            return false; /* in data, or in the line end after it */
        }
        i += (size_t)size + 2;
    }
}

static void demand_like_llhttp(const struct outcome *ours, const char *bytes, size_t size)
{
    struct outcome theirs;
    decode_with_llhttp(&theirs, bytes, size);
    const bool is_ours = ours->result == SX__CHUNKED_DONE;
    const bool is_theirs = theirs.result == SX__CHUNKED_DONE;
    if (is_ours && is_theirs) {
        demand_same(ours, &theirs);
    } else if (ours->result != theirs.result && ours->result != SX__CHUNKED_BAD_TRAILER &&
               ours->result != SX__CHUNKED_FRAMING_TOO_LARGE) {
        /* The decoder that decided first did so at its last byte. */
        const size_t at = (ours->result == SX__CHUNKED_MORE    ? theirs.size
                           : theirs.result == SX__CHUNKED_MORE ? ours->size
                           : ours->size < theirs.size          ? ours->size
                                                               : theirs.size) -
                          1;
        demand(may_differ_at(bytes, at), "llhttp differs where it should not");
    }
    free(theirs.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const uint64_t limit = data[0] < 192 ? UINT64_MAX : data[0] - 192u;
    const size_t splits[] = {0, 1, 2 + data[0] % 32u};
    struct outcome outcomes[3];
    const char *bytes = (const char *)data + 1;
    size--;
    for (size_t i = 0; i < 3; i++) {
        decode(&outcomes[i], bytes, size, limit, splits[i]);
        demand_same(&outcomes[0], &outcomes[i]);
    }
    demand_plain(&outcomes[0], bytes, size, limit);
    if (limit == UINT64_MAX) {
        demand_like_llhttp(&outcomes[0], bytes, size);
    }
    for (size_t i = 0; i < 3; i++) {
        free(outcomes[i].body);
    }
    return 0;
}
