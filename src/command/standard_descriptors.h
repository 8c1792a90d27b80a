/* standard_descriptors.h: a program may be started without its standard descriptors, as with
 * `2>&-`. The next file or socket that it opens would get such a number, and the log would be
 * written to it.
 */
#ifndef SX_STANDARD_DESCRIPTORS_H
#define SX_STANDARD_DESCRIPTORS_H

/* Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed. Call it before anything
 * else is opened, and before there are threads. */
void sx__standard_descriptors_open(void);

#endif
