/* label_hash.c: a hash whose multipliers are secret.
 *
 * A word is taken in by multiplying its halves with each other, after the key was added to them.
 * How a difference between two words spreads then depends on the key, so that values which collide
 * with one key do not with the next; that is what a client would have to know who wants to make one
 * look-up as slow as all the others together.
 */
#include "label_hash.h"

#include <string.h>

struct state {
    uint64_t hash;
    uint64_t bits; /* all the bytes or'ed together */
    uint64_t key;
};

static uint64_t load(const char *data, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, data, size);
    return word;
}

/* A text shorter than a word, in all but the highest byte of one. */
static uint64_t load_short(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size >= 4) {
        /* Of the last four bytes those that the first four do not have. */
        return load(data, 4) | load(data + size - 4, 4) >> (8 - size) * 8 << 32;
    }
    if (size > 0) {
        return bytes[0] | (uint64_t)bytes[size / 2] << 8 | (uint64_t)bytes[size - 1] << 16;
    }
    return 0;
}

static void take_in(struct state *state, uint64_t word)
{
    uint64_t mixed = state->hash ^ word;
    uint32_t low = (uint32_t)mixed + (uint32_t)state->key;
    uint32_t high = (uint32_t)(mixed >> 32) + (uint32_t)(state->key >> 32);
    /* Turned, so that the next word does not meet the halves where they were. */
    state->hash = (uint64_t)low * high + (mixed << 29 | mixed >> 35);
}

/* A short value is one word, with its size in the highest byte; a longer one begins with its size,
 * which is no such word. So different lists of values never give the same words. */
static void take_in_value(struct state *state, struct sx_str value)
{
    if (value.size < 8) {
        uint64_t word = load_short(value.data, value.size);
        take_in(state, word | (uint64_t)value.size << 56);
        state->bits |= word;
        return;
    }
    take_in(state, value.size);
    for (size_t i = 0; i + 8 < value.size; i += 8) {
        uint64_t word = load(value.data + i, 8);
        take_in(state, word);
        state->bits |= word;
    }
    uint64_t last = load(value.data + value.size - 8, 8); /* may overlap the word before it */
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
    /* The table takes the lowest bits, to which the highest are brought down. */
    uint64_t spread = (state.hash ^ state.hash >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    return (struct sx__label_hash){
        .hash = (uint32_t)(spread >> 32),
        .is_ascii = (state.bits & UINT64_C(0x8080808080808080)) == 0,
    };
}
