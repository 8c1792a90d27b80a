/* standard_descriptors.h: a program may be started without its standard descriptors, as by
 * `program 2>&-`. What it opens next would get their numbers, and its log would be written there.
 */
#ifndef SX_STANDARD_DESCRIPTORS_H
#define SX_STANDARD_DESCRIPTORS_H

/* Opens /dev/null in place of each of 0, 1 and 2 that is closed. To be called before anything else
 * is opened, and before there are threads. */
void sx__standard_descriptors_open(void);

#endif
