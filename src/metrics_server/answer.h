/* answer.h: what is sent for a request. */
#ifndef SX_METRICS_SERVER_ANSWER_H
#define SX_METRICS_SERVER_ANSWER_H

#include "scrape_request.h"

#include <sextant/exposition.h>
#include <time.h>

#define SX__ANSWER_HEAD_SIZE 512

struct sx__answer {
    char head[SX__ANSWER_HEAD_SIZE];
    size_t head_size;
    struct sx_str body; /* static, or in the page */
    bool keep_alive;
};

/** Answers a request that was read.
 *
 * @param page  is rendered into where the path is the one of the metrics
 * @param path  of the metrics
 * @param now   for the Date header
 */
void sx__answer_request(struct sx__answer *answer, struct sx_page *page,
                        struct sx_registry *registry, const char *path,
                        const struct sx__scrape_request *request, time_t now);

/** Answers a request that could not be read; the connection then ends.
 *
 * @param bytes  the beginning of the request; the response to HEAD has no body
 */
void sx__answer_refusal(struct sx__answer *answer, int status, struct sx_str bytes, time_t now);

#endif
