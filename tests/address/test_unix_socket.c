/* The access to the file of a Unix socket. The tests wrap bind and listen, and check the file
 * there. */
#define _XOPEN_SOURCE 700
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <stdbool.h>

static char folder[] = "/tmp/sextant-unix-XXXXXX";
static char path[64];
static mode_t mode_at_bind, mode_at_listen;
static gid_t group_at_listen;
static bool may_connect_at_bind;
static int listen_error;

static bool may_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const bool may = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return may;
}

int __real_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size)
{
    const int result = __real_bind(fd, address, size);
    struct stat there;
    if (result == 0 && lstat(path, &there) == 0) {
        mode_at_bind = there.st_mode & 07777;
        may_connect_at_bind = may_connect();
    }
    return result;
}

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog)
{
    struct stat there;
    if (lstat(path, &there) == 0) {
        mode_at_listen = there.st_mode & 07777;
        group_at_listen = there.st_gid;
    }
    if (listen_error != 0) {
        errno = listen_error;
        return -1;
    }
    return __real_listen(fd, backlog);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    listen_error = 0;
    mode_at_bind = mode_at_listen = 07777;
    may_connect_at_bind = true;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static int open_with(const struct sx__unix_options *options)
{
    char reason[200] = "";
    const int fd = sx__unix_socket_open(path, options, reason, sizeof reason);
    if (fd < 0) {
        print_error("%s\n", reason);
    }
    return fd;
}

/* With any umask, the file is never open to more users than in the end. */
static void test_the_file_never_has_a_wider_mode_than_in_the_end(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0660, 0666, 0200, 0020, 0777};
    static const mode_t masks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        for (size_t k = 0; k < sizeof masks / sizeof *masks; k++) {
            const struct sx__unix_options options = {.mode = modes[i]};
            const mode_t before = umask(masks[k]);
            const int fd = open_with(&options);
            umask(before);
            assert_true(fd >= 0);
            assert_int_equal(mode_at_bind & ~modes[i], 0);
            assert_false(may_connect_at_bind);
            assert_int_equal(mode_at_listen, modes[i]);
            close(fd);
        }
    }
}

static void test_without_options_the_file_has_the_mode_of_the_umask(void **state)
{
    (void)state;
    static const struct sx__unix_options none = {0};
    const struct sx__unix_options *const cases[] = {NULL, &none};
    for (size_t i = 0; i < 2; i++) {
        const mode_t before = umask(027);
        const int fd = open_with(cases[i]);
        umask(before);
        assert_true(fd >= 0);
        assert_int_equal(mode_at_listen, 0750);
        assert_true(may_connect());
        close(fd);
        assert_false(may_connect()); /* the next socket replaces it */
    }
}

static void test_the_file_has_its_group_before_the_socket_listens(void **state)
{
    (void)state;
    gid_t groups[64];
    char name[20];
    const int count = getgroups(64, groups);
    /* Root may set any group, other users only one of their own. */
    const gid_t group = getuid() == 0 ? 12345 : count > 0 ? groups[count - 1] : getgid();
    snprintf(name, sizeof name, "%u", group);
    const int fd = open_with(&(struct sx__unix_options){.mode = 0660, .group = name});
    assert_true(fd >= 0);
    assert_int_equal(group_at_listen, group);
    assert_int_equal(mode_at_listen, 0660);
    close(fd);
}

static void test_an_address_that_cannot_be_bound_leaves_no_file(void **state)
{
    (void)state;
    const struct {
        const char *path;
        struct sx__unix_options options;
        int listen_error, status;
        const char *reason;
    } cases[] = {
        {"", {0}, 0, -EINVAL, "the path is empty"},
        {NULL, {.owner = "no such user"}, 0, -EINVAL, "there is no user no such user"},
        {NULL, {.group = ""}, 0, -EINVAL, "there is no group "},
        {NULL, {0}, EADDRINUSE, -EADDRINUSE, strerror(EADDRINUSE)},
        {"/nowhere/socket", {.mode = 0600}, 0, -ENOENT, strerror(ENOENT)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reason[200];
        listen_error = cases[i].listen_error;
        assert_int_equal(sx__unix_socket_open(cases[i].path == NULL ? path : cases[i].path,
                                              &cases[i].options, reason, sizeof reason),
                         cases[i].status);
        assert_string_equal(reason, cases[i].reason);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void test_a_file_that_is_not_a_socket_is_not_replaced(void **state)
{
    (void)state;
    char reason[200];
    struct stat there;
    const int file = open(path, O_CREAT | O_WRONLY, 0644);
    close(file);
    chmod(path, 0644);
    assert_int_equal(
        sx__unix_socket_open(path, &(struct sx__unix_options){.mode = 0777}, reason, sizeof reason),
        -EADDRINUSE);
    assert_int_equal(lstat(path, &there), 0);
    assert_true(S_ISREG(there.st_mode));
    assert_int_equal(there.st_mode & 07777, 0644);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_file_never_has_a_wider_mode_than_in_the_end,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_options_the_file_has_the_mode_of_the_umask,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_file_has_its_group_before_the_socket_listens,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_address_that_cannot_be_bound_leaves_no_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_not_a_socket_is_not_replaced, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
