/* chunked.h: decodes a chunked body, RFC 9112 7.1, piece by piece.
 *
 * The decoder is a state machine. It calls nothing, allocates nothing and stores no pointers. It
 * accepts the grammar of the RFC and nothing else: every line must end with CRLF, and chunk
 * extensions and trailer fields must be well formed. Their content is ignored. A trailer field that
 * describes the framing is rejected, because the body has ended already (request smuggling).
 *
 * Two limits apply. The first limits the sum of the chunks' sizes. It is checked when a size has
 * been read, before the data arrives. The second limits the framing, which is everything else:
 * sizes, extensions, line ends, the trailer section. It is SX__CHUNKED_FRAMING_BYTES, plus
 * SX__CHUNKED_FRAMING_FACTOR bytes for each byte of data before it. A body of one-byte chunks needs
 * five.
 */
#ifndef SX_CHUNKED_H
#define SX_CHUNKED_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SX__CHUNKED_FRAMING_BYTES 16384
#define SX__CHUNKED_FRAMING_FACTOR 8

enum sx__chunked_result {
    SX__CHUNKED_MORE,              /* all bytes have been decoded, and the body continues */
    SX__CHUNKED_DATA,              /* `*data` is a piece of the body */
    SX__CHUNKED_DONE,              /* the body is complete */
    SX__CHUNKED_BAD,               /* the bytes do not match the grammar */
    SX__CHUNKED_BAD_TRAILER,       /* a trailer field describes the framing */
    SX__CHUNKED_TOO_LARGE,         /* the chunks are larger than the limit */
    SX__CHUNKED_FRAMING_TOO_LARGE, /* the framing is larger than its limit */
};

struct sx__chunked {
    unsigned char state;
    unsigned char name_size; /* of the current trailer field, as long as there are candidates */
    unsigned char
        candidates;        /* framing fields whose names begin with these bytes, a bit for each */
    uint64_t chunk_left;   /* the bytes of the current chunk that have not arrived yet */
    uint64_t body_left;    /* the limit of the sum of all further chunks */
    uint64_t body_size;    /* data so far */
    uint64_t framing_size; /* framing so far */
};

/* Initialises a decoder for a body of at most `body_limit` bytes. */
void sx__chunked_init(struct sx__chunked *chunked, uint64_t body_limit);

/* Decodes `*bytes`, and removes the decoded bytes from their front. Stops after each piece of data,
 * and returns it as `*data`, a part of the bytes. Stops after the last byte of the body; `*bytes`
 * then begins with the bytes that follow. After a result other than MORE and DATA the decoder must
 * not be used any more. The result does not depend on how the bytes are split. */
enum sx__chunked_result sx__chunked_read(struct sx__chunked *chunked, struct sx_str *bytes,
                                         struct sx_str *data);

#endif
