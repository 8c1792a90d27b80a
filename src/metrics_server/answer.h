/* answer.h: the response to a request. */
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

/** Writes the response to a valid request.
 *
 * @param page  rendered into if the request is for `path`
 * @param path  of the metrics
 * @param now   for the Date header
 */
void sx__answer_request(struct sx__answer *answer, struct sx_page *page,
                        struct sx_registry *registry, const char *path,
                        const struct sx__scrape_request *request, time_t now);

/** Writes the response to an invalid request. The connection is closed after it.
 *
 * @param bytes  the beginning of the request, because the response to HEAD has no body
 */
void sx__answer_refusal(struct sx__answer *answer, int status, struct sx_str bytes, time_t now);

#endif
