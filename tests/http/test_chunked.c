/* Tests the decoder of chunked bodies by itself: its output, where it stops, and its limits.
 * test_framing.c compares the decoder with the sentences of the RFC. This file compares it with a
 * plain reader, for bodies in which every byte is replaced by every other. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "chunked.h"
#include "plain_chunks.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct outcome {
    enum sx__chunked_result result;
    size_t size; /* bytes that were decoded */
    char body[100];
    size_t body_size;
};

/* Returns the end of readable pages that are followed by an unreadable page. */
static char *guarded_end(size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t pages = (size + page - 1) / page + 1;
    char *memory =
        mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + (pages - 1) * page, page, PROT_NONE), 0);
    return memory + (pages - 1) * page;
}

static struct outcome decode(struct sx_str bytes, uint64_t limit, size_t piece)
{
    struct outcome outcome = {.result = SX__CHUNKED_MORE};
    struct sx__chunked chunked;
    sx__chunked_init(&chunked, limit);
    while (outcome.size < bytes.size && outcome.result == SX__CHUNKED_MORE) {
        const size_t left = bytes.size - outcome.size;
        struct sx_str rest = {bytes.data + outcome.size, piece < left ? piece : left};
        do {
            struct sx_str data;
            outcome.result = sx__chunked_read(&chunked, &rest, &data);
            if (outcome.result == SX__CHUNKED_DATA) {
                assert_true(outcome.body_size + data.size <= sizeof outcome.body);
                memcpy(outcome.body + outcome.body_size, data.data, data.size);
                outcome.body_size += data.size;
            }
        } while (outcome.result == SX__CHUNKED_DATA);
        outcome.size = (size_t)(rest.data - bytes.data);
    }
    return outcome;
}

/* Decodes at once and byte by byte. Reading past the end crashes. */
static struct outcome decode_text(struct sx_str text, uint64_t limit)
{
    static char *end;
    end = end == NULL ? guarded_end(100000) : end;
    char *begin = end - text.size;
    memcpy(begin, text.data, text.size);
    const struct sx_str bytes = {begin, text.size};
    const struct outcome whole = decode(bytes, limit, text.size);
    const struct outcome pieces = decode(bytes, limit, 1);
    assert_int_equal(whole.result, pieces.result);
    assert_int_equal(whole.size, pieces.size);
    assert_int_equal(whole.body_size, pieces.body_size);
    assert_memory_equal(whole.body, pieces.body, whole.body_size);
    return whole;
}

static void assert_outcome(const char *text, uint64_t limit, enum sx__chunked_result result,
                           size_t size, const char *body)
{
    const struct outcome outcome = decode_text((struct sx_str){text, strlen(text)}, limit);
    if (outcome.result != result || outcome.size != size || outcome.body_size != strlen(body) ||
        memcmp(outcome.body, body, outcome.body_size) != 0) {
        fail_msg("%s\n: %d after %zu bytes with [%.*s]", text, (int)outcome.result, outcome.size,
                 (int)outcome.body_size, outcome.body);
    }
}

/* RFC 9112 7.1: chunked-body = *chunk last-chunk trailer-section CRLF */
static void a_body_ends_after_its_last_line(void **state)
{
    (void)state;
    assert_outcome("0\r\n\r\nGET", 9, SX__CHUNKED_DONE, 5, "");
    assert_outcome("3\r\nabc\r\n2;x\r\nde\r\n00\r\nX: y\r\n\r\nGET", 9, SX__CHUNKED_DONE, 29,
                   "abcde");
    assert_outcome("3\r\nabc\r\n0\r\n\r", 9, SX__CHUNKED_MORE, 12, "abc");
    assert_outcome("3\r\nab", 9, SX__CHUNKED_MORE, 5, "ab");
    assert_outcome("", 9, SX__CHUNKED_MORE, 0, "");
}

/* An error is reported at the first byte that shows it. */
static void a_wrong_byte_is_rejected_at_its_position(void **state)
{
    (void)state;
    assert_outcome("x\r\n", 9, SX__CHUNKED_BAD, 1, "");
    assert_outcome("3\n", 9, SX__CHUNKED_BAD, 2, "");
    assert_outcome("3 \r\n", 9, SX__CHUNKED_BAD, 3, "");
    assert_outcome("3\r\nabcd", 9, SX__CHUNKED_BAD, 7, "abc");
    assert_outcome("0\r\n y", 9, SX__CHUNKED_BAD, 4, "");
    assert_outcome("0\r\nTransfer-Encoding:", 9, SX__CHUNKED_BAD_TRAILER, 21, "");
    assert_outcome("0\r\nX: y\r\ncontent-length: 3", 9, SX__CHUNKED_BAD_TRAILER, 24, "");
}

/* RFC 9112 7.1: "recipients MUST anticipate potentially large hexadecimal numerals and prevent
 * parsing errors due to integer conversion overflows". */
static void sizes_have_64_bits(void **state)
{
    (void)state;
    assert_outcome("ffffffffffffffff\r\na", UINT64_MAX, SX__CHUNKED_MORE, 19, "a");
    assert_outcome("fFfFfFfFfFfFfFfF\r\na", 9, SX__CHUNKED_TOO_LARGE, 18, "");
    assert_outcome("10000000000000000\r\na", UINT64_MAX, SX__CHUNKED_BAD, 17, "");
    assert_outcome("0000000000000000000000001\r\na", 1, SX__CHUNKED_MORE, 28, "a");
}

static void sizes_are_summed_up_against_the_limit(void **state)
{
    (void)state;
    assert_outcome("5\r\nabcde\r\n4\r\nfghi\r\n0\r\n\r\n", 9, SX__CHUNKED_DONE, 24, "abcdefghi");
    assert_outcome("5\r\nabcde\r\n5\r\nfghij", 9, SX__CHUNKED_TOO_LARGE, 13, "abcde");
    assert_outcome("1\r\na", 0, SX__CHUNKED_TOO_LARGE, 3, "");
    assert_outcome("0\r\n\r\n", 0, SX__CHUNKED_DONE, 5, "");
}

/* RFC 9112 7.1.1: "A server ought to limit the total length of chunk extensions received in a
 * request to an amount reasonable for the services provided". */
static void framing_has_a_limit_that_grows_with_the_data(void **state)
{
    (void)state;
    static char text[40000];
    static const char *const beginnings[] = {"1;", "", "0\r\nX: ", "1;a=\"", "1 "};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        memset(text, i == 4 ? ' ' : '0', sizeof text);
        memcpy(text, beginnings[i], strlen(beginnings[i]));
        const struct outcome outcome = decode_text((struct sx_str){text, sizeof text}, UINT64_MAX);
        assert_int_equal(outcome.result, SX__CHUNKED_FRAMING_TOO_LARGE);
        assert_int_equal(outcome.size, SX__CHUNKED_FRAMING_BYTES + 1);
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "A\r\n0123456789\r\n1;", 17);
    const struct outcome outcome = decode_text((struct sx_str){text, sizeof text}, UINT64_MAX);
    assert_int_equal(outcome.result, SX__CHUNKED_FRAMING_TOO_LARGE);
    assert_int_equal(outcome.size,
                     10 + SX__CHUNKED_FRAMING_BYTES + 10 * SX__CHUNKED_FRAMING_FACTOR + 1);
}

/* ---- compared with the plain reader ---- */

static const char *const bodies[] = {
    "3\r\nabc\r\n0\r\n\r\n",
    "3;a=b;c=\"d\\\"e\" ; f = g\r\nabc\r\n0;h\r\n\r\n",
    "a\r\n0123456789\r\n01\r\nx\r\n00\r\nX-Name: a value\r\nY:\r\n\r\n",
    "0\r\nContent-Length: 3\r\nTransfer-Encoding: a\r\n\r\n",
};

static unsigned check_plain(const char *bytes, size_t size)
{
    char body[100];
    const struct outcome ours = decode((struct sx_str){bytes, size}, UINT64_MAX, size);
    const struct plain_chunks plain = plain_read_chunks(bytes, size, body, sizeof body);
    const bool is_same = ours.result == SX__CHUNKED_DONE
                             ? plain.verdict == PLAIN_GOOD && plain.size == ours.size &&
                                   plain.body_size == ours.body_size &&
                                   memcmp(body, ours.body, plain.body_size) == 0
                         : ours.result == SX__CHUNKED_MORE ? plain.verdict == PLAIN_MORE
                                                           : plain.verdict != PLAIN_GOOD;
    if (!is_same) {
        fail_msg("%.*s\n: %d, plainly %d", (int)size, bytes, (int)ours.result, (int)plain.verdict);
    }
    return ours.result == SX__CHUNKED_DONE ? 1 : 0;
}

/* Replaces up to `cut` bytes of the body by `size` others. */
static unsigned check_with(const char *body, size_t at, size_t cut, const char *bytes, size_t size)
{
    char text[256];
    const size_t body_size = strlen(body);
    const size_t rest = at + cut < body_size ? at + cut : body_size;
    memcpy(text, body, at);
    memcpy(text + at, bytes, size);
    memcpy(text + at + size, body + rest, body_size - rest);
    return check_plain(text, at + size + body_size - rest);
}

static void it_accepts_exactly_what_the_plain_reader_accepts(void **state)
{
    (void)state;
    unsigned good = 0;
    unsigned all = 0;
    static const char marks[] = "\r\n\t :;=\"\\a0,\0\x7f\x80";
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        for (size_t at = 0; at < strlen(bodies[i]); at++) {
            for (int byte = 0; byte < 256; byte++, all += 2) {
                good += check_with(bodies[i], at, 1, (char[]){(char)byte}, 1);
                good += check_with(bodies[i], at, 0, (char[]){(char)byte}, 1);
            }
            for (size_t pair = 0; pair < sizeof marks * sizeof marks; pair++, all++) {
                const char both[] = {marks[pair / sizeof marks], marks[pair % sizeof marks]};
                good += check_with(bodies[i], at, 2, both, 2);
            }
        }
    }
    assert_true(good > 10000 && all - good > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_ends_after_its_last_line),
        cmocka_unit_test(a_wrong_byte_is_rejected_at_its_position),
        cmocka_unit_test(sizes_have_64_bits),
        cmocka_unit_test(sizes_are_summed_up_against_the_limit),
        cmocka_unit_test(framing_has_a_limit_that_grows_with_the_data),
        cmocka_unit_test(it_accepts_exactly_what_the_plain_reader_accepts),
    };
    return cmocka_run_group_tests_name("chunked", tests, NULL, NULL);
}
