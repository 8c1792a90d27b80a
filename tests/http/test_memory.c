/* Each allocation of a connection fails once, in turn. The exchange then completes or is aborted,
 * each exchange that begins also ends, and nothing leaks. */
#include "connection.h"
#include "failing_allocation.h"
#include "fake_service.h"
#include "run_options.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static long mappings; /* that have not been unmapped */

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *memory, size_t size);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *memory, size_t size);

/* Nothing here is so large that more than one call maps or unmaps it. */
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *memory =
        allocation_fails() ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, offset);
    mappings += memory != MAP_FAILED ? 1 : 0;
    return memory;
}
int __wrap_munmap(void *memory, size_t size)
{
    mappings--;
    return __real_munmap(memory, size);
}

static bool serve(struct sx__connection *connection)
{
    char frame[64];
    for (;;) {
        struct sx_str pieces[2];
        size_t size = 0;
        switch (sx__connection_get_next_step(connection)) {
        case SX__NEXT_INPUT:
            return true;
        case SX__NEXT_TIME:
            sx__connection_resume(connection, UINT64_MAX);
            break;
        case SX__NEXT_OUTPUT:
            for (size_t i = sx__connection_get_output(connection, pieces); i > 0; i--) {
                size += pieces[i - 1].size;
            }
            sx__connection_sent(connection, size, 1);
            break;
        case SX__NEXT_LINGER:
        case SX__NEXT_CLOSE:
            return false;
        default:
            assert_true(sx__connection_do_step(connection, frame, 1));
            break;
        }
    }
}

/* Sends the bytes in pieces to a connection, one of whose allocations fails. Returns whether that
 * allocation was reached. */
static bool live_with(long fail_at, const char *bytes, size_t size, size_t piece)
{
    struct fake_service fake;
    fake_service_init(&fake, true);
    fake.records = false;
    struct sx__protocol protocol = {.service = fake_service_get(&fake)};
    assert_int_equal(sx__run_options_resolve(&protocol.options, NULL), 0);
    struct sx__request_pool pool = {0};
    struct sx__connection connection;
    const long before = allocations_live() + mappings;
    sx__connection_init(&connection, &protocol, 0);
    fail_one_allocation(fail_at);
    bool open = true;
    for (size_t at = 0; open && at < size;) {
        char *space;
        size_t room;
        open = sx__connection_reserve(&connection, &pool, &space, &room) == 0;
        if (open) {
            size_t taken = size - at < piece ? size - at : piece;
            taken = taken < room ? taken : room;
            memcpy(space, bytes + at, taken);
            at += taken;
            sx__connection_receive(&connection, taken);
            open = serve(&connection);
            sx__connection_release_memory(&connection, &pool);
        }
    }
    const bool reached = end_failing_allocations();
    sx__connection_clean_up(&connection, &pool, 2);
    sx__request_pool_clean_up(&pool);
    assert_int_equal(allocations_live() + mappings, before);
    assert_int_equal(fake.begins, fake.ends);
    if (!reached) {
        assert_true(open);
        assert_true(fake.outcomes[SX_OUTCOME_COMPLETE] > 0);
        assert_int_equal(fake.begins, fake.outcomes[SX_OUTCOME_COMPLETE]);
    }
    fake_service_clean_up(&fake);
    return reached;
}

static void a_connection_survives_every_failing_allocation(void **state)
{
    (void)state;
    static char large[40000];
    memset(large, 'x', sizeof large);
    memcpy(large, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 39000\r\n\r\n", 55);
    static char header[20000];
    memset(header, 'x', sizeof header);
    memcpy(header, "GET /headers HTTP/1.1\r\nHost: a\r\nX: ", 35);
    memcpy(header + sizeof header - 4, "\r\n\r\n", 4);
#define CASE(text)            \
    {                         \
        text, sizeof text - 1 \
    }
    const struct sx_str cases[] = {
        CASE("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /long-headers HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE("GET /stream/pausing HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n"),
        {large, 55 + 39000},
        {header, sizeof header},
    };
    long failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const size_t pieces[] = {1000000, 7};
        for (size_t j = 0; j < 2; j++) {
            long fail_at = 0;
            while (live_with(fail_at, cases[i].data, cases[i].size, pieces[j])) {
                fail_at++;
            }
            assert_true(fail_at > 0);
            failed += fail_at;
        }
    }
    assert_true(failed >= 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests_name("memory of connections", tests, NULL, NULL);
}
