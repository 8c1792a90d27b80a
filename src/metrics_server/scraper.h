/* scraper.h: the connection of one client: it reads a request, writes the response, and repeats
 * that until the client or the server closes the connection.
 *
 * All times are milliseconds of one monotonic clock, which the caller reads.
 */
#ifndef SX_METRICS_SERVER_SCRAPER_H
#define SX_METRICS_SERVER_SCRAPER_H

#include "answer.h"
#include "scrape_request.h"

#include <stdint.h>

/* What the server serves to all clients. */
struct sx__site {
    struct sx_registry *registry;
    const char *path;
    int64_t timeout_ms;
    struct sx_page spare; /* a buffer for the next page, which no connection is sending */
};

enum sx__scraper_state {
    SX__SCRAPER_FREE = 0,
    SX__SCRAPER_READING,
    SX__SCRAPER_WRITING,
    SX__SCRAPER_DRAINING, /* the response is sent; what the client still sends is discarded */
};

struct sx__scraper {
    enum sx__scraper_state state;
    int fd;
    bool asked;          /* the state is READING, and a part of a request was received */
    int64_t since_ms;    /* in this state */
    int64_t deadline_ms; /* of this state */
    size_t sent;
    struct sx__answer answer;
    struct sx_page page;
    size_t received, drained;
    char bytes[SX__HEAD_SIZE_MAX];
};

/** Takes ownership of the non-blocking descriptor of a new client. */
void sx__scraper_open(struct sx__scraper *scraper, const struct sx__site *site, int fd,
                      int64_t now_ms);

/** Closes the connection. Its page's buffer becomes the spare one, or is freed if there is one. */
void sx__scraper_close(struct sx__scraper *scraper, struct sx__site *site);

/** Returns the events to poll for: POLLIN or POLLOUT. */
short sx__scraper_events(const struct sx__scraper *scraper);

/** Reads and writes until the socket would block; may close the connection. */
void sx__scraper_run(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms);

/** After the deadline, answers an incomplete request with 408 and closes any other connection. */
void sx__scraper_expire(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms);

#endif
