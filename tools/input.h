/* input.h: the file or standard input that a command reads. */
#ifndef SEXTANT_TOOLS_INPUT_H
#define SEXTANT_TOOLS_INPUT_H

#include <stddef.h>

/** Reads a file whole, or standard input if `name` is NULL or "-". Prints an error.
 *
 * @param data  receives the bytes; the caller frees them in any case; NULL beforehand
 * @param size  receives their number; 0 beforehand
 * @return  0, or 2 after an error
 */
int read_input(const char *name, char **data, size_t *size);

/** Writes what standard output has buffered. Prints an error if that or an earlier write failed.
 *
 * @return  0, or 2 after an error
 */
int flush_output(void);

#endif
