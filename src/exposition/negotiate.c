/* negotiate.c: choosing a format by an Accept header. */
#include "negotiate.h"

#include "accept.h"

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

const struct sx__offer *sx__negotiate(const struct sx__offer *offers, size_t count,
                                      struct sx_str accept)
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
    return &offers[chosen];
}
