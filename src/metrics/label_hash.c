/* label_hash.c: the hash of values of any size, word by word. */
#include "label_hash.h"

struct hash_state {
    const uint64_t *key;
    uint64_t hash;
    uint64_t first; /* the first of two words, if word_count is odd */
    uint64_t word_count;
    uint64_t bits; /* all bytes of values, or'ed together */
};

static void take_in(struct hash_state *state, uint64_t word)
{
    if (state->word_count % 2 != 0) {
        state->hash = sx__hash_two(state->hash, state->first, word, state->key[1]);
    }
    state->first = word;
    state->word_count++;
}

static void take_in_bytes(struct hash_state *state, uint64_t word)
{
    take_in(state, word);
    state->bits |= word;
}

static void take_in_value(struct hash_state *state, struct sx_str value)
{
    if (value.size < 8) {
        take_in_bytes(state, sx__short_word(value.data, value.size) | (uint64_t)value.size
                                                                          << SX__SIZE_SHIFT);
        return;
    }
    take_in(state, value.size);
    for (size_t i = 0; i + 8 < value.size; i += 8) {
        take_in_bytes(state, sx__word_at(value.data + i));
    }
    take_in_bytes(state, sx__last_word(value.data, value.size));
}

struct sx__label_hash sx__label_hash_of(const uint64_t *key, const struct sx_str *values,
                                        size_t count)
{
    struct hash_state state = {.key = key, .hash = key[0]};
    for (size_t i = 0; i < count; i++) {
        take_in_value(&state, values[i]);
    }
    const uint64_t word_count = state.word_count;
    if (word_count % 2 != 0) {
        take_in(&state, 0);
    }
    return (struct sx__label_hash){
        .hash = sx__hash_finish(state.hash, word_count, key[1]),
        .is_ascii = (state.bits & SX__NOT_ASCII) == 0,
    };
}
