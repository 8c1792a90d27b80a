/* A crowd of good, slow, pipelining, half-closed, impatient and malformed clients at once. What the
 * good ones counted is what the page says; of the others everything that began has ended. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include "served.h"

#include "page.h"

#include <dirent.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES 3000000
#define PIPELINED 30

static char folder[] = "/tmp/sx_crowd_XXXXXX";
static char path[64];

/* ---- the app: good clients have handlers of their own ---- */

static struct sx_result good(void)
{
    return sx_text("hello");
}
SX_BIND(good);
static struct sx_result good_body(struct sx_str body)
{
    return sx_bytes("text/plain", body.data, body.size);
}
SX_BIND(good_body, (body, bytes, body));
static struct sx_result good_sleep(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    return sx_fail(409, "slept");
}
SX_BIND(good_sleep);
static struct sx_result good_file(void)
{
    return sx_file(path);
}
SX_BIND(good_file);

static int count_down(void *context, char *space, size_t size, unsigned *wait_ms)
{
    int *left = context;
    if (*left % 3 == 1 && *wait_ms > 0) {
        *left -= 1;
        *wait_ms = 1;
        return SX_EAGAIN;
    }
    return *left <= 0 ? 0 : snprintf(space, size, "data: %d\n\n", (*left)--);
}
static struct sx_result good_events(void)
{
    int *left = malloc(sizeof *left);
    if (left == NULL) {
        return sx_fail(503, "no memory");
    }
    *left = 20;
    return sx_stream("text/event-stream", count_down, left, free);
}
SX_BIND(good_events);
static struct sx_result bad(struct sx_str body)
{
    return sx_bytes("text/plain", body.data, body.size);
}
SX_BIND(bad, (body, bytes, body));
static struct sx_result bad_file(void)
{
    return sx_file(path);
}
SX_BIND(bad_file);
static struct sx_result bad_events(void)
{
    return good_events();
}
SX_BIND(bad_events);

static const struct sx_route routes[] = {
    SX_GET("/good", good),
    SX_POST("/good", good_body),
    SX_GET("/sleep", good_sleep),
    SX_GET("/file", good_file),
    SX_GET("/events", good_events),
    SX_POST("/bad", bad),
    SX_GET("/bad/file", bad_file),
    SX_GET("/bad/events", bad_events),
    SX_GET("/metrics", sx_expose_metrics),
};

static atomic_uint begins, responds, ends, aborted_requests;

static void on_begin(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    atomic_fetch_add(&begins, 1);
}
static void on_respond(void *self, const struct sx_record *record)
{
    (void)self;
    (void)record;
    atomic_fetch_add(&responds, 1);
}
static void on_end(void *self, const struct sx_record *record, enum sx_outcome outcome)
{
    (void)self;
    (void)record;
    atomic_fetch_add(&ends, 1);
    atomic_fetch_add(&aborted_requests, outcome == SX_OUTCOME_REQUEST_ABORTED ? 1 : 0);
}
static const struct sx_observer observer = {
    .begin = on_begin, .respond = on_respond, .end = on_end};

/* ---- what clients hear ---- */

static struct served served;
static atomic_uint counted[6]; /* by the names below */
enum { GOOD, GOOD_BODY, SLEEP, WHOLE_FILE, EVENTS, MALFORMED };

struct reader {
    int fd;
    char bytes[4096];
    size_t filled;
};

/* Reads one response with a Content-Length; gives its status, and 0 at the end of the connection.
 */
static int read_response(struct reader *reader)
{
    char *end;
    reader->bytes[reader->filled] = '\0';
    while ((end = strstr(reader->bytes, "\r\n\r\n")) == NULL) {
        const ssize_t count = recv(reader->fd, reader->bytes + reader->filled,
                                   sizeof reader->bytes - 1 - reader->filled, 0);
        if (count <= 0) {
            return 0;
        }
        reader->filled += (size_t)count;
        reader->bytes[reader->filled] = '\0';
    }
    const int status = atoi(reader->bytes + 9);
    const char *length = strstr(reader->bytes, "Content-Length: ");
    size_t left = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    size_t used = (size_t)(end + 4 - reader->bytes);
    while (reader->filled - used < left) {
        left -= reader->filled - used;
        used = 0;
        const ssize_t count = recv(reader->fd, reader->bytes, sizeof reader->bytes - 1, 0);
        if (count <= 0) {
            return 0;
        }
        reader->filled = (size_t)count;
    }
    memmove(reader->bytes, reader->bytes + used + left, reader->filled - used - left);
    reader->filled -= used + left;
    return status;
}

static void expect(struct reader *reader, int status, int count_as)
{
    assert_int_equal(read_response(reader), status);
    atomic_fetch_add(&counted[count_as], 1);
}

static void say(int fd, const char *text)
{
    client_say(fd, text, strlen(text));
}

static void reset(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(fd);
}

/* ---- the clients, each of which connects once ---- */

#define CHUNKED                                                                        \
    "POST /good HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" \
    "1;x=y\r\nd\r\n0\r\n\r\n"
#define EXPECTING \
    "POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"

static void be_good(struct reader *reader, unsigned seed)
{
    for (unsigned i = 0; i < 10; i++, seed /= 2) {
        if (seed % 2 == 0) {
            say(reader->fd, GET("/good"));
            expect(reader, 200, GOOD);
        } else {
            say(reader->fd, CHUNKED);
            expect(reader, 200, GOOD_BODY);
        }
    }
    say(reader->fd, EXPECTING);
    assert_int_equal(read_response(reader), 100);
    say(reader->fd, "abc");
    expect(reader, 200, GOOD_BODY);
    say(reader->fd, GET("/sleep"));
    expect(reader, 409, SLEEP);
    close(reader->fd);
}

static void be_pipelining(struct reader *reader, unsigned seed)
{
    char requests[PIPELINED * 200] = "";
    for (unsigned i = 0; i < PIPELINED; i++) {
        strcat(requests, i % 7 == seed % 7 ? CHUNKED : GET("/good"));
    }
    say(reader->fd, requests);
    for (unsigned i = 0; i < PIPELINED; i++) {
        expect(reader, 200, i % 7 == seed % 7 ? GOOD_BODY : GOOD);
    }
    close(reader->fd);
}

static void be_slow(struct reader *reader, unsigned seed)
{
    const char *request = seed % 2 == 0 ? CHUNKED : GET("/good");
    for (; *request != '\0'; request++) {
        client_say(reader->fd, request, 1);
    }
    expect(reader, 200, seed % 2 == 0 ? GOOD_BODY : GOOD);
    close(reader->fd);
}

static void be_half_closed(struct reader *reader, unsigned seed)
{
    (void)seed;
    say(reader->fd, GET("/sleep") CHUNKED GET("/good"));
    shutdown(reader->fd, SHUT_WR);
    expect(reader, 409, SLEEP);
    expect(reader, 200, GOOD_BODY);
    expect(reader, 200, GOOD);
    assert_int_equal(read_response(reader), 0);
    close(reader->fd);
}

static void read_file(struct reader *reader, unsigned seed)
{
    if (seed % 3 == 0) {
        say(reader->fd, GET("/bad/file"));
        recv(reader->fd, reader->bytes, seed % 1000, 0);
        reset(reader->fd);
        return;
    }
    say(reader->fd, GET("/file"));
    expect(reader, 200, WHOLE_FILE);
    close(reader->fd);
}

static void read_events(struct reader *reader, unsigned seed)
{
    if (seed % 3 == 0) {
        say(reader->fd, GET("/bad/events"));
        recv(reader->fd, reader->bytes, 1 + seed % 300, 0);
        reset(reader->fd);
        return;
    }
    say(reader->fd, CLOSE("/events"));
    char last[8] = "";
    ssize_t count;
    while ((count = recv(reader->fd, reader->bytes, sizeof reader->bytes, 0)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            memmove(last, last + 1, 4);
            last[4] = reader->bytes[i];
        }
    }
    assert_memory_equal(last, "0\r\n\r\n", 5);
    atomic_fetch_add(&counted[EVENTS], 1);
    close(reader->fd);
}

/* Goes away at any byte, with a reset or without. */
static void be_impatient(struct reader *reader, unsigned seed)
{
    static const char request[] = "POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde"
                                  "POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                                  "Expect: 100-continue\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    client_say(reader->fd, request, seed % sizeof request);
    if (seed % 5 < 2) {
        reset(reader->fd);
    } else {
        close(reader->fd);
    }
}

static void be_malformed(struct reader *reader, unsigned seed)
{
    say(reader->fd, seed % 2 == 0 ? "nonsense\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n" GET("/good"));
    expect(reader, 400, MALFORMED);
    close(reader->fd);
}

static void (*const kinds[])(struct reader *reader, unsigned seed) = {
    be_good,   be_pipelining, be_slow,      be_half_closed,
    read_file, read_events,   be_impatient, be_malformed,
};
#define CLIENTS (sizeof kinds / sizeof *kinds)

static void *run_client(void *argument)
{
    const size_t *kind = argument;
    unsigned seed = (unsigned)*kind * 7919 + 1;
    for (int i = 0; i < 60; i++) {
        seed = seed * 1103515245 + 12345;
        struct reader reader = {.fd = served_connect(&served)};
        kinds[*kind](&reader, seed >> 16);
    }
    return NULL;
}

/* ---- the end ---- */

static int count_descriptors(void)
{
    int count = 0;
    DIR *open_files = opendir("/proc/self/fd");
    assert_non_null(open_files);
    while (readdir(open_files) != NULL) {
        count++;
    }
    closedir(open_files);
    return count;
}

static void assert_counted(const char *method, const char *handler, int status, int counted_as)
{
    char line[200];
    snprintf(line, sizeof line,
             "http_requests_total{method=\"%s\",handler=\"test_crowd.%s\",code=\"%d\"} %u", method,
             handler, status, atomic_load(&counted[counted_as]));
    page_assert_line(page_text(served.registry), line);
}

static void test_a_crowd_is_counted_to_the_last_one(void **state)
{
    (void)state;
    static const size_t numbers[CLIENTS] = {0, 1, 2, 3, 4, 5, 6, 7};
    const int before = count_descriptors();
    pthread_t clients[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(
            pthread_create(&clients[i], NULL, run_client, (void *)(uintptr_t)&numbers[i]), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i], NULL);
    }
    /* The server closes what the clients have left; each connection is a descriptor of ours. */
    while (count_descriptors() > before) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(&begins), atomic_load(&ends));
    assert_int_equal(atomic_load(&begins), atomic_load(&responds) + atomic_load(&aborted_requests));
    assert_counted("GET", "good", 200, GOOD);
    assert_counted("POST", "good_body", 200, GOOD_BODY);
    assert_counted("GET", "good_sleep", 409, SLEEP);
    assert_counted("GET", "good_file", 200, WHOLE_FILE);
    assert_counted("GET", "good_events", 200, EVENTS);
    const char *page = page_text(served.registry);
    char line[100];
    snprintf(line, sizeof line, "http_requests_rejected_total{reason=\"malformed\"} %u",
             atomic_load(&counted[MALFORMED]));
    page_assert_line(page, line);
    assert_true(page_sum(page, "http_requests_total") == (double)atomic_load(&responds));
    served_assert_balanced(&served);
    assert_true(atomic_load(&aborted_requests) > 0);
    served_stop(&served);
    served_assert_balanced(&served);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file.bin", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < FILE_BYTES; i++) {
        fputc('f', file);
    }
    fclose(file);
    served_init(&served, (struct sx_app_options){.routes = SX_LIST(routes)});
    assert_int_equal(sx_app_observe(served.app, &observer, NULL), SX_OK);
    served_start(&served, &(struct sx_run_options){.threads = 6});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    served_clean_up(&served);
    unlink(path);
    rmdir(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_crowd_is_counted_to_the_last_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
