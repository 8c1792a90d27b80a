/* show.h: prints a page as a table. */
#ifndef SEXTANT_TOOLS_SHOW_H
#define SEXTANT_TOOLS_SHOW_H

#include <sextant/parse.h>
#include <stdbool.h>

/** Prints the families of a page to standard output, and lines that cannot be read to standard
 * error.
 *
 * @param blocks  draw bars with block characters; false: with `#`
 * @return  0, 1 if a line cannot be read, 2 if memory is exhausted
 */
int show_page(struct sx_str page, enum sx_format format, bool blocks);

#endif
