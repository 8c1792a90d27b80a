/* scraper.c: the state machine of a connection. Runs in the server's thread. */
#include "scraper.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define IDLE_MS 120000 /* between requests: longer than most scrape intervals */
#define DRAIN_MS 1000
#define DRAIN_SIZE ((size_t)256 << 10)
#define CALLS_A_TURN 4 /* of read, and of write, before other connections have their turn */

/* As the response of a page that was not rendered in time is counted. */
static const struct sx_exposition_response late = {.status = 503};

static void enter(struct sx__scraper *scraper, enum sx__scraper_state state, int64_t now_ms,
                  int64_t allowed_ms)
{
    scraper->state = state;
    scraper->since_ms = now_ms;
    scraper->deadline_ms = now_ms + allowed_ms;
}

void sx__scraper_open(struct sx__scraper *scraper, const struct sx__scrapers *all, int fd,
                      int64_t now_ms)
{
    scraper->fd = fd;
    scraper->asked = false;
    scraper->received = 0;
    scraper->drained = 0;
    enter(scraper, SX__SCRAPER_READING, now_ms, all->site->timeout_ms);
}

/* Only one buffer is kept for later pages, even if several were sent at the same time. */
static void give_page_back(struct sx__scraper *scraper, struct sx__scrapers *all)
{
    if (all->spare.data == NULL) {
        all->spare = scraper->rendering.page;
        scraper->rendering.page = (struct sx_page){0};
    }
    sx_page_clean_up(&scraper->rendering.page);
}

void sx__scraper_close(struct sx__scraper *scraper, struct sx__scrapers *all)
{
    if (scraper->state == SX__SCRAPER_RENDERING) {
        sx_scrapes_end(all->site->scrapes, scraper->is_late ? &late : NULL);
    }
    if (scraper->state != SX__SCRAPER_FREE) {
        give_page_back(scraper, all);
        /* A child of fork() may have the descriptor, too; close alone would not end the connection.
         */
        shutdown(scraper->fd, SHUT_RDWR);
        close(scraper->fd);
        scraper->fd = -1;
        scraper->state = SX__SCRAPER_FREE;
    }
}

short sx__scraper_events(const struct sx__scraper *scraper)
{
    switch (scraper->state) {
    case SX__SCRAPER_RENDERING:
        return 0;
    case SX__SCRAPER_WRITING:
        return POLLOUT;
    default:
        return POLLIN;
    }
}

/* ---- answers that are cut off ---- */

static size_t answer_size(const struct sx__scraper *scraper)
{
    return scraper->rendering.answer.head_size + scraper->rendering.answer.response.body.size;
}

static void log_left_out(const struct sx__scrapers *all, unsigned count)
{
    char message[64];
    if (count > 0) {
        snprintf(message, sizeof message, "answers were cut off %u more times", count);
        sx__site_log(all->site, message);
    }
}

void sx__scraper_log_left_out(struct sx__scrapers *all)
{
    log_left_out(all, sx__log_limit_take(&all->cut_offs, sx__clock_now_ns(), true));
}

/* How much was sent. While a page is rendered, its size is not known. */
static void describe_progress(char *text, size_t size, const struct sx__scraper *scraper)
{
    if (scraper->state == SX__SCRAPER_WRITING) {
        snprintf(text, size, "after %zu of %zu bytes", scraper->sent, answer_size(scraper));
    } else {
        snprintf(text, size, "after 0 bytes");
    }
}

void sx__scraper_cut_off(struct sx__scraper *scraper, struct sx__scrapers *all, const char *reason)
{
    char message[256];
    char progress[64];
    unsigned left_out;
    if ((scraper->state == SX__SCRAPER_WRITING ||
         (scraper->state == SX__SCRAPER_RENDERING && !scraper->is_late)) &&
        sx__log_limit_allows(&all->cut_offs, sx__clock_now_ns(), &left_out)) {
        log_left_out(all, left_out);
        describe_progress(progress, sizeof progress, scraper);
        snprintf(message, sizeof message, "an answer was cut off %s: %.128s", progress, reason);
        sx__site_log(all->site, message);
    }
    sx__scraper_close(scraper, all);
}

/* ---- requests ---- */

static void start_answer(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    scraper->sent = 0;
    enter(scraper, SX__SCRAPER_WRITING, now_ms, all->site->timeout_ms);
}

static struct sx_str what_came(const struct sx__scraper *scraper)
{
    return (struct sx_str){scraper->bytes, scraper->received};
}

static void discard_request(struct sx__scraper *scraper, size_t size)
{
    scraper->received -= size;
    memmove(scraper->bytes, scraper->bytes + size, scraper->received);
}

/* The request's views point to the bytes, which stay until it is answered. */
static void start_rendering(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    scraper->rendering.page = all->spare;
    all->spare = (struct sx_page){0};
    scraper->is_late = false;
    enter(scraper, SX__SCRAPER_RENDERING, now_ms, all->site->render_timeout_ms);
    if (all->site->render_timeout_ms == 0) {
        scraper->deadline_ms = INT64_MAX; /* collectors take the time that they take */
    }
    /* From the same moment as the deadline: no collector is begun after the 503 was sent. */
    scraper->rendering.request.begun_ns = (uint64_t)now_ms * 1000000u;
    sx__renderers_add(all->renderers, &scraper->rendering);
}

/* Returns false if the page is not rendered yet. */
static bool finish_rendering(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    if (!sx__renderers_is_done(all->renderers, &scraper->rendering)) {
        return false;
    }
    if (scraper->is_late) {
        sx__scraper_close(scraper, all);
        return false;
    }
    sx_scrapes_end(all->site->scrapes, &scraper->rendering.answer.response);
    discard_request(scraper, scraper->request_size);
    start_answer(scraper, all, now_ms);
    return true;
}

/* Answers with an error, and then closes the connection. */
static void answer_with_error(struct sx__scraper *scraper, struct sx__scrapers *all, int status,
                              int64_t now_ms)
{
    sx__answer_refusal(&scraper->rendering.answer, status, what_came(scraper), time(NULL));
    scraper->received = 0;
    start_answer(scraper, all, now_ms);
}

/* Answers the request that the bytes begin with. Returns false if it is not complete. */
static bool answer_next(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    struct sx__rendering *rendering = &scraper->rendering;
    ssize_t size = sx__scrape_request_parse(&rendering->request, what_came(scraper));
    if (size == SX_EAGAIN) {
        return false;
    }
    const bool is_rendered = size >= 0 && sx__answer_is_rendered(all->site, &rendering->request);
    if (is_rendered && sx_scrapes_begin(all->site->scrapes) != SX_OK) {
        answer_with_error(scraper, all, 503, now_ms);
        return true;
    }
    if (is_rendered) {
        scraper->request_size = (size_t)size;
        start_rendering(scraper, all, now_ms);
        return true;
    }
    if (size < 0) {
        answer_with_error(scraper, all, rendering->request.refusal, now_ms);
        return true;
    }
    sx__answer_request(&rendering->answer, &rendering->page, all->site, &rendering->request,
                       time(NULL));
    discard_request(scraper, (size_t)size);
    start_answer(scraper, all, now_ms);
    return true;
}

/* Returns false if reading would block, or the connection is closed. */
static bool read_more(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    ssize_t size = recv(scraper->fd, scraper->bytes + scraper->received,
                        sizeof scraper->bytes - scraper->received, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (size <= 0) {
        sx__scraper_close(scraper, all);
        return false;
    }
    if (!scraper->asked) {
        scraper->asked = true;
        enter(scraper, SX__SCRAPER_READING, now_ms, all->site->timeout_ms);
    }
    scraper->received += (size_t)size;
    return true;
}

/* ---- writing ---- */

static const char *describe_error(int error, char *text, size_t size)
{
    return strerror_r(error, text, size) == 0 ? text : "the connection failed";
}

/* Returns what sendmsg returns. Head and body are one message, so that they share packets. */
static ssize_t send_rest(const struct sx__scraper *scraper)
{
    const struct sx__answer *answer = &scraper->rendering.answer;
    size_t head = scraper->sent < answer->head_size ? answer->head_size - scraper->sent : 0;
    size_t body = answer->head_size + answer->response.body.size - scraper->sent - head;
    /* struct iovec is also for reading, so its pointer is not const. */
    union {
        const char *from;
        void *to;
    } head_at = {answer->head + answer->head_size - head},
      body_at = {body > 0 ? answer->response.body.data + answer->response.body.size - body : NULL};
    struct iovec pieces[] = {{head_at.to, head}, {body_at.to, body}};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    return sendmsg(scraper->fd, &message, MSG_NOSIGNAL);
}

static void finish_answer(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    give_page_back(scraper, all);
    if (scraper->rendering.answer.keep_alive) {
        scraper->asked = scraper->received > 0;
        enter(scraper, SX__SCRAPER_READING, now_ms,
              scraper->asked ? all->site->timeout_ms : IDLE_MS);
        return;
    }
    /* RFC 9112 9.6: closing with bytes unread would reset the connection, and the client might lose
     * the answer. */
    shutdown(scraper->fd, SHUT_WR);
    enter(scraper, SX__SCRAPER_DRAINING, now_ms, DRAIN_MS);
}

/* Returns false if writing would block, or the connection is closed. */
static bool write_more(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    ssize_t size = send_rest(scraper);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (size < 0) {
        char reason[64];
        sx__scraper_cut_off(scraper, all, describe_error(errno, reason, sizeof reason));
        return false;
    }
    scraper->sent += (size_t)size;
    scraper->since_ms = now_ms;
    if (scraper->sent == answer_size(scraper)) {
        finish_answer(scraper, all, now_ms);
    }
    return true;
}

/* ---- draining ---- */

static bool drain(struct sx__scraper *scraper, struct sx__scrapers *all)
{
    ssize_t size = recv(scraper->fd, scraper->bytes, sizeof scraper->bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    scraper->drained += size > 0 ? (size_t)size : 0;
    if (size <= 0 || scraper->drained > DRAIN_SIZE) {
        sx__scraper_close(scraper, all);
        return false;
    }
    return true;
}

/* ---- the connection ---- */

void sx__scraper_run(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    int reads = 0;
    int writes = 0;
    bool more = true;
    while (more) {
        switch (scraper->state) {
        case SX__SCRAPER_READING:
            /* What came behind the last request is answered before more is read; poll will report
             * what is left in the socket. */
            more = (scraper->received > 0 && answer_next(scraper, all, now_ms)) ||
                   (reads++ < CALLS_A_TURN && read_more(scraper, all, now_ms));
            break;
        case SX__SCRAPER_RENDERING:
            more = finish_rendering(scraper, all, now_ms);
            break;
        case SX__SCRAPER_WRITING:
            more = writes++ < CALLS_A_TURN && write_more(scraper, all, now_ms);
            break;
        case SX__SCRAPER_DRAINING:
            more = drain(scraper, all);
            break;
        default:
            more = false;
            break;
        }
    }
}

/* While a thread renders the page, the answer is the thread's, so another one is sent. It is so
 * short that the socket takes it at once, and if not, the client sees the connection end. */
static void send_refusal(const struct sx__scraper *scraper, int status)
{
    struct sx__answer answer;
    sx__answer_refusal(&answer, status, what_came(scraper), time(NULL));
    const bool is_sent = send(scraper->fd, answer.head, answer.head_size,
                              MSG_NOSIGNAL | MSG_MORE) == (ssize_t)answer.head_size &&
                         send(scraper->fd, answer.response.body.data, answer.response.body.size,
                              MSG_NOSIGNAL) == (ssize_t)answer.response.body.size;
    (void)is_sent;
    shutdown(scraper->fd, SHUT_WR);
}

static void expire_rendering(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    if (sx__renderers_take_back(all->renderers, &scraper->rendering)) {
        sx_scrapes_end(all->site->scrapes, &late);
        answer_with_error(scraper, all, 503, now_ms);
    } else if (!sx__renderers_is_done(all->renderers, &scraper->rendering)) {
        send_refusal(scraper, 503);
        scraper->is_late = true;
        scraper->deadline_ms = INT64_MAX;
    }
    sx__scraper_run(scraper, all, now_ms);
}

void sx__scraper_expire(struct sx__scraper *scraper, struct sx__scrapers *all, int64_t now_ms)
{
    if (scraper->state == SX__SCRAPER_FREE || now_ms < scraper->deadline_ms) {
        return;
    }
    if (scraper->state == SX__SCRAPER_RENDERING) {
        expire_rendering(scraper, all, now_ms);
    } else if (scraper->state == SX__SCRAPER_READING && scraper->asked) {
        sx__answer_refusal(&scraper->rendering.answer, 408, what_came(scraper), time(NULL));
        start_answer(scraper, all, now_ms);
        sx__scraper_run(scraper, all, now_ms);
    } else {
        char reason[64];
        snprintf(reason, sizeof reason, "the client did not read it within %u ms",
                 all->site->timeout_ms);
        sx__scraper_cut_off(scraper, all, reason);
    }
}
