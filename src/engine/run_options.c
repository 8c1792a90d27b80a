/* run_options.c: the defaults of struct sx_run_options. */
#include "engine.h"

/* A client that has waited for longer is better told than kept. */
#define QUEUE_TIMEOUT_MAX_MS 1000

static void set_default(unsigned *value, unsigned otherwise)
{
    *value = *value == 0 ? otherwise : *value;
}

static void set_default_size(size_t *value, size_t otherwise)
{
    *value = *value == 0 ? otherwise : *value;
}

static bool is_good_address(enum sx_serves serves, const struct sx_tls_options *tls)
{
    return serves >= SX_SERVES_ALL && serves <= SX_SERVES_RESERVED &&
           (tls == NULL || (tls->certificate != NULL && tls->minimum >= SX_TLS_DEFAULT &&
                            tls->minimum <= SX_TLS_1_3));
}

/* Some of the largest bodies find room, whatever the size of one. */
static size_t get_held_bytes(size_t body_bytes)
{
    const size_t least = (size_t)256 << 20;
    return body_bytes < least / 4 || body_bytes > SIZE_MAX / 4 ? least : body_bytes * 4;
}

int sx__run_options_resolve(struct sx_run_options *out, const struct sx_run_options *options)
{
    static const struct sx_run_options none = {0};
    struct sx_run_options resolved = options == NULL ? none : *options;
    if (resolved.host == NULL) {
        resolved.host = "127.0.0.1";
    }
    set_default(&resolved.threads, 64);
    set_default(&resolved.idle_timeout_ms, 15000);
    set_default(&resolved.header_timeout_ms, 10000);
    set_default(&resolved.body_timeout_ms, 30000);
    set_default(&resolved.write_timeout_ms, 30000);
    set_default(&resolved.stop_timeout_ms, 10000);
    set_default(&resolved.queue_count, 1024);
    set_default(&resolved.body_rate_bytes, 4096);
    set_default(&resolved.connection_count, 16384);
    set_default(&resolved.queue_timeout_ms, QUEUE_TIMEOUT_MAX_MS);
    set_default_size(&resolved.request_line_bytes, 8192);
    set_default_size(&resolved.header_bytes, 32768);
    set_default_size(&resolved.header_count, SX__HEADERS_MAX);
    set_default_size(&resolved.body_bytes, (size_t)1 << 20);
    set_default_size(&resolved.held_bytes, get_held_bytes(resolved.body_bytes));

    if (resolved.threads > 4096) {
        return SX_EINVAL;
    }
    if (resolved.queue_timeout_ms > QUEUE_TIMEOUT_MAX_MS) {
        return SX_EINVAL;
    }
    if (resolved.header_count > SX__HEADERS_MAX) {
        return SX_EINVAL;
    }
    if (!is_good_address(resolved.serves, resolved.tls) ||
        (resolved.addresses.items == NULL && resolved.addresses.count > 0)) {
        return SX_EINVAL;
    }
    for (size_t i = 0; i < resolved.addresses.count; i++) {
        if (!is_good_address(resolved.addresses.items[i].serves, resolved.addresses.items[i].tls)) {
            return SX_EINVAL;
        }
    }
    /* Sums of sizes must not overflow, and twice the body is counted. */
    if (resolved.request_line_bytes > ((size_t)1 << 30) ||
        resolved.header_bytes > ((size_t)1 << 30) || resolved.body_bytes > ((size_t)1 << 60)) {
        return SX_EINVAL;
    }
    if (resolved.held_bytes < resolved.body_bytes) {
        return SX_EINVAL;
    }
    *out = resolved;
    return 0;
}
