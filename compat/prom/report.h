/* report.h: lines on stderr about what had to be repaired or left out. */
#ifndef PROM_REPORT_H
#define PROM_REPORT_H

/** Prints a line with a printf format, without a line feed, after "libprom: ". A line that was
 * printed before is not printed again. */
void prom__report_once(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
