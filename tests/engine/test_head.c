/* Whatever header is taken for a good one is plainly one, and its fields are what they plainly are:
 * what llhttp splits, and what it lets pass, is checked here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "plain_head.h"
#include "request.h"

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

static void check(struct fixture *fixture, const char *bytes, size_t size, bool is_free)
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
    if (sx__request_scan_head(request) == SX__PARSE_DONE) {
        const bool plain = plain_head_is(request, NULL);
        good = sx__request_parse_head(request) == SX__PARSE_DONE;
        if (good ? !plain_head_is(request, request->headers) : plain && is_free) {
            fail_msg("%s: %.*s", good ? "taken" : "refused", (int)size, bytes);
        }
    }
    fixture->good += good;
    fixture->bad += !good;
    sx__request_destroy(&fixture->pool, request);
}

static const char *const heads[] = {
    "GET /a?b HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-Longer-Name: a value\twith a tab  \r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\nEmpty:\r\nUpgrade: h2c\r\n\r\n",
    "CONNECT a:80 HTTP/1.1\r\nhost:a:80\r\nproxy-connection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
};

#define EACH_HEAD(head_) for (size_t head_ = 0; head_ < sizeof heads / sizeof *heads; head_++)

static void each_byte_in_place_of_each(void **state)
{
    struct fixture *fixture = *state;
    EACH_HEAD(i)
    {
        const size_t size = strlen(heads[i]);
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte++) {
                char bytes[256];
                memcpy(bytes, heads[i], size);
                bytes[at] = (char)byte;
                check(fixture, bytes, size, false);
            }
        }
    }
    assert_true(fixture->good > 1000 && fixture->bad > 1000);
}

static void each_byte_before_each(void **state)
{
    struct fixture *fixture = *state;
    EACH_HEAD(i)
    {
        const size_t size = strlen(heads[i]);
        for (size_t at = 0; at < size; at++) {
            for (int byte = 0; byte < 256; byte++) {
                char bytes[256];
                memcpy(bytes, heads[i], at);
                bytes[at] = (char)byte;
                memcpy(bytes + at + 1, heads[i] + at, size - at);
                check(fixture, bytes, size + 1, false);
            }
        }
    }
    assert_true(fixture->good > 1000 && fixture->bad > 1000);
}

/* A field that means nothing to us: what is plainly one is taken. */
static void each_byte_in_a_free_field(void **state)
{
    struct fixture *fixture = *state;
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Na: to 7,\r\n\r\n";
    const size_t first = 25, end = 36;
    assert_memory_equal(head + first, "X-Na: to 7,\r\n", end - first + 2);
    for (size_t at = first; at < end; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char bytes[sizeof head];
            memcpy(bytes, head, sizeof head);
            bytes[at] = (char)byte;
            check(fixture, bytes, sizeof head - 1, true);
        }
    }
    assert_true(fixture->good > 1000 && fixture->bad > 1000);
}

/* Two bytes of those that mean something. */
static void each_pair_in_place_of_each(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes_of_use[] = "\r\n\t :,;a0\0\x7f\x80";
    EACH_HEAD(i)
    {
        const size_t size = strlen(heads[i]);
        for (size_t at = 0; at + 1 < size; at++) {
            for (size_t pair = 0; pair < sizeof bytes_of_use * sizeof bytes_of_use; pair++) {
                char bytes[256];
                memcpy(bytes, heads[i], size);
                bytes[at] = bytes_of_use[pair / sizeof bytes_of_use];
                bytes[at + 1] = bytes_of_use[pair % sizeof bytes_of_use];
                check(fixture, bytes, size, false);
            }
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
