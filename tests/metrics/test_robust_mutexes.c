/* A shared registry needs robust mutexes; where the kernel has none, it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sextant/metrics.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Also known as syscall(), which POSIX does not have. */
extern long syscall(long number, ...);

/* Of <linux/filter.h> and <linux/seccomp.h>, which musl's compiler does not find. */
struct instruction {
    uint16_t code;
    uint8_t if_true;
    uint8_t if_false;
    uint32_t operand;
};
struct filter {
    unsigned short length;
    const struct instruction *instructions;
};
enum { LOAD_WORD = 0x20, JUMP_IF_EQUAL = 0x15, RETURN = 0x06 };
#define NUMBER_OFFSET 0 /* of the number of the system call */
#define FILTER_MODE 2
#define REFUSE 0x00050000u /* and the error in the lower half */
#define ALLOW 0x7fff0000u

static const struct sx_registry_options small = {
    .shared = true, .thread_rows = 1, .row_bytes = 4096, .directory_bytes = 4096};

static int error_of_set_robust_list(void)
{
    errno = 0;
    (void)syscall(SYS_set_robust_list, NULL, (size_t)0);
    return errno;
}

/* Makes the kernel refuse the system call with this error from now on. */
static int refuse_set_robust_list(int error)
{
    const struct instruction instructions[] = {
        {LOAD_WORD, 0, 0, NUMBER_OFFSET},
        {JUMP_IF_EQUAL, 0, 1, SYS_set_robust_list},
        {RETURN, 0, 0, REFUSE | (unsigned)error},
        {RETURN, 0, 0, ALLOW},
    };
    const struct filter filter = {sizeof instructions / sizeof instructions[0], instructions};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                   prctl(PR_SET_SECCOMP, FILTER_MODE, &filter) == 0
               ? 0
               : -1;
}

/* Runs in a child: the filter cannot be taken back. */
static int make_registries(void)
{
    struct sx_registry *shared = NULL;
    struct sx_registry *own = NULL;
    if (sx_registry_new(&shared, &small) != SX_EROBUST || shared != NULL) {
        return 1;
    }
    struct sx_registry_options options = small;
    options.shared = false;
    if (sx_registry_new(&own, &options) != SX_OK) {
        return 2;
    }
    sx_registry_destroy(own);
    return 0;
}

static int exit_code_of(int run(void))
{
    int status = -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int refuse_enosys(void)
{
    return refuse_set_robust_list(ENOSYS) != 0 ? 77 : make_registries();
}

static int refuse_eperm(void)
{
    return refuse_set_robust_list(EPERM) != 0 ? 77 : make_registries();
}

/* As qemu-user, and as seccomp filters. */
static void test_without_them_a_shared_registry_is_an_error(void **state)
{
    (void)state;
    if (error_of_set_robust_list() != EINVAL) {
        print_message("the system itself refuses set_robust_list\n");
        assert_int_equal(exit_code_of(make_registries), 0);
        return;
    }
    const int code = exit_code_of(refuse_enosys);
    if (code == 77) {
        print_message("skipping: no seccomp filter here\n");
        skip();
    }
    assert_int_equal(code, 0);
    assert_int_equal(exit_code_of(refuse_eperm), 0);
}

static void test_with_them_it_is_made(void **state)
{
    (void)state;
    struct sx_registry *registry = NULL;
    if (error_of_set_robust_list() != EINVAL) {
        print_message("skipping: the system refuses set_robust_list, as qemu-user\n");
        skip();
    }
    assert_int_equal(sx_registry_new(&registry, &small), SX_OK);
    sx_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_them_a_shared_registry_is_an_error),
        cmocka_unit_test(test_with_them_it_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
