/* Property: the result of parsing a scrape request does not depend on how its bytes are split.
 * Every incomplete head needs more bytes, until a complete head is accepted or rejected. Further
 * bytes do not change that result. The parsed request lies within the head, is valid HTTP, and gets
 * a response with one status line. */
#include "answer.h"
#include "scrape_request.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_SIZE_MAX 512 /* all splits are tried, so the time is quadratic */

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_view(struct sx_str view, const char *start, size_t size)
{
    check(view.data == NULL || (view.data >= start && view.data + view.size <= start + size));
    check(view.size == 0 || memchr(view.data, '\n', view.size) == NULL);
}

/* Returns the result, and sets `*needed` to the number of bytes after which it was reached. */
static ssize_t parse_in_pieces(struct sx__scrape_request *request, struct sx_str bytes,
                               size_t *needed)
{
    ssize_t answer = SX_EAGAIN;
    for (*needed = 0; answer == SX_EAGAIN && *needed <= bytes.size; (*needed)++) {
        answer = sx__scrape_request_parse(request, (struct sx_str){bytes.data, *needed});
    }
    (*needed)--;
    return answer;
}

static void check_answer(const struct sx__scrape_request *request)
{
    struct sx__answer answer;
    struct sx_page page = {0};
    static char path[] = "/metrics", front_page[] = "front";
    static struct sx__site site = {.path = path, .front_page = front_page};
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 64 << 10};
    check(site.registry != NULL || sx_registry_new(&site.registry, &small) == SX_OK);
    sx__answer_request(&answer, &page, &site, request, 0);
    check(page.size == 0 || sx__answer_is_rendered(&site, request));
    check(answer.head_size > 20 && answer.head_size <= sizeof answer.head);
    check(memcmp(answer.head, "HTTP/1.1 ", 9) == 0);
    check(memcmp(answer.head + answer.head_size - 4, "\r\n\r\n", 4) == 0);
    check(answer.keep_alive == request->keep_alive);
    sx_page_clean_up(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sx__scrape_request whole, pieces;
    struct sx_str bytes = {(const char *)data, size};
    ssize_t answer = sx__scrape_request_parse(&whole, bytes);
    if (size <= SPLIT_SIZE_MAX) {
        size_t needed;
        check(parse_in_pieces(&pieces, bytes, &needed) == answer);
        check(answer < 0 || needed == (size_t)answer);
        check(pieces.refusal == whole.refusal && pieces.keep_alive == whole.keep_alive);
    }
    if (answer < 0) {
        check(answer == SX_EAGAIN || answer == SX_EPROTO);
        check((answer == SX_EPROTO) == (whole.refusal != 0));
        return 0;
    }
    check(whole.refusal == 0 && (size_t)answer <= size && answer <= SX__HEAD_SIZE_MAX);
    check(whole.method.size > 0 && whole.accept.size <= SX__JOINED_SIZE_MAX &&
          whole.accept_encoding.size <= SX__JOINED_SIZE_MAX);
    check_view(whole.method, bytes.data, (size_t)answer);
    check_view(whole.path, bytes.data, (size_t)answer);
    check_answer(&whole);
    return 0;
}
