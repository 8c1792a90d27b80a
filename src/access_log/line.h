/* line.h: what a line of the access log says. */
#ifndef SX_ACCESS_LOG_LINE_H
#define SX_ACCESS_LOG_LINE_H

#include <sextant/app.h>
#include <time.h>

/* A write of no more than PIPE_BUF bytes to a pipe is not mixed with others. */
#define SX__LINE_BYTES 4096

/* A line of text, its line feed included. The byte before its first one is a line feed too, for
 * whoever has to end a line that was half written. */
struct sx__line {
    char bytes[1 + SX__LINE_BYTES];
    size_t size; /* of the line, which begins at bytes[1] */
};

typedef void sx__line_end_fn(struct sx__line *line, const struct sx_record *record,
                             enum sx_outcome outcome, const struct timespec *now);
typedef void sx__line_rejected_fn(struct sx__line *line, enum sx_reason reason,
                                  const struct timespec *now);

/* One format. What clients control is escaped, and what is too long cut, with "..." behind it. */
struct sx__line_format {
    const char *name;
    sx__line_end_fn *end;
    sx__line_rejected_fn *rejected;
};

/* The format of that name, NULL: there is none. */
const struct sx__line_format *sx__line_format_find(const char *name);

#endif
