/* utf8.h: checks text, and replaces bytes that are not UTF-8.
 *
 * Threads: any.
 */
#ifndef SX_UTF8_H
#define SX_UTF8_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>

/* Replacing may make a text this many times as long, because U+FFFD has three bytes. */
#define SX__UTF8_GROWTH 3

/** Returns the size of the sequence that `bytes` begins with; `bytes` must not be empty. If the
 * sequence is ill-formed, sets *valid to false and returns the size of its longest beginning that
 * could have become a valid sequence, at least 1. */
size_t sx__utf8_measure(struct sx_str bytes, bool *valid);

/** Returns whether the bytes are well-formed UTF-8 (no surrogates, nothing overlong, up to
 * U+10FFFF). */
bool sx__utf8_is_valid(struct sx_str text);

/** Copies the text, and replaces each maximal ill-formed subpart by U+FFFD. Returns the size
 * written.
 *
 * @param cleaned  has room for SX__UTF8_GROWTH times the text
 * Source:   Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts"
 */
size_t sx__utf8_clean(char *cleaned, struct sx_str text);

#endif
