/* label_hash.h: a keyed hash of label values. A client that does not know the key cannot choose
 * values that collide. Runs in every look-up.
 */
#ifndef SX_METRICS_LABEL_HASH_H
#define SX_METRICS_LABEL_HASH_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
