/* fixture.h: an app whose log is kept, and a client of it. */
#ifndef TEST_APP_FIXTURE_H
#define TEST_APP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/app.h>
#include <sextant/client.h>
#include <stdio.h>
#include <string.h>

struct fixture {
    struct sx_app *app;
    struct sx_client *client;
    struct sx_reply reply;
    char log[8192]; /* every line, each ended by a line feed */
};

static inline void fixture_log(void *context, enum sx_log_level level, const char *message)
{
    struct fixture *fixture = context;
    size_t used = strlen(fixture->log);
    size_t size = strlen(message);
    (void)level;
    if (used + size + 2 < sizeof fixture->log) {
        memcpy(fixture->log + used, message, size);
        memcpy(fixture->log + used + size, "\n", 2);
    }
}

static inline int fixture_try(struct fixture *fixture, struct sx_app_options options)
{
    *fixture = (struct fixture){0};
    options.log = fixture_log;
    options.log_context = fixture;
    return sx_app_new(&fixture->app, &options);
}

static inline void fixture_init(struct fixture *fixture, struct sx_app_options options)
{
    int status = fixture_try(fixture, options);
    if (status < 0) {
        print_error("%s", fixture->log);
    }
    assert_int_equal(status, SX_OK);
    assert_int_equal(sx_client_new(&fixture->client, fixture->app), SX_OK);
}

static inline void fixture_clean_up(struct fixture *fixture)
{
    sx_reply_clean_up(&fixture->reply);
    sx_client_destroy(fixture->client);
    sx_app_destroy(fixture->app);
    fixture->client = NULL;
    fixture->app = NULL;
}

static inline int fixture_send(struct fixture *fixture, const char *method, const char *target,
                               const char *headers)
{
    assert_int_equal(sx_client_send(fixture->client, &fixture->reply, method, target, headers,
                                    (struct sx_str){NULL, 0}),
                     SX_OK);
    return fixture->reply.status;
}

static inline void assert_body(const struct fixture *fixture, const char *body)
{
    assert_string_equal(fixture->reply.body.data, body);
}

static inline void assert_logged(const struct fixture *fixture, const char *part)
{
    if (strstr(fixture->log, part) == NULL) {
        fail_msg("the log has no \"%s\":\n%s", part, fixture->log);
    }
}

static inline void assert_header(const struct fixture *fixture, const char *name, const char *value)
{
    char have[256];
    assert_true(sx_reply_get_header(&fixture->reply, name, have, sizeof have));
    assert_string_equal(have, value);
}

#endif
