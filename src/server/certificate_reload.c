/* certificate_reload.c: reloads certificates on a separate thread. See certificate_reload.h.
 *
 * Threads: the monitor, except `run`, which is the reload thread's function.
 */
#define _POSIX_C_SOURCE 200809L

#include "certificate_reload.h"
#include "clock.h"
#include "server.h"
#include "server_types.h"
#include "tls.h"
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MESSAGE_BYTES 512
#define LONG_NS ((uint64_t)1000 * 1000000)    /* a reload that takes longer is logged as slow */
#define PATIENCE_NS ((uint64_t)200 * 1000000) /* how long a stop waits for a file system */

enum state {
    RUNNING,
    DONE,      /* the thread is about to return and can be joined */
    ABANDONED, /* the thread frees the reload */
};

struct file {
    struct sx__tls *tls;
    int status;
    char message[MESSAGE_BYTES];
};

struct sx__reload {
    _Atomic int state;
    int cancel_fd; /* an eventfd */
    int done_fd;   /* the monitor's eventfd; written at the end, unless the reload was abandoned */
    pthread_t thread;
    uint64_t started_ns;
    uint64_t cancelled_ns;      /* 0: not cancelled */
    bool is_slow;               /* it has been logged as slow */
    bool again;                 /* another reload was requested meanwhile */
    _Atomic(const char *) path; /* the certificate that is being read */
    size_t count;
    struct file files[];
};

static void reload_destroy(struct sx__reload *reload)
{
    for (size_t i = 0; i < reload->count; i++) {
        sx__tls_destroy(reload->files[i].tls);
    }
    if (reload->cancel_fd >= 0) {
        close(reload->cancel_fd);
    }
    free(reload);
}

static void write_event(int fd)
{
    const uint64_t one = 1;
    const ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

static void *run(void *argument)
{
    struct sx__reload *reload = argument;
    const int done_fd = reload->done_fd;
    for (size_t i = 0; i < reload->count; i++) {
        struct file *file = &reload->files[i];
        atomic_store(&reload->path, sx__tls_get_certificate(file->tls));
        snprintf(file->message, MESSAGE_BYTES, "out of memory");
        file->status = sx__tls_reload(file->tls, reload->cancel_fd, file->message, MESSAGE_BYTES);
    }
    /* The monitor's descriptor stays open until this thread is joined. */
    if (atomic_exchange(&reload->state, DONE) == ABANDONED) {
        reload_destroy(reload);
    } else {
        write_event(done_fd);
    }
    return NULL;
}

/* Returns NULL with errno set if there is no memory or no descriptor. */
static struct sx__reload *reload_new(struct sx__server *server)
{
    struct sx__reload *made =
        calloc(1, sizeof *made + server->listener_count * sizeof made->files[0]);
    if (made == NULL) {
        return NULL;
    }
    made->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made->cancel_fd < 0) {
        free(made);
        return NULL;
    }
    made->done_fd = server->monitor_fd;
    made->started_ns = sx__clock_now_ns();
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].tls != NULL) {
            made->files[made->count++].tls = sx__tls_hold(server->listeners[i].tls);
        }
    }
    return made;
}

static void start(struct sx__server *server)
{
    struct sx__reload *made = reload_new(server);
    int error = made == NULL ? errno : 0;
    if (made != NULL) {
        error = sx__server_start_thread(&made->thread, run, made);
    }
    if (error != 0) {
        sx__server_log(server, SX_LOG_ERROR,
                       "cannot reload certificates: %s; the previous ones stay in use",
                       strerror(error));
        if (made != NULL) {
            reload_destroy(made);
        }
        sx__server_tell(server, SX__EVENT_RELOADED, 0);
        return;
    }
    server->reload = made;
}

void sx__reload_cancel(struct sx__server *server)
{
    struct sx__reload *reload = server->reload;
    if (reload != NULL && reload->cancelled_ns == 0) {
        reload->cancelled_ns = sx__clock_now_ns();
        write_event(reload->cancel_fd);
    }
}

/* A second reload starts when the first has ended. It cancels the first only if that one is slow.
 * Otherwise signals in quick succession would cancel every reload, and none would succeed. */
void sx__reload_start(struct sx__server *server)
{
    if (!sx__server_has_tls(server)) {
        sx__server_log(server, SX_LOG_INFO,
                       "there is no certificate to reload: no address uses TLS");
        sx__server_tell(server, SX__EVENT_RELOADED, 0);
    } else if (server->reload != NULL) {
        server->reload->again = true;
        if (server->reload->is_slow) {
            sx__reload_cancel(server);
        }
    } else {
        start(server);
    }
}

static void log_file(struct sx__server *server, const struct file *file)
{
    if (file->status == SX_OK) {
        sx__server_log(server, SX_LOG_INFO, "the certificate was reloaded");
    } else if (file->status != SX_EAGAIN) { /* SX_EAGAIN: cancelled by another reload or a stop */
        sx__server_log(server, SX_LOG_ERROR, "%s; the previous certificate stays in use",
                       file->message);
    }
}

void sx__reload_prepare(struct sx__server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct sx__tls *tls = server->listeners[i].tls;
        if (tls != NULL && !sx__tls_choose_ticket_keys(tls)) {
            sx__server_log(server, SX_LOG_ERROR,
                           "there are no random numbers: workers do not share their TLS sessions");
        }
    }
}

int sx__reload_now(struct sx__server *server, int cancel_fd)
{
    int status = SX_OK;
    for (size_t i = 0; i < server->listener_count && status == SX_OK; i++) {
        struct file file = {.tls = server->listeners[i].tls, .message = "out of memory"};
        if (file.tls != NULL) {
            status = sx__tls_reload(file.tls, cancel_fd, file.message, MESSAGE_BYTES);
            file.status = status;
            log_file(server, &file);
        }
    }
    return status;
}

static void finish(struct sx__server *server)
{
    struct sx__reload *reload = server->reload;
    pthread_join(reload->thread, NULL);
    for (size_t i = 0; i < reload->count; i++) {
        log_file(server, &reload->files[i]);
    }
    server->reload = NULL;
    reload_destroy(reload);
}

void sx__reload_check(struct sx__server *server)
{
    struct sx__reload *reload = server->reload;
    if (reload == NULL) {
        return;
    }
    if (atomic_load(&reload->state) == DONE) {
        const bool again = reload->again;
        finish(server);
        if (again) {
            start(server);
        } else {
            sx__server_tell(server, SX__EVENT_RELOADED, 0);
        }
        return;
    }
    if (!reload->is_slow && sx__clock_now_ns() - reload->started_ns >= LONG_NS) {
        reload->is_slow = true;
        const char *path = atomic_load(&reload->path);
        sx__server_log(server, SX_LOG_INFO,
                       "reloading the certificate %s takes long; the previous one stays in use",
                       path == NULL ? "" : path);
        if (reload->again) {
            sx__reload_cancel(server);
        }
    }
}

void sx__reload_end(struct sx__server *server)
{
    struct sx__reload *reload = server->reload;
    if (reload == NULL) {
        return;
    }
    while (atomic_load(&reload->state) == RUNNING &&
           sx__clock_now_ns() - reload->cancelled_ns < PATIENCE_NS) {
        poll(NULL, 0, 1);
    }
    const pthread_t thread = reload->thread;
    if (atomic_load(&reload->state) == DONE || atomic_exchange(&reload->state, ABANDONED) == DONE) {
        finish(server);
        return;
    }
    pthread_detach(thread);
    server->reload = NULL;
    sx__server_log(
        server, SX_LOG_ERROR,
        "a certificate is still being read; its thread ends when the file system answers");
}
