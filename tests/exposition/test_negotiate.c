/* The Accept header of a scraper selects the format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "negotiate.h"

#include <string.h>

/* Formats as there will be some day, to have something to choose from. */
#define MEDIA_TYPE(text_)          \
    {                              \
        (text_), sizeof(text_) - 1 \
    }
static const struct sx__offer offers[] = {
    {SX_FORMAT_TEXT, MEDIA_TYPE("text/plain; version=0.0.4")},
    {SX_FORMAT_TEXT, MEDIA_TYPE("application/openmetrics-text; version=1.0.0")},
    {SX_FORMAT_TEXT, MEDIA_TYPE("application/vnd.google.protobuf; "
                                "proto=io.prometheus.client.MetricFamily; encoding=delimited")},
};

enum { TEXT, OPENMETRICS, PROTOBUF };

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void test_the_header_decides_between_formats(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        size_t chosen;
    } cases[] = {
        {"", TEXT},
        {"*/*", TEXT},
        {"text/*", TEXT},
        {"application/*", OPENMETRICS},
        {"TEXT/Plain", TEXT},
        {"application/openmetrics-text", OPENMETRICS},
        {"application/openmetrics-text;version=1.0.0", OPENMETRICS},
        {"application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", OPENMETRICS},
        /* a version that cannot be written */
        {"application/openmetrics-text;version=2.0.0", TEXT},
        {"text/plain;version=1.0.0, application/openmetrics-text;q=0.1", OPENMETRICS},
        /* Prometheus 2.42, without and with native histograms */
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q="
         "0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         OPENMETRICS},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
         "delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;"
         "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         PROTOBUF},
        /* weights, and how they are written */
        {"text/plain;q=0.5,application/openmetrics-text;q=0.500", TEXT},
        {"text/plain;q=0.5,application/openmetrics-text;q=0.501", OPENMETRICS},
        {"text/plain;q=0.5,application/openmetrics-text;Q=0.6", OPENMETRICS},
        {"text/plain ; q=0 , application/openmetrics-text ; q=0.001", OPENMETRICS},
        {"text/plain;q=0.1,application/openmetrics-text;q=1.5", TEXT},
        {"text/plain;q=0.1,application/openmetrics-text;q=", TEXT},
        {"text/plain;q=0.1,application/openmetrics-text;q=0.1234", TEXT},
        {"text/plain;q=0.1,application/openmetrics-text;q=a", TEXT},
        /* RFC 9110 12.5.1: "The most specific reference has precedence." */
        {"*/*,text/plain;q=0.1", OPENMETRICS},
        {"application/*;q=0.9,application/openmetrics-text;q=0.1,text/plain;q=0.5", PROTOBUF},
        {"*/*;q=0.5,application/vnd.google.protobuf;q=0.5", PROTOBUF},
        {"application/openmetrics-text,text/plain", OPENMETRICS},
        {"text/plain,application/openmetrics-text", TEXT},
        /* nothing that there is: the text */
        {"image/png", TEXT},
        {"text/html,application/json;q=0.9", TEXT},
        {"text/plain;q=0", TEXT},
        {"text/plain;q=0,application/*;q=0,*/*;q=0", TEXT},
        /* other things than media ranges */
        {",,;;q=,=\"", TEXT},
        {"\"application/openmetrics-text\"", TEXT},
        {"a/b;c=\",application/openmetrics-text\"", TEXT},
        {"a/b;c=\"\\\",application/openmetrics-text\"", TEXT},
        {"openmetrics-text", TEXT},
        {"*", TEXT},
        {"*/openmetrics-text", TEXT},
        {"application/openmetrics-text/x", TEXT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t chosen = (size_t)(sx__negotiate(offers, 3, view(cases[i].accept)) - offers);
        if (chosen != cases[i].chosen) {
            print_error("%s\n", cases[i].accept);
        }
        assert_int_equal(chosen, cases[i].chosen);
    }
}

static void test_every_beginning_of_a_header_is_read_within_its_bounds(void **state)
{
    (void)state;
    static const char accept[] = "text/plain; version=\"0.0.4\\\"\" ; q=0.5 , */* ;q=0.1";
    char copy[sizeof accept];
    for (size_t size = 0; size < sizeof accept; size++) {
        /* What would be read behind the end asks for something else. */
        memset(copy, '9', sizeof copy);
        memcpy(copy, accept, size);
        assert_ptr_equal(sx__negotiate(offers, 1, (struct sx_str){copy, size}), offers);
    }
}

static void test_any_header_gets_text_while_there_is_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(sx_format_negotiate((struct sx_str){NULL, 0}), SX_FORMAT_TEXT);
    assert_int_equal(sx_format_negotiate(view("application/openmetrics-text")), SX_FORMAT_TEXT);
    assert_int_equal(sx_format_negotiate(view("text/plain;q=0")), SX_FORMAT_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_header_decides_between_formats),
        cmocka_unit_test(test_every_beginning_of_a_header_is_read_within_its_bounds),
        cmocka_unit_test(test_any_header_gets_text_while_there_is_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
