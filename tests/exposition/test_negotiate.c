/* The Accept header of a scraper selects the format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "negotiate.h"

#include <string.h>

/* Some of the formats; which one is chosen does not depend on what they are. */
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
        size_t chosen = (size_t)(sx__negotiate(offers, 3, view(cases[i].accept), NULL) - offers);
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
        assert_ptr_equal(sx__negotiate(offers, 1, (struct sx_str){copy, size}, NULL), offers);
    }
}

/* What scrapers really send. */
#define ACCEPT_2_42                                                                            \
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=" \
    "0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
#define ACCEPT_2_42_NATIVE                                                                     \
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="        \
    "delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;" \
    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
#define ACCEPT_3                                                                          \
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"              \
    "application/openmetrics-text;version=0.0.1;q=0.5,"                                   \
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3," \
    "*/*;q=0.2"
#define ACCEPT_3_NATIVE                                                                         \
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"                  \
    "encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;" \
    "q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"                                   \
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"       \
    "*/*;q=0.1"
#define ACCEPT_VICTORIA_METRICS "text/plain;version=0.0.4;q=1,*/*;q=0.1"
#define ACCEPT_CURL "*/*"

#define TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_TEXT_1 "text/plain; version=1.0.0; charset=utf-8"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TYPE_PROTOBUF                                                            \
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; " \
    "encoding=delimited"

static void test_each_scraper_gets_the_format_that_it_prefers(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum sx_format format;
        enum sx_escaping escaping;
        const char *content_type;
    } cases[] = {
        {ACCEPT_2_42, SX_FORMAT_OPENMETRICS, SX_ESCAPING_DEFAULT, TYPE_OPENMETRICS},
        {ACCEPT_2_42_NATIVE, SX_FORMAT_PROTOBUF, SX_ESCAPING_DEFAULT, TYPE_PROTOBUF},
        {ACCEPT_3, SX_FORMAT_OPENMETRICS, SX_ESCAPING_ALLOW_UTF_8,
         TYPE_OPENMETRICS "; escaping=allow-utf-8"},
        {ACCEPT_3_NATIVE, SX_FORMAT_PROTOBUF, SX_ESCAPING_DEFAULT, TYPE_PROTOBUF},
        {ACCEPT_VICTORIA_METRICS, SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT, TYPE_TEXT},
        {ACCEPT_CURL, SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT, TYPE_TEXT},
        {"", SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT, TYPE_TEXT},
        /* one format, and each scheme */
        {"text/plain;version=1.0.0", SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_DEFAULT, TYPE_TEXT_1},
        {"text/plain;version=1.0.0;escaping=underscores", SX_FORMAT_TEXT_1_0_0,
         SX_ESCAPING_UNDERSCORES, TYPE_TEXT_1 "; escaping=underscores"},
        {"text/plain; version=1.0.0; escaping=\"dots\"", SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_DOTS,
         TYPE_TEXT_1 "; escaping=dots"},
        {"application/openmetrics-text;escaping=Values;q=0.9", SX_FORMAT_OPENMETRICS,
         SX_ESCAPING_VALUES, TYPE_OPENMETRICS "; escaping=values"},
        {"application/vnd.google.protobuf;escaping=allow-utf-8", SX_FORMAT_PROTOBUF,
         SX_ESCAPING_ALLOW_UTF_8, TYPE_PROTOBUF "; escaping=allow-utf-8"},
        {"text/plain;escaping=dots", SX_FORMAT_TEXT, SX_ESCAPING_DOTS, TYPE_TEXT},
        /* the scheme of another range does not count, nor does an unknown one */
        {"application/openmetrics-text;escaping=values;q=0.1,text/plain;version=1.0.0",
         SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_DEFAULT, TYPE_TEXT_1},
        {"text/plain;version=1.0.0;escaping=rot13", SX_FORMAT_TEXT_1_0_0, SX_ESCAPING_DEFAULT,
         TYPE_TEXT_1},
        {"image/png;escaping=values", SX_FORMAT_TEXT, SX_ESCAPING_DEFAULT, TYPE_TEXT},
        /* a version that cannot be written */
        {"application/openmetrics-text;version=2.0.0,text/plain;q=0.1", SX_FORMAT_TEXT,
         SX_ESCAPING_DEFAULT, TYPE_TEXT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sx_page_options options = {.escaping = SX_ESCAPING_VALUES, .name_count = 1};
        sx_page_negotiate(&options, view(cases[i].accept));
        if (options.format != cases[i].format || options.escaping != cases[i].escaping) {
            print_error("%s\n", cases[i].accept);
        }
        assert_int_equal(options.format, cases[i].format);
        assert_int_equal(options.escaping, cases[i].escaping);
        assert_int_equal(options.name_count, 1);
        assert_string_equal(sx_page_content_type(&options), cases[i].content_type);
        assert_int_equal(sx_format_negotiate(view(cases[i].accept)), cases[i].format);
    }
    sx_page_negotiate(NULL, view("*/*"));
}

static void test_a_format_has_a_content_type(void **state)
{
    (void)state;
    assert_string_equal(sx_format_content_type(SX_FORMAT_TEXT), TYPE_TEXT);
    assert_string_equal(sx_format_content_type(SX_FORMAT_TEXT_1_0_0), TYPE_TEXT_1);
    assert_string_equal(sx_format_content_type(SX_FORMAT_OPENMETRICS), TYPE_OPENMETRICS);
    assert_string_equal(sx_format_content_type(SX_FORMAT_PROTOBUF), TYPE_PROTOBUF);
    assert_string_equal(sx_format_content_type((enum sx_format)99), TYPE_TEXT);
    assert_string_equal(sx_page_content_type(NULL), TYPE_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_header_decides_between_formats),
        cmocka_unit_test(test_every_beginning_of_a_header_is_read_within_its_bounds),
        cmocka_unit_test(test_each_scraper_gets_the_format_that_it_prefers),
        cmocka_unit_test(test_a_format_has_a_content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
