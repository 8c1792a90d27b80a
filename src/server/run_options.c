/* run_options.c: the defaults and limits of struct sx_run_options. See run_options.h. */
#include "run_options.h"
#include "exchange.h"

#include <string.h>

/* Past this limit, a queued client fails fast with 503. */
#define QUEUE_TIMEOUT_MAX_MS 1000

#define BODY_BYTES ((size_t)1 << 20)

static void set_default(unsigned *value, unsigned otherwise)
{
    *value = *value == 0 ? otherwise : *value;
}

static void set_default_size(size_t *value, size_t otherwise)
{
    *value = *value == 0 ? otherwise : *value;
}

#define DIGITS(number) #number
#define AT_MOST(name, most) name " is more than " DIGITS(most)

static bool begins_with(const char *text, const char *prefix)
{
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *address_violation(const char *address, enum sx_admin admin,
                                     const struct sx_tls_options *tls)
{
    if (admin < SX_ADMIN_INCLUDED || admin > SX_ADMIN_ONLY) {
        return "admin is not of enum sx_admin";
    }
    if (tls != NULL && tls->certificate == NULL) {
        return "tls has no certificate";
    }
    if (tls != NULL && (tls->minimum < SX_TLS_DEFAULT || tls->minimum > SX_TLS_1_3)) {
        return "minimum of tls is not of enum sx_tls_version";
    }
    if (tls == NULL && begins_with(address, "https://")) {
        return "an address begins with https://, but has no tls";
    }
    if (tls != NULL && begins_with(address, "http://")) {
        return "an address begins with http://, but has tls";
    }
    return NULL;
}

/* These limits keep sums of sizes, in which the body counts twice, from overflowing. */
static const char *limit_violation(const struct sx_run_options *options)
{
    const struct {
        size_t value;
        size_t most;
        const char *violation;
    } limits[] = {
        {options->threads, SX__THREADS_MAX, AT_MOST("threads", SX__THREADS_MAX)},
        {options->queue_timeout_ms, QUEUE_TIMEOUT_MAX_MS,
         AT_MOST("queue_timeout_ms", QUEUE_TIMEOUT_MAX_MS)},
        {options->header_count, SX__HEADERS_MAX, AT_MOST("header_count", SX__HEADERS_MAX)},
        {options->request_line_bytes, (size_t)1 << 30, "request_line_bytes is more than 1 GiB"},
        {options->header_bytes, (size_t)1 << 30, "header_bytes is more than 1 GiB"},
        {options->body_bytes, (size_t)1 << 60, "body_bytes is more than 1 EiB"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].value > limits[i].most) {
            return limits[i].violation;
        }
    }
    return NULL;
}

const char *sx__run_options_error(const struct sx_run_options *options)
{
    const struct sx_listen_address_list *addresses = &options->addresses;
    const char *violation = limit_violation(options);
    if (violation == NULL) {
        violation = address_violation(options->address, options->admin, options->tls);
    }
    if (violation == NULL && options->buffered_bytes != 0 &&
        options->buffered_bytes < (options->body_bytes == 0 ? BODY_BYTES : options->body_bytes)) {
        violation = "buffered_bytes is less than body_bytes";
    }
    if (violation == NULL && addresses->items == NULL && addresses->count > 0) {
        violation = "addresses has a count, but no items";
    }
    for (size_t i = 0; i < addresses->count && violation == NULL; i++) {
        const struct sx_listen_address *address = &addresses->items[i];
        violation = address_violation(address->address, address->admin, address->tls);
    }
    return violation;
}

/* Returns the default of buffered_bytes: a multiple of the largest body, so that several such
 * bodies fit. */
static size_t get_buffered_bytes(size_t body_bytes)
{
    const size_t least = (size_t)256 << 20;
    return body_bytes < least / 4 || body_bytes > SIZE_MAX / 4 ? least : body_bytes * 4;
}

int sx__run_options_resolve(struct sx_run_options *out, const struct sx_run_options *options)
{
    static const struct sx_run_options none = {0};
    struct sx_run_options resolved = options == NULL ? none : *options;
    if (resolved.address == NULL) {
        resolved.address = SX__ADDRESS_DEFAULT;
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
    set_default_size(&resolved.body_bytes, BODY_BYTES);
    set_default_size(&resolved.buffered_bytes, get_buffered_bytes(resolved.body_bytes));

    if (sx__run_options_error(&resolved) != NULL) {
        return SX_EINVAL;
    }
    *out = resolved;
    return 0;
}
