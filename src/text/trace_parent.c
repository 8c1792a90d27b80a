/* trace_parent.c: see trace_parent.h. */
#include "trace_parent.h"

#include <string.h>

/* VERSION-TRACE_ID-SPAN_ID-FLAGS */
#define VERSION_SIZE 2
#define TRACE_ID_AT 3
#define TRACE_ID_SIZE 32
#define SPAN_ID_AT 36
#define SPAN_ID_SIZE 16
#define FLAGS_AT 53
#define FLAGS_SIZE 2
#define SIZE_OF_00 55

#define FLAG_SAMPLED 1

/* Upper-case digits are not valid. */
static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool are_digits(struct sx_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (digit_of(text.data[i]) < 0) {
            return false;
        }
    }
    return true;
}

static bool is_zero(struct sx_str digits)
{
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] != '0') {
            return false;
        }
    }
    return true;
}

/* Version 00 has four parts and nothing else. A later one may have more, after another dash. */
static bool has_end(struct sx_str header)
{
    const bool is_version_00 = memcmp(header.data, "00", VERSION_SIZE) == 0;
    return header.size == SIZE_OF_00 || (!is_version_00 && header.data[SIZE_OF_00] == '-');
}

bool sx__trace_parent_parse(struct sx__trace_parent *parent, struct sx_str header)
{
    const char *at = header.data;
    if (header.size < SIZE_OF_00 || at[TRACE_ID_AT - 1] != '-' || at[SPAN_ID_AT - 1] != '-' ||
        at[FLAGS_AT - 1] != '-') {
        return false;
    }
    const struct sx_str version = {at, VERSION_SIZE};
    const struct sx_str trace_id = {at + TRACE_ID_AT, TRACE_ID_SIZE};
    const struct sx_str span_id = {at + SPAN_ID_AT, SPAN_ID_SIZE};
    const struct sx_str flags = {at + FLAGS_AT, FLAGS_SIZE};
    if (!are_digits(version) || memcmp(version.data, "ff", VERSION_SIZE) == 0 ||
        !are_digits(trace_id) || is_zero(trace_id) || !are_digits(span_id) || is_zero(span_id) ||
        !are_digits(flags) || !has_end(header)) {
        return false;
    }
    *parent =
        (struct sx__trace_parent){trace_id, span_id, (digit_of(flags.data[1]) & FLAG_SAMPLED) != 0};
    return true;
}
