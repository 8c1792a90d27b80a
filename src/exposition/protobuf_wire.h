/* protobuf_wire.h: the wire format of Protocol Buffers. Each function writes from `at` on, where
 * there must be room, and returns the position behind what it wrote.
 *
 * A message is written behind a gap of one byte for its size, and moved if the size needs more.
 *
 * Source: Protocol Buffers, "Encoding"
 */
#ifndef SX_PROTOBUF_WIRE_H
#define SX_PROTOBUF_WIRE_H

#include <sextant/status.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum sx__wire_type { SX__WIRE_VARINT = 0, SX__WIRE_FIXED64 = 1, SX__WIRE_BYTES = 2 };

#define SX__WIRE_VARINT_SIZE_MAX 10
#define SX__WIRE_DOUBLE_SIZE 9 /* of a field with a number below 16 */

/** Writes seven bits a byte, the lowest first. */
static inline char *sx__wire_varint(char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *at++ = (char)(value | 0x80);
    }
    *at++ = (char)value;
    return at;
}

/** Writes what stands before each field. */
static inline char *sx__wire_tag(char *at, unsigned field, unsigned wire)
{
    return sx__wire_varint(at, field << 3 | wire);
}

/** Writes a field that is a double. */
static inline char *sx__wire_double(char *at, unsigned field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    at = sx__wire_tag(at, field, SX__WIRE_FIXED64);
    for (unsigned shift = 0; shift < 64; shift += 8) { /* little-endian */
        *at++ = (char)(bits >> shift);
    }
    return at;
}

/** Writes a field that is a varint. */
static inline char *sx__wire_whole(char *at, unsigned field, uint64_t value)
{
    return sx__wire_varint(sx__wire_tag(at, field, SX__WIRE_VARINT), value);
}

/** Zigzag: 0, -1, 1, -2 become 0, 1, 2, 3. */
static inline uint64_t sx__wire_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

/** Begins a message or string, which sx__wire_end ends. */
static inline char *sx__wire_begin(char *at, unsigned field)
{
    return sx__wire_tag(at, field, SX__WIRE_BYTES) + 1;
}

/** Writes the size of the bytes between `start` and `at` into the gap before them. */
static inline char *sx__wire_end(char *at, char *start)
{
    char varint[SX__WIRE_VARINT_SIZE_MAX];
    const size_t size = (size_t)(at - start);
    const size_t varint_size = (size_t)(sx__wire_varint(varint, size) - varint);
    if (varint_size > 1) {
        memmove(start - 1 + varint_size, start, size);
    }
    memcpy(start - 1, varint, varint_size);
    return at + varint_size - 1;
}

/** Writes a field that is a string. */
static inline char *sx__wire_string(char *at, unsigned field, struct sx_str bytes)
{
    at = sx__wire_varint(sx__wire_tag(at, field, SX__WIRE_BYTES), bytes.size);
    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

#endif
