/* client_table.c: the records of the clients, and which thread owns each. See client_table.h. */
#include "client_table.h"
#include "tls.h"
#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define NS_PER_MS 1000000u
#define FIRST_CHECK_MS 1000 /* the first check after a write; later ones are compared with it */

/* Where the address that calloc returned is kept: before the first record. */
static void **memory_of(struct sx__client *first)
{
    return (void **)(void *)first - 1;
}

/* Returns aligned records that are all zero; NULL: no memory. aligned_alloc would need a memset,
 * which makes all pages occupy memory. So the place of one more record is there for aligning. */
static struct sx__client *new_leaf(void)
{
    const uintptr_t align = _Alignof(struct sx__client);
    void *memory = calloc(SX__CLIENTS_PER_LEAF + 1, sizeof(struct sx__client));
    if (memory == NULL) {
        return NULL;
    }
    /* calloc's own alignment is at least that of a pointer, so there is room for one. */
    const uintptr_t past = (uintptr_t)memory % align;
    struct sx__client *first = (struct sx__client *)(void *)((char *)memory + (align - past));
    *memory_of(first) = memory;
    return first;
}

static void free_leaf(struct sx__client *first)
{
    if (first != NULL) {
        free(*memory_of(first));
    }
}

struct sx__client *sx__client_table_get(struct sx__client_table *clients, int fd)
{
    const size_t index = (size_t)fd;
    if (index >= (size_t)SX__CLIENTS_PER_LEAF * SX__CLIENT_LEAVES) {
        return NULL;
    }
    struct sx__client *_Atomic *leaf = &clients->leaves[index / SX__CLIENTS_PER_LEAF];
    struct sx__client *first = atomic_load_explicit(leaf, memory_order_acquire);
    if (first == NULL) {
        struct sx__client *made = new_leaf();
        if (made == NULL) {
            return NULL;
        }
        /* A thread that accepts at another address may have created the leaf meanwhile. */
        if (atomic_compare_exchange_strong_explicit(leaf, &first, made, memory_order_acq_rel,
                                                    memory_order_acquire)) {
            first = made;
        } else {
            free_leaf(made);
        }
    }
    return &first[index % SX__CLIENTS_PER_LEAF];
}

void sx__client_table_clean_up(struct sx__client_table *clients)
{
    for (size_t i = 0; i < SX__CLIENT_LEAVES; i++) {
        free_leaf(atomic_load_explicit(&clients->leaves[i], memory_order_relaxed));
        atomic_store_explicit(&clients->leaves[i], NULL, memory_order_relaxed);
    }
}

/* ---- owning a client ---- */

static unsigned get_state(const struct sx__client *client)
{
    return atomic_load_explicit(&client->shared.state, memory_order_relaxed);
}

#ifndef NDEBUG
void sx__client_set_owner(struct sx__client *client)
{
    client->owned.thread = pthread_self();
}

void sx__client_assert_owned(const struct sx__client *client)
{
    const unsigned state = get_state(client);
    assert(state == SX__CLIENT_OWNED || state == SX__CLIENT_NOTIFIED || state == SX__CLIENT_LOCKED);
    assert(pthread_equal(client->owned.thread, pthread_self()));
}
#endif

/* The states that may follow each state. docs/architecture.md has the same table with the reasons;
 * a test compares the two. */
#define TO(state) (1u << SX__CLIENT_##state)
static const unsigned following[] = {
    [SX__CLIENT_FREE] = TO(LOCKED),
    [SX__CLIENT_IDLE] = TO(OWNED) | TO(LOCKED),
    [SX__CLIENT_OWNED] = TO(IDLE) | TO(NOTIFIED) | TO(LOCKED) | TO(FREE),
    [SX__CLIENT_NOTIFIED] = TO(OWNED) | TO(LOCKED) | TO(FREE),
    [SX__CLIENT_LOCKED] = TO(IDLE) | TO(FREE),
};
#undef TO

/* Changes the state of a client that no other thread changes, except from OWNED to NOTIFIED. */
static void set_state(struct sx__client *client, enum sx__client_state to, memory_order order)
{
    (void)following; /* unused without assertions */
    assert((following[get_state(client)] & 1u << to) != 0);
    atomic_store_explicit(&client->shared.state, to, order);
}

static bool change(struct sx__client *client, unsigned from, unsigned to)
{
    assert((following[from] & 1u << to) != 0);
    return atomic_compare_exchange_strong_explicit(&client->shared.state, &from, to,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

bool sx__client_take(struct sx__client *client)
{
    for (;;) {
        switch (get_state(client)) {
        case SX__CLIENT_IDLE:
            if (change(client, SX__CLIENT_IDLE, SX__CLIENT_OWNED)) {
                SX__SET_OWNER(client);
                return true;
            }
            break;
        case SX__CLIENT_OWNED:
            if (change(client, SX__CLIENT_OWNED, SX__CLIENT_NOTIFIED)) {
                return false;
            }
            break;
        case SX__CLIENT_LOCKED:
            sched_yield(); /* another thread has locked it for a few instructions only */
            break;
        default:
            return false;
        }
    }
}

bool sx__client_release(struct sx__client *client)
{
    SX__ASSERT_OWNED(client);
    if (change(client, SX__CLIENT_OWNED, SX__CLIENT_IDLE)) {
        return true;
    }
    set_state(client, SX__CLIENT_OWNED, memory_order_relaxed);
    return false;
}

void sx__client_lock_free(struct sx__client *client)
{
    change(client, SX__CLIENT_FREE, SX__CLIENT_LOCKED);
    SX__SET_OWNER(client);
}

bool sx__client_lock_idle(struct sx__client *client)
{
    if (get_state(client) != SX__CLIENT_IDLE ||
        !change(client, SX__CLIENT_IDLE, SX__CLIENT_LOCKED)) {
        return false;
    }
    SX__SET_OWNER(client);
    return true;
}

void sx__client_unlock(struct sx__client *client)
{
    SX__ASSERT_OWNED(client);
    set_state(client, SX__CLIENT_IDLE, memory_order_release);
}

void sx__client_free(struct sx__client *client)
{
    SX__ASSERT_OWNED(client);
    set_state(client, SX__CLIENT_FREE, memory_order_release);
}

bool sx__client_take_notification(struct sx__client *client)
{
    SX__ASSERT_OWNED(client);
    return get_state(client) == SX__CLIENT_NOTIFIED &&
           change(client, SX__CLIENT_NOTIFIED, SX__CLIENT_OWNED);
}

static void arm(struct sx__client *client, int epoll_fd)
{
    SX__ASSERT_OWNED(client);
    const uint32_t output = client->owned.watches_output ? EPOLLOUT : 0;
    if (get_state(client) != SX__CLIENT_LOCKED) {
        set_state(client, SX__CLIENT_LOCKED, memory_order_relaxed);
    }
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fixed.fd,
              &(struct epoll_event){.events = SX__CLIENT_EVENTS | output, .data.ptr = client});
    sx__client_unlock(client);
}

void sx__client_rearm(struct sx__client *client, int epoll_fd)
{
    client->owned.watches_output = true;
    arm(client, epoll_fd);
}

void sx__client_repeat_event(struct sx__client *client, int epoll_fd)
{
    /* If the client has an owner already, the owner reads from the socket again. */
    if (sx__client_take(client)) {
        arm(client, epoll_fd);
    }
}

/* ---- deadlines ---- */

/* A TLS handshake costs memory, so it must not last as long as an idle client may. */
uint64_t sx__client_get_deadline(const struct sx__client *client)
{
    SX__ASSERT_OWNED(client);
    const struct sx__connection *connection = &client->owned.connection;
    const uint64_t deadline_ns = sx__connection_get_deadline(connection);
    const uint64_t header_ns =
        (uint64_t)connection->protocol->options.header_timeout_ms * NS_PER_MS;
    const uint64_t handshake_ns = connection->progress_ns + header_ns;
    const struct sx__tls_stream *tls = client->fixed.tls;
    const bool is_in_handshake = tls != NULL && !sx__tls_is_established(tls);
    return is_in_handshake && handshake_ns < deadline_ns ? handshake_ns : deadline_ns;
}

bool sx__client_has_output(const struct sx__client *client)
{
    const enum sx__next_step next = sx__connection_get_next_step(&client->owned.connection);
    return next == SX__NEXT_OUTPUT || next == SX__NEXT_LINGER;
}

uint64_t sx__client_get_check_time(const struct sx__client *client)
{
    const uint64_t deadline_ns = sx__client_get_deadline(client);
    const uint64_t since_ns = client->owned.connection.progress_ns;
    if (deadline_ns <= since_ns || !sx__client_has_output(client)) {
        return deadline_ns;
    }
    if (client->owned
            .has_check_since_write) { /* bytes from the client must not postpone the check */
        const uint64_t next_ns =
            atomic_load_explicit(&client->shared.deadline_ns, memory_order_relaxed);
        return next_ns < deadline_ns ? next_ns : deadline_ns;
    }
    const uint64_t half_ns = (deadline_ns - since_ns) / 2;
    const uint64_t most_ns = (uint64_t)FIRST_CHECK_MS * NS_PER_MS;
    return since_ns + (half_ns < most_ns ? half_ns : most_ns);
}
