/* trace_parent.c: see trace_parent.h. */
#include "trace_parent.h"

/* VERSION-TRACE_ID-SPAN_ID-FLAGS */
#define VERSION_SIZE 2
#define VERSION_INVALID 0xff
#define TRACE_ID_AT 3
#define SPAN_ID_AT 36
#define FLAGS_AT 53
#define FLAGS_SIZE 2
#define SIZE_OF_00 55

#define FLAG_SAMPLED 1

/* Upper-case digits are not valid. */
static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads up to 16 digits. Returns false if one of them is none. */
static bool parse_digits(uint64_t *number, const char *digits, size_t count)
{
    *number = 0;
    for (size_t i = 0; i < count; i++) {
        const int digit = digit_of(digits[i]);
        if (digit < 0) {
            return false;
        }
        *number = *number << 4 | (uint64_t)digit;
    }
    return true;
}

/* Version 00 has four parts and nothing else. A later one may have more, after another dash. */
static bool has_end(struct sx_str header, uint64_t version)
{
    return header.size == SIZE_OF_00 || (version > 0 && header.data[SIZE_OF_00] == '-');
}

bool sx__trace_parent_parse(struct sx__trace_parent *parent, struct sx_str header)
{
    const char *at = header.data;
    if (header.size < SIZE_OF_00 || at[TRACE_ID_AT - 1] != '-' || at[SPAN_ID_AT - 1] != '-' ||
        at[FLAGS_AT - 1] != '-') {
        return false;
    }
    struct sx__trace_parent parsed;
    uint64_t version;
    uint64_t flags;
    if (!parse_digits(&version, at, VERSION_SIZE) || version == VERSION_INVALID ||
        !parse_digits(&parsed.trace_id[0], at + TRACE_ID_AT, 16) ||
        !parse_digits(&parsed.trace_id[1], at + TRACE_ID_AT + 16, 16) ||
        (parsed.trace_id[0] | parsed.trace_id[1]) == 0 ||
        !parse_digits(&parsed.span_id, at + SPAN_ID_AT, 16) || parsed.span_id == 0 ||
        !parse_digits(&flags, at + FLAGS_AT, FLAGS_SIZE) || !has_end(header, version)) {
        return false;
    }
    parsed.is_sampled = (flags & FLAG_SAMPLED) != 0;
    *parent = parsed;
    return true;
}

void sx__trace_parent_write_id(char *digits, uint64_t id)
{
    for (int i = 15; i >= 0; i--, id >>= 4) {
        digits[i] = "0123456789abcdef"[id & 15];
    }
}
