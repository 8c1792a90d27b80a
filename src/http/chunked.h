/* chunked.h: decodes a chunked body, RFC 9112 7.1, piece by piece.
 *
 * The decoder calls nothing, allocates nothing and keeps no pointers. It accepts the grammar of the
 * RFC and nothing else: every line must end with CRLF, and chunk extensions and trailer fields must
 * be well formed. Their content is ignored. A trailer field that describes the framing is refused,
 * because the body has ended already.
 *
 * Two limits apply. The sum of the chunks' sizes is checked when a size has been read, before the
 * data comes. Everything else (sizes, extensions, line ends, the trailer section) is framing. Its
 * limit is SX__CHUNKED_FRAMING_BYTES, plus SX__CHUNKED_FRAMING_FACTOR bytes for each byte of data
 * before it; a body of one-byte chunks needs five.
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
    SX__CHUNKED_MORE,              /* all bytes are used up, and the body goes on */
    SX__CHUNKED_DATA,              /* here is some of the body */
    SX__CHUNKED_DONE,              /* the body is complete */
    SX__CHUNKED_BAD,               /* it does not match the grammar */
    SX__CHUNKED_BAD_TRAILER,       /* a trailer field describes the framing */
    SX__CHUNKED_TOO_LARGE,         /* the chunks are larger than the limit */
    SX__CHUNKED_FRAMING_TOO_LARGE, /* the framing is larger than its limit */
};

struct sx__chunked {
    unsigned char state;
    unsigned char name_size;  /* of the current trailer field, counted as far as needed */
    unsigned char candidates; /* framing fields whose names begin like its name, a bit for each */
    uint64_t chunk_left;      /* the bytes of the current chunk that have not come yet */
    uint64_t body_left;       /* limit for the sum of all further chunks */
    uint64_t body_size;       /* data so far */
    uint64_t framing_size;    /* framing so far */
};

/* A decoder for a body of at most `body_limit` bytes. */
void sx__chunked_init(struct sx__chunked *chunked, uint64_t body_limit);

/* Decodes `*bytes`, and removes the bytes that it has used from their front. Stops after each piece
 * of data, which it returns as `*data`, a part of the bytes, and after the last byte of the body;
 * `*bytes` then begins with the bytes that follow. After a result other than MORE and DATA the
 * decoder must not be used any more. The result does not depend on how the bytes are split. */
enum sx__chunked_result sx__chunked_read(struct sx__chunked *chunked, struct sx_str *bytes,
                                         struct sx_str *data);

#endif
