/* The component and its hook: who is let in, and what the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/app.h>
#include <sextant/authentication.h>
#include <sextant/client.h>
#include <sextant/prometheus.h>
#include <stdio.h>
#include <string.h>

#define BASIC "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" /* Aladdin:open sesame */
#define BEARER "Authorization: Bearer mF_9.B5f-4.1JqM\r\n"

static struct sx_result open_to_all(void)
{
    return sx_text("open");
}
SX_BIND(open_to_all);
static unsigned secrets_told;
static struct sx_result secret(void)
{
    secrets_told++;
    return sx_text("secret");
}
SX_BIND(secret);

static const struct sx_route inner[] = {SX_GET("/inner", secret)};
static const struct sx_route routes[] = {
    SX_GET("/", open_to_all),
    SX_GET("/secret", secret, .hooks = SX_LIST(sx_authenticated)),
    SX_INCLUDE("/admin", inner, .hooks = SX_LIST(sx_authenticated)),
    SX_GET("/metrics", sx_expose_metrics, .hooks = SX_LIST(sx_authenticated)),
};

struct fixture {
    struct sx_registry *registry;
    struct sx_app *app;
    struct sx_client *client;
    struct sx_reply reply;
    char log[1024];
};

static void keep_log(void *context, enum sx_log_level level, const char *message)
{
    struct fixture *fixture = context;
    (void)level;
    snprintf(fixture->log, sizeof fixture->log, "%s", message);
}

static int try_app(struct fixture *fixture, const struct sx_authentication_options *options,
                   struct sx_setting_list settings)
{
    const struct sx_prometheus_options measured = {.registry = fixture->registry};
    return sx_app_new(&fixture->app, &(struct sx_app_options){
                                         .routes = SX_LIST(routes),
                                         .components = SX_COMPONENTS((sx_prometheus, &measured),
                                                                     (sx_authentication, options)),
                                         .settings = settings,
                                         .log = keep_log,
                                         .log_context = fixture,
                                     });
}

static void start(struct fixture *fixture, struct sx_authentication_options options)
{
    const int status = try_app(fixture, &options, (struct sx_setting_list){NULL, 0});
    if (status < 0) {
        fail_msg("%s", fixture->log);
    }
    assert_int_equal(sx_client_new(&fixture->client, fixture->app), SX_OK);
}

static int get(struct fixture *fixture, const char *target, const char *headers)
{
    assert_int_equal(sx_client_send(fixture->client, &fixture->reply, "GET", target, headers,
                                    (struct sx_str){NULL, 0}),
                     SX_OK);
    return fixture->reply.status;
}

static void assert_challenge(const struct fixture *fixture, const char *challenge)
{
    char have[512] = "";
    assert_int_equal(fixture->reply.status, 401);
    assert_true(sx_reply_get_header(&fixture->reply, "WWW-Authenticate", have, sizeof have));
    assert_string_equal(have, challenge);
    assert_string_equal(fixture->reply.body.data, "{\"message\":\"this needs authentication\"}");
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    secrets_told = 0;
    *state = &fixture;
    return sx_registry_new(&fixture.registry, NULL);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    sx_reply_clean_up(&fixture->reply);
    sx_client_destroy(fixture->client);
    sx_app_destroy(fixture->app);
    sx_registry_destroy(fixture->registry);
    return 0;
}

static const struct sx_authentication_options both = {
    .realm = "metrics of a",
    .token = "mF_9.B5f-4.1JqM",
    .username = "Aladdin",
    .password = "open sesame",
};

static void who_knows_a_secret_is_let_in(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, both);
    static const char *const targets[] = {"/secret", "/admin/inner", "/metrics"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(get(fixture, targets[i], BASIC), 200);
        assert_int_equal(get(fixture, targets[i], BEARER), 200);
        assert_int_equal(get(fixture, targets[i], "authorization:  bearer   mF_9.B5f-4.1JqM \r\n"),
                         200);
    }
    assert_int_equal(get(fixture, "/", NULL), 200);
    assert_int_equal(secrets_told, 6);
}

static void the_others_are_not(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, both);
    static const char *const targets[] = {"/secret", "/admin/inner", "/metrics",
                                          "/secret?access_token=mF_9.B5f-4.1JqM"};
    static const char *const headers[] = {
        NULL,
        "Authorization: \r\n",
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2Ft\r\n", /* a prefix */
        "Authorization: Basic QWxhZGRpbjo=\r\n",             /* no password */
        "Authorization: Basic mF_9.B5f-4.1JqM\r\n",
        "Authorization: Bearer Aladdin:open sesame\r\n",
        "Proxy-Authorization: Bearer mF_9.B5f-4.1JqM\r\n",
        BASIC BASIC,
        BASIC "Authorization: Basic QWxhZGRpbjo=\r\n",
        "Authorization: Basic QWxhZGRpbjo=\r\n" BASIC,
    };
    for (size_t target = 0; target < sizeof targets / sizeof *targets; target++) {
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
            get(fixture, targets[target], headers[i]);
            assert_challenge(fixture, "Basic realm=\"metrics of a\", charset=\"UTF-8\", "
                                      "Bearer realm=\"metrics of a\"");
        }
    }
    assert_int_equal(secrets_told, 0);
}

/* RFC 6750, 3.1: invalid_token: "The resource SHOULD respond with the HTTP 401 (Unauthorized)
 * status code." */
static void a_wrong_token_is_called_so(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct sx_authentication_options){.token = "right"});
    get(fixture, "/secret", "Authorization: Bearer wrong\r\n");
    assert_challenge(fixture, "Bearer realm=\"restricted\", error=\"invalid_token\"");
    get(fixture, "/secret", BASIC);
    assert_challenge(fixture, "Bearer realm=\"restricted\"");
}

static void only_schemes_that_could_succeed_are_offered(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct sx_authentication_options){.username = "a", .password = "b:c"});
    get(fixture, "/secret", "Authorization: Bearer wrong\r\n");
    assert_challenge(fixture, "Basic realm=\"restricted\", charset=\"UTF-8\"");
    assert_int_equal(get(fixture, "/secret", "Authorization: Basic YTpiOmM=\r\n"), 200);
}

static void head_and_options_tell_no_secret(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, both);
    static const char *const methods[] = {"HEAD", "OPTIONS", "POST"};
    static const int statuses[] = {401, 204, 405};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sx_client_send(fixture->client, &fixture->reply, methods[i], "/secret",
                                        NULL, (struct sx_str){NULL, 0}),
                         SX_OK);
        assert_int_equal(fixture->reply.status, statuses[i]);
    }
    assert_int_equal(secrets_told, 0);
}

/* ---- start-up ---- */

static void assert_refuses(struct fixture *fixture, struct sx_authentication_options options,
                           const char *message)
{
    assert_int_equal(try_app(fixture, &options, (struct sx_setting_list){NULL, 0}), SX_ECOMPONENT);
    if (strstr(fixture->log, message) == NULL) {
        fail_msg("\"%s\" is not in: %s", message, fixture->log);
    }
}

static void without_anybody_to_let_in_the_app_does_not_start(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(try_app(fixture, NULL, (struct sx_setting_list){NULL, 0}), SX_ECOMPONENT);
    assert_non_null(strstr(fixture->log, "there are no credentials: give --auth-tokens-file or "
                                         "--auth-users-file, or a token or user in the options"));
    assert_refuses(fixture, (struct sx_authentication_options){.realm = "a"},
                   "there are no credentials");
}

static void wrong_options_keep_the_app_from_starting(void **state)
{
    struct fixture *fixture = *state;
    typedef struct sx_authentication_options options;
    assert_refuses(fixture, (options){.token = ""}, "no bearer token");
    assert_refuses(fixture, (options){.token = "two words"}, "no bearer token");
    assert_refuses(fixture, (options){.username = "a"}, "and a password");
    assert_refuses(fixture, (options){.password = "a"}, "needs a name");
    assert_refuses(fixture, (options){.username = "a:b", .password = "c"}, "without a colon");
    assert_refuses(fixture, (options){.username = "a", .password = ""}, "no client can send");
    assert_refuses(fixture, (options){.token = "a", .realm = "\""}, "the realm must be");
    assert_refuses(fixture, (options){.token = "a", .realm = ""}, "the realm must be");
    assert_refuses(fixture, (options){.token = "a", .realm = "\n"}, "the realm must be");
}

static void files_that_cannot_be_read_keep_the_app_from_starting(void **state)
{
    struct fixture *fixture = *state;
    const struct sx_setting tokens[] = {{"auth_tokens_file", "/nowhere/tokens"}};
    const struct sx_setting users[] = {{"auth_users_file", "/dev/null"}};
    assert_int_equal(try_app(fixture, &both, (struct sx_setting_list)SX_LIST(tokens)),
                     SX_ECOMPONENT);
    assert_non_null(strstr(fixture->log, "/nowhere/tokens: No such file or directory"));
    assert_int_equal(try_app(fixture, &both, (struct sx_setting_list)SX_LIST(users)),
                     SX_ECOMPONENT);
    assert_non_null(strstr(fixture->log, "/dev/null: there is no line that is NAME:PASSWORD"));
}

#define TEST(function_) cmocka_unit_test_setup_teardown(function_, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_knows_a_secret_is_let_in),
        TEST(the_others_are_not),
        TEST(a_wrong_token_is_called_so),
        TEST(only_schemes_that_could_succeed_are_offered),
        TEST(head_and_options_tell_no_secret),
        TEST(without_anybody_to_let_in_the_app_does_not_start),
        TEST(wrong_options_keep_the_app_from_starting),
        TEST(files_that_cannot_be_read_keep_the_app_from_starting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
