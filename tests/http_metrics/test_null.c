/* A program whose metrics could not be made calls the functions all the same. */
#include "measured.h"

#include <string.h>

static void test_without_metrics_nothing_happens(void **state)
{
    (void)state;
    assert_null(sx_http_get_handler(NULL, "users.get"));
    assert_null(sx_http_get_handler(NULL, NULL));
    sx_http_reject(NULL, "malformed");
    sx_http_reject(NULL, NULL);
    sx_http_metrics_destroy(NULL);
    assert_int_equal(sx_http_declare(NULL, NULL), SX_EINVAL);
    struct sx_http_request request;
    memset(&request, 0xa5, sizeof request);
    sx_http_begin(&request, NULL, NULL, 0);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, &(struct sx_http_sizes){0});
    memset(&request, 0xa5, sizeof request);
    sx_http_begin_scheme(&request, NULL, NULL, NULL, 0);
    sx_http_respond(&request, 200);
    sx_http_end(&request, SX_HTTP_COMPLETE, NULL);
}

static void test_without_a_request_nothing_happens(void **state)
{
    (void)state;
    struct measured measured;
    measured_init(&measured, (struct sx_http_metrics_options){0});
    struct sx_http_handler *handler = sx_http_get_handler(measured.http, "h");
    sx_http_begin(NULL, handler, "GET", 0);
    sx_http_begin_scheme(NULL, handler, "GET", "http", 0);
    sx_http_respond(NULL, 200);
    sx_http_end(NULL, SX_HTTP_COMPLETE, NULL);
    assert_null(strstr(measured_page(&measured), "handler=\"h\""));
    measured_clean_up(&measured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_metrics_nothing_happens),
        cmocka_unit_test(test_without_a_request_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
