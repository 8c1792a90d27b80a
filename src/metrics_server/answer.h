/* answer.h: the response to a request. */
#ifndef SX_METRICS_SERVER_ANSWER_H
#define SX_METRICS_SERVER_ANSWER_H

#include "scrape_request.h"
#include "site.h"

#include <sextant/exposition.h>
#include <time.h>

#define SX__ANSWER_HEAD_SIZE 512

struct sx__answer {
    char head[SX__ANSWER_HEAD_SIZE];
    size_t head_size;
    struct sx_exposition_response response; /* its body is static, of the site, or in the page */
    bool keep_alive;
};

/** Whether the response to a valid request is the page of metrics. Rendering it runs collectors,
 * which may take long; every other response is ready at once. */
bool sx__answer_is_rendered(const struct sx__site *site, const struct sx__scrape_request *request);

/** Writes the response to a valid request.
 *
 * @param page  rendered into if sx__answer_is_rendered; else unchanged. The scrape was begun then,
 *              and the caller ends it with the response.
 * @param now   for the Date header
 */
void sx__answer_request(struct sx__answer *answer, struct sx_page *page,
                        const struct sx__site *site, const struct sx__scrape_request *request,
                        time_t now);

/** Writes the response to an invalid request. The connection is closed after it.
 *
 * @param bytes  the beginning of the request, because the response to HEAD has no body
 */
void sx__answer_refusal(struct sx__answer *answer, int status, struct sx_str bytes, time_t now);

#endif
