/* monitor.c: the monitor's loop: ticks, time-outs, memory, and draining. See monitor.h.
 *
 * Threads: the monitor.
 */
#include "monitor.h"
#include "certificate_reload.h"
#include "clock.h"
#include "monitor_sweep.h"
#include "prefork.h"
#include "server_types.h"
#include "user_code.h"
#include "wakeup.h"
#include <poll.h>
#include <unistd.h>

#define NS_PER_MS 1000000u
#define TICK_MS 1      /* a handler that lasts longer loses its thread's permit */
#define CALM_TICK_MS 4 /* the tick if handlers have been short for CALM_TICKS */
#define CALM_TICKS 256
#define QUIET_TICKS 4 /* ticks without a handler until the monitor sleeps */
#define SWEEP_MS 1000 /* how late a timeout may be noticed */
#define PAUSE_MS 100  /* how long a listener pauses if no descriptor is left */
#define STOP_SWEEP_MS 10
#define REQUEST_BYTES 65536 /* more than a request takes without its body, with TLS */
#define STOP_GRACE_MS 200   /* before the deadline: for the queue; after it: for the threads */

void sx__monitor_wait(struct sx__server *server, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = server->monitor_fd, .events = POLLIN};
    if (poll(&poll_fd, 1, timeout_ms) == 1) {
        uint64_t count;
        const ssize_t size = read(server->monitor_fd, &count, sizeof count);
        (void)size;
    }
}

/* ---- ticks ---- */

static bool has_backlog(const struct sx__server *server)
{
    struct pollfd poll_fd = {.fd = server->epoll_fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* Makes events come again that were pending at the last tick already. They have waited for a
 * handler that lasts, or for one short handler after another. */
static void repeat_old_events(struct sx__worker *worker)
{
    uintptr_t last = 0;
    const unsigned count =
        atomic_load_explicit(&worker->shared.pending_count, memory_order_acquire);
    for (unsigned i = count; i > 0 && last == 0; i--) {
        last = atomic_load_explicit(&worker->shared.pending[i - 1], memory_order_relaxed);
    }
    if (last != 0 && last == worker->monitor.last_pending) {
        sx__user_code_repeat_events(worker);
    }
    worker->monitor.last_pending = last;
}

/* What the monitor found at a tick. */
struct tick {
    bool active;    /* a thread is in user code or was since the last tick, or a client is queued */
    bool preempted; /* the monitor has taken a thread's permit */
};

/* Takes the permits of threads that have been in user code since the last tick. Issues another
 * permit if events have waited since then. */
static struct tick watch_workers(struct sx__server *server)
{
    struct tick tick = {atomic_load(&server->admission.queued) > 0, false};
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct sx__worker *worker = &server->workers[i];
        uint64_t user = atomic_load(&worker->shared.user);
        tick.active |= user != worker->monitor.last_user || (user & 3) == SX__USER_INSIDE;
        if (user == worker->monitor.last_user && (user & 3) == SX__USER_INSIDE) {
            const uint64_t preempted = user - SX__USER_INSIDE + SX__USER_PREEMPTED;
            if (atomic_compare_exchange_strong(&worker->shared.user, &user, preempted)) {
                user = preempted;
                tick.preempted = true;
                sx__poll_permits_give_up(&server->poll_permits);
            }
        }
        worker->monitor.last_user = user;
        repeat_old_events(worker);
    }
    const bool has_caught_up =
        atomic_exchange_explicit(&server->has_caught_up, false, memory_order_relaxed);
    if (!has_caught_up && atomic_load(&server->poll_permits.issued) < server->processors &&
        has_backlog(server)) {
        sx__poll_permits_add(&server->poll_permits, server->processors);
    }
    return tick;
}

/* How many ticks ago these were last true. */
struct calm {
    unsigned since_active;
    unsigned since_preempted;
};

/* Clients can cause any number of these lines, so their number is limited. */
void sx__monitor_log_left_out(struct sx__server *server, unsigned count)
{
    if (count > 0) {
        sx__server_log(
            server, SX_LOG_ERROR,
            "slow clients had too much memory buffered %u more times, and some were closed", count);
    }
}

/* Closes the slowest clients if too much is buffered. One response may have buffered_bytes, and its
 * client must not be closed because its request needs memory, too. So the bound is larger by
 * REQUEST_BYTES. */
static void close_slow_clients(struct sx__server *server, uint64_t now_ns)
{
    const size_t used = atomic_load(&server->buffered_bytes);
    const size_t most = server->protocol.options.buffered_bytes + REQUEST_BYTES;
    if (used + sx__buffer_pool_get_bytes(server->buffers) > most) {
        sx__buffer_pool_trim(server->buffers, true);
    }
    if (used <= most) {
        return;
    }
    unsigned count = 0;
    const size_t freed =
        sx__monitor_close_slowest(&server->clients, server->epoll_fd, used - most, now_ns, &count);
    atomic_fetch_add(&server->closing_bytes, freed);
    atomic_fetch_sub(&server->buffered_bytes, freed);
    unsigned left_out = 0;
    const bool is_logged =
        count > 0 && sx__log_limit_allows(&server->slow_lines, now_ns, &left_out);
    sx__monitor_log_left_out(server, left_out);
    if (is_logged) {
        sx__server_log(
            server, SX_LOG_ERROR,
            "slow clients had %zu bytes of requests and responses buffered: %u of them were closed",
            used, count);
    }
}

/* Continues paused streams whose time has come. The noted time is reset before the pass, so that a
 * time that another thread notes during the pass is not lost. */
static void resume_streams(struct sx__server *server, uint64_t now_ns)
{
    if (atomic_load(&server->next_resume_ns) <= now_ns) {
        atomic_store(&server->next_resume_ns, UINT64_MAX);
        sx__wakeup_note_resume_time(
            server, sx__monitor_resume_streams(&server->clients, server->epoll_fd, now_ns));
    }
}

/* Returns how long the monitor may wait if it has nothing else to do. */
static int until_resume(struct sx__server *server, int wait_ms)
{
    const uint64_t next_ns = atomic_load(&server->next_resume_ns);
    const uint64_t now_ns = sx__clock_now_ns();
    const uint64_t left_ms = next_ns <= now_ns ? 0 : (next_ns - now_ns) / NS_PER_MS + 1;
    /* At least a tick: the owner of a late client may need the processor first. */
    return left_ms >= (uint64_t)wait_ms ? wait_ms : left_ms == 0 ? TICK_MS : (int)left_ms;
}

/* Returns how long the monitor may wait before it has to tell the watcher that it answers. */
static int until_answer(const struct sx__server *server, int wait_ms)
{
    const uint64_t answer_ns = server->watcher == NULL ? 0 : server->watcher->answer_ns;
    const uint64_t answer_ms = answer_ns / NS_PER_MS + 1;
    return answer_ns == 0 || answer_ms >= (uint64_t)wait_ms ? wait_ms : (int)answer_ms;
}

/* Sleeps for a tick while handlers run, and until the next sweep otherwise. A tick costs some 20 us
 * on a virtual machine. One each millisecond would waste 2 % of a processor. */
static void sleep_until_next(struct sx__server *server, struct calm *calm)
{
    const struct tick tick = watch_workers(server);
    calm->since_active = tick.active ? 0 : calm->since_active + 1;
    calm->since_preempted = tick.preempted ? 0 : calm->since_preempted + 1;
    if (calm->since_active < QUIET_TICKS) {
        sx__monitor_wait(server, calm->since_preempted < CALM_TICKS ? TICK_MS : CALM_TICK_MS);
        return;
    }
    atomic_store(&server->is_monitor_asleep, true);
    /* A thread may have entered user code before it could see is_monitor_asleep: see
     * sx__wakeup_monitor_if_asleep. */
    if (watch_workers(server).active) {
        sx__monitor_wait(server, TICK_MS);
    } else {
        const int most_ms = sx__listeners_are_paused(server) ? PAUSE_MS : SWEEP_MS;
        sx__monitor_wait(server, until_resume(server, until_answer(server, most_ms)));
    }
    atomic_store(&server->is_monitor_asleep, false);
    calm->since_active = 0;
}

/* Takes clients that were queued for too long out of the queue. The thread that receives their
 * event answers them with 503. */
static void expire_queued(struct sx__server *server, uint64_t now_ns)
{
    const uint64_t wait_ms = server->protocol.options.write_timeout_ms;
    struct sx__client *client;
    while ((client = sx__admission_expire(&server->admission, now_ns)) != NULL) {
        SX__SET_OWNER(client);
        client->owned.is_overloaded = true;
        atomic_store_explicit(&client->shared.deadline_ns, sx__clock_now_ns() + wait_ms * NS_PER_MS,
                              memory_order_relaxed);
        sx__client_rearm(client, server->epoll_fd);
    }
}

/* Only a supervisor of workers starts the program anew. A worker got the signal, too, perhaps. */
static void refuse_upgrade(struct sx__server *server)
{
    if (atomic_exchange(&server->is_upgrade_requested, false) && server->control_fd < 0) {
        sx__server_log(server, SX_LOG_ERROR, "there are no workers, so there is no upgrade");
    }
}

/* Returns when the watcher was last told that the server answers. */
static uint64_t tell_answer(struct sx__server *server, uint64_t last_ns, uint64_t now_ns)
{
    if (server->watcher == NULL || server->watcher->answer_ns == 0 ||
        now_ns - last_ns < server->watcher->answer_ns) {
        return last_ns;
    }
    sx__server_tell(server, SX__EVENT_ANSWERS, 0);
    return now_ns;
}

void sx__monitor_run(struct sx__server *server)
{
    uint64_t swept_ns = sx__clock_now_ns();
    uint64_t resumed_ns = swept_ns;
    uint64_t answered_ns = 0;
    struct calm calm = {0, CALM_TICKS};
    while (!atomic_load(&server->is_stop_requested)) {
        sleep_until_next(server, &calm);
        const uint64_t now_ns = sx__clock_now_ns();
        if (atomic_exchange(&server->is_reload_requested, false)) {
            sx__server_tell(server, SX__EVENT_RELOADS, 0);
            sx__reload_start(server);
        }
        sx__prefork_answer(server);
        refuse_upgrade(server);
        answered_ns = tell_answer(server, answered_ns, now_ns);
        sx__reload_check(server);
        expire_queued(server, now_ns);
        resume_streams(server, now_ns);
        close_slow_clients(server, now_ns);
        if (now_ns - swept_ns >= (uint64_t)SWEEP_MS * NS_PER_MS) {
            sx__monitor_sweep(&server->clients, SX__SWEEP_LATE, server->epoll_fd, now_ns);
            sx__buffer_pool_trim(server->buffers, false);
            sx__monitor_log_left_out(server,
                                     sx__log_limit_take(&server->slow_lines, now_ns, false));
            swept_ns = now_ns;
        }
        if (now_ns - resumed_ns >= (uint64_t)PAUSE_MS * NS_PER_MS) {
            sx__listeners_resume(server);
            resumed_ns = now_ns;
        }
    }
}

/* Returns whether there are connections. At the end, connections whose handlers do not return are
 * not counted. */
static bool has_connections(struct sx__server *server, bool is_end)
{
    /* In this order: a thread that is accepting counts its connection first. */
    const unsigned accepting = atomic_load(&server->accepting.threads);
    const unsigned count = accepting + atomic_load(&server->line->connections);
    return count > (is_end ? sx__workers_count_in_user_code(server) : 0);
}

uint64_t sx__monitor_drain(struct sx__server *server)
{
    const uint64_t timeout_ns = (uint64_t)server->protocol.options.stop_timeout_ms * NS_PER_MS;
    const uint64_t grace_ns = (uint64_t)STOP_GRACE_MS * NS_PER_MS;
    const uint64_t deadline_ns = sx__clock_now_ns() + timeout_ns;
    const uint64_t end_ns = deadline_ns + grace_ns;
    /* Queued clients get a 503 while there is time to send it. */
    const uint64_t refuse_ns =
        deadline_ns - (timeout_ns / 2 < grace_ns ? timeout_ns / 2 : grace_ns);
    atomic_store(&server->protocol.stopped_ns, sx__clock_now_ns());
    atomic_store(&server->protocol.stopping, true);
    sx__listeners_close(server);
    sx__prefork_has_left(server);
    uint64_t answered_ns = 0;
    sx__server_tell(server, SX__EVENT_STOPS, 0);
    uint64_t swept_ns = 0;
    uint64_t now_ns = sx__clock_now_ns();
    while (has_connections(server, now_ns >= end_ns)) {
        const bool is_late = now_ns >= deadline_ns;
        atomic_store(&server->cuts_off, now_ns >= end_ns - grace_ns / 2);
        expire_queued(server, now_ns >= refuse_ns ? UINT64_MAX : now_ns);
        resume_streams(
            server, UINT64_MAX - 1); /* so that each producer is called once more before the stop */
        if (now_ns - swept_ns >= (uint64_t)STOP_SWEEP_MS * NS_PER_MS) {
            sx__monitor_sweep(&server->clients, is_late ? SX__SWEEP_ALL : SX__SWEEP_STOPPING,
                              server->epoll_fd, now_ns);
            swept_ns = now_ns;
        }
        watch_workers(server);
        answered_ns = tell_answer(server, answered_ns, now_ns);
        sx__monitor_wait(server, TICK_MS);
        now_ns = sx__clock_now_ns();
    }
    return end_ns;
}
