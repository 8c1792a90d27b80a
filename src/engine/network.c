#define _GNU_SOURCE /* sched_getaffinity */
#include "network.h"
#include "reload.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000u
#define TICK_MS 1      /* a handler that lasts longer loses its thread's permit */
#define CALM_TICK_MS 4 /* the same, where handlers have been short for a while */
#define CALM_TICKS 256 /* that while */
#define QUIET_TICKS 4  /* without a handler, until the monitor sleeps */
#define SWEEP_MS 1000  /* how late a timeout may be noticed */
#define REST_MS 100    /* of the listener, when descriptors are exhausted */
#define STOP_SWEEP_MS 10
#define FULL_SHARE 8 /* beyond what may be held, this part of it at most is used for an instant */
#define KEPT_SHARE 4 /* of what may be held, this part may be memory that is kept for reuse */
#define REQUEST_BYTES 65536 /* more than a request takes without its body, with TLS */
#define QUEUE_SHARE 4       /* of what may be held, for each queue as much beside it as this part */
#define STOP_GRACE_MS 200   /* before the deadline, for the queue; behind it, for the threads */

uint64_t sx__now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void sx__network_log(struct sx__network *network, enum sx_log_level level, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    network->protocol.service.log(network->protocol.service.app, level, message);
}

/* Async-signal-safe. The counter of an eventfd cannot run over in any time that matters. */
static void write_event(int fd)
{
    const uint64_t one = 1;
    const ssize_t written = write(fd, &one, sizeof one);
    (void)written;
}

void sx__network_wake_monitor(struct sx__network *network)
{
    write_event(network->monitor_fd);
}

/* The monitor sleeps while nobody is in a handler or queued. Either it sees this thread before it
 * goes to sleep, or this thread sees that it sleeps: both sides write before they read. */
void sx__network_rouse_monitor(struct sx__network *network)
{
    if (atomic_load(&network->monitor_asleep) && atomic_exchange(&network->monitor_asleep, false)) {
        sx__network_wake_monitor(network);
    }
}

/* ---- making and destroying ---- */

static int open_descriptors(struct sx__network *network)
{
    network->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    network->monitor_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    network->exit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &network->exit_fd};
    if (network->epoll_fd < 0 || network->monitor_fd < 0 || network->exit_fd < 0 ||
        epoll_ctl(network->epoll_fd, EPOLL_CTL_ADD, network->exit_fd, &event) < 0) {
        sx__network_log(network, SX_LOG_ERROR, "cannot make an epoll set: %s", strerror(errno));
        return SX_ESYSTEM;
    }
    return 0;
}

static int make_workers(struct sx__network *network)
{
    const unsigned count = network->protocol.options.threads + SX__THREADS_SPARE;
    network->workers = aligned_alloc(_Alignof(struct sx__worker), count * sizeof *network->workers);
    if (network->workers == NULL) {
        return SX_ENOMEM;
    }
    memset(network->workers, 0, count * sizeof *network->workers);
    network->worker_space = count;
    for (unsigned i = 0; i < count; i++) {
        struct sx__worker *worker = &network->workers[i];
        worker->network = network;
        worker->pool.spaces = &network->spaces;
        pthread_cond_init(&worker->unparked, NULL);
        worker->frame = sx__frame_new(&network->protocol.service);
        if (worker->frame == NULL) {
            return SX_ENOMEM;
        }
    }
    return 0;
}

int sx__network_new(struct sx__network **network, const struct sx__service *service,
                    const struct sx_run_options *options)
{
    struct sx__network *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return SX_ENOMEM;
    }
    made->protocol.service = *service;
    made->protocol.options = *options;
    made->next_resume_ns = UINT64_MAX;
    made->epoll_fd = made->monitor_fd = made->exit_fd = -1;
    sx__permits_init(&made->permits);
    sx__addresses_init(&made->addresses, options->address_connection_count);
    sx__tokens_init(&made->tokens, options->queue_count, options->held_bytes / QUEUE_SHARE);
    sx__spaces_init(&made->spaces, options->held_bytes / KEPT_SHARE);
    made->protocol.spaces = &made->spaces;
    int status = open_descriptors(made);
    if (status == 0) {
        status = make_workers(made);
    }
    if (status == 0) {
        status = sx__listeners_open(made);
    }
    if (status < 0) {
        sx__network_destroy(made);
        return status;
    }
    /* They are the caller's, and are not needed any more. */
    made->protocol.options.address = NULL;
    made->protocol.options.tls = NULL;
    made->protocol.options.addresses = (struct sx_listen_address_list){NULL, 0};
    *network = made;
    return 0;
}

uint16_t sx__network_get_port(const struct sx__network *network, size_t index)
{
    return index < network->listener_count ? network->listeners[index].port : 0;
}

static void close_descriptor(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

/* ---- threads that end ---- */

static bool is_running(struct sx__network *network)
{
    bool running = false;
    for (unsigned i = 0; i < network->worker_count; i++) {
        running |= !atomic_load(&network->workers[i].ended);
    }
    return running;
}

static void join_ended(struct sx__network *network)
{
    unsigned left = 0;
    for (unsigned i = 0; i < network->worker_count; i++) {
        struct sx__worker *worker = &network->workers[i];
        if (!worker->joined && atomic_load(&worker->ended)) {
            pthread_join(worker->thread, NULL);
            worker->joined = true;
        }
        left += worker->joined ? 0 : 1;
    }
    network->worker_count = left == 0 ? 0 : network->worker_count;
}

bool sx__network_destroy(struct sx__network *network)
{
    if (network == NULL) {
        return true;
    }
    join_ended(network);
    if (network->worker_count > 0) {
        return false;
    }
    sx__listeners_clean_up(network);
    close_descriptor(network->exit_fd);
    close_descriptor(network->monitor_fd);
    close_descriptor(network->epoll_fd);
    for (unsigned i = 0; i < network->worker_space; i++) {
        free(network->workers[i].frame);
    }
    free(network->workers);
    sx__slots_clean_up(&network->slots);
    sx__tokens_clean_up(&network->tokens);
    sx__permits_clean_up(&network->permits);
    sx__addresses_clean_up(&network->addresses);
    sx__spaces_clean_up(&network->spaces);
    free(network);
    return true;
}

/* ---- running ---- */

static unsigned processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    /* More processors than fit in the set. */
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

/* The process's signals are for the threads that the engine knows nothing of. Faults still come to
 * the thread that made them. */
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

int sx__network_start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    sigset_t before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SX__STACK_BYTES);
    block_signals(&before);
    const int error = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

/* Fewer threads than asked for still serve; none is an error. */
static int start_workers(struct sx__network *network)
{
    const unsigned wanted = network->worker_space;
    network->processors = processor_count();
    sx__tokens_share_out(&network->tokens, wanted);
    int error = 0;
    while (network->worker_count < wanted && error == 0) {
        struct sx__worker *worker = &network->workers[network->worker_count];
        error = sx__network_start_thread(&worker->thread, sx__worker_run, worker);
        network->worker_count += error == 0 ? 1 : 0;
    }
    if (error != 0) {
        sx__tokens_share_out(&network->tokens, network->worker_count);
        sx__network_log(network, SX_LOG_ERROR, "only %u of %u threads could be started: %s",
                        network->worker_count, wanted, strerror(error));
    }
    return network->worker_count > 0 ? 0 : SX_ESYSTEM;
}

static void wait_for_event(struct sx__network *network, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = network->monitor_fd, .events = POLLIN};
    if (poll(&poll_fd, 1, timeout_ms) == 1) {
        uint64_t count;
        const ssize_t size = read(network->monitor_fd, &count, sizeof count);
        (void)size;
    }
}

/* How long ago, in ticks, something was seen. */
struct calm {
    unsigned since_active;
    unsigned since_robbed;
};

/* Whoever sees the earlier time wakes the monitor, which sleeps until the one it knows. */
static bool bring_forward(struct sx__network *network, uint64_t resume_ns)
{
    uint64_t next_ns = atomic_load(&network->next_resume_ns);
    while (resume_ns < next_ns) {
        if (atomic_compare_exchange_weak(&network->next_resume_ns, &next_ns, resume_ns)) {
            return true;
        }
    }
    return false;
}

void sx__slot_pause(struct sx__slot *slot, struct sx__network *network, uint64_t resume_ns)
{
    /* Before it looks at what the monitor waits for, which looks here after it has changed that. */
    atomic_store(&slot->resume_ns, resume_ns);
    if (bring_forward(network, resume_ns)) {
        sx__network_wake_monitor(network);
    }
}

bool sx__network_is_full(struct sx__network *network)
{
    const size_t most = network->protocol.options.held_bytes;
    const size_t held = atomic_load_explicit(&network->held, memory_order_relaxed) +
                        atomic_load_explicit(&network->dying, memory_order_relaxed);
    const size_t kept = atomic_load_explicit(&network->spaces.bytes, memory_order_relaxed);
    if (kept > 0 && held + kept > most) {
        sx__spaces_trim(&network->spaces, true);
    }
    return held > most + most / FULL_SHARE;
}

void sx__slot_hold(struct sx__slot *slot, struct sx__network *network, size_t bytes)
{
    if (bytes == 0) {
        slot->taken = 0;
        slot->held_since_ns = 0;
    }
    if (slot->dying > 0) {
        atomic_fetch_sub(&network->dying, slot->dying);
        slot->dying = 0;
    }
    if (slot->held == bytes) {
        return;
    }
    if (bytes > 0 && slot->held_since_ns == 0) {
        slot->held_since_ns = sx__now_ns();
    }
    const bool grows = bytes > slot->held;
    const size_t kept = atomic_load_explicit(&network->spaces.bytes, memory_order_relaxed);
    const size_t more = bytes - slot->held; /* or less: it wraps around, as the sum does */
    slot->held = bytes;
    const size_t held = atomic_fetch_add(&network->held, more) + more;
    if (grows && held + kept > network->protocol.options.held_bytes) {
        sx__network_wake_monitor(network);
    }
}

/* A client can cause any number of these lines, so they are limited. */
static void log_left_out(struct sx__network *network, unsigned count)
{
    if (count > 0) {
        sx__network_log(network, SX_LOG_ERROR,
                        "slow clients held too much %u more times, and some were closed", count);
    }
}

/* A response of held_bytes is allowed, so a client that waits for it alone must not be closed for
 * what its request takes besides. */
static void shed_slow_clients(struct sx__network *network, uint64_t now_ns)
{
    const size_t held = atomic_load(&network->held);
    const size_t most = network->protocol.options.held_bytes + REQUEST_BYTES;
    if (held + atomic_load(&network->spaces.bytes) > most) {
        sx__spaces_trim(&network->spaces, true);
    }
    if (held <= most) {
        return;
    }
    unsigned count = 0;
    const size_t freed =
        sx__slots_shed(&network->slots, network->epoll_fd, held - most, now_ns, &count);
    atomic_fetch_add(&network->dying, freed);
    atomic_fetch_sub(&network->held, freed);
    unsigned left_out = 0;
    const bool is_logged =
        count > 0 && sx__log_limit_allows(&network->shed_lines, now_ns, &left_out);
    log_left_out(network, left_out);
    if (is_logged) {
        sx__network_log(
            network, SX_LOG_ERROR,
            "slow clients held %zu bytes of requests and responses: %u of them were closed", held,
            count);
    }
}

/* What is brought forward while this looks is not lost: it is compared with what is set first. */
static void resume_streams(struct sx__network *network, uint64_t now_ns)
{
    if (atomic_load(&network->next_resume_ns) <= now_ns) {
        atomic_store(&network->next_resume_ns, UINT64_MAX);
        bring_forward(network, sx__slots_resume(&network->slots, network->epoll_fd, now_ns));
    }
}

/* How long the monitor may wait, if it has nothing else to do. */
static int until_resume(struct sx__network *network, int wait_ms)
{
    const uint64_t next_ns = atomic_load(&network->next_resume_ns);
    const uint64_t now_ns = sx__now_ns();
    const uint64_t left_ms = next_ns <= now_ns ? 0 : (next_ns - now_ns) / NS_PER_MS + 1;
    /* At least a tick: what is late may have an owner who needs the processor. */
    return left_ms >= (uint64_t)wait_ms ? wait_ms : left_ms == 0 ? TICK_MS : (int)left_ms;
}

/* Waits for what is to come: a tick while handlers run, else the next sweep. A tick costs some 20
 * us of a virtual machine, which is 2 % of a processor if it is done for nothing each millisecond.
 */
static void rest(struct sx__network *network, struct calm *calm)
{
    const struct sx__tick tick = sx__workers_tick(network);
    calm->since_active = tick.active ? 0 : calm->since_active + 1;
    calm->since_robbed = tick.robbed ? 0 : calm->since_robbed + 1;
    if (calm->since_active < QUIET_TICKS) {
        wait_for_event(network, calm->since_robbed < CALM_TICKS ? TICK_MS : CALM_TICK_MS);
        return;
    }
    atomic_store(&network->monitor_asleep, true);
    /* It may have become active in between: see sx__network_rouse_monitor. */
    if (sx__workers_tick(network).active) {
        wait_for_event(network, TICK_MS);
    } else {
        const int most_ms = sx__listeners_rest(network) ? REST_MS : SWEEP_MS;
        wait_for_event(network, until_resume(network, most_ms));
    }
    atomic_store(&network->monitor_asleep, false);
    calm->since_active = 0;
}

/* Those who have waited for too long are told so by whoever gets the event. */
static void expire(struct sx__network *network, uint64_t now_ns)
{
    const uint64_t wait_ms = network->protocol.options.write_timeout_ms;
    struct sx__slot *slot;
    while ((slot = sx__tokens_expire(&network->tokens, now_ns)) != NULL) {
        slot->overloaded = true;
        atomic_store_explicit(&slot->deadline_ns, sx__now_ns() + wait_ms * NS_PER_MS,
                              memory_order_relaxed);
        sx__slot_kick(slot, network->epoll_fd);
    }
}

static void monitor(struct sx__network *network)
{
    uint64_t swept_ns = sx__now_ns();
    uint64_t woken_ns = swept_ns;
    struct calm calm = {0, CALM_TICKS};
    while (!atomic_load(&network->stop_requested)) {
        rest(network, &calm);
        const uint64_t now_ns = sx__now_ns();
        if (atomic_exchange(&network->reload_requested, false)) {
            sx__reload_start(network);
        }
        sx__reload_look(network);
        expire(network, now_ns);
        resume_streams(network, now_ns);
        shed_slow_clients(network, now_ns);
        if (now_ns - swept_ns >= (uint64_t)SWEEP_MS * NS_PER_MS) {
            sx__slots_sweep(&network->slots, SX__SWEEP_LATE, network->epoll_fd, now_ns);
            sx__spaces_trim(&network->spaces, false);
            log_left_out(network, sx__log_limit_take(&network->shed_lines, now_ns, false));
            swept_ns = now_ns;
        }
        if (now_ns - woken_ns >= (uint64_t)REST_MS * NS_PER_MS) {
            sx__listeners_wake(network);
            woken_ns = now_ns;
        }
    }
}

/* Whether there are connections, at last without those whose handlers do not return. */
static bool has_connections(struct sx__network *network, bool at_last)
{
    const unsigned count = atomic_load_explicit(&network->connections, memory_order_acquire);
    return count > (at_last ? sx__workers_count_inside(network) : 0);
}

/* Answers what is in flight; gives when the threads that are not in a handler must have ended. */
static uint64_t drain(struct sx__network *network)
{
    const uint64_t timeout_ns = (uint64_t)network->protocol.options.stop_timeout_ms * NS_PER_MS;
    const uint64_t grace_ns = (uint64_t)STOP_GRACE_MS * NS_PER_MS;
    const uint64_t deadline_ns = sx__now_ns() + timeout_ns;
    const uint64_t end_ns = deadline_ns + grace_ns;
    /* Those in the queue are told while there is time for it. */
    const uint64_t tell_ns = deadline_ns - (timeout_ns / 2 < grace_ns ? timeout_ns / 2 : grace_ns);
    atomic_store(&network->protocol.stopped_ns, sx__now_ns());
    atomic_store(&network->protocol.stopping, true);
    sx__listeners_close(network);
    uint64_t swept_ns = 0;
    uint64_t now_ns = sx__now_ns();
    while (has_connections(network, now_ns >= end_ns)) {
        const bool is_late = now_ns >= deadline_ns;
        atomic_store(&network->cuts_off, now_ns >= end_ns - grace_ns / 2);
        expire(network, now_ns >= tell_ns ? UINT64_MAX : now_ns);
        resume_streams(network, UINT64_MAX - 1); /* to learn that there is no time to wait */
        if (now_ns - swept_ns >= (uint64_t)STOP_SWEEP_MS * NS_PER_MS) {
            sx__slots_sweep(&network->slots, is_late ? SX__SWEEP_ALL : SX__SWEEP_STOPPING,
                            network->epoll_fd, now_ns);
            swept_ns = now_ns;
        }
        sx__workers_tick(network);
        wait_for_event(network, TICK_MS);
        now_ns = sx__now_ns();
    }
    return end_ns;
}

/* ---- ending the threads ---- */

/* A thread cannot be ended from outside: those whose handlers do not return are left alone, and
 * what they may use with them. */
static int end_workers(struct sx__network *network, uint64_t end_ns)
{
    sx__permits_close(&network->permits);
    write_event(network->exit_fd);
    while (sx__now_ns() < end_ns && is_running(network)) {
        wait_for_event(network, TICK_MS);
    }
    const unsigned stuck = sx__workers_count_inside(network);
    if (stuck == 0) {
        for (unsigned i = 0; i < network->worker_count; i++) {
            pthread_join(network->workers[i].thread, NULL);
        }
        network->worker_count = 0;
        return 0;
    }
    sx__network_log(network, SX_LOG_ERROR, "%u handler%s did not return within %u ms: abandoned",
                    stuck, stuck == 1 ? "" : "s", network->protocol.options.stop_timeout_ms);
    join_ended(network);
    return SX_ETIMEOUT;
}

int sx__network_run(struct sx__network *network)
{
    int status = start_workers(network);
    if (status == 0) {
        monitor(network);
        sx__reload_cancel(network);
        status = end_workers(network, drain(network));
        sx__reload_end(network);
        log_left_out(network, sx__log_limit_take(&network->shed_lines, sx__now_ns(), true));
    }
    return status;
}

void sx__network_stop(struct sx__network *network)
{
    atomic_store(&network->stop_requested, true);
    write_event(network->monitor_fd);
}

void sx__network_reload(struct sx__network *network)
{
    atomic_store(&network->reload_requested, true);
    write_event(network->monitor_fd);
}
