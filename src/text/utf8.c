/* utf8.c: checks UTF-8 by the table of well-formed byte sequences (Unicode 15, table 3-7). See
 * utf8.h. */
#include "utf8.h"

#include <string.h>

static const struct {
    unsigned char lead_low, lead_high;     /* first byte */
    unsigned char second_low, second_high; /* second byte; those after it are 80..BF */
    unsigned char length;
} sequences[] = {
    {0x00, 0x7F, 0x00, 0x00, 1}, {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

size_t sx__utf8_measure(struct sx_str bytes, bool *valid)
{
    const unsigned char *text = (const unsigned char *)bytes.data;
    size_t row = 0;
    size_t rows = sizeof sequences / sizeof sequences[0];
    while (row < rows &&
           (text[0] < sequences[row].lead_low || text[0] > sequences[row].lead_high)) {
        row++;
    }
    *valid = false;
    if (row == rows) {
        return 1;
    }
    size_t length = sequences[row].length;
    for (size_t i = 1; i < length; i++) {
        unsigned low = i == 1 ? sequences[row].second_low : 0x80;
        unsigned high = i == 1 ? sequences[row].second_high : 0xBF;
        if (i >= bytes.size || text[i] < low || text[i] > high) {
            return i;
        }
    }
    *valid = true;
    return length;
}

bool sx__utf8_is_valid(struct sx_str text)
{
    bool valid = true;
    for (size_t at = 0; at < text.size && valid;) {
        at += sx__utf8_measure((struct sx_str){text.data + at, text.size - at}, &valid);
    }
    return valid;
}

size_t sx__utf8_clean(char *cleaned, struct sx_str text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t written = 0;
    for (size_t at = 0; at < text.size;) {
        bool valid;
        size_t size = sx__utf8_measure((struct sx_str){text.data + at, text.size - at}, &valid);
        const char *source = valid ? text.data + at : replacement;
        size_t length = valid ? size : sizeof replacement - 1;
        memcpy(cleaned + written, source, length);
        written += length;
        at += size;
    }
    return written;
}
