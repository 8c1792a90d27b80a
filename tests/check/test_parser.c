/* The parser reads both text formats, from pieces of any size, and explains what it cannot read. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check_cases.h"
#include "failing_allocation.h"
#include "parsed_text.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct sx_parser_options text = {.format = SX_FORMAT_TEXT};
static const struct sx_parser_options text_utf8 = {.format = SX_FORMAT_TEXT_1_0_0};
static const struct sx_parser_options openmetrics = {.format = SX_FORMAT_OPENMETRICS};
static const struct sx_parser_options openmetrics_utf8 = {.format = SX_FORMAT_OPENMETRICS,
                                                          .utf8_names = true};

/* Reads a page in pieces, and writes each line that is returned; a wrong one as `NUMBER FAULT`. */
static void parse(struct parsed_text *out, const struct sx_parser_options *options,
                  struct sx_str page, size_t piece_size)
{
    struct sx_parser *parser = sx_parser_new(options);
    assert_non_null(parser);
    struct sx_parsed_line line;
    for (size_t at = 0;; at += piece_size) {
        size_t left = page.size - (at < page.size ? at : page.size);
        struct sx_str piece = {page.data + (page.size - left),
                               left < piece_size ? left : piece_size};
        int status;
        while ((status = sx_parser_next(parser, &line, &piece, left == 0)) != 0) {
            if (status == SX_EPROTO) {
                char fault[64];
                assert_true(strlen(line.wrong) > 10);
                snprintf(fault, sizeof fault, "%zu fault %d", line.number, (int)line.fault);
                put_text(out, fault);
            } else {
                assert_int_equal(status, 1);
                assert_null(line.wrong);
                put_parsed_line(out, &line);
            }
            put_text(out, "\n");
        }
        assert_int_equal(piece.size, 0);
        if (left == 0) {
            break;
        }
    }
    sx_parser_destroy(parser);
}

static char buffers[2][1 << 16];

static const char *read_page(const struct sx_parser_options *options, const char *page, size_t size)
{
    struct parsed_text out = {buffers[0], 0, sizeof buffers[0]};
    buffers[0][0] = '\0';
    parse(&out, options, (struct sx_str){page, size}, size + 1);
    return buffers[0];
}

#define READ(options, page) read_page(&(options), page, sizeof(page) - 1)

static void test_text_is_read_as_lax_as_it_is_defined(void **state)
{
    (void)state;
    assert_string_equal(
        READ(text, "# HELP g  two  words \n#\tTYPE  g gauge\t\n\n  \t\n# a comment\n# UNIT g x\n"
                   "# EOF\n g\t{ a = \"1\" , b=\"\\\"}\\n\" ,}\t-0.5e-3\t 12 \ng{} 2\n{} 3\n"),
        "# HELP g two  words \n# TYPE g gauge\ng{a=\"1\",b=\"\\\"}\\n\"} -0.5e-3 12\ng 2\n"
        "10 fault 7\n");
}

static void test_openmetrics_is_read_with_all_its_lines(void **state)
{
    (void)state;
    static const char page[] =
        "# TYPE foo_seconds histogram\n# UNIT foo_seconds seconds\n# HELP foo_seconds \n"
        "foo_seconds_bucket{le=\"0.1\"} 8 # {} 0.054\n"
        "foo_seconds_bucket{le=\"+Inf\"} 17 # {trace_id=\"oHg5SJYRHA0\",a=\"\"} 9.8 "
        "1520879607.789\nfoo_seconds_count 17 1520879608.5\nfoo_seconds_sum -NaN\nx{a=\"\\q\"} "
        "nan 5 # {b=\"c\"} 1\n# EOF\n";
    assert_string_equal(READ(openmetrics, page),
                        "# TYPE foo_seconds histogram\n# UNIT foo_seconds seconds\n"
                        "# HELP foo_seconds \nfoo_seconds_bucket{le=\"0.1\"} 8 # {} 0.054\n"
                        "foo_seconds_bucket{le=\"+Inf\"} 17 # {trace_id=\"oHg5SJYRHA0\",a=\"\"} "
                        "9.8 1520879607.789\nfoo_seconds_count 17 1520879608.5\n7 fault 11\n"
                        "x{a=\"\\q\"} nan 5 # {b=\"c\"} 1\n# EOF\n");
}

static void test_quoted_names_are_read_if_they_are_allowed(void **state)
{
    (void)state;
    static const char page[] =
        "# TYPE \"my.metric\" gauge\n{\"my.metric\",\"a b\"=\"1\",c=\"2\"} 1\n{\"\xC3\xA4\"} 2\n"
        "plain{\"x y\"=\"1\"} 3\n";
    static const char written[] =
        "# TYPE \"my.metric\" gauge\n{\"my.metric\",\"a b\"=\"1\",c=\"2\"} 1\n{\"\xC3\xA4\"} 2\n"
        "plain{\"x y\"=\"1\"} 3\n";
    assert_string_equal(READ(text_utf8, page), written);
    assert_string_equal(READ(text_utf8, "{ \"m\" , a=\"1\" , } 1\n{\"b\"=\"1\"} 1\n{\"\"} 1\n"
                                        "m{\"n\"} 1\n{a=\"1\",\"m\"} 1\n{\"m} 1\n"),
                        "m{a=\"1\"} 1\n2 fault 7\n3 fault 9\n4 fault 9\n5 fault 9\n6 fault 9\n");
    assert_string_equal(READ(openmetrics_utf8, "{\"my.metric\",a=\"1\"} 1\n# EOF\n"),
                        "{\"my.metric\",a=\"1\"} 1\n# EOF\n");
    assert_string_equal(READ(text, page), "1 fault 7\n2 fault 7\n3 fault 7\n4 fault 9\n");
    assert_string_equal(READ(openmetrics, "{\"my.metric\"} 1\n# EOF\n"), "1 fault 7\n# EOF\n");
}

/* The faults are those of enum sx_parsed_fault. */
static void test_each_fault_has_its_line_and_kind(void **state)
{
    (void)state;
    static const struct {
        const char *page, *read;
    } cases[] = {
        {"a 1\n\xFF 2\n# EOF\n", "a 1\n2 fault 1\n# EOF\n"},
        {"a 1\r\n# HELP a b\r\n# EOF\n", "1 fault 3\n2 fault 3\n# EOF\n"},
        {"a  1\n# EOF\n", "1 fault 4\n# EOF\n"},
        {" a 1\n# EOF\n", "1 fault 7\n# EOF\n"},
        {"a 1 \n# EOF\n", "1 fault 4\n# EOF\n"},
        {"\n# EOF\n", "1 fault 4\n# EOF\n"},
        {"a{b=\"c\"}1\n# EOF\n", "1 fault 4\n# EOF\n"},
        {"# HELP a\n# EOF\n", "1 fault 4\n# EOF\n"},
        {"# a comment\n#EOF\n# EOF \n# EOF\n", "1 fault 5\n2 fault 5\n3 fault 5\n# EOF\n"},
        {"#\tTYPE a gauge\n# type a gauge\n# EOF\n", "1 fault 5\n2 fault 5\n# EOF\n"},
        {"a 1\n", "a 1\n1 fault 6\n"},
        {"a 1", "1 fault 6\n"},
        {"", "1 fault 6\n"},
        {"# EOF\na 1\nb 1\n", "# EOF\n2 fault 6\n"},
        {"# EOF\n\n", "# EOF\n2 fault 6\n"},
        {"# EOF", "# EOF\n"},
        {"a-b 1\n# TYPE a-b gauge\n# EOF\n", "1 fault 7\n2 fault 7\n# EOF\n"},
        {"# TYPE a untyped\n# TYPE a gauge \n# EOF\n", "1 fault 8\n2 fault 8\n# EOF\n"},
        {"a{b=\"1\",} 1\na{,} 1\na{b=1} 1\na{b} 1\na{b=\"1 1\na{ b=\"1\"} 1\n# EOF\n",
         "1 fault 9\n2 fault 9\n3 fault 9\n4 fault 9\n5 fault 9\n6 fault 9\n# EOF\n"},
        {"a{b:c=\"1\"} 1\na{1=\"1\"} 1\n# EOF\n", "1 fault 10\n2 fault 10\n# EOF\n"},
        {"a x\na 0x1\na 1_0\na 1e309\na +nan\na\n# EOF\n",
         "1 fault 11\n2 fault 11\n3 fault 11\n4 fault 11\n5 fault 11\n6 fault 11\n# EOF\n"},
        {"a 1 x\na 1 NaN\na 1 +Inf\na 1 1 1\n# EOF\n",
         "1 fault 12\n2 fault 12\n3 fault 12\n4 fault 12\n# EOF\n"},
        {"a 1 # 1\na 1 # {} x\na 1 # {} \na 1 # {}\na 1 # {} 1 # {} 1\na 1 # {b} 1\na 1 # {} 1 2 "
         "3\n# EOF\n",
         "1 fault 13\n2 fault 13\n3 fault 13\n4 fault 13\n5 fault 12\n6 fault 13\n7 fault 13\n"
         "# EOF\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *read = read_page(&openmetrics, cases[i].page, strlen(cases[i].page));
        assert_string_equal(read, cases[i].read);
    }
    assert_string_equal(READ(text, "a 1"), "1 fault 3\n");
    assert_string_equal(READ(text, "a 1\n#"), "a 1\n2 fault 3\n");
    assert_string_equal(READ(text, ""), "");
    assert_string_equal(READ(text, "# TYPE a info\na 1 # {} 1\na 1 1.5\n# HELP a x\r\na 1\r\n"),
                        "1 fault 8\n2 fault 12\n3 fault 12\n# HELP a x\r\n5 fault 3\n");
}

/* Every page of the checker's table, in both formats, gives the same in pieces. */
static void test_the_size_of_the_pieces_does_not_matter(void **state)
{
    (void)state;
    const struct sx_parser_options *const options[] = {&text, &text_utf8, &openmetrics,
                                                       &openmetrics_utf8};
    for (size_t i = 0; i < CHECK_CASES; i++) {
        const struct sx_str page = {check_cases[i].page, check_cases[i].size};
        for (size_t o = 0; o < 4; o++) {
            read_page(options[o], page.data, page.size);
            for (size_t piece = 1; piece < 9; piece += piece < 3 ? 1 : 4) {
                struct parsed_text out = {buffers[1], 0, sizeof buffers[1]};
                buffers[1][0] = '\0';
                parse(&out, options[o], page, piece);
                assert_string_equal(buffers[1], buffers[0]);
            }
        }
    }
}

static void test_no_byte_outside_of_a_line_is_read(void **state)
{
    (void)state;
    size_t unit = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + unit, unit, PROT_NONE), 0);
    for (size_t i = 0; i < CHECK_CASES; i++) {
        for (size_t size = 0; size <= check_cases[i].size; size++) {
            char *page = memory + unit - size;
            memcpy(page, check_cases[i].page, size);
            read_page(&text_utf8, page, size);
            read_page(&openmetrics_utf8, page, size);
        }
    }
    munmap(memory, 2 * unit);
}

static void test_lines_and_labels_have_limits(void **state)
{
    (void)state;
    const struct sx_parser_options options = {.line_max = 12, .labels_max = 2};
    static const char page[] = "abcdefghij 1\nabcdefghijk 1\n# a long comment\na{b=\"\"} 2\n"
                               "# HELP a bcd\nabcdefghijk 3";
    static const char read[] =
        "abcdefghij 1\n2 fault 2\n3 fault 2\na{b=\"\"} 2\n# HELP a bcd\n6 fault 2\n";
    for (size_t piece = 1; piece < sizeof page; piece++) {
        struct parsed_text out = {buffers[1], 0, sizeof buffers[1]};
        parse(&out, &options, (struct sx_str){page, sizeof page - 1}, piece);
        assert_string_equal(buffers[1], read);
    }
    const struct sx_parser_options labels = {.labels_max = 2};
    assert_string_equal(READ(labels, "a{b=\"\",c=\"\"} 1\na{b=\"\",c=\"\",d=\"\"} 1\n"),
                        "a{b=\"\",c=\"\"} 1\n2 fault 2\n");
    char *long_line = malloc(SX_PARSER_LINE_MAX + 2);
    assert_non_null(long_line);
    memset(long_line, ' ', SX_PARSER_LINE_MAX + 1);
    long_line[SX_PARSER_LINE_MAX] = '\n';
    assert_string_equal(read_page(&text, long_line, SX_PARSER_LINE_MAX + 1), "");
    long_line[SX_PARSER_LINE_MAX] = ' ';
    long_line[SX_PARSER_LINE_MAX + 1] = '\n';
    assert_string_equal(read_page(&text, long_line, SX_PARSER_LINE_MAX + 2), "1 fault 2\n");
    free(long_line);
}

static double parse_value(const char *number)
{
    char page[1024];
    struct sx_parser *parser = sx_parser_new(NULL);
    struct sx_parsed_line line;
    int size = snprintf(page, sizeof page, "a %s\n", number);
    struct sx_str rest = {page, (size_t)size};
    assert_int_equal(sx_parser_next(parser, &line, &rest, true), 1);
    assert_int_equal(line.value.text.size, strlen(number));
    sx_parser_destroy(parser);
    return line.value.value;
}

static void expect_double(const char *number, double value)
{
    double found = parse_value(number);
    if (memcmp(&found, &value, sizeof value) != 0 && !(isnan(found) && isnan(value))) {
        fail_msg("%s is read as %.17g, not %.17g", number, found, value);
    }
}

/* splitmix64, from a fixed seed */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* strtod is the reference. It rounds correctly, and the tests run in the C locale. */
static void test_values_are_the_nearest_doubles(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "-0.0",
                                          "1",
                                          "+1",
                                          ".5",
                                          "5.",
                                          "00012.50",
                                          "1e22",
                                          "1e23",
                                          "1e-22",
                                          "1e-23",
                                          "9007199254740992",
                                          "9007199254740993",
                                          "9007199254740993e1",
                                          "123456789012345678",
                                          "1234567890123456789",
                                          "0.1",
                                          "0.30000000000000004",
                                          "4.9e-324",
                                          "2.4e-324",
                                          "2.2250738585072014e-308",
                                          "1.7976931348623157e308",
                                          "1e-400",
                                          "-1e-400",
                                          "1E5",
                                          "1e+05",
                                          "1e00000000000005",
                                          "3.14159265358979323846264338327950288419716939937510",
                                          "0.000000000000000000000000000000001",
                                          "1000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        expect_double(numbers[i], strtod(numbers[i], NULL));
    }
    expect_double("+Inf", INFINITY);
    expect_double("-inf", -INFINITY);
    expect_double("NaN", NAN);
    uint64_t random = 18;
    for (int i = 0; i < 20000; i++) {
        char number[64];
        uint64_t bits = next_random(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            snprintf(number, sizeof number, "%.*g", (int)(bits % 17) + 1, value);
            if (isfinite(strtod(number, NULL))) {
                expect_double(number, strtod(number, NULL));
            }
        }
        snprintf(number, sizeof number, "%.*f", (int)(bits % 9), (double)(bits >> 20) / 1e4);
        expect_double(number, strtod(number, NULL));
    }
}

static void test_timestamps_are_seconds(void **state)
{
    (void)state;
    static const struct {
        const struct sx_parser_options *options;
        const char *page;
        double seconds;
    } cases[] = {
        {&text, "a 1 1395066363500\n", 1395066363.5},
        {&text, "a 1 -3982045\n", -3982.045},
        {&text, "a 1 -9223372036854775808\n", -9223372036854775.808},
        {&text, "a 1 9223372036854775807\n", 9223372036854775.807},
        {&openmetrics, "a 1 1520879607.789\n", 1520879607.789},
        {&openmetrics, "a 1 -5e-1\n", -.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sx_parser *parser = sx_parser_new(cases[i].options);
        struct sx_parsed_line line;
        struct sx_str rest = {cases[i].page, strlen(cases[i].page)};
        assert_int_equal(sx_parser_next(parser, &line, &rest, false), 1);
        assert_true(line.timestamp.value == cases[i].seconds);
        sx_parser_destroy(parser);
    }
    assert_string_equal(READ(text, "a 1 9223372036854775808\na 1 -9223372036854775809\na 1 -\n"),
                        "1 fault 12\n2 fault 12\n3 fault 12\n");
}

static void expect_unescaped(size_t (*unescape)(char *, struct sx_str), const char *escaped,
                             const char *expected)
{
    char bytes[64];
    size_t size = strlen(escaped);
    assert_true(size < sizeof bytes);
    memcpy(bytes, escaped, size);
    size = unescape(bytes, (struct sx_str){bytes, size}); /* in its own place */
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(bytes, expected, size);
}

static void test_escapes_are_replaced_on_request(void **state)
{
    (void)state;
    expect_unescaped(sx_parsed_unescape, "a\\\\n\\n\\\"\\t\\", "a\\n\n\"\\t\\");
    expect_unescaped(sx_parsed_unescape_help, "a\\\\n\\n\\\"\\t\\", "a\\n\n\\\"\\t\\");
    expect_unescaped(sx_parsed_unescape, "", "");
}

static void test_it_allocates_nothing_once_it_has_seen_the_longest_line(void **state)
{
    (void)state;
    static const char longest[] = "a{b=\"1\",c=\"2\",d=\"3\"} 1 # {e=\"5\"} 1 2\n";
    struct sx_parser *parser = sx_parser_new(&openmetrics);
    struct sx_parsed_line line;
    for (int i = 0; i < 1000; i++) {
        if (i == 1) {
            fail_all_allocations(0);
        }
        for (size_t at = 0; at < sizeof longest - 1; at += 7) {
            size_t left = sizeof longest - 1 - at;
            struct sx_str piece = {longest + at, left < 7 ? left : 7};
            int status = sx_parser_next(parser, &line, &piece, false);
            assert_int_equal(status, left <= 7);
        }
    }
    end_failing_allocations();
    sx_parser_destroy(parser);
}

static void test_exhausted_memory_is_reported(void **state)
{
    (void)state;
    struct sx_parsed_line line;
    fail_all_allocations(0);
    assert_null(sx_parser_new(NULL));
    end_failing_allocations();
    struct sx_parser *parser = sx_parser_new(NULL);
    struct sx_str piece = {"a{b=\"", 5}, rest = {"c\"} 1\n", 6};
    fail_all_allocations(0);
    assert_int_equal(sx_parser_next(parser, &line, &piece, false), SX_ENOMEM);
    end_failing_allocations();
    assert_int_equal(sx_parser_next(parser, &line, &piece, false), 0);
    fail_all_allocations(0);
    assert_int_equal(sx_parser_next(parser, &line, &rest, false), SX_ENOMEM);
    end_failing_allocations();
    sx_parser_destroy(parser);
}

static void test_a_parser_reads_page_after_page(void **state)
{
    (void)state;
    struct sx_parser *parser = sx_parser_new(&openmetrics);
    struct sx_parsed_line line;
    struct sx_str first = {"a 1\n# EOF\nmore", 14}, second = {"# EOF", 5};
    while (sx_parser_next(parser, &line, &first, false) == 1) {
    }
    sx_parser_reset(parser);
    assert_int_equal(sx_parser_next(parser, &line, &second, true), 1);
    assert_int_equal(line.kind, SX_PARSED_EOF);
    assert_int_equal(line.number, 1);
    assert_int_equal(sx_parser_next(parser, &line, &second, true), 0);
    sx_parser_destroy(parser);
}

static void test_bad_arguments_are_refused(void **state)
{
    (void)state;
    const struct sx_parser_options unknown = {.format = (enum sx_format)99};
    assert_null(sx_parser_new(&unknown));
    struct sx_parser *parser = sx_parser_new(NULL);
    struct sx_parsed_line line;
    struct sx_str none = {NULL, 0}, bad = {NULL, 1};
    assert_int_equal(sx_parser_next(NULL, &line, &none, true), SX_EINVAL);
    assert_int_equal(sx_parser_next(parser, NULL, &none, true), SX_EINVAL);
    assert_int_equal(sx_parser_next(parser, &line, NULL, true), SX_EINVAL);
    assert_int_equal(sx_parser_next(parser, &line, &bad, true), SX_EINVAL);
    assert_int_equal(sx_parser_next(parser, &line, &none, true), 0);
    sx_parser_destroy(parser);
    sx_parser_destroy(NULL);
    assert_string_equal(sx_parsed_type_name(SX_PARSED_GAUGEHISTOGRAM), "gaugehistogram");
    assert_string_equal(sx_parsed_type_name(SX_PARSED_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_read_as_lax_as_it_is_defined),
        cmocka_unit_test(test_openmetrics_is_read_with_all_its_lines),
        cmocka_unit_test(test_quoted_names_are_read_if_they_are_allowed),
        cmocka_unit_test(test_each_fault_has_its_line_and_kind),
        cmocka_unit_test(test_the_size_of_the_pieces_does_not_matter),
        cmocka_unit_test(test_no_byte_outside_of_a_line_is_read),
        cmocka_unit_test(test_lines_and_labels_have_limits),
        cmocka_unit_test(test_values_are_the_nearest_doubles),
        cmocka_unit_test(test_timestamps_are_seconds),
        cmocka_unit_test(test_escapes_are_replaced_on_request),
        cmocka_unit_test(test_it_allocates_nothing_once_it_has_seen_the_longest_line),
        cmocka_unit_test(test_exhausted_memory_is_reported),
        cmocka_unit_test(test_a_parser_reads_page_after_page),
        cmocka_unit_test(test_bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
