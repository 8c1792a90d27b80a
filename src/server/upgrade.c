/* upgrade.c: starts a program that takes the place of this one. See upgrade.h. */
#define _GNU_SOURCE /* SYS_pidfd_open */
#include "upgrade.h"
#include "clock.h"
#include "server_types.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS ((uint64_t)60 * 1000000000) /* until the program serves */
#define TEXT_BYTES 96
#define NOT_EXECUTED 127

/* ---- starting it ---- */

static void keep_open(int fd)
{
    (void)fcntl(fd, F_SETFD, 0);
}

/* Sockets without an address are those of the service manager, which has a variable of its own for
 * them. Returns false if memory is exhausted. */
static bool pass_sockets(const struct sx__server *server)
{
    char *text = NULL;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);
    if (lines == NULL) {
        return false;
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        const struct sx__listener *listener = &server->listeners[i];
        keep_open(listener->fd);
        if (listener->address != NULL) {
            fprintf(lines, "%d=%s\n", listener->fd, listener->address);
        }
    }
    const bool is_set = fclose(lines) == 0 && setenv(SX__SOCKETS_VARIABLE, text, 1) == 0;
    free(text);
    return is_set;
}

static bool pass_descriptors(const struct sx__program *program)
{
    bool are_set = true;
    for (size_t i = 0; i < program->passed_count; i++) {
        char number[TEXT_BYTES];
        snprintf(number, sizeof number, "%d", program->passed[i].fd);
        keep_open(program->passed[i].fd);
        are_set &= setenv(program->passed[i].name, number, 1) == 0;
    }
    return are_set;
}

/* In the new process. */
static _Noreturn void become_program(struct sx__server *server, const struct sx__program *program,
                                     int fd, bool passes)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%ld %d%s", (long)getpid(), fd, passes ? "" : " waits");
    keep_open(fd);
    errno = ENOMEM;
    if (setenv(SX__UPGRADE_VARIABLE, text, 1) == 0 && pass_sockets(server) &&
        (!passes || pass_descriptors(program))) {
        program->execute(program->context);
    }
    sx__server_log(server, SX_LOG_ERROR, "cannot start the new program: %s", strerror(errno));
    _exit(NOT_EXECUTED);
}

int sx__upgrade_start(struct sx__upgrade *upgrade, struct sx__server *server,
                      const struct sx__program *program, bool passes)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return errno;
    }
    *upgrade = (struct sx__upgrade){
        .fd = pair[0], .pid_fd = -1, .passes = passes, .since_ns = sx__clock_now_ns()};
    (void)fflush(NULL); /* or the program would write it again */
    upgrade->pid = fork();
    if (upgrade->pid == 0) {
        become_program(server, program, pair[1], passes);
    }
    int error = upgrade->pid < 0 ? errno : 0;
    close(pair[1]);
    if (error == 0) {
        upgrade->pid_fd = (int)syscall(SYS_pidfd_open, upgrade->pid, 0);
        error = upgrade->pid_fd < 0 ? errno : 0;
        if (error != 0) {
            (void)kill(upgrade->pid, SIGKILL); /* it is not reaped yet, so the id is still its */
            (void)waitpid(upgrade->pid, NULL, 0);
        }
    }
    if (error != 0) {
        close(pair[0]);
        upgrade->pid = 0;
    }
    return error;
}

/* ---- watching it ---- */

void sx__upgrade_forget(struct sx__upgrade *upgrade)
{
    if (upgrade->pid > 0) {
        close(upgrade->fd);
        close(upgrade->pid_fd);
        upgrade->pid = 0;
    }
}

uint64_t sx__upgrade_get_end_ns(const struct sx__upgrade *upgrade)
{
    return upgrade->since_ns + PATIENCE_NS;
}

static bool has_ended(const struct sx__upgrade *upgrade)
{
    struct pollfd poll_fd = {.fd = upgrade->pid_fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static void kill_program(const struct sx__upgrade *upgrade)
{
    (void)syscall(SYS_pidfd_send_signal, upgrade->pid_fd, SIGKILL, NULL, 0);
}

/* The program has ended, or will at once. */
static void log_failure(const struct sx__upgrade *upgrade, struct sx__server *server, bool is_late)
{
    char how[TEXT_BYTES] = "has ended";
    int status = 0;
    const bool is_known = waitpid(upgrade->pid, &status, 0) == upgrade->pid;
    if (is_late) {
        snprintf(how, sizeof how, "did not serve within %u s",
                 (unsigned)(PATIENCE_NS / 1000000000));
    } else if (is_known && WIFSIGNALED(status)) {
        snprintf(how, sizeof how, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else if (is_known) {
        snprintf(how, sizeof how, "exited with status %d", WEXITSTATUS(status));
    }
    /* With what is passed on it may fail: then it is started without. */
    sx__server_log(server, upgrade->passes ? SX_LOG_INFO : SX_LOG_ERROR,
                   "the new program (process %ld) %s", (long)upgrade->pid, how);
}

enum sx__upgrade_step sx__upgrade_check(struct sx__upgrade *upgrade, struct sx__server *server)
{
    char byte = 0;
    if (recv(upgrade->fd, &byte, 1, MSG_DONTWAIT) == 1) {
        if (byte == SX__UPGRADE_IS_SERVING) {
            sx__upgrade_forget(upgrade);
        }
        return byte == SX__UPGRADE_IS_SERVING ? SX__UPGRADE_SERVES : SX__UPGRADE_WAITS;
    }
    const bool is_late = sx__clock_now_ns() >= sx__upgrade_get_end_ns(upgrade);
    if (!is_late && !has_ended(upgrade)) {
        return SX__UPGRADE_NONE;
    }
    kill_program(upgrade);
    log_failure(upgrade, server, is_late);
    sx__upgrade_forget(upgrade);
    return SX__UPGRADE_FAILED;
}

void sx__upgrade_let_serve(struct sx__upgrade *upgrade)
{
    const char byte = SX__UPGRADE_IS_WAITING;
    if (!upgrade->may_serve) {
        upgrade->may_serve = true;
        (void)!send(upgrade->fd, &byte, 1, MSG_NOSIGNAL);
    }
}

void sx__upgrade_cancel(struct sx__upgrade *upgrade)
{
    if (upgrade->pid > 0) {
        kill_program(upgrade);
        (void)waitpid(upgrade->pid, NULL, 0);
        sx__upgrade_forget(upgrade);
    }
}
