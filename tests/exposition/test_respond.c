/* The response to a scrape: status, content type, HEAD. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/exposition.h>
#include <stdbool.h>
#include <string.h>

static bool allocation_fails;

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return allocation_fails ? NULL : __real_realloc(memory, size);
}

static struct sx_registry *registry;
static struct sx_page page;
static struct sx_exposition_response response;

static int set_up(void **state)
{
    (void)state;
    static const struct sx_registry_options small = {
        .thread_rows = 2, .row_bytes = 64 << 10, .directory_bytes = 64 << 10};
    struct sx_counter *counter = NULL;
    page = (struct sx_page){0};
    memset(&response, 0xAA, sizeof response);
    if (sx_registry_new(&registry, &small) != SX_OK) {
        return -1;
    }
    return sx_counter_register(&counter, registry,
                               &(struct sx_metric_options){.name = "c_total", .help = "H."});
}

static int tear_down(void **state)
{
    (void)state;
    sx_page_clean_up(&page);
    sx_registry_destroy(registry);
    return 0;
}

static struct sx_str view(const char *text)
{
    return (struct sx_str){text, strlen(text)};
}

static void respond(const char *method)
{
    const struct sx_exposition_request request = {.method = view(method), .accept = view("*/*")};
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &request), SX_OK);
}

static const char *header(const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < response.header_count; i++) {
        if (strcmp(response.headers[i].name, name) == 0) {
            assert_null(value);
            value = response.headers[i].value;
        }
    }
    return value;
}

static const char expected_page[] = "# HELP c_total H.\n# TYPE c_total counter\nc_total 0\n";

static void test_get_answers_with_the_page(void **state)
{
    (void)state;
    respond("GET");
    assert_int_equal(response.status, 200);
    assert_string_equal(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_int_equal(response.content_length, sizeof expected_page - 1);
    assert_int_equal(response.body.size, sizeof expected_page - 1);
    assert_memory_equal(response.body.data, expected_page, response.body.size);
    assert_string_equal(header("Vary"), "Accept, Accept-Encoding");
    assert_null(header("Allow"));
}

/* RFC 9110 9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send content
 * in the response." */
static void test_head_answers_like_get_without_the_page(void **state)
{
    (void)state;
    respond("GET");
    struct sx_exposition_response got = response;
    respond("HEAD");
    assert_int_equal(response.body.size, 0);
    assert_int_equal(response.status, got.status);
    assert_int_equal(response.content_length, got.content_length);
    assert_string_equal(response.content_type, got.content_type);
    assert_string_equal(header("Vary"), "Accept, Accept-Encoding");
}

/* RFC 9110 15.5.6: "The origin server MUST generate an Allow header field in a 405 response" */
static void test_other_methods_are_told_which_are_allowed(void **state)
{
    (void)state;
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "get", "GETS", "GE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        respond(methods[i]);
        assert_int_equal(response.status, 405);
        assert_string_equal(header("Allow"), "GET, HEAD");
        assert_int_equal(response.content_length, response.body.size);
        assert_true(response.body.size > 0);
        assert_null(header("Vary"));
    }
    assert_null(page.data);
}

static void test_a_request_of_zeros_is_a_get(void **state)
{
    (void)state;
    const struct sx_exposition_request request = {.method = {NULL, 0}};
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &request), SX_OK);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.body.size, sizeof expected_page - 1);
}

static void test_a_page_that_cannot_be_rendered_is_a_500(void **state)
{
    (void)state;
    allocation_fails = true;
    respond("GET");
    allocation_fails = false;
    assert_int_equal(response.status, 500);
    assert_null(header("Vary"));
    assert_string_equal(response.content_type, "text/plain; charset=utf-8");
    assert_int_equal(response.content_length, response.body.size);
    assert_true(response.body.size > 0);
}

/* ---- gzip; tests/gzip has the function that compresses ---- */

static int compressor_status;
static int compressor_calls;

static int halve(struct sx_page *one)
{
    compressor_calls++;
    if (compressor_status == SX_OK) {
        one->size /= 2;
    }
    return compressor_status;
}

static void respond_with_gzip(const char *method, const char *accept_encoding)
{
    const struct sx_exposition_request request = {
        .method = view(method), .accept_encoding = view(accept_encoding), .gzip = halve};
    compressor_calls = 0;
    assert_int_equal(sx_exposition_respond(&response, &page, registry, &request), SX_OK);
}

/* Registers a counter that makes the page so long. */
static struct sx_counter *make_page_of(size_t size, size_t number)
{
    static char help[2048];
    struct sx_counter *counter = NULL;
    char name[16] = "a_total";
    name[0] = (char)('a' + number);
    const size_t others = strlen("# HELP a_total \n# TYPE a_total counter\na_total 0\n");
    memset(help, 'x', sizeof help);
    help[size - (sizeof expected_page - 1) - others] = '\0';
    assert_int_equal(sx_counter_register(&counter, registry,
                                         &(struct sx_metric_options){.name = name, .help = help}),
                     SX_OK);
    return counter;
}

static void test_pages_from_1024_bytes_on_are_compressed(void **state)
{
    (void)state;
    compressor_status = SX_OK;
    struct sx_counter *counter = make_page_of(1023, 0);
    respond_with_gzip("GET", "gzip");
    assert_int_equal(response.content_length, 1023);
    assert_int_equal(response.page_size, 1023);
    assert_null(header("Content-Encoding"));
    assert_int_equal(compressor_calls, 0);
    assert_int_equal(sx_counter_unregister(counter), 1);
    (void)make_page_of(1024, 1);
    respond_with_gzip("GET", "gzip");
    assert_int_equal(response.content_length, 512);
    assert_int_equal(response.body.size, 512);
    assert_int_equal(response.page_size, 1024);
    assert_string_equal(header("Content-Encoding"), "gzip");
    assert_string_equal(header("Vary"), "Accept, Accept-Encoding");
    assert_int_equal(compressor_calls, 1);
}

static void test_head_has_the_length_of_the_compressed_page(void **state)
{
    (void)state;
    compressor_status = SX_OK;
    (void)make_page_of(2000, 0);
    respond_with_gzip("HEAD", "gzip");
    assert_int_equal(response.content_length, 1000);
    assert_int_equal(response.body.size, 0);
    assert_string_equal(header("Content-Encoding"), "gzip");
    assert_string_equal(header("Vary"), "Accept, Accept-Encoding");
}

static void test_a_page_is_compressed_only_if_that_is_preferred(void **state)
{
    (void)state;
    compressor_status = SX_OK;
    (void)make_page_of(2000, 0);
    static const char *const refused[] = {"", "identity", "br", "gzip;q=0", "gzip;q=0.1, identity"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        respond_with_gzip("GET", refused[i]);
        assert_int_equal(compressor_calls, 0);
        assert_int_equal(response.content_length, 2000);
        assert_null(header("Content-Encoding"));
        assert_string_equal(header("Vary"), "Accept, Accept-Encoding");
    }
    respond_with_gzip("GET", "br;q=1.0, gzip;q=0.8, *;q=0.1");
    assert_int_equal(compressor_calls, 1);
    respond_with_gzip("POST", "gzip");
    assert_int_equal(compressor_calls, 0);
    assert_null(header("Content-Encoding"));
    assert_int_equal(response.page_size, 0);
}

static void test_a_page_that_cannot_be_compressed_is_sent_as_it_is(void **state)
{
    (void)state;
    (void)make_page_of(2000, 0);
    compressor_status = SX_ENOMEM;
    respond_with_gzip("GET", "gzip");
    assert_int_equal(compressor_calls, 1);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.content_length, 2000);
    assert_null(header("Content-Encoding"));
}

static void test_null_arguments_are_refused_and_nothing_is_set(void **state)
{
    (void)state;
    const struct sx_exposition_request request = {.method = view("GET")};
    response.status = 1;
    assert_int_equal(sx_exposition_respond(NULL, &page, registry, &request), SX_EINVAL);
    assert_int_equal(sx_exposition_respond(&response, NULL, registry, &request), SX_EINVAL);
    assert_int_equal(sx_exposition_respond(&response, &page, registry, NULL), SX_EINVAL);
    assert_int_equal(response.status, 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_get_answers_with_the_page),
        CASE(test_head_answers_like_get_without_the_page),
        CASE(test_other_methods_are_told_which_are_allowed),
        CASE(test_a_request_of_zeros_is_a_get),
        CASE(test_a_page_that_cannot_be_rendered_is_a_500),
        CASE(test_pages_from_1024_bytes_on_are_compressed),
        CASE(test_head_has_the_length_of_the_compressed_page),
        CASE(test_a_page_is_compressed_only_if_that_is_preferred),
        CASE(test_a_page_that_cannot_be_compressed_is_sent_as_it_is),
        CASE(test_null_arguments_are_refused_and_nothing_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
