/* labels.h: the label values of a series, as text and as they were. */
#ifndef SX_METRICS_LABELS_H
#define SX_METRICS_LABELS_H

#include "label_hash.h"
#include "records.h"

/** Returns how many bytes sx__labels_write_text will write. */
size_t sx__labels_text_size(const struct sx__family *family, const struct sx_str *values);

/** Writes what stands before the number on the page; see struct sx__series. The constant labels of
 * the family's registry come first. */
void sx__labels_write_text(char *text, const struct sx__family *family,
                           const struct sx_str *values);

/** The bytes that the values take in a record. */
size_t sx__labels_values_size(const struct sx__family *family, const struct sx_str *values);

/** Writes the values behind the series' struct, in the form that label_hash.h describes. */
void sx__labels_write_values(struct sx__series *series, const struct sx__family *family,
                             const struct sx_str *values);

/** Whether the series has these values. */
bool sx__labels_equal(const struct sx__series *series, const struct sx__family *family,
                      const struct sx_str *values);

/** Whether the series has the values of a look-up in its family. If it has others, one of their
 * first words differs, so nothing behind the values is read. */
static inline bool sx__labels_match(const struct sx__series *series,
                                    const struct sx__label_key *key)
{
    const char *words = (const char *)(series + 1);
    for (uint32_t i = 0; i < key->count; i++) {
        if (sx__word_at(words + i * sizeof(uint64_t)) != key->words[i]) {
            return false;
        }
    }
    return true;
}

extern const struct sx_str sx__labels_overflow_value;

/** Whether these are the label values of the overflow series; see overflow.h. */
bool sx__labels_are_overflow(const struct sx_str *values, size_t count);

/** Returns one of the values of a series, as it was given. */
struct sx_str sx__labels_value(const struct sx__series *series, const struct sx__family *family,
                               size_t index);

/** Copies the values and replaces bytes that are not UTF-8.
 *
 * @param memory  receives the memory of the copies, which the caller frees; untouched on failure
 * Errors:   SX_EFULL (larger than any series can be), SX_ENOMEM
 */
int sx__labels_clean(struct sx_str *cleaned, char **memory, const struct sx_str *values,
                     size_t count);

#endif
