/* http_handlers.c: the table of handlers. See http_handlers.h. */
#include "http_handlers.h"
#include "http_series.h"

#include <stdlib.h>
#include <string.h>

#define CHAINS_LEAST 16
#define CHAINS_MOST 65536

/* FNV-1a. Labels come from the program, not from clients. */
static uint64_t hash_label(const char *label)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *label != '\0'; label++) {
        hash = (hash ^ (unsigned char)*label) * 0x100000001b3u;
    }
    return hash ^ hash >> 32;
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

static struct sx_http_handler *get(struct sx_http_metrics *http, const char *label, bool counts)
{
    const uint64_t hash = hash_label(label);
    _Atomic(struct sx_http_handler *) *chain = &http->chains[hash & (http->chain_count - 1)];
    struct sx_http_handler *first = atomic_load_explicit(chain, memory_order_acquire);
    struct sx_http_handler *found = find_in_chain(first, NULL, hash, label);
    if (found != NULL) {
        return found;
    }
    const unsigned one = counts ? 1 : 0;
    if (atomic_fetch_add(&http->handler_count, one) >= http->handlers_max && counts) {
        atomic_fetch_sub(&http->handler_count, one);
        /* Another thread may have added this label at the last place. */
        found =
            find_in_chain(atomic_load_explicit(chain, memory_order_acquire), first, hash, label);
        return found != NULL ? found : http->other;
    }
    struct sx_http_handler *handler = handler_new(http, label, hash);
    found = handler == NULL ? NULL : add_to_chain(chain, first, handler);
    if (found != handler || handler == NULL) {
        free(handler);
        atomic_fetch_sub(&http->handler_count, one);
    }
    return found;
}

struct sx_http_handler *sx__http_handlers_get(struct sx_http_metrics *http, const char *label)
{
    return get(http, label, true);
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
    http->builtin = get(http, "<builtin>", false);
    http->other = get(http, "<other>", false);
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
