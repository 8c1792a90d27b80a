/* server.c: creates, runs, stops and destroys a server. See server.h. */
#include "server.h"
#include "certificate_reload.h"
#include "clock.h"
#include "monitor.h"
#include "processors.h"
#include "server_types.h"
#include "upgrade.h"
#include "user_code.h"
#include "wakeup.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)1 << 20) /* of a thread; only the pages that it uses occupy memory */
#define KEPT_SHARE 4                  /* this fraction of buffered_bytes may be kept for reuse */
#define QUEUE_SHARE 4                 /* and this fraction may be in each queue, in addition */
#define TICK_MS 1
#define DESCRIPTORS_SPARE 256 /* besides those of connections */

void sx__server_log(struct sx__server *server, enum sx_log_level level, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    server->protocol.service.log(server->protocol.service.app, level, message);
}

/* ---- cache lines ---- */

#define LINE_OF(type, field) (offsetof(type, field) / 64)
#define ASSERT_APART(type, first, second)                                                       \
    _Static_assert(LINE_OF(type, first) != LINE_OF(type, second) && _Alignof(type) % 64 == 0 && \
                       sizeof(type) % 64 == 0,                                                  \
                   #first " and " #second " have cache lines of their own")

/* On the left what requests read, on the right what is written more often. */
ASSERT_APART(struct sx__server, processors, is_stop_requested);
ASSERT_APART(struct sx__server, turn_ns, buffered_bytes);
ASSERT_APART(struct sx__server, next_resume_ns, own_line);
ASSERT_APART(struct sx__server, clients, client_limits);
ASSERT_APART(struct sx__server, poll_permits.closed, poll_permits.polling);
ASSERT_APART(struct sx__server, poll_permits.closed, poll_permits.mutex);
ASSERT_APART(struct sx__server, admission.queued, poll_permits.parked);
ASSERT_APART(struct sx__server, admission.worker_count, admission.mutex);
ASSERT_APART(struct sx__server, blocking, admission.queues);
ASSERT_APART(struct sx__server, blocking, accepting.mutex);
ASSERT_APART(struct sx__server, accepting, slow_lines);
ASSERT_APART(struct sx__worker, server, monitor.last_user);
ASSERT_APART(struct sx__worker, server, shared.user);
ASSERT_APART(struct sx__worker, monitor.last_user, shared.user);

/* ---- creating and destroying ---- */

static void close_descriptor(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* Makes room in the kernel's table of descriptors. When the table of a process with threads grows,
 * all threads that open a descriptor wait for an RCU grace period, some 10 ms and more on a busy
 * machine. It would double whenever connections reach 256, 512 and so on. Before there are threads,
 * it grows at once. It takes 8 bytes for each descriptor. */
static void reserve_descriptors(const struct sx__server *server)
{
    struct rlimit limit;
    const rlim_t wanted = (rlim_t)server->protocol.options.connection_count + DESCRIPTORS_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        const rlim_t most = wanted < limit.rlim_cur ? wanted : limit.rlim_cur;
        const int fd = fcntl(server->epoll_fd, F_DUPFD_CLOEXEC,
                             most > 0 && most < INT_MAX ? (int)most - 1 : 0);
        close_descriptor(fd);
    }
}

static int open_descriptors(struct sx__server *server)
{
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->monitor_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->exit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->exit_fd};
    if (server->epoll_fd < 0 || server->monitor_fd < 0 || server->exit_fd < 0 ||
        epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->exit_fd, &event) < 0) {
        sx__server_log(server, SX_LOG_ERROR, "cannot create an epoll set: %s", strerror(errno));
        return SX_ESYSTEM;
    }
    reserve_descriptors(server);
    return 0;
}

static void close_descriptors(struct sx__server *server)
{
    close_descriptor(server->exit_fd);
    close_descriptor(server->monitor_fd);
    close_descriptor(server->epoll_fd);
}

static int make_workers(struct sx__server *server)
{
    const unsigned count = server->protocol.options.threads + SX__THREADS_SPARE;
    server->workers = aligned_alloc(_Alignof(struct sx__worker), count * sizeof *server->workers);
    if (server->workers == NULL) {
        return SX_ENOMEM;
    }
    memset(server->workers, 0, count * sizeof *server->workers);
    server->worker_space = count;
    sx__admission_set_workers(&server->admission, server->workers, count);
    for (unsigned i = 0; i < count; i++) {
        struct sx__worker *worker = &server->workers[i];
        worker->server = server;
        worker->pool.buffers = server->buffers;
        pthread_cond_init(&worker->parking.unparked, NULL);
        worker->frame = sx__frame_new(&server->protocol.service);
        if (worker->frame == NULL) {
            return SX_ENOMEM;
        }
    }
    return 0;
}

int sx__server_new(struct sx__server **server, const struct sx__service *service,
                   const struct sx_run_options *options)
{
    struct sx__server *made = aligned_alloc(_Alignof(struct sx__server), sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    memset(made, 0, sizeof *made);
    made->line = &made->own_line;
    pthread_mutex_init(&made->accepting.mutex, NULL);
    made->protocol.service = *service;
    made->protocol.options = *options;
    made->next_resume_ns = UINT64_MAX;
    made->epoll_fd = made->monitor_fd = made->exit_fd = made->control_fd = -1;
    sx__poll_permits_init(&made->poll_permits);
    sx__client_limits_init(&made->client_limits, options->address_connection_count);
    sx__admission_init(&made->admission, options->queue_count,
                       options->buffered_bytes / QUEUE_SHARE);
    int status = sx__buffer_pool_new(&made->buffers, options->buffered_bytes / KEPT_SHARE);
    made->protocol.buffers = made->buffers;
    made->protocol.get_date = sx__clock_date;
    if (status == 0) {
        status = open_descriptors(made);
    }
    if (status == 0) {
        status = make_workers(made);
    }
    if (status == 0) {
        status = sx__listeners_open(made);
    }
    if (status < 0) {
        sx__server_destroy(made);
        return status;
    }
    /* They belong to the caller, and are not needed any more. */
    made->protocol.options.address = NULL;
    made->protocol.options.tls = NULL;
    made->protocol.options.addresses = (struct sx_listen_address_list){NULL, 0};
    *server = made;
    return 0;
}

uint16_t sx__server_get_port(const struct sx__server *server, size_t index)
{
    return index < server->listener_count ? server->listeners[index].port : 0;
}

int sx__server_forked(struct sx__server *server)
{
    close_descriptors(server);
    sx__listeners_forked(server);
    sx__former_forget();
    server->watcher = NULL;
    atomic_store(&server->is_reload_requested, false); /* those were the parent's */
    atomic_store(&server->is_upgrade_requested, false);
    return open_descriptors(server);
}

void sx__server_set_spread(struct sx__server *server, struct sx__spread *spread, unsigned line)
{
    server->spread = spread;
    server->line = sx__spread_get_line(spread, line);
}

bool sx__server_has_tls(const struct sx__server *server)
{
    bool has = false;
    for (size_t i = 0; i < server->listener_count; i++) {
        has |= server->listeners[i].tls != NULL;
    }
    return has;
}

/* ---- joining threads ---- */

static bool is_running(struct sx__server *server)
{
    bool running = false;
    for (unsigned i = 0; i < server->worker_count; i++) {
        running |= !atomic_load(&server->workers[i].shared.has_ended);
    }
    return running;
}

static void join_ended(struct sx__server *server)
{
    unsigned left = 0;
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct sx__worker *worker = &server->workers[i];
        if (!worker->monitor.is_joined && atomic_load(&worker->shared.has_ended)) {
            pthread_join(worker->monitor.thread, NULL);
            worker->monitor.is_joined = true;
        }
        left += worker->monitor.is_joined ? 0 : 1;
    }
    server->worker_count = left == 0 ? 0 : server->worker_count;
}

bool sx__server_destroy(struct sx__server *server)
{
    if (server == NULL) {
        return true;
    }
    join_ended(server);
    if (server->worker_count > 0) {
        return false;
    }
    sx__listeners_clean_up(server);
    close_descriptors(server);
    for (unsigned i = 0; i < server->worker_space; i++) {
        free(server->workers[i].frame);
    }
    free(server->workers);
    sx__client_table_clean_up(&server->clients);
    sx__admission_clean_up(&server->admission);
    sx__poll_permits_clean_up(&server->poll_permits);
    sx__client_limits_clean_up(&server->client_limits);
    pthread_mutex_destroy(&server->accepting.mutex);
    sx__buffer_pool_destroy(server->buffers);
    free(server);
    return true;
}

/* ---- running ---- */

/* Blocks the signals that are meant for the process, so that only threads of the program receive
 * them. Signals for errors of a thread itself still reach that thread. */
static void block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        sigdelset(&all, faults[i]);
    }
    pthread_sigmask(SIG_SETMASK, &all, before);
}

int sx__server_start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    sigset_t before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    block_signals(&before);
    const int error = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Starts the threads. A server with fewer threads than requested still works; with none it fails.
 */
int sx__server_start(struct sx__server *server)
{
    const unsigned wanted = server->worker_space;
    if (sx__listeners_watch(server) < 0) {
        return SX_ESYSTEM;
    }
    server->processors = sx__processor_count();
    sx__admission_set_threads(&server->admission, wanted);
    int error = 0;
    while (server->worker_count < wanted && error == 0) {
        struct sx__worker *worker = &server->workers[server->worker_count];
        error = sx__server_start_thread(&worker->monitor.thread, sx__worker_run, worker);
        server->worker_count += error == 0 ? 1 : 0;
    }
    if (error != 0) {
        sx__admission_set_threads(&server->admission, server->worker_count);
        sx__server_log(server, SX_LOG_ERROR, "only %u of %u threads could be started: %s",
                       server->worker_count, wanted, strerror(error));
    }
    if (server->worker_count > 0 && server->spread != NULL) {
        sx__spread_join(server->line);
    }
    return server->worker_count > 0 ? 0 : SX_ESYSTEM;
}

/* ---- ending the threads ---- */

/* Ends the threads. A thread cannot be ended from outside, so threads whose handlers do not return
 * are abandoned, and the memory that they may use is not freed. */
static int end_workers(struct sx__server *server, uint64_t end_ns)
{
    sx__poll_permits_close(&server->poll_permits);
    sx__wakeup_pollers(server);
    while (sx__clock_now_ns() < end_ns && is_running(server)) {
        sx__monitor_wait(server, TICK_MS);
    }
    const unsigned stuck = sx__workers_count_in_user_code(server);
    if (stuck == 0) {
        for (unsigned i = 0; i < server->worker_count; i++) {
            pthread_join(server->workers[i].monitor.thread, NULL);
        }
        server->worker_count = 0;
        return 0;
    }
    sx__server_log(server, SX_LOG_ERROR, "%u handler%s did not return within %u ms: abandoned",
                   stuck, stuck == 1 ? "" : "s", server->protocol.options.stop_timeout_ms);
    join_ended(server);
    return SX_ETIMEOUT;
}

int sx__server_serve(struct sx__server *server)
{
    sx__monitor_run(server);
    sx__reload_cancel(server);
    const int status = end_workers(server, sx__monitor_drain(server));
    sx__reload_end(server);
    sx__monitor_log_left_out(server,
                             sx__log_limit_take(&server->slow_lines, sx__clock_now_ns(), true));
    return status;
}

int sx__server_run(struct sx__server *server)
{
    sx__former_wait(server);
    const int status = sx__server_start(server);
    if (status == 0) {
        sx__former_end(server);
    }
    return status == 0 ? sx__server_serve(server) : status;
}

void sx__server_stop(struct sx__server *server)
{
    atomic_store(&server->is_stop_requested, true);
    sx__wakeup_monitor(server);
}

void sx__server_leave(struct sx__server *server)
{
    atomic_store(&server->is_replaced, true);
    sx__server_stop(server);
}

void sx__server_reload(struct sx__server *server)
{
    atomic_store(&server->is_reload_requested, true);
    sx__wakeup_monitor(server);
}

void sx__server_upgrade(struct sx__server *server)
{
    atomic_store(&server->is_upgrade_requested, true);
    sx__wakeup_monitor(server);
}

void sx__server_watch(struct sx__server *server, const struct sx__watcher *watcher)
{
    server->watcher = watcher;
}

void sx__server_tell(const struct sx__server *server, enum sx__server_event event, pid_t process)
{
    if (server->watcher != NULL) {
        server->watcher->tell(server->watcher->context, event, process);
    }
}
