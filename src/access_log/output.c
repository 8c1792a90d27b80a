/* The file of the access log; see output.h. Any thread that serves. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 1000, COMPLAINT_SECONDS = 60 };

/* ---- opening ---- */

static int open_path(const char *path)
{
    /* A fifo that nobody reads is an error then; to a file O_NONBLOCK means nothing. */
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
}

static bool is_same_file(const struct stat *file, const struct stat *other)
{
    return file->st_dev == other->st_dev && file->st_ino == other->st_ino;
}

int sx__output_init(struct sx__output *output, const struct sx_app *app, const char *path)
{
    struct stat status;
    struct stat log;
    output->app = app;
    output->path = strcmp(path, "-") == 0 ? NULL : path;
    output->fd = output->path == NULL ? STDOUT_FILENO : open_path(path);
    if (output->fd < 0 || fstat(output->fd, &status) != 0) {
        return errno;
    }
    output->is_file = S_ISREG(status.st_mode);
    output->is_log = fstat(STDERR_FILENO, &log) == 0 && is_same_file(&status, &log);
    output->device = status.st_dev;
    output->inode = status.st_ino;
    pthread_mutex_init(&output->lock, NULL);
    return 0;
}

/* ---- complaints ---- */

/* The default log writes to standard error, which may be a pipe without a reader, too. */
static bool block_sigpipe(sigset_t *before)
{
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    return pthread_sigmask(SIG_BLOCK, &pipe, before) == 0;
}

static void unblock_sigpipe(const sigset_t *before, bool raised)
{
    static const struct timespec at_once = {0, 0};
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    while (raised && sigtimedwait(&pipe, NULL, &at_once) < 0 && errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static const char *name_of(const struct sx__output *output)
{
    return output->path == NULL ? "standard output" : output->path;
}

static void say_lost(struct sx__output *output)
{
    char why[128] = "";
    const unsigned long long lost = atomic_exchange(&output->lost, 0);
    sigset_t before;
    if (lost > 0 && block_sigpipe(&before)) {
        (void)strerror_r(atomic_load(&output->problem), why, sizeof why);
        sx_app_log(output->app, SX_LOG_ERROR, "access log: %s: lines lost: %llu (%s)",
                   name_of(output), lost, why);
        unblock_sigpipe(&before, true);
    }
}

/* Whether it is time for another complaint, which is then the caller's to make. */
static bool may_complain(struct sx__output *output, time_t now)
{
    long long said = atomic_load(&output->said);
    const bool due = said == 0 || now < said || now - said >= COMPLAINT_SECONDS;
    return due && !(output->is_log && atomic_load(&output->failing)) &&
           atomic_compare_exchange_strong(&output->said, &said, now);
}

static void lose(struct sx__output *output, int problem, time_t now)
{
    atomic_store(&output->problem, problem);
    atomic_store(&output->failing, true);
    atomic_fetch_add(&output->lost, 1);
    if (may_complain(output, now)) {
        say_lost(output);
    }
}

/* ---- housekeeping, once a second ---- */

static void reopen(struct sx__output *output, time_t now)
{
    struct stat status = {0};
    const int fd = open_path(output->path);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        const int problem = fd < 0 ? errno : ENOTSUP;
        char why[128] = "";
        (void)strerror_r(problem, why, sizeof why);
        if (may_complain(output, now)) {
            sx_app_log(output->app, SX_LOG_ERROR, "access log: %s cannot be opened again: %s",
                       output->path, why);
        }
    } else if (dup2(fd, output->fd) >= 0) { /* at once for all threads */
        (void)fcntl(output->fd, F_SETFD, FD_CLOEXEC);
        output->device = status.st_dev;
        output->inode = status.st_ino;
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* Before the first line of a second: so the first one after a pause is not written to a file that
 * was moved away meanwhile. */
static void keep_house(struct sx__output *output, time_t now)
{
    struct stat status;
    long long checked = atomic_load_explicit(&output->checked, memory_order_relaxed);
    if (checked == now || !atomic_compare_exchange_strong(&output->checked, &checked, now)) {
        return;
    }
    if (atomic_load(&output->lost) > 0 && may_complain(output, now)) {
        say_lost(output);
    }
    if (output->is_file && output->path != NULL && pthread_mutex_trylock(&output->lock) == 0) {
        if (stat(output->path, &status) != 0 || status.st_dev != output->device ||
            status.st_ino != output->inode) {
            reopen(output, now);
        }
        pthread_mutex_unlock(&output->lock);
    }
}

/* ---- writing ---- */

/* Gives 0 or an errno. */
static int write_once(struct sx__output *output, const struct sx__line *line)
{
    /* Most lines find no trace of a torn one, and then nothing is written to what threads share. */
    const bool torn = atomic_load_explicit(&output->torn, memory_order_relaxed) &&
                      atomic_exchange(&output->torn, false);
    const char *bytes = line->bytes + (torn ? 0 : 1);
    const size_t size = line->size + torn;
    ssize_t written;
    do {
        written = write(output->fd, bytes, size);
    } while (written < 0 && errno == EINTR);
    if (written == (ssize_t)size) {
        return 0;
    }
    const int problem = written < 0 ? errno : ENOSPC;
    if (torn ? written != 1 : written > 0) {
        atomic_store(&output->torn, true);
    }
    return problem;
}

/* Under the lock. Gives 0 or an errno; of what the other end has done the write will tell. */
static int wait_for_room(struct sx__output *output)
{
    struct pollfd pollfd = {.fd = output->fd, .events = POLLOUT};
    int ready;
    do {
        ready = poll(&pollfd, 1, output->stuck ? 0 : WAIT_MS);
    } while (ready < 0 && errno == EINTR);
    output->stuck = ready <= 0;
    return output->stuck ? ETIMEDOUT : 0;
}

static int write_in_turn(struct sx__output *output, const struct sx__line *line)
{
    sigset_t before;
    pthread_mutex_lock(&output->lock);
    int problem = wait_for_room(output);
    if (problem == 0 && block_sigpipe(&before)) {
        problem = write_once(output, line);
        unblock_sigpipe(&before, problem == EPIPE);
    }
    pthread_mutex_unlock(&output->lock);
    return problem;
}

void sx__output_write(struct sx__output *output, const struct sx__line *line, time_t now)
{
    keep_house(output, now);
    const int problem = output->is_file ? write_once(output, line) : write_in_turn(output, line);
    if (problem != 0) {
        lose(output, problem, now);
    } else if (atomic_load_explicit(&output->failing, memory_order_relaxed)) {
        atomic_store(&output->failing, false);
    }
}

void sx__output_clean_up(struct sx__output *output)
{
    if (!(output->is_log && atomic_load(&output->failing))) {
        say_lost(output);
    }
    if (output->path != NULL) {
        close(output->fd);
    }
    pthread_mutex_destroy(&output->lock);
}
