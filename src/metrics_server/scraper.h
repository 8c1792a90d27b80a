/* scraper.h: the connection of one client: it reads a request, writes the response, and repeats
 * that until the client or the server closes the connection.
 *
 * All times are milliseconds of one monotonic clock, which the caller reads.
 */
#ifndef SX_METRICS_SERVER_SCRAPER_H
#define SX_METRICS_SERVER_SCRAPER_H

#include "log_limit.h"
#include "renderers.h"

#include <stdint.h>

/* What the connections of a server share. Used by the server's thread. */
struct sx__scrapers {
    const struct sx__site *site;
    struct sx__renderers *renderers;
    struct sx_page spare;          /* a buffer for the next page, which no connection has */
    struct sx__log_limit cut_offs; /* limits the log lines about answers that were cut off */
};

enum sx__scraper_state {
    SX__SCRAPER_FREE = 0,
    SX__SCRAPER_READING,
    SX__SCRAPER_RENDERING, /* the renderers have the request; the socket is left alone */
    SX__SCRAPER_WRITING,
    SX__SCRAPER_DRAINING, /* the response is sent; what the client still sends is discarded */
};

struct sx__scraper {
    enum sx__scraper_state state;
    int fd;
    bool is_late;        /* the state is RENDERING, and the request was answered with 503 */
    bool asked;          /* the state is READING, and a part of a request was received */
    int64_t since_ms;    /* in this state; WRITING: since the client took the last bytes */
    int64_t deadline_ms; /* of this state; INT64_MAX: none */
    size_t sent;
    struct sx__rendering rendering; /* the request and its answer */
    size_t request_size;            /* RENDERING: of the request at the start of `bytes` */
    size_t received, drained;
    char bytes[SX__HEAD_SIZE_MAX];
};

/** Takes ownership of the non-blocking descriptor of a new client. */
void sx__scraper_open(struct sx__scraper *scraper, const struct sx__scrapers *all, int fd,
                      int64_t now_ms);

/** Closes the connection. Its page's buffer becomes the spare one, or is freed if there is one. */
void sx__scraper_close(struct sx__scraper *scraper, struct sx__scrapers *all);

/** Closes the connection as sx__scraper_close does. If it has asked for a response that it does not
 * get completely, logs how much was sent and why the rest was not; the number of such lines is
 * limited.
 *
 * @param reason  a part of a sentence: "the client did not read it in time"
 */
void sx__scraper_cut_off(struct sx__scraper *scraper, struct sx__scrapers *all, const char *reason);

/** Logs how many lines about answers that were cut off the limit has suppressed, if any. */
void sx__scraper_log_left_out(struct sx__scrapers *all);

/** Returns the events to poll for: POLLIN or POLLOUT, or 0: none, while a page is rendered. */
short sx__scraper_events(const struct sx__scraper *scraper);

/** Reads and writes until the socket would block or a page is to be rendered; may close the
 * connection. */
void sx__scraper_run(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms);

/** After the deadline, answers an incomplete request with 408, and one whose page is not rendered
 * with 503, and closes any other connection. */
void sx__scraper_expire(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms);

#endif
