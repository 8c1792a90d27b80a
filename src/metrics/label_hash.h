/* label_hash.h: the label values of a look-up as words, and a keyed hash of these. Runs in every
 * look-up, so it is inlined.
 *
 * A value of less than 8 bytes is one word: its bytes, zeros, and its size in the highest byte. A
 * longer value is several words: first its size, then its bytes, padded with zeros to whole words.
 * The word of a size differs from every word of a short value. So two different lists with the
 * same number of values differ in at least one word, and neither is a prefix of the other. Words
 * are little-endian. Series keep their values in the same form; see labels.h.
 *
 * The hash starts as the first half of the key. For each word, it is combined with the word
 * (exclusive or) and multiplied by the second half of the key. The two halves of the 128-bit
 * product are combined into the next hash. How a difference between two words spreads depends on
 * the key, so values that collide with one key do not collide with another. No earlier word is
 * lost: the product is 0 only if the word equals the hash so far, which depends on the key.
 *
 * A client that does not know the key cannot choose values that collide more often than by chance,
 * and so cannot fill one chain of the table and make look-ups slow (hash flooding). That holds as
 * long as it learns nothing of the hashes. They are in no output, but this is no cryptographic
 * hash: a client that can measure the time of single look-ups over the network very exactly might
 * learn something of the key.
 */
#ifndef SX_METRICS_LABEL_HASH_H
#define SX_METRICS_LABEL_HASH_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sx__label_hash {
    uint32_t hash;
    bool is_ascii; /* no value has a byte beyond 127, so that none needs to be checked for UTF-8 */
};

/** Reads each value once, for both fields.
 *
 * @param key  two random words
 */
struct sx__label_hash sx__label_hash_of(const uint64_t *key, const struct sx_str *values,
                                        size_t count);

/* ---- words ---- */

static inline uint64_t sx__word_at(const char *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint32_t sx__half_word_at(const char *data)
{
    uint32_t half;
    memcpy(&half, data, sizeof half);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    half = __builtin_bswap32(half);
#endif
    return half;
}

/** The word of a value of less than 8 bytes, without its size. Reads no byte behind the value. */
static inline uint64_t sx__short_word(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size >= 4) {
        /* Reads the last four bytes, and shifts out those that the first four contain. */
        const uint64_t last = sx__half_word_at(data + size - 4);
        return sx__half_word_at(data) | last >> (8 - size) * 8 << 32;
    }
    if (size > 0) {
        return bytes[0] | (uint64_t)bytes[size / 2] << 8 | (uint64_t)bytes[size - 1] << 16;
    }
    return 0;
}

/** The last word of a value of 8 bytes or more. */
static inline uint64_t sx__last_word(const char *data, size_t size)
{
    return sx__word_at(data + size - 8) >> (-size & 7) * 8;
}

#define SX__SIZE_SHIFT 56 /* of the size in the word of a short value */
#define SX__NOT_ASCII UINT64_C(0x8080808080808080)

/* ---- the hash ---- */

__extension__ typedef unsigned __int128 sx__product;

static inline uint64_t sx__hash_word(uint64_t hash, uint64_t word, uint64_t secret)
{
    const sx__product product = (sx__product)(hash ^ word) * secret;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/** Ends the hash. One more multiplication spreads the last word over all bits. */
static inline uint32_t sx__hash_finish(uint64_t hash, const uint64_t *secrets)
{
    hash = sx__hash_word(hash, secrets[0], secrets[1]);
    return (uint32_t)(hash ^ hash >> 32);
}

/* ---- the key of a look-up ---- */

#define SX__KEY_WORDS 64u

/* The words of a look-up whose values are ASCII and not large. */
struct sx__label_key {
    uint32_t hash;
    uint32_t count;
    uint64_t words[SX__KEY_WORDS];
};

/* A key that is being made. It is kept in registers. */
struct sx__key_maker {
    uint64_t *next; /* word */
    uint64_t *end;  /* of the words */
    uint64_t bits;  /* all words that have bytes of values, or'ed together */
    uint64_t hash;
    uint64_t secret;
};

static inline void sx__key_put(struct sx__key_maker *maker, uint64_t word)
{
    *maker->next++ = word;
    maker->hash = sx__hash_word(maker->hash, word, maker->secret);
}

/** Appends a value. Returns false if the key is full. */
static inline __attribute__((always_inline)) bool sx__key_append(struct sx__key_maker *maker,
                                                                 const char *data, size_t size)
{
    uint64_t word;
    const size_t room = (size_t)((const char *)maker->end - (const char *)maker->next);
    if (size < 8) {
        if (room == 0) {
            return false;
        }
        word = sx__short_word(data, size);
        maker->bits |= word;
        sx__key_put(maker, word | (uint64_t)size << SX__SIZE_SHIFT);
        return true;
    }
    if (room < 16 || size > room - 8) {
        return false;
    }
    sx__key_put(maker, size);
    for (; size > 8; size -= 8, data += 8) {
        word = sx__word_at(data);
        maker->bits |= word;
        sx__key_put(maker, word);
    }
    word = sx__word_at(data - (8 - size)) >> (8 - size) * 8;
    maker->bits |= word;
    sx__key_put(maker, word);
    return true;
}

static inline struct sx__key_maker sx__key_begin(struct sx__label_key *key, const uint64_t *secrets)
{
    return (struct sx__key_maker){
        .next = key->words,
        .end = key->words + SX__KEY_WORDS,
        .hash = secrets[0],
        .secret = secrets[1],
    };
}

/** Ends the key when all values are appended. Returns false if a value is not ASCII. */
static inline bool sx__key_finish(struct sx__label_key *key, const struct sx__key_maker *maker,
                                  const uint64_t *secrets)
{
    key->count = (uint32_t)(maker->next - key->words);
    key->hash = sx__hash_finish(maker->hash, secrets);
    return (maker->bits & SX__NOT_ASCII) == 0;
}

/** Makes the key of a look-up; its hash is that of sx__label_hash_of. Returns false if the values
 * have no key: one is missing, large or not ASCII.
 *
 * @param secrets  two random words
 */
static inline bool sx__key_of_values(struct sx__label_key *key, const uint64_t *secrets,
                                     const struct sx_str *values, size_t count)
{
    struct sx__key_maker maker = sx__key_begin(key, secrets);
    for (size_t i = 0; i < count; i++) {
        const struct sx_str value = values[i];
        if ((value.data == NULL && value.size > 0) ||
            !sx__key_append(&maker, value.data, value.size)) {
            return false;
        }
    }
    return sx__key_finish(key, &maker, secrets);
}

/** The same of C strings, of which NULL is the empty value. */
static inline bool sx__key_of_strings(struct sx__label_key *key, const uint64_t *secrets,
                                      const char *const *strings, size_t count)
{
    struct sx__key_maker maker = sx__key_begin(key, secrets);
    for (size_t i = 0; i < count; i++) {
        const char *string = strings[i] == NULL ? "" : strings[i];
        if (!sx__key_append(&maker, string, strlen(string))) {
            return false;
        }
    }
    return sx__key_finish(key, &maker, secrets);
}

#endif
