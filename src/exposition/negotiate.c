/* negotiate.c: choosing a format by an Accept header. */
#include "negotiate.h"

#include "accept.h"
#include "token.h"

#include <stdbool.h>

static bool is_better(struct sx__preference preference, struct sx__preference best)
{
    if (preference.weight != best.weight) {
        return preference.weight > best.weight;
    }
    if (preference.specificity != best.specificity) {
        return preference.specificity > best.specificity;
    }
    return preference.position < best.position;
}

/* An unknown scheme is ignored: the header may be of a later version of Prometheus. */
static enum sx_escaping escaping_of(struct sx_str accept, struct sx__preference chosen)
{
    static const struct {
        const char *name;
        enum sx_escaping escaping;
    } schemes[] = {
        {"underscores", SX_ESCAPING_UNDERSCORES},
        {"dots", SX_ESCAPING_DOTS},
        {"values", SX_ESCAPING_VALUES},
        {"allow-utf-8", SX_ESCAPING_ALLOW_UTF_8},
    };
    static const struct sx_str parameter = {"escaping", 8};
    if (chosen.weight == 0) {
        return SX_ESCAPING_DEFAULT;
    }
    const struct sx_str value = sx__accept_parameter(accept, chosen.position, parameter);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (sx__is_word(value, schemes[i].name)) {
            return schemes[i].escaping;
        }
    }
    return SX_ESCAPING_DEFAULT;
}

const struct sx__offer *sx__negotiate(const struct sx__offer *offers, size_t count,
                                      struct sx_str accept, enum sx_escaping *escaping)
{
    size_t chosen = 0;
    struct sx__preference best = sx__accept_weigh(accept, offers[0].media_type);
    for (size_t i = 1; i < count; i++) {
        const struct sx__preference preference = sx__accept_weigh(accept, offers[i].media_type);
        if (preference.weight > 0 && is_better(preference, best)) {
            best = preference;
            chosen = i;
        }
    }
    if (escaping != NULL) {
        *escaping = escaping_of(accept, best);
    }
    return &offers[chosen];
}
