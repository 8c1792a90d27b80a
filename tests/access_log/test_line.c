/* The lines: their formats, and that nothing which a client sends can end one early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"
#include "line_time.h"

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct timespec then = {.tv_sec = 971211336, .tv_nsec = 42999999};

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static struct sx_record a_record(void)
{
    return (struct sx_record){
        .method = view("GET"),
        .target = view("/apache_pb.gif"),
        .method_id = SX_METHOD_GET,
        .status = 200,
        .handler = "images.get_image",
        .client = view("127.0.0.1"),
        .scheme = "http",
        .protocol = "HTTP/1.0",
        .started_ns = 1000000000,
        .ended_ns = 3001500999,
        .request_body_bytes = 7,
        .response_body_bytes = 2326,
    };
}

/* The line as a string without its line feed, of which there is one, at the end. */
static const char *text_of(struct sx__line *line)
{
    assert_true(line->size > 0 && line->size <= SX__LINE_BYTES);
    assert_int_equal(line->bytes[0], '\n');
    char *text = line->bytes + 1;
    assert_ptr_equal(memchr(text, '\n', line->size), text + line->size - 1);
    text[line->size - 1] = '\0';
    assert_int_equal(strlen(text), line->size - 1);
    return text;
}

static const char *common(struct sx__line *line, const struct sx_record *record)
{
    sx__line_format_find("common")->end(line, record, SX_OUTCOME_COMPLETE, &then);
    return text_of(line);
}

static json_t *json(struct sx__line *line, const struct sx_record *record, enum sx_outcome outcome)
{
    json_error_t error;
    sx__line_format_find("json")->end(line, record, outcome, &then);
    json_t *value = json_loads(text_of(line), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (value == NULL) {
        fail_msg("%s: %s", error.text, line->bytes + 1);
    }
    return value;
}

static void assert_member(const json_t *object, const char *key, const char *text)
{
    assert_string_equal(json_string_value(json_object_get(object, key)), text);
}

/* ---- common ---- */

/* Apache HTTP Server 2.4, Log Files, "Common Log Format": 127.0.0.1 - frank
 * [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326 */
static void common_is_what_apache_writes(void **state)
{
    (void)state;
    struct sx__line line;
    const struct sx_record record = a_record();
    assert_string_equal(common(&line, &record), "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "
                                                "\"GET /apache_pb.gif HTTP/1.0\" 200 2326");
}

static void common_has_a_dash_for_what_is_not_there(void **state)
{
    (void)state;
    struct sx__line line;
    struct sx_record record = a_record();
    record.client = (struct sx_str){NULL, 0};
    record.status = 0;
    record.response_body_bytes = 0;
    assert_string_equal(common(&line, &record), "- - - [10/Oct/2000:13:55:36 -0700] "
                                                "\"GET /apache_pb.gif HTTP/1.0\" - -");
}

static void common_is_printable_ascii(void **state)
{
    (void)state;
    struct sx__line line;
    struct sx_record record = a_record();
    record.target = (struct sx_str){"/\"\\\r\n\x1b\x7f\xc3\xa9\0!", 11};
    assert_string_equal(common(&line, &record),
                        "127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET "
                        "/\\\"\\\\\\x0d\\x0a\\x1b\\x7f\\xc3\\xa9\\x00! HTTP/1.0\" 200 2326");
}

static void common_tells_rejected_ones_as_apache_does(void **state)
{
    (void)state;
    static const char *const ends[SX_REASONS] = {
        [SX_REASON_MALFORMED] = "\"-\" 400 -",        [SX_REASON_TARGET_TOO_LONG] = "\"-\" 414 -",
        [SX_REASON_HEADER_TOO_LARGE] = "\"-\" 431 -", [SX_REASON_HEADER_TIMEOUT] = "\"-\" 408 -",
        [SX_REASON_DISCONNECTED] = "\"-\" - -",       [SX_REASON_TLS_HANDSHAKE] = "\"-\" - -",
        [SX_REASON_OVERLOADED] = "\"-\" - -",
    };
    for (int reason = 0; reason < SX_REASONS; reason++) {
        struct sx__line line;
        char expected[128];
        sx__line_format_find("common")->rejected(&line, (enum sx_reason)reason, &then);
        snprintf(expected, sizeof expected, "- - - [10/Oct/2000:13:55:36 -0700] %s", ends[reason]);
        assert_string_equal(text_of(&line), expected);
    }
}

/* ---- JSON ---- */

static void json_has_every_member(void **state)
{
    (void)state;
    struct sx__line line;
    const struct sx_record record = a_record();
    json_t *value = json(&line, &record, SX_OUTCOME_COMPLETE);
    json_t *expected =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:s, s:s}", "time",
                  "2000-10-10T20:55:36.042Z", "client", "127.0.0.1", "method", "GET", "target",
                  "/apache_pb.gif", "protocol", "HTTP/1.0", "status", 200, "request_body_bytes", 7,
                  "response_body_bytes", 2326, "duration_seconds", 2.0015, "handler",
                  "images.get_image", "outcome", "complete");
    assert_true(json_equal(value, expected));
    json_decref(expected);
    json_decref(value);
}

static void json_has_null_for_what_is_not_there(void **state)
{
    (void)state;
    struct sx__line line;
    struct sx_record record = a_record();
    record.client = (struct sx_str){NULL, 0};
    record.status = 0;
    record.ended_ns = record.started_ns - 1;
    json_t *value = json(&line, &record, SX_OUTCOME_REQUEST_ABORTED);
    assert_true(json_is_null(json_object_get(value, "client")));
    assert_true(json_is_null(json_object_get(value, "status")));
    assert_true(json_real_value(json_object_get(value, "duration_seconds")) == 0);
    assert_member(value, "outcome", "request_aborted");
    json_decref(value);
}

static void json_gives_back_what_was_utf8(void **state)
{
    (void)state;
    struct sx__line line;
    struct sx_record record = a_record();
    record.target = view("/\"\\/\b\t\r\n\x1f\x7f \xc2\x9b\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    json_t *value = json(&line, &record, SX_OUTCOME_RESPONSE_ABORTED);
    assert_member(value, "target", record.target.data);
    assert_member(value, "outcome", "response_aborted");
    json_decref(value);
    for (const char *p = line.bytes + 1; *p != '\0'; p++) {
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
    }
    assert_null(strstr(line.bytes + 1, "\xc2\x9b")); /* CSI, which a terminal obeys */
}

/* Unicode 15, 3.9, table 3-8: "Substitution of Maximal Subparts" */
static void json_replaces_what_is_no_utf8(void **state)
{
    (void)state;
    struct sx__line line;
    struct sx_record record = a_record();
    record.target = view("/\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41\xe2\x82");
    json_t *value = json(&line, &record, SX_OUTCOME_COMPLETE);
    assert_member(value, "target",
                  "/\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                  "\xef\xbf\xbd\xef\xbf\xbd\x41\xef\xbf\xbd");
    json_decref(value);
}

static void json_tells_why_one_was_rejected(void **state)
{
    (void)state;
    for (int reason = 0; reason < SX_REASONS; reason++) {
        struct sx__line line;
        sx__line_format_find("json")->rejected(&line, (enum sx_reason)reason, &then);
        json_t *value = json_loads(text_of(&line), 0, NULL);
        assert_int_equal(json_object_size(value), 2);
        assert_member(value, "time", "2000-10-10T20:55:36.042Z");
        assert_member(value, "rejected", sx_reason_name((enum sx_reason)reason));
        json_decref(value);
    }
}

/* ---- both ---- */

static void long_fields_are_cut_with_a_mark(void **state)
{
    (void)state;
    static char most[65536];
    static const char fillers[] = {'a', '"', '\x01', '\x80', '\x7f'};
    struct sx__line line;
    struct sx_record record = a_record();
    for (size_t i = 0; i < sizeof fillers; i++) {
        memset(most, fillers[i], sizeof most);
        record.method = record.target = record.client = (struct sx_str){most, sizeof most};
        assert_non_null(strstr(common(&line, &record), "... HTTP/1.0\" 200 2326"));
        json_t *value = json(&line, &record, SX_OUTCOME_COMPLETE);
        const char *target = json_string_value(json_object_get(value, "target"));
        assert_string_equal(target + strlen(target) - 3, "...");
        json_decref(value);
    }
}

static void a_target_is_cut_behind_3068_bytes(void **state)
{
    (void)state;
    static char most[3069];
    struct sx__line line;
    struct sx_record record = a_record();
    memset(most, 'a', sizeof most);
    record.target = (struct sx_str){most, 3068};
    const char *text = strchr(common(&line, &record), '"');
    assert_ptr_equal(strchr(text, '.'), strstr(text, " HTTP/1.0") + strlen(" HTTP/1"));
    record.target.size = 3069;
    text = strchr(common(&line, &record), '"');
    assert_ptr_equal(strstr(text, "... HTTP/1.0"), text + strlen("\"GET ") + 3068);
}

static void random_bytes_never_break_a_line(void **state)
{
    (void)state;
    const unsigned seed = 20001010;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[48];
        struct sx__line line;
        struct sx_record record = a_record();
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (unsigned char)(rand() & (round % 2 == 0 ? 0xff : 0x1f));
        }
        record.target = (struct sx_str){(const char *)bytes, (size_t)rand() % sizeof bytes};
        json_decref(json(&line, &record, SX_OUTCOME_COMPLETE));
        for (const char *p = common(&line, &record); *p != '\0'; p++) {
            assert_true(*p >= 0x20 && *p <= 0x7e);
        }
    }
}

static void local_times_have_their_offset(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        time_t second;
        const char *text;
    } times[] = {
        {"UTC0", 0, "01/Jan/1970:00:00:00 +0000"},
        {"IST-5:30", 1709164800, "29/Feb/2024:05:30:00 +0530"},
        {"NST3:30", 951782400, "28/Feb/2000:20:30:00 -0330"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1719792000, "01/Jul/2024:02:00:00 +0200"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1704067199, "01/Jan/2024:00:59:59 +0100"},
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        setenv("TZ", times[i].zone, 1);
        tzset();
        assert_string_equal(sx__line_time_local(times[i].second), times[i].text);
    }
    setenv("TZ", "PST8PDT,M4.1.0,M10.5.0", 1);
    tzset();
}

static void there_are_two_formats(void **state)
{
    (void)state;
    assert_non_null(sx__line_format_find("common"));
    assert_non_null(sx__line_format_find("json"));
    assert_null(sx__line_format_find("combined"));
    assert_null(sx__line_format_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_times_have_their_offset),
        cmocka_unit_test(common_is_what_apache_writes),
        cmocka_unit_test(common_has_a_dash_for_what_is_not_there),
        cmocka_unit_test(common_is_printable_ascii),
        cmocka_unit_test(common_tells_rejected_ones_as_apache_does),
        cmocka_unit_test(json_has_every_member),
        cmocka_unit_test(json_has_null_for_what_is_not_there),
        cmocka_unit_test(json_gives_back_what_was_utf8),
        cmocka_unit_test(json_replaces_what_is_no_utf8),
        cmocka_unit_test(json_tells_why_one_was_rejected),
        cmocka_unit_test(long_fields_are_cut_with_a_mark),
        cmocka_unit_test(a_target_is_cut_behind_3068_bytes),
        cmocka_unit_test(random_bytes_never_break_a_line),
        cmocka_unit_test(there_are_two_formats),
    };
    setenv("TZ", "PST8PDT,M4.1.0,M10.5.0", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
