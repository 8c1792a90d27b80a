#include "network.h"
#include <assert.h>
#include <stdatomic.h>

void sx__tokens_init(struct sx__tokens *tokens, unsigned queue_count, size_t queue_bytes)
{
    *tokens = (struct sx__tokens){.queue_count = queue_count, .queue_bytes = queue_bytes};
    pthread_mutex_init(&tokens->mutex, NULL);
}

void sx__tokens_clean_up(struct sx__tokens *tokens)
{
    assert(atomic_load(&tokens->queued) == 0);
    pthread_mutex_destroy(&tokens->mutex);
}

void sx__tokens_share_out(struct sx__tokens *tokens, unsigned threads)
{
    const bool enough = threads > SX__THREADS_SPARE;
    const int counts[SX__TOKENS] = {
        [SX__TOKEN_ORDINARY] = enough ? (int)threads - SX__THREADS_SPARE : 1,
        [SX__TOKEN_ADMIN] = enough ? 1 : 0,
    };
    for (enum sx__token token = SX__TOKEN_ORDINARY; token < SX__TOKENS; token++) {
        /* Some may be taken already, so that for a while there are fewer than none. */
        atomic_fetch_add(&tokens->free[token], counts[token] - tokens->counts[token]);
        tokens->counts[token] = counts[token];
    }
}

static bool take(struct sx__tokens *tokens, enum sx__token token)
{
    int free_now = atomic_load(&tokens->free[token]);
    while (free_now > 0) {
        if (atomic_compare_exchange_weak(&tokens->free[token], &free_now, free_now - 1)) {
            return true;
        }
    }
    return false;
}

static enum sx__token take_any(struct sx__tokens *tokens, bool is_admin)
{
    if (take(tokens, SX__TOKEN_ORDINARY)) {
        return SX__TOKEN_ORDINARY;
    }
    return is_admin && take(tokens, SX__TOKEN_ADMIN) ? SX__TOKEN_ADMIN : SX__TOKEN_NONE;
}

/* The first may be of any size, so that none is turned away for ever. */
static bool has_room(const struct sx__tokens *tokens, const struct sx__queue *queue,
                     const struct sx__slot *slot)
{
    return queue->count < tokens->queue_count &&
           (queue->bytes == 0 || slot->queued_bytes == 0 ||
            queue->bytes + slot->queued_bytes <= tokens->queue_bytes);
}

static void append(struct sx__queue *queue, struct sx__slot *slot)
{
    slot->next_queued = NULL;
    if (queue->last == NULL) {
        queue->first = slot;
    } else {
        queue->last->next_queued = slot;
    }
    queue->last = slot;
    queue->count++;
    queue->bytes += slot->queued_bytes;
}

static struct sx__slot *pop(struct sx__tokens *tokens, enum sx__token token)
{
    struct sx__queue *queue = &tokens->queues[token];
    struct sx__slot *slot = queue->first;
    if (slot != NULL) {
        queue->first = slot->next_queued;
        queue->last = queue->first == NULL ? NULL : queue->last;
        queue->count--;
        queue->bytes -= slot->queued_bytes;
        slot->next_queued = NULL;
        atomic_fetch_sub(&tokens->queued, 1);
    }
    return slot;
}

/* Either whoever gives a token sees that somebody is queued, or whoever is about to be queued sees
 * the token: both sides write before they read. */
enum sx__took sx__tokens_take(struct sx__tokens *tokens, struct sx__slot *slot, bool is_admin,
                              uint64_t queued_until_ns, enum sx__token *token)
{
    *token = take_any(tokens, is_admin);
    if (*token != SX__TOKEN_NONE) {
        return SX__TOOK_TOKEN;
    }
    enum sx__took took = SX__TOOK_NOTHING;
    /* Each kind has room of its own, or who fills one queue would turn the other's away. */
    struct sx__queue *queue = &tokens->queues[is_admin ? SX__TOKEN_ADMIN : SX__TOKEN_ORDINARY];
    pthread_mutex_lock(&tokens->mutex);
    atomic_fetch_add(&tokens->queued, 1);
    *token = take_any(tokens, is_admin);
    if (*token != SX__TOKEN_NONE) {
        took = SX__TOOK_TOKEN;
    } else if (has_room(tokens, queue, slot)) {
        slot->queued_until_ns = queued_until_ns;
        append(queue, slot);
        took = SX__TOOK_PLACE;
    }
    if (took != SX__TOOK_PLACE) {
        atomic_fetch_sub(&tokens->queued, 1);
    }
    pthread_mutex_unlock(&tokens->mutex);
    return took;
}

struct sx__slot *sx__tokens_give(struct sx__tokens *tokens, enum sx__token token)
{
    atomic_fetch_add(&tokens->free[token], 1);
    if (atomic_load(&tokens->queued) == 0) {
        return NULL;
    }
    struct sx__slot *slot = NULL;
    pthread_mutex_lock(&tokens->mutex);
    if (take(tokens, token)) {
        slot = pop(tokens, SX__TOKEN_ADMIN);
        if (slot == NULL && token == SX__TOKEN_ORDINARY) {
            slot = pop(tokens, SX__TOKEN_ORDINARY);
        }
        if (slot == NULL) {
            atomic_fetch_add(&tokens->free[token], 1);
        }
    }
    pthread_mutex_unlock(&tokens->mutex);
    return slot;
}

/* All wait equally long, so the first is the first to be late. */
struct sx__slot *sx__tokens_expire(struct sx__tokens *tokens, uint64_t now_ns)
{
    if (atomic_load(&tokens->queued) == 0) {
        return NULL;
    }
    struct sx__slot *slot = NULL;
    pthread_mutex_lock(&tokens->mutex);
    for (enum sx__token token = SX__TOKEN_ORDINARY; token < SX__TOKENS && slot == NULL; token++) {
        const struct sx__slot *first = tokens->queues[token].first;
        if (first != NULL && first->queued_until_ns <= now_ns) {
            slot = pop(tokens, token);
        }
    }
    pthread_mutex_unlock(&tokens->mutex);
    return slot;
}
