/* scraper.c: the state machine of a connection. Runs in the server's thread. */
#include "scraper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define IDLE_MS 120000 /* between requests: longer than most scrape intervals */
#define DRAIN_MS 1000
#define DRAIN_SIZE ((size_t)256 << 10)
#define CALLS_A_TURN 4 /* of read, and of write, before other connections have their turn */

static void enter(struct sx__scraper *scraper, enum sx__scraper_state state, int64_t now_ms,
                  int64_t allowed_ms)
{
    scraper->state = state;
    scraper->since_ms = now_ms;
    scraper->deadline_ms = now_ms + allowed_ms;
}

void sx__scraper_open(struct sx__scraper *scraper, const struct sx__site *site, int fd,
                      int64_t now_ms)
{
    scraper->fd = fd;
    scraper->asked = false;
    scraper->received = 0;
    scraper->drained = 0;
    enter(scraper, SX__SCRAPER_READING, now_ms, site->timeout_ms);
}

/* Only one buffer is kept for later pages, even if several were sent at the same time. */
static void give_page_back(struct sx__scraper *scraper, struct sx__site *site)
{
    if (site->spare.data == NULL) {
        site->spare = scraper->page;
        scraper->page = (struct sx_page){0};
    }
    sx_page_clean_up(&scraper->page);
}

void sx__scraper_close(struct sx__scraper *scraper, struct sx__site *site)
{
    if (scraper->state != SX__SCRAPER_FREE) {
        give_page_back(scraper, site);
        close(scraper->fd);
        scraper->fd = -1;
        scraper->state = SX__SCRAPER_FREE;
    }
}

short sx__scraper_events(const struct sx__scraper *scraper)
{
    return scraper->state == SX__SCRAPER_WRITING ? POLLOUT : POLLIN;
}

/* ---- reading ---- */

static void start_answer(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms)
{
    scraper->sent = 0;
    enter(scraper, SX__SCRAPER_WRITING, now_ms, site->timeout_ms);
}

static struct sx_str what_came(const struct sx__scraper *scraper)
{
    return (struct sx_str){scraper->bytes, scraper->received};
}

/* Answers the request that the bytes begin with. Returns false if it is not complete. */
static bool answer_next(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms)
{
    struct sx__scrape_request request;
    ssize_t size = sx__scrape_request_parse(&request, what_came(scraper));
    if (size == SX_EAGAIN) {
        return false;
    }
    if (size < 0) {
        sx__answer_refusal(&scraper->answer, request.refusal, what_came(scraper), time(NULL));
        scraper->received = 0;
    } else {
        scraper->page = site->spare;
        site->spare = (struct sx_page){0};
        sx__answer_request(&scraper->answer, &scraper->page, site->registry, site->path, &request,
                           time(NULL));
        scraper->received -= (size_t)size;
        memmove(scraper->bytes, scraper->bytes + size, scraper->received);
    }
    start_answer(scraper, site, now_ms);
    return true;
}

/* Returns false if reading would block, or the connection is closed. */
static bool read_more(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms)
{
    ssize_t size = recv(scraper->fd, scraper->bytes + scraper->received,
                        sizeof scraper->bytes - scraper->received, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (size <= 0) {
        sx__scraper_close(scraper, site);
        return false;
    }
    if (!scraper->asked) {
        scraper->asked = true;
        enter(scraper, SX__SCRAPER_READING, now_ms, site->timeout_ms);
    }
    scraper->received += (size_t)size;
    return true;
}

/* ---- writing ---- */

/* Returns what sendmsg returns. Head and body are one message, so that they share packets. */
static ssize_t send_rest(const struct sx__scraper *scraper)
{
    const struct sx__answer *answer = &scraper->answer;
    size_t head = scraper->sent < answer->head_size ? answer->head_size - scraper->sent : 0;
    size_t body = answer->head_size + answer->body.size - scraper->sent - head;
    /* struct iovec is also for reading, so its pointer is not const. */
    union {
        const char *from;
        void *to;
    } head_at = {answer->head + answer->head_size - head},
      body_at = {body > 0 ? answer->body.data + answer->body.size - body : NULL};
    struct iovec pieces[] = {{head_at.to, head}, {body_at.to, body}};
    const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    return sendmsg(scraper->fd, &message, MSG_NOSIGNAL);
}

static void finish_answer(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms)
{
    give_page_back(scraper, site);
    if (scraper->answer.keep_alive) {
        scraper->asked = scraper->received > 0;
        enter(scraper, SX__SCRAPER_READING, now_ms, scraper->asked ? site->timeout_ms : IDLE_MS);
        return;
    }
    /* RFC 9112 9.6: closing with bytes unread would reset the connection, and the client might lose
     * the answer. */
    shutdown(scraper->fd, SHUT_WR);
    enter(scraper, SX__SCRAPER_DRAINING, now_ms, DRAIN_MS);
}

/* Returns false if writing would block, or the connection is closed. */
static bool write_more(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms)
{
    ssize_t size = send_rest(scraper);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (size < 0) {
        sx__scraper_close(scraper, site);
        return false;
    }
    scraper->sent += (size_t)size;
    if (scraper->sent == scraper->answer.head_size + scraper->answer.body.size) {
        finish_answer(scraper, site, now_ms);
    }
    return true;
}

/* ---- draining ---- */

static bool drain(struct sx__scraper *scraper, struct sx__site *site)
{
    ssize_t size = recv(scraper->fd, scraper->bytes, sizeof scraper->bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    scraper->drained += size > 0 ? (size_t)size : 0;
    if (size <= 0 || scraper->drained > DRAIN_SIZE) {
        sx__scraper_close(scraper, site);
        return false;
    }
    return true;
}

/* ---- the connection ---- */

void sx__scraper_run(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms)
{
    int reads = 0;
    int writes = 0;
    bool more = true;
    while (more) {
        switch (scraper->state) {
        case SX__SCRAPER_READING:
            /* What came behind the last request is answered before more is read; poll will report
             * what is left in the socket. */
            more = (scraper->received > 0 && answer_next(scraper, site, now_ms)) ||
                   (reads++ < CALLS_A_TURN && read_more(scraper, site, now_ms));
            break;
        case SX__SCRAPER_WRITING:
            more = writes++ < CALLS_A_TURN && write_more(scraper, site, now_ms);
            break;
        case SX__SCRAPER_DRAINING:
            more = drain(scraper, site);
            break;
        default:
            more = false;
            break;
        }
    }
}

void sx__scraper_expire(struct sx__scraper *scraper, struct sx__site *site, int64_t now_ms)
{
    if (scraper->state == SX__SCRAPER_FREE || now_ms < scraper->deadline_ms) {
        return;
    }
    if (scraper->state == SX__SCRAPER_READING && scraper->asked) {
        sx__answer_refusal(&scraper->answer, 408, what_came(scraper), time(NULL));
        start_answer(scraper, site, now_ms);
        sx__scraper_run(scraper, site, now_ms);
    } else {
        sx__scraper_close(scraper, site);
    }
}
