/* scraper.h: one client and its connection. It reads a request, writes the answer, and so on until
 * either is done.
 *
 * All times are milliseconds of one monotonic clock, which the caller reads.
 */
#ifndef SX_METRICS_SERVER_SCRAPER_H
#define SX_METRICS_SERVER_SCRAPER_H

#include "answer.h"
#include "scrape_request.h"

#include <stdint.h>

/* What is served, to all clients alike. */
struct sx__site {
    struct sx_registry *registry;
    const char *path;
    int64_t timeout_ms;
    struct sx_page spare; /* a buffer that no connection is sending: the next page goes there */
};

enum sx__scraper_state {
    SX__SCRAPER_FREE = 0,
    SX__SCRAPER_READING,
    SX__SCRAPER_WRITING,
    SX__SCRAPER_DRAINING, /* all is sent; what still comes is thrown away, until the client ends
                           */
};

struct sx__scraper {
    enum sx__scraper_state state;
    int fd;
    bool asked;          /* the state is READING, and some of a request is there */
    int64_t since_ms;    /* in this state */
    int64_t deadline_ms; /* it must have left the state by then */
    size_t sent;
    struct sx__answer answer;
    struct sx_page page;
    size_t received, drained;
    char bytes[SX__HEAD_SIZE_MAX];
};

/** Takes over the descriptor of a new client, which does not block. */
void sx__scraper_open(struct sx__scraper *scraper, const struct sx__site *site, int fd,
                      int64_t now_ms);

/** Closes it; the page's buffer becomes the spare one, or is freed where there is one. */
void sx__scraper_close(struct sx__scraper *scraper, struct sx__site *site);

/** What poll is to wait for: POLLIN or POLLOUT. */
short sx__scraper_events(const struct sx__scraper *scraper);

/** Goes on as far as the socket lets it; may close the connection. */
void sx__scraper_run(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms);

/** Ends what has not happened in time: an unfinished request with a 408, all else at once. */
void sx__scraper_expire(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms);

#endif
