/* http_date.h: dates as HTTP writes them, whatever the locale. RFC 9110 5.6.7. */
#ifndef SX_HTTP_DATE_H
#define SX_HTTP_DATE_H

#include <sextant/status.h>
#include <time.h>

#define SX__DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Not terminated. */
void sx__date_write(char date[SX__DATE_BYTES], time_t time);

/* Reads each of the three forms. Errors: SX_EPROTO: it is none of them. */
int sx__date_parse(time_t *time, const char *text);

#endif
