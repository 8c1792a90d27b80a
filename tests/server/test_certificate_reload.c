/* The file of a certificate that is reloaded cannot be opened at once. Neither clients nor a stop
 * wait for it. */
#define _POSIX_C_SOURCE 200809L
#include "certificate.h"
#include "fixture.h"
#include "server.h"
#include "server_types.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/sextant-reload-XXXXXX";
static char path[64], other[64];

/* ---- a file system that does not respond ---- */

static atomic_bool hangs;
static atomic_uint hanging;
static atomic_int open_takes_ms;
static atomic_uint opened;

int __real_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags, ...)
{
    /* Compared once: after it has hung, an abandoned thread may run beside the next test. */
    const bool is_certificate = strcmp(name, path) == 0;
    if (is_certificate && atomic_load(&hangs)) {
        atomic_fetch_add(&hanging, 1);
        while (atomic_load(&hangs)) {
            poll(NULL, 0, 1);
        }
        atomic_fetch_sub(&hanging, 1);
    }
    if (is_certificate) {
        poll(NULL, 0, atomic_load(&open_takes_ms));
        atomic_fetch_add(&opened, 1);
    }
    return __real_open(name, flags, 0600);
}

static void wait_for(atomic_uint *number, unsigned value)
{
    const uint64_t deadline_ms = now_ms() + DEADLINE_MS;
    while (atomic_load(number) != value) {
        assert_true(now_ms() < deadline_ms);
        poll(NULL, 0, 1);
    }
}

static unsigned count_threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while (readdir(tasks) != NULL) {
        count++;
    }
    closedir(tasks);
    return count;
}

/* ---- the server and a client ---- */

static unsigned threads_before_start;

static int start_with_tls(void **state)
{
    const int result = set_up(state);
    struct fixture *fixture = *state;
    static struct sx_tls_options tls;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/certificate", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    tls.certificate = path;
    fixture->options.tls = &tls;
    if (!certificate_write(path) || !certificate_write(other)) {
        return -1;
    }
    threads_before_start = count_threads();
    start(fixture);
    return result;
}

static int end_with_tls(void **state)
{
    atomic_store(&hangs, false);
    const int result = tear_down(state);
    wait_for(&hanging, 0);
    unlink(path);
    unlink(other);
    rmdir(folder);
    return result;
}

/* Makes a TLS handshake. Returns the key of the server's certificate. */
static EVP_PKEY *shake_hands(const struct fixture *fixture)
{
    static const struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    const int fd = connect_to(fixture);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    EVP_PKEY *key = X509_get_pubkey(SSL_get0_peer_certificate(ssl));
    assert_non_null(key);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return key;
}

static bool has_key_of(const struct fixture *fixture, const char *file)
{
    FILE *stream = fopen(file, "r");
    assert_non_null(stream);
    X509 *certificate = PEM_read_X509(stream, NULL, NULL, NULL);
    fclose(stream);
    EVP_PKEY *key = shake_hands(fixture);
    const bool is_same = EVP_PKEY_eq(key, X509_get0_pubkey(certificate)) == 1;
    EVP_PKEY_free(key);
    X509_free(certificate);
    return is_same;
}

static bool has_logged(struct fixture *fixture, const char *part)
{
    pthread_mutex_lock(&fixture->fake.mutex);
    const bool has = strstr(fixture->fake.last_log, part) != NULL;
    pthread_mutex_unlock(&fixture->fake.mutex);
    return has;
}

static void wait_for_log(struct fixture *fixture, const char *part)
{
    const uint64_t deadline_ms = now_ms() + DEADLINE_MS;
    while (!has_logged(fixture, part)) {
        if (now_ms() >= deadline_ms) {
            fail_msg("the last line of the log is \"%s\", not \"%s\"", fixture->fake.last_log,
                     part);
        }
        poll(NULL, 0, 1);
    }
}

static char former[64];

/* Puts a FIFO in place of the certificate, of which `former` is a copy. */
static void make_fifo(void)
{
    snprintf(former, sizeof former, "%s/former", folder);
    assert_int_equal(rename(path, former), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void copy_into(const char *from, const char *to)
{
    char bytes[8192];
    FILE *input = fopen(from, "r");
    const size_t size = fread(bytes, 1, sizeof bytes, input);
    fclose(input);
    FILE *output = fopen(to, "w"); /* if it is a FIFO, waits for its reader */
    assert_non_null(output);
    assert_int_equal(fwrite(bytes, 1, size, output), size);
    fclose(output);
}

/* ---- the tests ---- */

static void test_handshakes_go_on_while_a_fifo_has_no_writer(void **state)
{
    struct fixture *fixture = *state;
    make_fifo();
    sx__server_reload(fixture->server);
    wait_for_log(fixture, "takes long");
    for (int i = 0; i < 3; i++) {
        assert_true(has_key_of(fixture, former));
    }
    copy_into(other, path);
    wait_for_log(fixture, "the certificate was reloaded");
    assert_true(has_key_of(fixture, other));
    unlink(former);
}

static void test_the_stop_does_not_wait_for_a_fifo_and_leaves_no_thread(void **state)
{
    struct fixture *fixture = *state;
    make_fifo();
    sx__server_reload(fixture->server);
    wait_for_log(fixture, "takes long");
    const uint64_t start_ms = now_ms();
    stop(fixture);
    assert_true(now_ms() - start_ms < 5000); /* the drain may take 10 s */
    assert_int_equal(count_threads(), threads_before_start);
    unlink(former);
}

/* The latest reload counts. It does not wait for a FIFO that will never have a writer. */
static void test_a_second_reload_cancels_a_slow_first_one(void **state)
{
    struct fixture *fixture = *state;
    make_fifo();
    sx__server_reload(fixture->server);
    wait_for_log(fixture, "takes long");
    unlink(path);
    copy_into(other, path);
    sx__server_reload(fixture->server);
    wait_for_log(fixture, "the certificate was reloaded");
    assert_true(has_key_of(fixture, other));
    unlink(former);
}

/* Requests for a reload that come faster than a certificate can be read do not cancel each other.
 */
static void test_reloads_without_pause_succeed(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&open_takes_ms, 20);
    copy_into(other, path);
    const uint64_t deadline_ms = now_ms() + DEADLINE_MS;
    while (!has_logged(fixture, "the certificate was reloaded")) {
        assert_true(now_ms() < deadline_ms);
        sx__server_reload(fixture->server);
    }
    atomic_store(&open_takes_ms, 0);
    assert_true(has_key_of(fixture, other));
}

/* The second reload comes before the first is known to be slow. */
static void test_a_second_reload_cancels_the_first_once_that_is_slow(void **state)
{
    struct fixture *fixture = *state;
    make_fifo();
    atomic_store(&opened, 0);
    sx__server_reload(fixture->server);
    wait_for(&opened, 1);
    unlink(path);
    copy_into(other, path);
    sx__server_reload(fixture->server);
    wait_for_log(fixture, "the certificate was reloaded");
    assert_true(has_key_of(fixture, other));
    unlink(former);
}

static void test_handshakes_and_the_stop_do_not_wait_for_a_file_system(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&hangs, true);
    sx__server_reload(fixture->server);
    wait_for(&hanging, 1);
    assert_true(has_key_of(fixture, path));
    sx__server_reload(fixture->server); /* the second reload has to wait for the first */
    wait_for_log(fixture, "takes long");
    assert_int_equal(atomic_load(&hanging), 1);
    const uint64_t start_ms = now_ms();
    stop(fixture);
    assert_true(now_ms() - start_ms < 5000);
    assert_non_null(strstr(fixture->fake.last_log, "its thread ends when the file system answers"));
    sx__server_destroy(fixture->server);
    fixture->server = NULL;
    /* The thread uses no freed memory, and ends. */
    const unsigned before = count_threads();
    atomic_store(&hangs, false);
    wait_for(&hanging, 0);
    while (count_threads() != before - 1) {
        poll(NULL, 0, 1);
    }
}

static void test_reloads_in_a_row_end_with_the_last(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 50; i++) {
        sx__server_reload(fixture->server);
        EVP_PKEY_free(shake_hands(fixture));
    }
    wait_for_log(fixture, "the certificate was reloaded");
    copy_into(other, path);
    sx__server_reload(fixture->server);
    const uint64_t deadline_ms = now_ms() + DEADLINE_MS;
    while (!has_key_of(fixture, other)) {
        assert_true(now_ms() < deadline_ms);
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start_with_tls, end_with_tls)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_handshakes_go_on_while_a_fifo_has_no_writer),
        TEST(test_the_stop_does_not_wait_for_a_fifo_and_leaves_no_thread),
        TEST(test_a_second_reload_cancels_a_slow_first_one),
        TEST(test_reloads_without_pause_succeed),
        TEST(test_a_second_reload_cancels_the_first_once_that_is_slow),
        TEST(test_handshakes_and_the_stop_do_not_wait_for_a_file_system),
        TEST(test_reloads_in_a_row_end_with_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
