/* client_table.h: the state machine of a client: one record for each connection, found by file
 * descriptor, and owned by one thread at a time.
 *
 * A record belongs to one descriptor for ever, and its memory stays until the server is destroyed.
 * So any thread may read the state of any record at any time, without a use after free.
 *
 * All threads share one epoll set. Each connection is in it once, edge-triggered (EPOLLET). The
 * thread that receives an event for an idle client owns the client until it releases or closes it.
 * A thread that receives an event for an owned client only notes it, and the owner reads from the
 * socket again before it releases the client. So a request costs no epoll_ctl, a late or repeated
 * event does no harm, and a thread that blocks in a handler delays its own client only.
 *
 * docs/architecture.md has a table of the states and their transitions.
 */
#ifndef SX_CLIENT_TABLE_H
#define SX_CLIENT_TABLE_H

#include "connection.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sx__client_limit;
struct sx__tls_stream;

enum sx__client_state {
    SX__CLIENT_FREE,     /* no connection */
    SX__CLIENT_IDLE,     /* no owner; the next event makes a thread the owner */
    SX__CLIENT_OWNED,    /* owned by one thread, or queued and used by none (admission.h) */
    SX__CLIENT_NOTIFIED, /* owned, and another event has arrived since */
    SX__CLIENT_LOCKED,   /* locked for a short time by the listener, the monitor or the owner */
};

/* The fields are grouped by the threads that may use them. The alignment avoids false sharing
 * between clients, whose requests are handled by different threads. */
struct sx__client {
    /* Any thread, at any time. */
    struct {
        _Alignas(64) _Atomic unsigned state; /* enum sx__client_state */
        _Atomic uint64_t deadline_ns;        /* when the monitor has to check the client */
        _Atomic uint64_t
            resume_ns; /* when the paused stream continues; UINT64_MAX: no stream is paused */
    } shared;

    /* Set by the listener; constant until the connection is closed. */
    struct {
        int fd;
        struct sx__tls_stream *tls; /* NULL: a connection without TLS */
        struct sx__client_limit *limit;
        struct sx__peer peer;
    } fixed;

    /* The thread that owns the client, or has locked it. */
    struct {
#ifndef NDEBUG
        pthread_t thread; /* the owner, for assertions */
#endif
        bool is_late;              /* the monitor has found that the deadline is over */
        bool is_closed_for_memory; /* the client was one of the slowest when memory was short */
        bool lingers;              /* the write side is shut down */
        bool watches_output;
        bool is_overloaded; /* it was queued for too long, and has to get a 503 */
        bool has_check;     /* the monitor has checked it since the last input; see
                               sx__client_get_check_time */
        bool has_check_since_write;
        size_t buffered_bytes;      /* of its request or response, counted in the server's total */
        uint64_t buffered_since_ns; /* 0: nothing is buffered */
        size_t transferred_bytes;   /* in both directions, since buffered_since_ns */
        size_t closing_bytes;       /* bytes still in use after it was closed for memory */
        uint64_t
            put_off_until_ns; /* not read until then, because memory is short; 0: may be read */
        uint64_t sent_bytes;  /* bytes written to the kernel, */
        uint64_t acknowledged_bytes; /* and those acknowledged at the monitor's last check */
        struct sx__connection connection;
    } owned;

    /* The thread that has locked the mutex of the admission. */
    struct {
        struct sx__client *next;
        uint64_t until_ns;
        size_t bytes; /* bytes of the queued request */
    } queue;
};

#define SX__CLIENT_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

#define SX__CLIENTS_PER_LEAF 256
#define SX__CLIENT_LEAVES 4096

struct sx__client_table {
    struct sx__client *_Atomic leaves[SX__CLIENT_LEAVES];
};

/* Returns the record of a descriptor, and creates it if there is none. NULL: there is no memory, or
 * the descriptor is too large. Any thread. */
struct sx__client *sx__client_table_get(struct sx__client_table *clients, int fd);
/* Frees all records. No thread may use them afterwards. */
void sx__client_table_clean_up(struct sx__client_table *clients);

/* ---- owning a client ---- */

/* Makes the calling thread, which has received the client's event, its owner. Returns false if
 * another thread owns the client and will read from the socket again, or if the connection is
 * closed. */
bool sx__client_take(struct sx__client *client);
/* Releases an owned client. Returns false if another event has come: the client is still owned. */
bool sx__client_release(struct sx__client *client);
/* Locks a free record for the listener, because the first event may arrive before epoll_ctl
 * returns. */
void sx__client_lock_free(struct sx__client *client);
/* Locks an idle client for the monitor. Returns false if it is not idle. */
bool sx__client_lock_idle(struct sx__client *client);
/* Makes a locked client idle. */
void sx__client_unlock(struct sx__client *client);
/* Makes an owned or locked client free: its connection is closed. */
void sx__client_free(struct sx__client *client);
/* Clears the note that another event has arrived. Returns false if there was none; otherwise the
 * owner must read from the socket again. */
bool sx__client_take_notification(struct sx__client *client);
/* Releases an owned or locked client, and makes its event come again if the socket is ready for
 * anything. From now on the socket is also watched for room to write. */
void sx__client_rearm(struct sx__client *client, int epoll_fd);
/* Makes an event come again that a thread received from epoll but did not handle. */
void sx__client_repeat_event(struct sx__client *client, int epoll_fd);

/* Debug builds store the owner, and SX__ASSERT_OWNED fails if the calling thread is not the owner.
 * SX__SET_OWNER makes the calling thread the owner of a client that has left a queue. */
#ifdef NDEBUG
#define SX__SET_OWNER(client) ((void)(client))
#define SX__ASSERT_OWNED(client) ((void)(client))
#else
#define SX__SET_OWNER(client) sx__client_set_owner(client)
#define SX__ASSERT_OWNED(client) sx__client_assert_owned(client)
void sx__client_set_owner(struct sx__client *client);
void sx__client_assert_owned(const struct sx__client *client);
#endif

/* ---- deadlines ---- */

/* Returns the deadline of the client's connection, or of the TLS handshake before it. Owner. */
uint64_t sx__client_get_deadline(const struct sx__client *client);

/* Returns whether the server has a response to send, or lingers. Owner. */
bool sx__client_has_output(const struct sx__client *client);

/* Returns when the monitor has to check the client next: at the client's deadline and, while the
 * client has something to read, also before that deadline. Each check stores how many bytes the
 * client has acknowledged. The difference of two checks is the progress of the client. What our
 * kernel accepts is no measure: it may accept nothing for a minute while a slow client reads. A
 * fast client has read everything before the first check. Thread: the owner. */
uint64_t sx__client_get_check_time(const struct sx__client *client);

#endif
