/* http_handlers.c: the table of handlers. See http_handlers.h. */
#include "http_handlers.h"
#include "http_series.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS_LEAST 16
#define CHAINS_MOST 65536
#define YIELDS_MOST 1000

/* FNV-1a. Labels come from the program, not from clients. */
static uint64_t hash_label(const char *label)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *label != '\0'; label++) {
        hash = (hash ^ (unsigned char)*label) * 0x100000001b3u;
    }
    return hash ^ hash >> 32;
}

static _Atomic(struct sx_http_handler *) *chain_of(const struct sx_http_metrics *http,
                                                   uint64_t hash)
{
    return &http->chains[hash & (http->chain_count - 1)];
}

/* Searches from `handler` up to `end`, which is left out. */
static struct sx_http_handler *find_in_chain(struct sx_http_handler *handler,
                                             const struct sx_http_handler *end, uint64_t hash,
                                             const char *label)
{
    while (handler != end && (handler->hash != hash || strcmp(handler->label, label) != 0)) {
        handler = handler->next;
    }
    return handler == end ? NULL : handler;
}

static struct sx_http_handler *handler_new(struct sx_http_metrics *http, const char *label,
                                           uint64_t hash)
{
    const size_t size = strlen(label) + 1;
    struct sx_http_handler *handler = calloc(1, sizeof *handler + size);
    if (handler != NULL) {
        handler->http = http;
        handler->hash = hash;
        memcpy(handler->label, label, size);
    }
    return handler;
}

/* Adds the handler to a chain whose first handler was `first`. Returns it, or the one with the same
 * label that another thread has added meanwhile. */
static struct sx_http_handler *add_to_chain(_Atomic(struct sx_http_handler *) *chain,
                                            struct sx_http_handler *first,
                                            struct sx_http_handler *handler)
{
    const struct sx_http_handler *seen = first;
    handler->next = first;
    while (!atomic_compare_exchange_weak_explicit(chain, &handler->next, handler,
                                                  memory_order_acq_rel, memory_order_acquire)) {
        struct sx_http_handler *found =
            find_in_chain(handler->next, seen, handler->hash, handler->label);
        if (found != NULL) {
            return found;
        }
        seen = handler->next;
    }
    return handler;
}

/* Makes a handler and adds it to its chain, whose first handler was `first`. Returns NULL without
 * memory, and sets *is_new if no other thread has added the label meanwhile. */
static struct sx_http_handler *add_handler(struct sx_http_metrics *http, const char *label,
                                           uint64_t hash, struct sx_http_handler *first,
                                           bool *is_new)
{
    struct sx_http_handler *handler = handler_new(http, label, hash);
    struct sx_http_handler *found =
        handler == NULL ? NULL : add_to_chain(chain_of(http, hash), first, handler);
    *is_new = handler != NULL && found == handler;
    if (!*is_new) {
        free(handler);
    }
    return found;
}

/* Adds a handler for which a place is taken, and gives the place back if it is not needed. */
static struct sx_http_handler *fill_place(struct sx_http_metrics *http, const char *label,
                                          uint64_t hash, struct sx_http_handler *first)
{
    bool is_new;
    struct sx_http_handler *handler = add_handler(http, label, hash, first, &is_new);
    if (is_new) {
        atomic_fetch_add(&http->handlers_added, 1);
    } else {
        atomic_fetch_sub(&http->places_taken, 1);
    }
    return handler;
}

static bool take_place(struct sx_http_metrics *http)
{
    if (atomic_fetch_add(&http->places_taken, 1) < http->handlers_max) {
        return true;
    }
    atomic_fetch_sub(&http->places_taken, 1);
    return false;
}

/* The last place may be taken by another thread that is about to add this label, or to give the
 * place back. Callers cache the result, so wait for that thread instead of returning `other`. After
 * fork() it may not exist in this process, so the wait is limited. */
struct sx_http_handler *sx__http_handlers_get(struct sx_http_metrics *http, const char *label)
{
    const uint64_t hash = hash_label(label);
    for (unsigned yields = 0;; yields++) {
        const bool is_full =
            yields == YIELDS_MOST || atomic_load(&http->handlers_added) >= http->handlers_max;
        struct sx_http_handler *first =
            atomic_load_explicit(chain_of(http, hash), memory_order_acquire);
        struct sx_http_handler *found = find_in_chain(first, NULL, hash, label);
        if (found != NULL || is_full) {
            return found != NULL ? found : http->other;
        }
        if (take_place(http)) {
            return fill_place(http, label, hash, first);
        }
        (void)sched_yield();
    }
}

/* Adds a handler that takes no place. The caller is the only thread. */
static struct sx_http_handler *add_own(struct sx_http_metrics *http, const char *label)
{
    bool is_new;
    const uint64_t hash = hash_label(label);
    return add_handler(http, label, hash, atomic_load(chain_of(http, hash)), &is_new);
}

int sx__http_handlers_init(struct sx_http_metrics *http, unsigned handlers_max)
{
    http->handlers_max = handlers_max;
    http->chain_count = CHAINS_LEAST;
    while (http->chain_count < handlers_max && http->chain_count < CHAINS_MOST) {
        http->chain_count *= 2;
    }
    http->chains = calloc(http->chain_count, sizeof *http->chains);
    if (http->chains == NULL) {
        return SX_ENOMEM;
    }
    http->builtin = add_own(http, "<builtin>");
    http->other = add_own(http, "<other>");
    return http->builtin == NULL || http->other == NULL ? SX_ENOMEM : SX_OK;
}

static void handler_destroy(struct sx_http_handler *handler)
{
    for (size_t method = 0; method < SX__HTTP_METHODS; method++) {
        for (size_t scheme = 0; scheme < SX__HTTP_SCHEMES; scheme++) {
            sx__http_series_destroy(atomic_load(&handler->series[method][scheme]));
        }
    }
    free(handler);
}

void sx__http_handlers_clean_up(struct sx_http_metrics *http)
{
    for (size_t i = 0; http->chains != NULL && i < http->chain_count; i++) {
        struct sx_http_handler *handler = atomic_load(&http->chains[i]);
        while (handler != NULL) {
            struct sx_http_handler *next = handler->next;
            handler_destroy(handler);
            handler = next;
        }
    }
    free((void *)http->chains);
    http->chains = NULL;
}
