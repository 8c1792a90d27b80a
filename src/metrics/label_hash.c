/* label_hash.c: the hash of values of any size. */
#include "label_hash.h"

struct hash_state {
    uint64_t secret;
    uint64_t hash;
    uint64_t bits; /* all bytes of values, or'ed together */
};

static void take_in_bytes(struct hash_state *state, uint64_t bytes, uint64_t size)
{
    state->hash = sx__hash_word(state->hash, bytes | size << SX__SIZE_SHIFT, state->secret);
    state->bits |= bytes;
}

static void take_in_value(struct hash_state *state, struct sx_str value)
{
    if (value.size < 8) {
        take_in_bytes(state, sx__short_word(value.data, value.size), value.size);
        return;
    }
    state->hash = sx__hash_word(state->hash, value.size, state->secret);
    for (size_t i = 0; i + 8 < value.size; i += 8) {
        take_in_bytes(state, sx__word_at(value.data + i), 0);
    }
    take_in_bytes(state, sx__last_word(value.data, value.size), 0);
}

struct sx__label_hash sx__label_hash_of(const uint64_t *key, const struct sx_str *values,
                                        size_t count)
{
    struct hash_state state = {.secret = key[1], .hash = key[0]};
    for (size_t i = 0; i < count; i++) {
        take_in_value(&state, values[i]);
    }
    return (struct sx__label_hash){
        .hash = sx__hash_finish(state.hash, key),
        .is_ascii = (state.bits & SX__NOT_ASCII) == 0,
    };
}
