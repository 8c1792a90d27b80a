/* How much memory clients can make the process use. The test runs in a process of its own, whose
 * resident memory is that of the server and a few clients. The bounds are generous; the errors that
 * they detect take several times as much. */
#define _DEFAULT_SOURCE
#include "fixture.h"
#include "server_types.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)
#define BUFFERED_BYTES (2 * MIB)
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SLACK (64 * MIB) /* sanitizers keep memory that was freed */
#else
#define SLACK (6 * MIB) /* threads, clients */
#endif
#define CLIENTS 400
#define WAIT_MS 20000

/* ---- what is mapped ---- */

static _Atomic size_t mapped;      /* bytes that may be touched, by mmap and mprotect */
static _Atomic size_t mapped_most; /* since the last reset */

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *memory, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *memory, size_t size);

/* The bodies here are smaller than buffers that are mapped in several steps. */
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *memory = __real_mmap(at, size, protection, flags, fd, offset);
    if (memory != MAP_FAILED) {
        const size_t now = atomic_fetch_add(&mapped, size) + size;
        size_t most = atomic_load(&mapped_most);
        while (now > most && !atomic_compare_exchange_weak(&mapped_most, &most, now)) {
        }
    }
    return memory;
}
int __wrap_munmap(void *memory, size_t size)
{
    atomic_fetch_sub(&mapped, size);
    return __real_munmap(memory, size);
}

static size_t resident(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- the loads ---- */

static char filler[32768];

static void send_some(int fd, const char *bytes, size_t size)
{
    /* The server may have closed the connection. */
    while (size > 0) {
        const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void begin_upload(int fd)
{
    static const char head[] = "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    send_some(fd, head, sizeof head - 1);
    for (int i = 0; i < 3; i++) {
        send_some(fd, filler, sizeof filler);
    }
}

static void begin_chunked_upload(int fd)
{
    static const char head[] =
        "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    send_some(fd, head, sizeof head - 1);
    for (int i = 0; i < 3; i++) {
        send_some(fd, "8000\r\n", 6);
        send_some(fd, filler, sizeof filler);
        send_some(fd, "\r\n", 2);
    }
}

static void begin_header(int fd)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Long: ";
    send_some(fd, head, sizeof head - 1);
    send_some(fd, filler, 31000);
}

static void begin_stream(int fd)
{
    static const char head[] = "GET /stream/waiting HTTP/1.1\r\nHost: a\r\n\r\n";
    send_some(fd, head, sizeof head - 1);
}

typedef void begin_fn(int fd);

/* Returns the bytes that the server has counted, plus the bytes of closed clients that are not
 * freed yet. */
static size_t held_of(const struct fixture *fixture)
{
    return atomic_load(&fixture->server->buffered_bytes) +
           atomic_load(&fixture->server->closing_bytes);
}

static void wait_until(const struct fixture *fixture, bool (*is_so)(const struct fixture *fixture))
{
    const uint64_t until_ms = now_ms() + WAIT_MS;
    while (!is_so(fixture)) {
        assert_true(now_ms() < until_ms);
        poll(NULL, 0, 1);
    }
}

/* A client may have a response of buffered_bytes in addition to its request. */
static bool is_within(const struct fixture *fixture)
{
    return held_of(fixture) <= BUFFERED_BYTES + 65536;
}

/* Returns whether all memory that was mapped for connections is unmapped, including kept buffers
 * that are not reused. Only the requests that each thread keeps are left. */
static bool is_back(const struct fixture *fixture)
{
    return held_of(fixture) == 0 && sx__buffer_pool_get_bytes(fixture->server->buffers) == 0;
}

static void load(struct fixture *fixture, begin_fn *begin, unsigned clients)
{
    memset(filler, 'x', sizeof filler);
    fixture->options.buffered_bytes = BUFFERED_BYTES;
    fixture->options.threads = 4;
    start(fixture);
    const size_t before = atomic_load(&mapped);
    const size_t resident_before = resident();
    int *fds = calloc(clients, sizeof *fds);
    assert_non_null(fds);
    for (unsigned wave = 0; wave < 2; wave++) {
        atomic_store(&mapped_most, before);
        for (unsigned i = 0; i < clients; i++) {
            fds[i] = connect_to(fixture);
            begin(fds[i]);
        }
        wait_until(fixture, is_within);
        assert_in_range(resident(), 0, resident_before + BUFFERED_BYTES * 13 / 10 + SLACK);
        for (unsigned i = 0; i < clients; i++) {
            reset(fds[i]);
        }
        wait_for_connections(fixture, 0);
        wait_until(fixture, is_back);
        /* The rest is address space: only a fifth of an upload that has just begun occupies memory
         * and counts. */
        assert_in_range(atomic_load(&mapped_most) - before, 1, 6 * BUFFERED_BYTES + 4 * MIB);
        assert_in_range(atomic_load(&mapped) - before, 0, 6 * 4 * 32768);
    }
    free(fds);
}

static void memory_of_slow_uploads_is_bounded_and_freed(void **state)
{
    load(*state, begin_upload, CLIENTS);
}

static void memory_of_slow_chunked_uploads_is_bounded_and_freed(void **state)
{
    load(*state, begin_chunked_upload, CLIENTS);
}

static void memory_of_incomplete_headers_is_bounded_and_freed(void **state)
{
    load(*state, begin_header, CLIENTS);
}

static void memory_of_streams_is_bounded_and_freed(void **state)
{
    load(*state, begin_stream, CLIENTS);
}

/* Clients that wait for a stream are closed after slow clients. */
static void clients_that_wait_for_a_stream_are_closed_last(void **state)
{
    struct fixture *fixture = *state;
    enum { STREAMS = 50 };
    memset(filler, 'x', sizeof filler);
    fixture->options.buffered_bytes = BUFFERED_BYTES;
    start(fixture);
    int streams[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        streams[i] = connect_to(fixture);
        begin_stream(streams[i]);
    }
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.handles, STREAMS));
    int slow[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++) {
        slow[i] = connect_to(fixture);
        begin_upload(slow[i]);
    }
    wait_until(fixture, is_within);
    assert_true(fake_service_wait(&fixture->fake, &fixture->fake.refusals, 1));
    pthread_mutex_lock(&fixture->fake.mutex);
    const unsigned aborted = fixture->fake.outcomes[SX_OUTCOME_RESPONSE_ABORTED];
    pthread_mutex_unlock(&fixture->fake.mutex);
    assert_int_equal(aborted, 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        reset(slow[i]);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        reset(streams[i]);
    }
    wait_for_connections(fixture, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(memory_of_slow_uploads_is_bounded_and_freed),
        TEST(memory_of_slow_chunked_uploads_is_bounded_and_freed),
        TEST(memory_of_incomplete_headers_is_bounded_and_freed),
        TEST(memory_of_streams_is_bounded_and_freed),
        TEST(clients_that_wait_for_a_stream_are_closed_last),
    };
    return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
