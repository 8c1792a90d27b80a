/* Every allocation of a request over a socket fails once, in turn, with TLS and without, where
 * there are an access log, authentication and a limit to the connections of an address: the client
 * gets its answer, an error, or the end of its connection; the next client is served, nothing is
 * left in progress, and nothing leaks (which the address sanitizer looks at). */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "served.h"

#include "certificate.h"
#include "failing_openssl.h"
#include "page.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sextant/access_log.h>
#include <sextant/authentication.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The metrics of a method and of a status are allocated by calloc: those of a method have a pointer
 * for each status, those of a status two. */
#define OF_METHOD ((size_t)2048)
#define OF_STATUS (2 * sizeof(void *))

static char folder[] = "/tmp/sx_memory_XXXXXX";
static char path[64];
static char log_path[64];
static char certificate_path[64];

static struct sx_result hello(const char *q)
{
    return sx_with_header(sx_json("{s:s*}", "q", q), "X-Q", "1");
}
SX_BIND(hello, (query, opt_str, q));
static struct sx_result echo(struct sx_str body)
{
    return sx_bytes("text/plain", body.data, body.size);
}
SX_BIND(echo, (body, bytes, body));
static struct sx_result echo_json(json_t *body)
{
    return sx_json("O", body);
}
SX_BIND(echo_json, (body, json, body));
static struct sx_result send_it(void)
{
    return sx_file(path);
}
SX_BIND(send_it);

static int count_down(void *context, char *space, size_t size, unsigned *wait_ms)
{
    int *left = context;
    *wait_ms = 1;
    if (*left == 0) {
        return 0;
    }
    return *left % 2 == 0 ? (--*left, SX_EAGAIN) : snprintf(space, size, "%d\n", (*left)--);
}
static struct sx_result stream(void)
{
    int *left = malloc(sizeof *left);
    if (left == NULL) {
        return sx_fail(503, "no memory");
    }
    *left = 6;
    return sx_stream("text/plain", count_down, left, free);
}
SX_BIND(stream);

static struct sx_result wait_a_moment(void)
{
    poll(NULL, 0, 2);
    return sx_empty();
}
SX_BIND(wait_a_moment);

static const struct sx_route routes[] = {
    SX_GET("/", hello),
    SX_GET("/wait", wait_a_moment),
    SX_POST("/echo", echo),
    SX_POST("/json", echo_json),
    SX_GET("/file", send_it),
    SX_GET("/stream", stream),
    SX_GET("/metrics", sx_expose_metrics),
    SX_GET("/members", hello, .hooks = SX_LIST(sx_authenticated)),
};

/* With all that observes, and who may be let in. */
static const struct sx_setting settings[] = {{"access_log", log_path}};
static const struct sx_authentication_options secrets = {
    .token = "token", .username = "name", .password = "word"};
static const struct sx_app_options options = {
    .routes = SX_LIST(routes),
    .components = SX_COMPONENTS(sx_access_log, (sx_authentication, &secrets)),
    .settings = SX_LIST(settings),
};

static const struct sx_tls_options tls = {.certificate = certificate_path};
static const struct sx_listen_address secure[] = {{.tls = &tls}};
/* A count that is not given back would soon keep everybody out. */
static struct sx_run_options run_options = {
    .threads = 2,
    .address_connection_count = 8,
    .addresses = SX_LIST(secure),
    .half_close_streams = true, /* the clients close their sending side before they read */
};

/* With SX_WITHOUT_TLS in the environment, as thousands of handshakes are too many for valgrind. */
static bool has_tls(void)
{
    return run_options.addresses.count > 0;
}

static struct served served;

/* ---- the requests ---- */

struct kind {
    const char *head;
    size_t filler; /* bytes behind it */
    int status;
    const char *end; /* behind those */
};

#define POST(target, fields) \
    "POST " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" fields "\r\n"

#define AUTHORIZED(value)                                       \
    "GET /members HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" \
    "Authorization: " value "\r\n\r\n"

static const struct kind kinds[] = {
    {CLOSE("/?q=x"), 0, 200, ""},
    {CLOSE("/") "nothing that is looked at", 0, 200, ""},
    {"HEAD /?q=abc HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0, 200, ""},
    {"GET /?q=x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ", 20000, 200, "\r\n\r\n"},
    {GET("/?q=1") GET("/nowhere") CLOSE("/file"), 0, 200, ""},
    {POST("/echo", "Content-Length: 40000\r\n"), 40000, 200, ""},
    {POST("/echo", "Content-Length: 5\r\nExpect: 100-continue\r\n"), 5, 100, ""},
    {POST("/echo", "Transfer-Encoding: chunked\r\n") "4e20\r\n", 20000, 200,
     "\r\n3;x=y\r\nabc\r\n0\r\nX: y\r\n\r\n"},
    {POST("/json", "Content-Type: application/json\r\nContent-Length: 16\r\n") "{\"a\": [1, 2, 3]}",
     0, 200, ""},
    {POST("/json", "Content-Type: application/json\r\nContent-Length: 3\r\n") "{x}", 0, 400, ""},
    {POST("/echo", "Content-Length: 9999999\r\n"), 0, 413, ""},
    {CLOSE("/file"), 0, 200, ""},
    {"GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: bytes=1-2\r\n\r\n", 0, 206, ""},
    {CLOSE("/stream"), 0, 200, ""},
    {"GET /stream HTTP/1.0\r\n\r\n", 0, 200, ""},
    {CLOSE("/nowhere"), 0, 404, ""},
    {"DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0, 405, ""},
    {CLOSE("/metrics"), 0, 200, ""},
    {AUTHORIZED("Bearer token"), 0, 200, ""},
    {AUTHORIZED("Basic bmFtZTp3b3Jk"), 0, 200, ""},
    {AUTHORIZED("Bearer wrong"), 0, 401, ""},
    {CLOSE("/members"), 0, 401, ""},
    {"nonsense\r\n\r\n", 0, 400, ""},
    {"GET / HTTP/1.1\r\n\r\n", 0, 400, ""},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: ", 40000, 431, ""},
};

static size_t count_lines(const char *name)
{
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    size_t lines = 0;
    for (int byte = getc(file); byte != EOF; byte = getc(file)) {
        lines += byte == '\n' ? 1 : 0;
    }
    fclose(file);
    return lines;
}

/* ---- clients; none of them is in want of memory ---- */

enum transport {
    PLAIN,
    TLS,       /* 1.3 */
    TLS_1_2,   /* the same with the handshake of 1.2 */
    TLS_SHOOK, /* memory fails only when the client is done with its handshake */
};

static SSL_CTX *client_context;

struct client {
    int fd;
    SSL *ssl; /* NULL: without */
};

/* A server that does not answer is a fault, and not the end of a connection. */
static struct client connect_client(enum transport transport)
{
    static const struct timeval deadline = {.tv_sec = 20};
    const int port = sx_app_get_port(served.app, transport == PLAIN ? 0 : 1);
    struct client client = {.fd = client_connect(port)};
    setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    if (transport != PLAIN) {
        client.ssl = SSL_new(client_context);
        assert_non_null(client.ssl);
        SSL_set_max_proto_version(client.ssl,
                                  transport == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
        SSL_set_fd(client.ssl, client.fd);
        errno = 0;
        SSL_connect(client.ssl);
        assert_int_not_equal(errno, EAGAIN);
    }
    return client;
}

static void say(const struct client *client, const char *bytes, size_t size)
{
    if (client->ssl == NULL) {
        client_say(client->fd, bytes, size);
    } else if (size > 0 && SSL_is_init_finished(client->ssl)) {
        SSL_write(client->ssl, bytes, (int)size);
    }
}

/* As client_hear. */
static int hear(const struct client *client)
{
    if (client->ssl == NULL) {
        shutdown(client->fd, SHUT_WR);
        return client_hear(client->fd);
    }
    char head[16] = {0};
    size_t filled = 0;
    int count = 1;
    if (SSL_is_init_finished(client->ssl)) {
        SSL_shutdown(client->ssl);
    }
    while (SSL_is_init_finished(client->ssl) && count > 0) {
        char bytes[16384];
        errno = 0;
        count = SSL_read(client->ssl, bytes, sizeof bytes);
        assert_int_not_equal(errno, EAGAIN);
        for (int i = 0; i < count && filled < sizeof head - 1; i++) {
            head[filled++] = bytes[i];
        }
    }
    SSL_free(client->ssl);
    close(client->fd);
    return filled < 12 ? 0 : atoi(head + 9);
}

/* What the client hears where the n-th allocation of the server fails. It is done with sending when
 * it hears. */
static int ask(const struct kind *kind, enum transport transport, long n)
{
    static char filler[40000];
    memset(filler, 'f', sizeof filler);
    if (transport != TLS_SHOOK) {
        fail_one_allocation(n);
    }
    const struct client client = connect_client(transport);
    if (transport == TLS_SHOOK) {
        fail_one_allocation(n);
    }
    say(&client, kind->head, strlen(kind->head));
    say(&client, filler, kind->filler);
    say(&client, kind->end, strlen(kind->end));
    return hear(&client);
}

static unsigned json_503; /* the rest of them, which is most */

/* Gives whether it came to that failure. */
static bool ask_without(const struct kind *kind, enum transport transport, long n)
{
    const int status = ask(kind, transport, n);
    const bool failed = end_failing_allocations();
    /* jansson takes a string for which there is no memory for a fault of the client's. */
    const bool is_json = strncmp(kind->head, "POST /json", 10) == 0;
    const bool is_error = status == 0 || status >= 500 || (is_json && status == 400);
    json_503 += is_json && status == 503 ? 1 : 0;
    if (status != kind->status && !(failed && is_error)) {
        fail_msg("%.60s\nallocation %ld: status %d", kind->head, n, status);
    }
    return failed;
}

static long fail_each_allocation(const struct kind *kind, enum transport transport)
{
    long failures = 0;
    /* Which thread serves, and what it has kept, differs: so it must go well a few times. */
    unsigned well = 0;
    for (long n = 0; well < 5; n++) {
        well = ask_without(kind, transport, n) ? 0 : well + 1;
        failures += well == 0 ? 1 : 0;
        assert_true(n < 2000);
    }
    assert_int_equal(ask(kind, transport, -1), kind->status);
    return failures;
}

/* Metrics for which there was no memory when they were first needed are made when there is. */
static void assert_all_are_counted_again(void)
{
    static const size_t counted[] = {0, 2, 5, 9, 15, 16}; /* GET, HEAD, POST, DELETE */
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        const double before = page_sum(page_text(served.registry), "http_requests_total");
        const struct kind *kind = &kinds[counted[i]];
        assert_int_equal(ask(kind, PLAIN, -1), kind->status);
        const double after = page_sum(page_text(served.registry), "http_requests_total");
        if (after != before + 1) {
            fail_msg("%.40s\nis not counted", kind->head);
        }
    }
}

/* Each that was counted has a duration, and nothing else has. */
static void assert_counts_agree(const char *page)
{
    assert_true(page_sum(page, "http_requests_total") ==
                page_sum(page, "http_request_duration_seconds_count"));
}

static void test_every_failing_allocation_of_a_request_is_survived(void **state)
{
    (void)state;
    long plain = 0;
    long shook = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        plain += fail_each_allocation(&kinds[i], PLAIN);
        shook += has_tls() ? fail_each_allocation(&kinds[i], TLS_SHOOK) : 0;
    }
    const long shaking = has_tls() ? fail_each_allocation(&kinds[0], TLS) : 0;
    const long shaking_1_2 = has_tls() ? fail_each_allocation(&kinds[0], TLS_1_2) : 0;
    assert_int_equal(served_ask(&served, CLOSE("/?q=x")), 200);
    assert_all_are_counted_again();
    served_stop(&served);
    print_message("allocations failed: %ld, over TLS %ld, in handshakes %ld and %ld\n", plain,
                  shook, shaking, shaking_1_2);
    assert_true(plain > 100);
    assert_true(!has_tls() || (shook > 100 && shaking > 100 && shaking_1_2 > 100));
    assert_true(json_503 > 3);
    const char *page = page_text(served.registry);
    assert_true(page_sum(page, "http_requests_inprogress") == 0);
    assert_counts_agree(page);
    /* And no line was lost. Who went away before there was an answer has one, too. */
    const double counted =
        page_sum(page, "http_requests_total") + page_sum(page, "http_requests_rejected_total");
    assert_true((double)count_lines(log_path) >= counted);
}

/* Of the app, and of its log. OpenSSL forgets in some places that it was memory that was missing,
 * and says what came of it. */
static bool is_told(int status)
{
    return (status == SX_ENOMEM &&
            served.app == NULL) || /* which sx_app_new leaves to the caller */
           served_has_logged(&served, sx_status_text(SX_ENOMEM)) ||
           (status == SX_ETLS && served_has_logged(&served, "cannot use the certificate"));
}

/* The components, the threads, the thread rows, the tables, the certificate: none of it at all, or
 * all of it. */
static void test_every_failing_allocation_of_a_start_is_survived(void **state)
{
    (void)state;
    served_clean_up(&served);
    long failures = 0;
    bool failed = true;
    /* Thousands are those of OpenSSL's search for who understands a key, which goes on without one
     * of them: there every 13th is enough. */
    for (long n = 0, step = 1; failed; n += step) {
        served_prepare(&served);
        spare_this_thread(false);
        fail_one_allocation(n);
        int status = served_try(&served, options);
        if (status == SX_OK) {
            status = sx_app_listen(served.app, &run_options);
        }
        failed = end_failing_allocations();
        spare_this_thread(true);
        if (status < 0 && !(failed && is_told(status))) {
            fail_msg("allocation %ld: %s, %s", n, sx_status_name(status), served.log);
        }
        step = status < 0 ? 1 : 13;
        failures += status < 0 ? 1 : 0;
        if (failed) {
            served_clean_up(&served);
        }
    }
    assert_true(failures > (has_tls() ? 200 : 20));
    sx_app_stop(served.app);
    assert_int_equal(sx_app_run(served.app), SX_OK);
}

/* ---- from several threads ---- */

enum { ROUNDS = 20, ASKERS = 4, ASKED = 10 };

static void *ask_over_and_over(void *context)
{
    for (size_t i = 0; i < ASKED; i++) {
        served_ask(context, "HEAD /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    return NULL;
}

static void assert_no_gauge_is_left(const char *page)
{
    static const char name[] = "\nhttp_requests_inprogress{";
    size_t series = 0;
    for (const char *at = strstr(page, name); at != NULL; at = strstr(at + 1, name)) {
        const char *value = strstr(at, "} ");
        assert_memory_equal(value, "} 0\n", 4);
        series++;
    }
    assert_true(series >= sizeof routes / sizeof *routes);
}

/* The metrics of HEAD are made when it comes first, and for a while there is no memory for them: of
 * those in flight at the same time some have begun without. */
static void test_who_began_without_metrics_ends_without(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        served_clean_up(&served);
        served_init(&served, options);
        served_start(&served, &run_options);
        const bool is_method = round % 2 == 0;
        fail_calloc_of(is_method ? OF_METHOD : OF_STATUS, is_method ? SIZE_MAX : OF_STATUS);
        pthread_t askers[ASKERS];
        for (size_t i = 0; i < ASKERS; i++) {
            assert_int_equal(pthread_create(&askers[i], NULL, ask_over_and_over, &served), 0);
        }
        poll(NULL, 0, (int)(round / 2 % 8));
        fail_calloc_of(0, 0);
        for (size_t i = 0; i < ASKERS; i++) {
            pthread_join(askers[i], NULL);
        }
        ask_over_and_over(&served);
        served_stop(&served);
        const char *page = page_text(served.registry);
        assert_no_gauge_is_left(page);
        assert_counts_agree(page);
        assert_true(page_sum(page, "http_requests_total") >= ASKED);
    }
}

static int set_up(void **state)
{
    (void)state;
    spare_this_thread(true); /* the client's; the threads of the server are those that fail */
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file.txt", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("a file", file);
    fclose(file);
    snprintf(log_path, sizeof log_path, "%s/access.log", folder);
    snprintf(certificate_path, sizeof certificate_path, "%s/certificate.pem", folder);
    assert_true(certificate_write(certificate_path));
    client_context = SSL_CTX_new(TLS_client_method());
    assert_non_null(client_context);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to connections that have been closed */
    json_set_alloc_funcs(malloc, free);
    run_options.addresses.count = getenv("SX_WITHOUT_TLS") == NULL ? 1 : 0;
    served_init(&served, options);
    served_start(&served, &run_options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    served_clean_up(&served);
    unlink(path);
    unlink(log_path);
    unlink(certificate_path);
    SSL_CTX_free(client_context);
    rmdir(folder);
    return 0;
}

int main(void)
{
    if (!fail_openssl_allocations()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_failing_allocation_of_a_request_is_survived),
        cmocka_unit_test(test_every_failing_allocation_of_a_start_is_survived),
        cmocka_unit_test(test_who_began_without_metrics_ends_without),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
