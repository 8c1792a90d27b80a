/* monitor_sweep.c: the monitor's passes over all clients. See monitor_sweep.h. */
#include "monitor_sweep.h"
#include "socket_io.h"
#include <sys/socket.h>

#define NS_PER_MS 1000000u
#define CHECKS 4 /* of a client that does not read, per write time-out */

/* The context of a pass: what it searches for, and what it has found. */
struct pass {
    int epoll_fd;
    uint64_t now_ns;
    enum sx__sweep sweep;
    uint64_t next_ns; /* when the next paused stream continues */
    struct slowest *slowest;
};

static void for_each_client(struct sx__client_table *clients, struct pass *pass,
                            void (*look_at)(struct sx__client *, struct pass *))
{
    for (size_t i = 0; i < SX__CLIENT_LEAVES; i++) {
        struct sx__client *first = atomic_load_explicit(&clients->leaves[i], memory_order_acquire);
        for (size_t j = 0; first != NULL && j < SX__CLIENTS_PER_LEAF; j++) {
            look_at(&first[j], pass);
        }
    }
}

/* Ends a locked client. An incomplete request can still be answered with a 408, so its event is
 * made to come again. Any other connection is shut down. */
static void end_locked(struct sx__client *client, int epoll_fd)
{
    client->owned.is_late = true;
    if (sx__connection_get_next_step(&client->owned.connection) == SX__NEXT_INPUT) {
        sx__client_rearm(client, epoll_fd);
        return;
    }
    shutdown(client->fixed.fd, SHUT_RDWR);
    sx__client_unlock(client);
}

/* ---- late clients ---- */

/* Returns whether a client that has something to read has acknowledged nothing within its time. The
 * client may have acknowledged bytes long before this check, so there are several checks before
 * each deadline. */
static bool takes_nothing(struct sx__client *client, uint64_t now_ns)
{
    struct sx__connection *connection = &client->owned.connection;
    const uint64_t before = client->owned.acknowledged_bytes;
    const bool is_compared = client->owned.has_check;
    const bool may_be_late = client->owned.has_check_since_write;
    const uint64_t now = client->owned.sent_bytes - sx__socket_get_unacknowledged(client);
    client->owned.acknowledged_bytes = now;
    client->owned.has_check = client->owned.has_check_since_write = true;
    /* The difference is signed, because TLS writes more bytes to the kernel than were counted. */
    if (is_compared && (int64_t)(now - before) > 0) {
        sx__connection_note_acknowledged(connection, now - before, now_ns);
    }
    const uint64_t deadline_ns = sx__client_get_deadline(client);
    const uint64_t timeout_ns =
        (uint64_t)connection->protocol->options.write_timeout_ms * NS_PER_MS;
    const uint64_t next_ns = now_ns + timeout_ns / CHECKS;
    atomic_store_explicit(&client->shared.deadline_ns,
                          next_ns < deadline_ns ? next_ns : deadline_ns, memory_order_relaxed);
    return may_be_late && deadline_ns <= now_ns;
}

/* Returns whether a client's deadline is over. The deadline that was stored at the release may be
 * too late now, because a stop makes deadlines shorter. */
static bool is_late(struct sx__client *client, uint64_t now_ns)
{
    const enum sx__next_step next = sx__connection_get_next_step(&client->owned.connection);
    const bool is_due =
        atomic_load_explicit(&client->shared.deadline_ns, memory_order_relaxed) <= now_ns;
    if (is_due && sx__client_has_output(client)) {
        return takes_nothing(client, now_ns);
    }
    return next == SX__NEXT_INPUT || next == SX__NEXT_LINGER
               ? sx__client_get_deadline(client) <= now_ns
               : is_due;
}

static void end_late(struct sx__client *client, struct pass *pass)
{
    /* Most clients need nothing, so the pass skips them without locking them. */
    if (pass->sweep == SX__SWEEP_LATE &&
        atomic_load_explicit(&client->shared.deadline_ns, memory_order_relaxed) > pass->now_ns) {
        return;
    }
    if (!sx__client_lock_idle(client)) {
        return;
    }
    if (pass->sweep == SX__SWEEP_ALL) {
        client->owned.is_late = true;
        shutdown(client->fixed.fd, SHUT_RDWR);
        sx__client_unlock(client);
    } else if (is_late(client, pass->now_ns)) {
        end_locked(client, pass->epoll_fd);
    } else {
        sx__client_unlock(client);
    }
}

void sx__monitor_sweep(struct sx__client_table *clients, enum sx__sweep sweep, int epoll_fd,
                       uint64_t now_ns)
{
    struct pass pass = {.epoll_fd = epoll_fd, .now_ns = now_ns, .sweep = sweep};
    for_each_client(clients, &pass, end_late);
}

/* ---- paused streams ---- */

static void resume(struct sx__client *client, struct pass *pass)
{
    if (atomic_load_explicit(&client->shared.state, memory_order_acquire) == SX__CLIENT_FREE) {
        return;
    }
    const uint64_t resume_ns = atomic_load(&client->shared.resume_ns);
    /* A client that is not idle has an owner, which will set the time again. */
    if (resume_ns <= pass->now_ns && sx__client_lock_idle(client)) {
        atomic_store_explicit(&client->shared.resume_ns, UINT64_MAX, memory_order_relaxed);
        sx__client_rearm(client, pass->epoll_fd);
    } else if (resume_ns < pass->next_ns) {
        pass->next_ns = resume_ns;
    }
}

uint64_t sx__monitor_resume_streams(struct sx__client_table *clients, int epoll_fd, uint64_t now_ns)
{
    struct pass pass = {.epoll_fd = epoll_fd, .now_ns = now_ns, .next_ns = UINT64_MAX};
    for_each_client(clients, &pass, resume);
    return pass.next_ns;
}

/* ---- slow clients ---- */

/* The number of clients that one pass closes. */
#define CLOSED_AT_ONCE 16

/* Added to the rate of a client that waits for the next piece of a stream. It is not slow, so it is
 * closed after all others. */
#define STREAM_RATE 1e18

/* The slowest clients so far, the slowest first. */
struct slowest {
    struct {
        struct sx__client *client;
        double rate; /* bytes a second, in both directions */
    } items[CLOSED_AT_ONCE];
    size_t count;
};

static void add_slowest(struct slowest *slowest, struct sx__client *client, double rate)
{
    size_t at = slowest->count;
    if (at < CLOSED_AT_ONCE) {
        slowest->count++;
    } else if (rate < slowest->items[at - 1].rate) {
        at--;
    } else {
        return;
    }
    for (; at > 0 && rate < slowest->items[at - 1].rate; at--) {
        slowest->items[at] = slowest->items[at - 1];
    }
    slowest->items[at].client = client;
    slowest->items[at].rate = rate;
}

static void compare_rate(struct sx__client *client, struct pass *pass)
{
    if (!sx__client_lock_idle(client)) {
        return;
    }
    if (client->owned.buffered_bytes > 0) {
        const uint64_t since_ns = client->owned.buffered_since_ns;
        const double seconds =
            pass->now_ns > since_ns ? (double)(pass->now_ns - since_ns) * 1e-9 : 0;
        const double rate = (double)client->owned.transferred_bytes / (seconds + 1e-3);
        const bool pauses =
            sx__connection_get_next_step(&client->owned.connection) == SX__NEXT_TIME;
        add_slowest(pass->slowest, client, pauses ? rate + STREAM_RATE : rate);
    }
    sx__client_unlock(client);
}

/* Returns how many bytes the client had buffered, or 0 if another thread owns the client or has
 * freed its bytes meanwhile. The owner of a closed client frees the bytes as soon as it notices, so
 * they must not be counted again. */
static size_t close_for_memory(struct sx__client *client, int epoll_fd)
{
    if (!sx__client_lock_idle(client)) {
        return 0;
    }
    const size_t bytes = client->owned.buffered_bytes;
    if (bytes == 0) {
        sx__client_unlock(client);
        return 0;
    }
    client->owned.buffered_bytes = 0;
    client->owned.closing_bytes += bytes;
    client->owned.is_closed_for_memory = true;
    end_locked(client, epoll_fd);
    return bytes;
}

size_t sx__monitor_close_slowest(struct sx__client_table *clients, int epoll_fd, size_t excess,
                                 uint64_t now_ns, unsigned *count)
{
    size_t freed = 0;
    size_t before;
    do {
        struct slowest slowest = {.count = 0};
        struct pass pass = {.epoll_fd = epoll_fd, .now_ns = now_ns, .slowest = &slowest};
        for_each_client(clients, &pass, compare_rate);
        before = freed;
        for (size_t i = 0; i < slowest.count && freed < excess; i++) {
            const size_t bytes = close_for_memory(slowest.items[i].client, epoll_fd);
            freed += bytes;
            *count += bytes > 0 ? 1 : 0;
        }
    } while (freed < excess && freed > before);
    return freed;
}
