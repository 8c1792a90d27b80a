/* The service gets the same calls, and the client the same responses, however the bytes of a
 * conversation are split. */
#include "conversation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define H "Host: a\r\n"

static const char *const conversations[] = {
    "GET / HTTP/1.1\r\n" H "\r\n"
    "HEAD /headers HTTP/1.1\r\n" H "Accept: */*\r\n\r\n"
    "\r\n"
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"
    "BREW /status/204 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    "GET /status/404 HTTP/1.1\r\n" H "Connection: close\r\n\r\n",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
    "3;a=\"b\"\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\nZ: w\r\n\r\n"
    "GET / HTTP/1.1\r\n" H "\r\n",
    "PUT /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"
    "PUT /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    "1\r\na\r\n0\r\n\r\n"
    "GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n"
    "GET / HTTP/1.1\r\n" H "Expect: nothing\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length: 2000000\r\n\r\nabc",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\nGET / ",
    "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabc",
    "CONNECT a:1 HTTP/1.1\r\n" H "Upgrade: x\r\nConnection: upgrade\r\n\r\nGET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\n" H "X: y\r\n z\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "\r\n\r",
};

static void assert_same(struct sx_str bytes, const struct conversation *expected,
                        const size_t *cuts, size_t count)
{
    struct conversation conversation;
    conversation_init(&conversation, bytes, cuts, count);
    if (strcmp(conversation.output, expected->output) != 0 ||
        strcmp(conversation.story, expected->story) != 0 ||
        conversation.closed != expected->closed || conversation.begins != conversation.ends) {
        fail_msg("split %zu times, first at %zu:\n%.*s\ngot\n%s\n%s\nnot\n%s\n%s", count, cuts[0],
                 (int)bytes.size, bytes.data, conversation.output, conversation.story,
                 expected->output, expected->story);
    }
    conversation_clean_up(&conversation);
}

static void every_split_gives_the_same_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
        const struct sx_str bytes = {conversations[i], strlen(conversations[i])};
        struct conversation whole;
        conversation_init(&whole, bytes, NULL, 0);
        assert_int_equal(whole.begins, whole.ends);
        for (size_t cut = 0; cut <= bytes.size; cut++) {
            assert_same(bytes, &whole, &cut, 1);
        }
        conversation_clean_up(&whole);
    }
}

static void any_splits_give_the_same_result(void **state)
{
    (void)state;
    unsigned seed = 1;
    printf("seed %u\n", seed);
    for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
        const struct sx_str bytes = {conversations[i], strlen(conversations[i])};
        struct conversation whole;
        conversation_init(&whole, bytes, NULL, 0);
        for (unsigned round = 0; round < 100; round++) {
            size_t cuts[1000];
            size_t count = 0;
            for (size_t at = 0; at < bytes.size; count++) {
                seed = seed * 1103515245 + 12345;
                at += (seed >> 16) % (round + 1);
                cuts[count] = at < bytes.size ? at : bytes.size;
                if (count == 999) {
                    break;
                }
            }
            assert_same(bytes, &whole, cuts, count);
        }
        conversation_clean_up(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_gives_the_same_result),
        cmocka_unit_test(any_splits_give_the_same_result),
    };
    return cmocka_run_group_tests_name("splits", tests, NULL, NULL);
}
