/* Property: the weight is 0 to 1000, the position is that of an element, and the specificity is at
 * most 2 plus the number of parameters. A header without a slash accepts nothing, an empty header
 * accepts everything. One more `*` never makes a header accept less. As an Accept-Encoding, a
 * header without `g` and `*` accepts no gzip. */
#include "accept.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const media_types[] = {
    "application/json",
    "text/csv; charset=utf-8",
    "text/plain; version=0.0.4; charset=\"utf-8\"",
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
};

static struct sx__preference weigh(struct sx_str accept, size_t i)
{
    return sx__accept_weigh(accept, (struct sx_str){media_types[i], strlen(media_types[i])});
}

/* Checks a header, and the same header followed by a `*`, in memory of exactly their sizes. */
static void check(struct sx_str accept, struct sx_str and_star, bool is_empty)
{
    size_t commas = 0;
    size_t semicolons = 0;
    for (size_t i = 0; i < accept.size; i++) {
        commas += accept.data[i] == ',';
        semicolons += accept.data[i] == ';';
    }
    const bool has_slash = memchr(accept.data, '/', accept.size) != NULL;
    for (size_t i = 0; i < sizeof media_types / sizeof *media_types; i++) {
        const struct sx__preference have = weigh(accept, i);
        if (have.weight > 1000 || have.specificity > 2 + semicolons || have.position > commas ||
            (!has_slash && !is_empty && have.weight > 0) || (is_empty && have.weight < 1000) ||
            weigh(and_star, i).weight < have.weight) {
            abort();
        }
    }
    const bool may_name_gzip = accept.size > 0 && (memchr(accept.data, 'g', accept.size) != NULL ||
                                                   memchr(accept.data, 'G', accept.size) != NULL ||
                                                   memchr(accept.data, '*', accept.size) != NULL);
    if (sx__accepts_coding(accept, "gzip") && !may_name_gzip) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char star[] = {',', '*', '/', '*'};
    char *accept = malloc(size > 0 ? size : 1);
    char *and_star = malloc(size + sizeof star);
    if (accept != NULL && and_star != NULL && size > 0) {
        bool is_empty = true;
        for (size_t i = 0; i < size; i++) {
            is_empty = is_empty && (data[i] == ' ' || data[i] == '\t');
        }
        memcpy(accept, data, size);
        memcpy(and_star, data, size);
        memcpy(and_star + size, star, sizeof star);
        check((struct sx_str){accept, size}, (struct sx_str){and_star, size + sizeof star},
              is_empty);
    }
    free(accept);
    free(and_star);
    return 0;
}
