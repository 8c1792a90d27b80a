/* protobuf.h: a strict decoder of protobuf for fuzz targets: what is not as expected is an abort.
 * It shares no code with the encoder.
 *
 * Source: Protocol Buffers, "Encoding"
 */
#ifndef FUZZ_PROTOBUF_H
#define FUZZ_PROTOBUF_H

#include <math.h>
#include <sextant/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static inline char take_char(struct sx_str *page)
{
    check(page->size > 0);
    page->size--;
    return *page->data++;
}

enum { VARINT = 0, FIXED64 = 1, BYTES = 2 };

struct field {
    unsigned number, wire;
    uint64_t whole;
    double real;
    struct sx_str bytes;
};

static inline uint64_t decode_varint(struct sx_str *message)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const unsigned char byte = (unsigned char)take_char(message);
        check(shift < 64);
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            check(byte != 0 || shift == 0);
            return value;
        }
    }
}

static inline struct sx_str decode_bytes(struct sx_str *message)
{
    const uint64_t size = decode_varint(message);
    check(size <= message->size);
    const struct sx_str bytes = {message->data, (size_t)size};
    message->data += size;
    message->size -= (size_t)size;
    return bytes;
}

/* Takes the next field, which must be the expected one. */
static inline struct field decode_field(struct sx_str *message, unsigned number, unsigned wire)
{
    struct field field = {0};
    const uint64_t tag = decode_varint(message);
    check(tag == (number << 3 | wire));
    if (wire == VARINT) {
        field.whole = decode_varint(message);
    } else if (wire == BYTES) {
        field.bytes = decode_bytes(message);
    } else {
        uint64_t bits = 0;
        for (unsigned shift = 0; shift < 64; shift += 8) {
            bits |= (uint64_t)(unsigned char)take_char(message) << shift;
        }
        memcpy(&field.real, &bits, sizeof bits);
    }
    return field;
}

static inline void decode_text(struct sx_str *message, unsigned number, const char *text,
                               size_t size)
{
    const struct sx_str bytes = decode_field(message, number, BYTES).bytes;
    check(bytes.size == size && memcmp(bytes.data, text, size) == 0);
}

static inline void decode_number(struct sx_str *message, unsigned number, double expected)
{
    const double value = decode_field(message, number, FIXED64).real;
    check(value == expected || (isnan(value) && isnan(expected)));
}

#endif
