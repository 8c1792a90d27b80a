/* Streamed results: made by handlers, cleaned up once, read by the client. */
#include "fixture.h"

static struct fixture fixture;
static int clean_ups;
static int outcome_seen;

struct letters {
    char next;
    int end; /* what comes after z */
};

static int produce(void *context, char *space, size_t size, unsigned *wait_ms)
{
    struct letters *letters = context;
    (void)size;
    if (letters->next > 'z') {
        return letters->end;
    }
    if (*wait_ms != 100 || !sx_stream_has_client()) {
        return SX_EINVAL;
    }
    space[0] = letters->next++;
    return 1;
}

static void clean_up(void *context)
{
    clean_ups += context != NULL ? 1 : 0;
}

static struct letters letters;

static struct sx_result stream(const char *how)
{
    letters = (struct letters){'a', how[0] == 'f' ? SX_ESYSTEM : 0};
    if (how[0] == 'n') {
        return sx_stream("text/plain", NULL, &letters, clean_up);
    }
    if (how[0] == 'e') {
        return sx_with_status(sx_stream(NULL, produce, &letters, clean_up), 204);
    }
    return sx_stream("text/plain", produce, &letters, clean_up);
}
SX_BIND(stream, (path, str, how));
static const struct sx_route routes[] = {SX_GET("/{how}", stream)};

static void on_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)self;
    (void)record;
    outcome_seen = (int)outcome;
}
static const struct sx_observer observer = {.end = on_end};

static int set_up(void **state)
{
    (void)state;
    clean_ups = 0;
    fixture_init(&fixture, (struct sx_app_options){.routes = SX_LIST(routes)});
    assert_int_equal(sx_app_observe(fixture.app, &observer, NULL), SX_OK);
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    fixture_clean_up(&fixture);
    return 0;
}

static void test_the_client_reads_a_stream_as_one_body(void **state)
{
    (void)state;
    assert_int_equal(sx_client_get(fixture.client, &fixture.reply, "/all"), SX_OK);
    assert_int_equal(fixture.reply.status, 200);
    assert_int_equal(fixture.reply.body.size, 26);
    assert_string_equal(fixture.reply.body.data, "abcdefghijklmnopqrstuvwxyz");
    char type[40];
    assert_true(sx_reply_get_header(&fixture.reply, "content-type", type, sizeof type));
    assert_string_equal(type, "text/plain");
    assert_int_equal(clean_ups, 1);
    assert_int_equal(outcome_seen, SX_OUTCOME_COMPLETE);
}

static void test_head_and_204_have_nothing_produced_but_cleaned_up(void **state)
{
    (void)state;
    const struct sx_str none = {NULL, 0};
    assert_int_equal(sx_client_send(fixture.client, &fixture.reply, "HEAD", "/all", NULL, none),
                     SX_OK);
    assert_int_equal(fixture.reply.body.size, 0);
    assert_int_equal(letters.next, 'a');
    assert_int_equal(clean_ups, 1);
    assert_int_equal(sx_client_get(fixture.client, &fixture.reply, "/empty"), SX_OK);
    assert_int_equal(fixture.reply.status, 204);
    assert_int_equal(letters.next, 'a');
    assert_int_equal(clean_ups, 2);
}

static void test_a_stream_that_fails_is_an_aborted_response(void **state)
{
    (void)state;
    assert_int_equal(sx_client_get(fixture.client, &fixture.reply, "/fail"), SX_EPROTO);
    assert_int_equal(clean_ups, 1);
    assert_int_equal(outcome_seen, SX_OUTCOME_RESPONSE_ABORTED);
}

static void test_a_stream_without_producer_is_a_500(void **state)
{
    (void)state;
    assert_int_equal(sx_client_get(fixture.client, &fixture.reply, "/none"), SX_OK);
    assert_int_equal(fixture.reply.status, 500);
    assert_int_equal(clean_ups, 1);
}

static void test_a_result_that_is_not_sent_is_cleaned_up(void **state)
{
    (void)state;
    struct sx_result result = stream("all");
    sx_result_clean_up(&result);
    sx_result_clean_up(&result);
    assert_int_equal(clean_ups, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_client_reads_a_stream_as_one_body),
        TEST(test_head_and_204_have_nothing_produced_but_cleaned_up),
        TEST(test_a_stream_that_fails_is_an_aborted_response),
        TEST(test_a_stream_without_producer_is_a_500),
        TEST(test_a_result_that_is_not_sent_is_cleaned_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
