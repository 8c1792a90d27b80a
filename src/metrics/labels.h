/* labels.h: the label values of a series, as text and as they were. */
#ifndef SX_METRICS_LABELS_H
#define SX_METRICS_LABELS_H

#include "records.h"

/** Returns how many bytes sx__labels_write_text will write. */
size_t sx__labels_text_size(const struct sx__family *family, const struct sx_str *values);

/** Writes what stands before the number on the page; see struct sx__series. The constant labels of
 * the family's registry come first. */
void sx__labels_write_text(char *text, const struct sx__family *family,
                           const struct sx_str *values);

/** The bytes that the values take in a record. */
size_t sx__labels_values_size(const struct sx__family *family, const struct sx_str *values);

/** Writes the values into the series. */
void sx__labels_write_values(struct sx__series *series, const struct sx__family *family,
                             const struct sx_str *values);

/** Whether the series has these values. */
bool sx__labels_equal(const struct sx__series *series, const struct sx__family *family,
                      const struct sx_str *values);

extern const struct sx_str sx__labels_overflow_value;

/** Whether these are the label values of the overflow series; see look_up.h. */
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
