/* Requests on connections that are kept alive write nothing that all threads of the server share.
 *
 * The server's struct lies on pages of its own, which are read-only while requests are counted. A
 * write raises SIGSEGV. Its handler notes the address, and lets this one instruction write: it sets
 * the trap flag, so that the next instruction raises SIGTRAP, which makes the pages read-only
 * again. Meanwhile other threads may write unnoticed, so a count may be too low, but hardly by
 * much. */
#define _GNU_SOURCE /* REG_EFL */
#include "certificate.h"
#include "fixture.h"
#include "sanitized.h"
#include "server_types.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- pages of its own for the server ---- */

static char *pages;
static size_t page_bytes;

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    if (size != sizeof(struct sx__server)) {
        return __real_aligned_alloc(align, size);
    }
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    page_bytes = (size + page - 1) / page * page;
    pages = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

void __wrap_free(void *memory)
{
    if (memory != NULL && memory == pages) {
        munmap(pages, page_bytes);
        pages = NULL;
    } else {
        __real_free(memory);
    }
}

#if defined __x86_64__ && !SANITIZED
#include <openssl/ssl.h>
#include <signal.h>
#include <ucontext.h>

enum { CLIENTS = 8, ROUNDS = 250, REQUESTS = CLIENTS * ROUNDS, TRAP_FLAG = 0x100 };

#define COMPUTING_NS 80000 /* turns are long, so several threads poll */

/* ---- counting writes ---- */

enum { BY_MONITOR, BY_OTHERS, WRITERS };

static atomic_uint writes[WRITERS][sizeof(struct sx__server)]; /* that begin at each byte */
static atomic_flag stepping = ATOMIC_FLAG_INIT;
static pthread_t monitor;

static void on_write(int number, siginfo_t *info, void *context)
{
    const size_t offset = (size_t)((char *)info->si_addr - pages);
    if (pages == NULL || offset >= sizeof(struct sx__server)) {
        signal(number, SIG_DFL); /* a real fault, which happens again */
        return;
    }
    while (atomic_flag_test_and_set(&stepping)) {
    }
    const int writer = pthread_equal(pthread_self(), monitor) ? BY_MONITOR : BY_OTHERS;
    atomic_fetch_add(&writes[writer][offset], 1);
    mprotect(pages, page_bytes, PROT_READ | PROT_WRITE);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static atomic_bool is_counting;

static void after_write(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (atomic_load(&is_counting)) {
        mprotect(pages, page_bytes, PROT_READ);
    }
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
    atomic_flag_clear(&stepping);
}

static void catch (int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(number, &action, NULL), 0);
}

static void begin_counting(const struct fixture *fixture)
{
    monitor = fixture->thread;
    memset(writes, 0, sizeof writes);
    catch (SIGSEGV, on_write);
    catch (SIGTRAP, after_write);
    atomic_store(&is_counting, true);
    assert_int_equal(mprotect(pages, page_bytes, PROT_READ), 0);
}

static void end_counting(void)
{
    atomic_store(&is_counting, false);
    assert_int_equal(mprotect(pages, page_bytes, PROT_READ | PROT_WRITE), 0);
}

/* ---- fields ---- */

#define FIELD(name)                                                                    \
    {                                                                                  \
#name, offsetof(struct sx__server, name), sizeof((struct sx__server *)0)->name \
    }

static const struct field {
    const char *name;
    size_t offset;
    size_t size;
} has_caught_up = FIELD(has_caught_up), closing_bytes = FIELD(closing_bytes),
  is_monitor_asleep = FIELD(is_monitor_asleep), turn_ns = FIELD(turn_ns),
  fields[] = {
      FIELD(protocol),
      FIELD(is_stop_requested),
      FIELD(is_reload_requested),
      FIELD(is_replaced),
      FIELD(cuts_off),
      FIELD(closing_bytes),
      FIELD(next_resume_ns),
      FIELD(buffered_bytes),
      FIELD(own_line),
      FIELD(client_limits),
      FIELD(clients),
      FIELD(admission),
      FIELD(accepting),
      FIELD(reload),
      FIELD(slow_lines),
};

static unsigned count(int writer, const struct field *field)
{
    unsigned found = 0;
    for (size_t i = 0; i < field->size; i++) {
        found += atomic_load(&writes[writer][field->offset + i]);
    }
    return found;
}

/* A few are left: threads take their first tokens, or polls and the monitor meet. A write in each
 * request would be REQUESTS. */
#define FEW (REQUESTS / 20)

static void assert_few_writes(void)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const unsigned found = count(BY_OTHERS, &fields[i]);
        if (found > FEW) {
            print_error("%s: %u writes\n", fields[i].name, found);
        }
        assert_in_range(found, 0, FEW);
    }
    /* Both answer a write of the monitor, which that makes once in a tick. */
    assert_in_range(count(BY_OTHERS, &has_caught_up), 0, count(BY_MONITOR, &has_caught_up) + FEW);
    assert_in_range(count(BY_OTHERS, &is_monitor_asleep), 0,
                    count(BY_MONITOR, &is_monitor_asleep) + FEW);
    /* A turn during which the kernel did not run the thread seems to be long. However many do, the
     * average crosses a threshold twice in nine turns at most. */
    assert_in_range(count(BY_OTHERS, &turn_ns), 0, REQUESTS / 4);
}

/* Of the calls at a place where turns are long, a thread measures every 17th, and writes at most
 * three times for that: that it has, what it found, and that the place is to be measured again. */
static void assert_few_samples(void)
{
    for (size_t i = 0; i < SX__PLACES; i++) {
        const struct field place = {
            "", offsetof(struct sx__server, blocking) + i * sizeof(struct sx__place_blocking),
            sizeof(struct sx__place_blocking)};
        assert_in_range(count(BY_OTHERS, &place), 0, REQUESTS / 4);
    }
}

/* ---- requests ---- */

static char certificate_path[] = "/tmp/sextant-test-writes-XXXXXX";

static int make_certificate(void **state)
{
    (void)state;
    const int fd = mkstemp(certificate_path);
    return fd >= 0 && close(fd) == 0 && certificate_write(certificate_path) ? 0 : -1;
}

static int remove_certificate(void **state)
{
    (void)state;
    return unlink(certificate_path);
}

static struct sx__service fake_service;
static atomic_bool computes;
static struct sx__server *written; /* each request writes a field of it; NULL: none */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void handle(void *app, struct sx__exchange *exchange, void *frame)
{
    const uint64_t end_ns = now_ns() + COMPUTING_NS;
    while (atomic_load(&computes) && now_ns() < end_ns) {
    }
    if (written != NULL) {
        atomic_fetch_add(&written->closing_bytes, 1); /* 0 would be no write with clang */
    }
    fake_service.handle(app, exchange, frame);
}

static void start_computing(struct fixture *fixture)
{
    fake_service = fake_service_get(&fixture->fake);
    struct sx__service service = fake_service;
    service.handle = handle;
    start_service(fixture, &service);
}

/* A client with TLS or, if `ssl` is NULL, without. */
struct client {
    int fd;
    SSL *ssl;
};

static void say(const struct client *client, const char *text)
{
    if (client->ssl == NULL) {
        send_text(client->fd, text);
    } else {
        assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), (int)strlen(text));
    }
}

/* The body of the response is the last of its records. */
static void hear(const struct client *client)
{
    char bytes[2048] = "";
    size_t size = 0;
    const char *body = NULL;
    if (client->ssl == NULL) {
        assert_int_equal(receive_response(client->fd, NULL), 200);
        return;
    }
    while (body == NULL || body[0] == '\0') {
        const int count = SSL_read(client->ssl, bytes + size, (int)(sizeof bytes - 1 - size));
        assert_true(count > 0);
        size += (size_t)count;
        bytes[size] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n");
        body = end == NULL ? NULL : end + 4;
    }
    assert_memory_equal(bytes, "HTTP/1.1 200 ", 13);
}

static void ask(const struct client clients[CLIENTS], int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            say(&clients[i], GET("/"));
        }
        for (int i = 0; i < CLIENTS; i++) {
            hear(&clients[i]);
        }
    }
}

static void connect_client(const struct fixture *fixture, struct client *client, SSL_CTX *context)
{
    client->fd = connect_to(fixture);
    client->ssl = context == NULL ? NULL : SSL_new(context);
    if (client->ssl != NULL) {
        SSL_set_fd(client->ssl, client->fd);
        assert_int_equal(SSL_connect(client->ssl), 1);
    }
}

struct choice {
    bool has_tls;
    bool is_long;      /* turns are */
    bool writes_field; /* each request does */
};

/* Serves REQUESTS requests of CLIENTS connections, after half as many that warm the server up. */
static void count_writes(struct fixture *fixture, struct choice choice)
{
    static const struct sx_tls_options tls = {.certificate = certificate_path};
    SSL_CTX *context = choice.has_tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    struct client clients[CLIENTS];
    atomic_store(&computes, choice.is_long);
    fixture->options.tls = choice.has_tls ? &tls : NULL;
    start_computing(fixture);
    written = choice.writes_field ? fixture->server : NULL;
    for (int i = 0; i < CLIENTS; i++) {
        connect_client(fixture, &clients[i], context);
    }
    ask(clients, ROUNDS / 2);
    begin_counting(fixture);
    ask(clients, ROUNDS);
    end_counting();
    for (int i = 0; i < CLIENTS; i++) {
        SSL_free(clients[i].ssl);
        close(clients[i].fd);
    }
    SSL_CTX_free(context);
}

static void short_requests_write_nothing_shared(void **state)
{
    count_writes(*state, (struct choice){.has_tls = false});
    assert_few_writes();
    assert_few_samples();
}

static void requests_with_tls_write_nothing_shared(void **state)
{
    count_writes(*state, (struct choice){.has_tls = true});
    assert_few_writes();
    assert_few_samples();
}

/* Several threads poll. Those that find nothing to do write that, too, before they sleep and
 * afterwards (poll_permits.h). */
static void long_requests_write_nothing_shared(void **state)
{
    count_writes(*state, (struct choice){.is_long = true});
    assert_few_writes();
    assert_few_samples();
}

static void a_write_in_each_request_is_found(void **state)
{
    count_writes(*state, (struct choice){.writes_field = true});
    written = NULL;
    /* While a thread executes one of these writes, those of other threads are not seen. */
    assert_in_range(count(BY_OTHERS, &closing_bytes), REQUESTS / 4, REQUESTS * 11 / 10);
}

/* valgrind knows no trap flag. */
static bool is_in_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(short_requests_write_nothing_shared),
        TEST(requests_with_tls_write_nothing_shared),
        TEST(long_requests_write_nothing_shared),
        TEST(a_write_in_each_request_is_found),
    };
    return is_in_valgrind() ? 77
                            : cmocka_run_group_tests_name("shared_writes", tests, make_certificate,
                                                          remove_certificate);
}

#else

int main(void)
{
    printf("skipped: needs x86-64, and no sanitizer\n");
    return 77;
}

#endif
