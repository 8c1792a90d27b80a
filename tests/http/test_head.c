/* A header is accepted if and only if the plain reader accepts it, and the fields are the same. So
 * the result does not depend on what llhttp accepts, or on its version. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "plain_head.h"
#include "request_parser.h"
#include "run_options.h"

#include <cmocka.h>
#include <string.h>

struct fixture {
    struct sx_run_options limits;
    struct sx__request_pool pool;
    size_t good, bad;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    *state = &fixture;
    return sx__run_options_resolve(&fixture.limits, &(struct sx_run_options){0});
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sx__request_pool_clean_up(&fixture->pool);
    return 0;
}

static void check(struct fixture *fixture, const char *bytes, size_t size)
{
    struct sx__request *request = sx__request_new(&fixture->pool, &fixture->limits);
    assert_non_null(request);
    char *space;
    size_t room;
    assert_int_equal(sx__request_reserve(request, &space, &room), 0);
    assert_true(room >= size);
    memcpy(space, bytes, size);
    request->filled += size;
    bool good = false;
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    const bool may_be_good =
        end != NULL && plain_is_head((struct sx_str){bytes, (size_t)(end - bytes) + 4});
    if (sx__request_scan_head(request) == SX__PARSE_DONE) {
        const bool plain =
            plain_is_head((struct sx_str){request->input + request->start, request->head_size});
        good = sx__request_parse_head(request) == SX__PARSE_DONE;
        if (good != plain || (good && !plain_head_is(request, request->headers))) {
            fail_msg("%s: %.*s", good ? "taken" : "refused", (int)size, bytes);
        }
    }
    if (!good && may_be_good) {
        fail_msg("refused: %.*s", (int)size, bytes);
    }
    fixture->good += good;
    fixture->bad += !good;
    sx__request_destroy(&fixture->pool, request);
}

/* Checks the head with `cut` of its bytes replaced by `size` others. */
static void check_with(struct fixture *fixture, const char *head, size_t at, size_t cut,
                       const char *bytes, size_t size)
{
    char text[256];
    const size_t head_size = strlen(head);
    const size_t rest = at + cut < head_size ? at + cut : head_size;
    memcpy(text, head, at);
    memcpy(text + at, bytes, size);
    memcpy(text + at + size, head + rest, head_size - rest);
    check(fixture, text, at + size + head_size - rest);
}

static const char *const heads[] = {
    "GET /a?b HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-Longer-Name: a value\twith a tab  \r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\nEmpty:\r\nUpgrade: h2c\r\n\r\n",
    "CONNECT a:80 HTTP/1.1\r\nhost:a:80\r\nproxy-connection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "OPTIONS http://a.b%41:80/c?d HTTP/1.9\r\nHost: [::1]:8\r\nContent-Length: 0 \r\n\r\n",
};

#define EACH_PLACE(head_, at_)                                            \
    for (size_t head_ = 0; head_ < sizeof heads / sizeof *heads; head_++) \
        for (size_t at_ = 0; at_ < strlen(heads[head_]); at_++)

static void each_byte_in_place_of_each(void **state)
{
    struct fixture *fixture = *state;
    EACH_PLACE(i, at)
    {
        for (int byte = 0; byte < 256; byte++) {
            check_with(fixture, heads[i], at, 1, (char[]){(char)byte}, 1);
        }
    }
    assert_true(fixture->good > 1000 && fixture->bad > 1000);
}

static void each_byte_before_each(void **state)
{
    struct fixture *fixture = *state;
    EACH_PLACE(i, at)
    {
        for (int byte = 0; byte < 256; byte++) {
            check_with(fixture, heads[i], at, 0, (char[]){(char)byte}, 1);
        }
    }
    assert_true(fixture->good > 1000 && fixture->bad > 1000);
}

/* Pairs of bytes that have a meaning in the grammar. */
static void each_pair_in_place_of_each(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = "\r\n\t :,;a0\0\x7f\x80";
    EACH_PLACE(i, at)
    {
        for (size_t pair = 0; pair < sizeof bytes * sizeof bytes; pair++) {
            const char both[] = {bytes[pair / sizeof bytes], bytes[pair % sizeof bytes]};
            check_with(fixture, heads[i], at, 2, both, 2);
        }
    }
    assert_true(fixture->good > 1000 && fixture->bad > 1000);
}

/* A field that the server does not interpret is accepted wherever the plain reader accepts it. */
static void each_byte_in_a_free_field(void **state)
{
    struct fixture *fixture = *state;
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Na: to 7,\r\n\r\n";
    const size_t end = (size_t)(strstr(head, ",\r\n") + 1 - head);
    for (size_t at = (size_t)(strstr(head, "X-Na") - head); at < end; at++) {
        for (int byte = 0; byte < 256; byte++) {
            check_with(fixture, head, at, 1, (char[]){(char)byte}, 1);
        }
    }
    assert_true(fixture->good > 1000 && fixture->bad > 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_byte_in_place_of_each),
        TEST(each_byte_before_each),
        TEST(each_byte_in_a_free_field),
        TEST(each_pair_in_place_of_each),
    };
    return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
