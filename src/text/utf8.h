/* utf8.h: finding and replacing what is not UTF-8. */
#ifndef SX_UTF8_H
#define SX_UTF8_H

#include <sextant/status.h>

#include <stdbool.h>
#include <stddef.h>

/* Replacing may make a text this many times as long: U+FFFD has three bytes. */
#define SX__UTF8_GROWTH 3

/** The size of the sequence at the start of `bytes`, which is not empty. Where it is ill-formed,
 * *valid is false and the size is that of its longest beginning that could have become a sequence,
 * at least 1. */
size_t sx__utf8_measure(struct sx_str bytes, bool *valid);

/** Whether the bytes are well-formed UTF-8 (no surrogates, nothing overlong, up to U+10FFFF). */
bool sx__utf8_is_valid(struct sx_str text);

/** Copies the text with each maximal ill-formed piece replaced by U+FFFD; gives the size written.
 *
 * @param cleaned  has room for SX__UTF8_GROWTH times the text
 * Source:   Unicode 15, section 3.9, "U+FFFD Substitution of Maximal Subparts"
 */
size_t sx__utf8_clean(char *cleaned, struct sx_str text);

#endif
