/* label_hash.c: a hash whose multiplier is secret.
 *
 * Each word is mixed in by one multiplication of 64 by 64 bits, whose halves are combined (folded).
 * How a difference between two words spreads depends on the key, so values that collide with one
 * key do not collide with another. Without the key a client cannot fill one chain of the table and
 * make look-ups slow (hash flooding).
 */
#include "label_hash.h"

#include <string.h>

struct state {
    uint64_t hash;
    uint64_t bits; /* all the bytes or'ed together */
    uint64_t key;
};

/* The first byte is the lowest, so that the highest bytes stay 0 if there are less than 8. */
static uint64_t load_word(const char *data, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, data, size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Loads a text of less than 8 bytes into a word whose highest byte stays 0. */
static uint64_t load_short(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size >= 4) {
        /* Of the last four bytes those that the first four do not have. */
        return load_word(data, 4) | load_word(data + size - 4, 4) >> (8 - size) * 8 << 32;
    }
    if (size > 0) {
        return bytes[0] | (uint64_t)bytes[size / 2] << 8 | (uint64_t)bytes[size - 1] << 16;
    }
    return 0;
}

__extension__ typedef unsigned __int128 product;

static inline void take_in(struct state *state, uint64_t word)
{
    const product mixed = (product)(state->hash ^ word) * state->key;
    state->hash = (uint64_t)mixed ^ (uint64_t)(mixed >> 64);
}

/* A short value is one word with its size in the highest byte. A longer value begins with its size,
 * which cannot be such a word. So different lists of values never give the same words. */
static inline void take_in_value(struct state *state, struct sx_str value)
{
    if (value.size < 8) {
        uint64_t word = load_short(value.data, value.size);
        take_in(state, word | (uint64_t)value.size << 56);
        state->bits |= word;
        return;
    }
    take_in(state, value.size);
    for (size_t i = 0; i + 8 < value.size; i += 8) {
        uint64_t word = load_word(value.data + i, 8);
        take_in(state, word);
        state->bits |= word;
    }
    uint64_t last = load_word(value.data + value.size - 8, 8); /* may overlap the word before it */
    take_in(state, last);
    state->bits |= last;
}

struct sx__label_hash sx__label_hash_of(const uint64_t *key, const struct sx_str *values,
                                        size_t count)
{
    struct state state = {.hash = key[0], .key = key[1]};
    for (size_t i = 0; i < count; i++) {
        take_in_value(&state, values[i]);
    }
    /* The last word is in all bits of the product only after another multiplication. */
    take_in(&state, key[0]);
    return (struct sx__label_hash){
        .hash = (uint32_t)(state.hash ^ state.hash >> 32),
        .is_ascii = (state.bits & UINT64_C(0x8080808080808080)) == 0,
    };
}
