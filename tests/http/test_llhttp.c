/* The two builds of llhttp, with SSE4.2 and without, must give the same results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <llhttp.h>
#include <stdio.h>
#include <string.h>

#ifdef SX_LLHTTP_SSE42

typedef int execute_fn(llhttp__internal_t *state, const char *begin, const char *end);
execute_fn sx__sse42_llhttp__internal_execute;
execute_fn llhttp__internal_execute;

struct outcome {
    int error;
    ptrdiff_t error_offset;
    unsigned flags;
    uint64_t content_length;
    ptrdiff_t url_size, values_size; /* in total */
};

static int count_url(llhttp_t *parser, const char *at, size_t size)
{
    (void)at;
    ((struct outcome *)parser->data)->url_size += (ptrdiff_t)size;
    return 0;
}

static int count_value(llhttp_t *parser, const char *at, size_t size)
{
    (void)at;
    ((struct outcome *)parser->data)->values_size += (ptrdiff_t)size;
    return 0;
}

static struct outcome run(execute_fn *execute, const char *text, size_t size)
{
    static const llhttp_settings_t settings = {.on_url = count_url, .on_header_value = count_value};
    struct outcome outcome = {0};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &outcome;
    outcome.error = execute(&parser, text, text + size);
    outcome.error_offset = outcome.error == 0 ? 0 : parser.error_pos - text;
    outcome.flags = parser.flags;
    outcome.content_length = parser.content_length;
    return outcome;
}

static void assert_same(const char *text, size_t size)
{
    const struct outcome with = run(sx__sse42_llhttp__internal_execute, text, size);
    const struct outcome without = run(llhttp__internal_execute, text, size);
    assert_int_equal(with.error, without.error);
    assert_int_equal(with.error_offset, without.error_offset);
    assert_int_equal(with.flags, without.flags);
    assert_int_equal(with.content_length, without.content_length);
    assert_int_equal(with.url_size, without.url_size);
    assert_int_equal(with.values_size, without.values_size);
}

/* Each byte at each position, so that it is at each position of a 16-byte block. */
static void each_byte_is_read_the_same(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("sse4.2")) {
        skip();
    }
    static const char request[] = "GET /0123456789012345678901234567890123456789 HTTP/1.1\r\n"
                                  "Content-Length: 17\r\n"
                                  "X: 0123456789012345678901234567890123456789\r\n"
                                  "Connection: close, 0123456789, 0123456789, keep-alive\r\n"
                                  "\r\n";
    const size_t size = sizeof request - 1;
    assert_int_equal(run(llhttp__internal_execute, request, size).error, HPE_OK);
    for (size_t at = 0; at < size; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof request];
            memcpy(text, request, sizeof text);
            text[at] = (char)byte;
            assert_same(text, size);
        }
    }
}

static void any_split_is_read_the_same(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("sse4.2")) {
        skip();
    }
    char text[256];
    for (size_t size = 0; size < 100; size++) {
        const int head =
            snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nX: %0*d\r\nY: ", (int)size + 1, 7,
                     (int)size + 1, 7);
        for (int end = 0; end <= head; end++) {
            assert_same(text, (size_t)end);
        }
    }
}

#else

static void each_byte_is_read_the_same(void **state)
{
    (void)state;
    skip(); /* there is one build only */
}

#define any_split_is_read_the_same each_byte_is_read_the_same

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_is_read_the_same),
        cmocka_unit_test(any_split_is_read_the_same),
    };
    return cmocka_run_group_tests_name("llhttp", tests, NULL, NULL);
}
