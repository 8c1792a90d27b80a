/* text_exemplar.c: exemplars, and times, in OpenMetrics text.
 *
 * Source: OpenMetrics 1.0, "Exemplars"
 */
#include "label_escape.h"
#include "pieces.h"
#include "text_lines.h"

char *sx__text_seconds(char *at, int64_t time_ms)
{
    const uint64_t ms = time_ms > 0 ? (uint64_t)time_ms : 0;
    const unsigned rest = (unsigned)(ms % 1000);
    at = sx__write_whole(at, ms / 1000);
    *at++ = '.';
    *at++ = (char)('0' + rest / 100);
    *at++ = (char)('0' + rest / 10 % 10);
    *at++ = (char)('0' + rest % 10);
    return at;
}

char *sx__text_exemplar(char *at, const struct sx__exemplar *exemplar)
{
    size_t position = 0;
    struct sx_str name, value;
    at = sx__copy_piece(at, SX__PIECE(" # {"));
    for (bool first = true; sx__exemplar_next_label(exemplar, &position, &name, &value);
         first = false) {
        if (!first) {
            *at++ = ',';
        }
        at = sx__label_write_escaped(at, name, value);
    }
    at = sx__copy_piece(at, SX__PIECE("} "));
    at = sx__write_double(at, exemplar->value);
    if (exemplar->timestamp_ms == 0) {
        return at;
    }
    *at++ = ' ';
    return sx__text_seconds(at, exemplar->timestamp_ms);
}
