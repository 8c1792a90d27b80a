/* http_date.h: writes and parses dates of HTTP in any locale. RFC 9110 5.6.7.
 *
 * Threads: any.
 */
#ifndef SX_HTTP_DATE_H
#define SX_HTTP_DATE_H

#include <sextant/status.h>
#include <time.h>

#define SX__DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes the date without a terminating NUL. */
void sx__date_write(char date[SX__DATE_BYTES], time_t time);

/* Parses each of the three formats. Errors: SX_EPROTO: the text has none of them */
int sx__date_parse(time_t *time, const char *text);

#endif
