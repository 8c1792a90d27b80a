/* Metrics of requests for tests; see measured.h. */
#include "measured.h"

#include "page.h"

#include <string.h>

void measured_init(struct measured *measured, struct sx_http_metrics_options options)
{
    measured->http = NULL;
    measured->registry = NULL;
    if (options.registry == NULL) {
        assert_int_equal(sx_registry_new(&measured->registry, NULL), SX_OK);
        options.registry = measured->registry;
    }
    assert_int_equal(sx_http_metrics_new(&measured->http, &options), SX_OK);
    assert_non_null(measured->http);
}

void measured_clean_up(struct measured *measured)
{
    sx_http_metrics_destroy(measured->http);
    sx_registry_destroy(measured->registry);
    *measured = (struct measured){0};
}

void measured_request(struct sx_http_handler *handler, const char *method, int code,
                      enum sx_http_outcome outcome)
{
    struct sx_http_request request;
    memset(&request, 0xa5, sizeof request); /* begin needs no prepared memory */
    sx_http_begin(&request, handler, method, 0);
    if (code != 0) {
        sx_http_respond(&request, code);
    }
    sx_http_end(&request, outcome, NULL);
}

const char *measured_page(const struct measured *measured)
{
    return page_text(measured->registry);
}

void measured_assert_line(const struct measured *measured, const char *line)
{
    page_assert_line(measured_page(measured), line);
}

void measured_assert_balanced(const struct measured *measured)
{
    const char *page = measured_page(measured);
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
    assert_true(page_sum(page, "http_requests_total") ==
                page_sum(page, "http_request_duration_seconds_count"));
}
