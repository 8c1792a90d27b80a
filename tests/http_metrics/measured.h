/* measured.h: metrics of requests in a registry of their own, and what tests do with them. */
#ifndef TEST_MEASURED_H
#define TEST_MEASURED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/http_metrics.h>

struct measured {
    struct sx_registry *registry;
    struct sx_http_metrics *http;
};

/* Options without a registry get a new one. */
void measured_init(struct measured *measured, struct sx_http_metrics_options options);
void measured_clean_up(struct measured *measured);

/* A whole request: begin, respond unless `code` is 0, end. */
void measured_request(struct sx_http_handler *handler, const char *method, int code,
                      enum sx_http_outcome outcome);

const char *measured_page(const struct measured *measured);
void measured_assert_line(const struct measured *measured, const char *line);
/* Fails the test unless nothing is in progress, and each request that was counted has a duration.
 * For the default names. */
void measured_assert_balanced(const struct measured *measured);

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
