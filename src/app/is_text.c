#include "is_text.h"

/* The length of the well-formed sequence at `p`, 0 where there is none. RFC 3629, section 4. */
static size_t sequence_size(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t size;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (p[0] < forms[i].first_min || p[0] > forms[i].first_max) {
            continue;
        }
        if (forms[i].size > left ||
            (forms[i].size > 1 && (p[1] < forms[i].second_min || p[1] > forms[i].second_max))) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].size; k++) {
            if ((p[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].size;
    }
    return 0;
}

bool sx__is_text(const char *bytes, size_t size)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < size;) {
        size_t step = sequence_size(p + i, size - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}
