/* worker.c: the poll loop of a thread. See worker.h.
 *
 * Threads: each function runs on the worker's own thread.
 */
#include "worker.h"
#include "server_types.h"
#include "turn.h"
#include "user_code.h"
#include <sys/epoll.h>

#define PATIENCE_MS 10 /* how long a thread polls if it is not the only poller */

static struct sx__listener *find_listener(struct sx__server *server, const void *pointer)
{
    const uintptr_t first = (uintptr_t)server->listeners;
    const uintptr_t end = (uintptr_t)(server->listeners + server->listener_count);
    const uintptr_t at = (uintptr_t)pointer;
    return at >= first && at < end ? &server->listeners[(at - first) / sizeof *server->listeners]
                                   : NULL;
}

/* Returns how long to wait for an event, in milliseconds. The only poller waits until one comes
 * (-1). */
static int patience_ms(const struct sx__server *server)
{
    if (atomic_load_explicit(&server->poll_permits.issued, memory_order_relaxed) <= 1) {
        return -1;
    }
    return sx__user_code_are_turns_long(server) ? PATIENCE_MS : 0;
}

/* Returns how many events to take at once. If turns are long, a thread takes one event at a time,
 * so that the next free thread takes the next event. The threshold is half of a long turn, so that
 * events are seldom taken and then made to come again. */
static int most_events(const struct sx__server *server)
{
    return sx__user_code_get_turn_ns(server) > SX__LONG_TURN_NS / 2 ? 1 : SX__EVENTS_MAX;
}

/* Returns whether an event belongs to a descriptor of the server itself. */
static bool is_own(const struct sx__server *server, const void *pointer)
{
    return (uintptr_t)pointer - (uintptr_t)server < sizeof *server;
}

/* Stores the events of clients as pending. Returns whether there are events of listeners, or of the
 * bell of accept_spread.h. */
static bool store_pending(struct sx__worker *worker, const struct epoll_event *events, int count)
{
    struct sx__server *server = worker->server;
    bool has_others = false;
    for (int i = 0; i < count; i++) {
        void *pointer = events[i].data.ptr;
        if (find_listener(server, pointer) != NULL || is_own(server, pointer)) {
            has_others = true;
        } else {
            const bool ends = (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
            atomic_store_explicit(&worker->shared.pending[i], (uintptr_t)pointer + ends,
                                  memory_order_release);
        }
    }
    return has_others;
}

static void accept_connections(struct sx__worker *worker, const struct epoll_event *events,
                               int count)
{
    for (int i = 0; i < count; i++) {
        struct sx__listener *listener = find_listener(worker->server, events[i].data.ptr);
        if (events[i].data.ptr == &worker->server->spread) {
            sx__listeners_look(worker->server);
        } else if (listener != NULL) {
            sx__user_code_enter(worker, SX__PLACE_REJECTED);
            sx__listener_accept(worker->server, listener);
            sx__user_code_leave(worker);
        }
    }
}

/* A thread is counted as polling only while it sleeps, so that busy threads write nothing that they
 * share. The only poller is not counted. */
static int wait_for_events(struct sx__server *server, struct epoll_event *events, int most)
{
    const int patience = patience_ms(server);
    int found = epoll_wait(server->epoll_fd, events, most, patience < 0 ? patience : 0);
    if (found != 0 || patience <= 0) {
        return found;
    }
    atomic_fetch_add(&server->poll_permits.polling, 1);
    found = epoll_wait(server->epoll_fd, events, most, patience);
    atomic_fetch_sub(&server->poll_permits.polling, 1);
    return found;
}

/* Returns the permit of a thread that found no event, because it is not needed. Also returns a
 * permit beyond the number of processors once turns are short again. */
static void return_surplus_permit(struct sx__worker *worker, int found)
{
    struct sx__server *server = worker->server;
    const unsigned issued =
        atomic_load_explicit(&server->poll_permits.issued, memory_order_relaxed);
    if (found > 0 && issued <= server->processors) {
        return;
    }
    const unsigned least = found == 0                             ? 1
                           : sx__user_code_are_turns_long(server) ? server->worker_space
                                                                  : server->processors;
    worker->has_permit = !sx__poll_permits_return(&server->poll_permits, least);
}

static void poll_once(struct sx__worker *worker)
{
    struct sx__server *server = worker->server;
    struct epoll_event events[SX__EVENTS_MAX];
    const int most = most_events(server);
    const int found = wait_for_events(server, events, most);
    /* Stored once in each tick of the monitor, not by each poll. */
    if (found < most && !atomic_load_explicit(&server->has_caught_up, memory_order_relaxed)) {
        atomic_store_explicit(&server->has_caught_up, true, memory_order_relaxed);
    }
    atomic_store_explicit(&worker->shared.pending_count, found > 0 ? (unsigned)found : 0,
                          memory_order_relaxed);
    if (store_pending(worker, events, found)) {
        accept_connections(worker, events, found);
    }
    for (int i = 0; i < found; i++) {
        const uintptr_t event = sx__user_code_take_event(&worker->shared.pending[i]);
        struct sx__client *client = sx__user_code_get_client(event);
        if (event != 0 && sx__client_take(client)) {
            sx__turn_take(worker, client, (event & 1) != 0);
        }
        /* Turns have become long, so let other threads take the remaining events. */
        if (i + 1 < found && sx__user_code_are_turns_long(server)) {
            sx__user_code_repeat_events(worker);
        }
    }
    atomic_store_explicit(&worker->shared.pending_count, 0, memory_order_relaxed);
    if (worker->has_permit) {
        return_surplus_permit(worker, found);
    }
}

void *sx__worker_run(void *argument)
{
    struct sx__worker *worker = argument;
    struct sx__poll_permits *permits = &worker->server->poll_permits;
    while (sx__poll_permits_wait(permits, worker)) {
        while (worker->has_permit && !atomic_load(&permits->closed)) {
            poll_once(worker);
        }
    }
    sx__request_pool_clean_up(&worker->pool);
    atomic_store(&worker->shared.has_ended, true);
    return NULL;
}
