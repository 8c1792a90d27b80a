/* Writes a line of the access log to memory; see line.h. Any thread. */
#include "line.h"

#include "line_time.h"
#include "utf8.h"
#include "view.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

_Static_assert(SX__LINE_BYTES <= PIPE_BUF, "a line is written to a pipe as a whole");

/* What fields may have of the line, escaped; the fixed parts need less than the rest. */
enum {
    METHOD_MOST = 128,
    TARGET_MOST = 3072,
    CLIENT_MOST = 128,
    HANDLER_MOST = 256,
    WORD_MOST = 32
};
_Static_assert(METHOD_MOST + TARGET_MOST + CLIENT_MOST + HANDLER_MOST + 2 * WORD_MOST + 300 <=
                   SX__LINE_BYTES,
               "no line is longer");

/* ---- pieces ---- */

static void put(struct sx__line *line, const char *bytes, size_t size)
{
    memcpy(line->bytes + 1 + line->size, bytes, size);
    line->size += size;
}

static void put_text(struct sx__line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_u64(struct sx__line *line, uint64_t number, size_t least_digits)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 || sizeof digits - at < least_digits);
    put(line, digits + at, sizeof digits - at);
}

static void put_status(struct sx__line *line, int status, const char *none)
{
    if (status > 0) {
        put_u64(line, (uint64_t)status, 3);
    } else {
        put_text(line, none);
    }
}

/* How many bytes of the text, from the first one on, no format has to escape. */
static size_t plain_size(struct sx_str text)
{
    size_t i = 0;
    while (i < text.size && text.data[i] >= 0x20 && text.data[i] < 0x7f && text.data[i] != '"' &&
           text.data[i] != '\\') {
        i++;
    }
    return i;
}

/* Writes the escaped form of what the text begins with, at most ESCAPED_MOST bytes, and gives how
 * many bytes of the text that was. */
typedef size_t escape_fn(struct sx_str text, char *escaped, size_t *escaped_size);
enum { ESCAPED_MOST = 6 };

static void put_escaped(struct sx__line *line, escape_fn *escape, struct sx_str text, size_t most)
{
    const size_t end = line->size + most - sizeof "...";
    while (text.size > 0) {
        char escaped[ESCAPED_MOST];
        const size_t room = end - line->size;
        const size_t plain = plain_size(text);
        size_t size = plain;
        const size_t taken = plain > 0 ? plain : escape(text, escaped, &size);
        if (size > room) {
            put(line, text.data, plain < room ? plain : room);
            put_text(line, "...");
            return;
        }
        put(line, plain > 0 ? text.data : escaped, size);
        text.data += taken;
        text.size -= taken;
    }
}

static const char hex[] = "0123456789abcdef";

/* As Apache's ap_escape_logitem has it: a line is printable ASCII. */
static size_t escape_common(struct sx_str text, char *escaped, size_t *escaped_size)
{
    const unsigned char c = (unsigned char)text.data[0];
    const bool quoted = c == '"' || c == '\\';
    escaped[0] = '\\';
    escaped[1] = quoted ? (char)c : 'x';
    escaped[2] = hex[c >> 4];
    escaped[3] = hex[c & 15];
    *escaped_size = quoted ? 2 : 4;
    return 1;
}

static size_t escape_json_control(unsigned char c, char *escaped)
{
    memcpy(escaped, "\\u00", 4);
    escaped[4] = hex[c >> 4];
    escaped[5] = hex[c & 15];
    return 6;
}

/* RFC 8259, 7; and DEL and U+0080 to U+009F, because terminals obey them. */
static size_t escape_json(struct sx_str text, char *escaped, size_t *escaped_size)
{
    const unsigned char c = (unsigned char)text.data[0];
    bool valid = true;
    const size_t size = sx__utf8_measure(text, &valid);
    if (!valid) {
        memcpy(escaped, "\xEF\xBF\xBD", 3);
        *escaped_size = 3;
    } else if (c == '"' || c == '\\') {
        escaped[0] = '\\';
        escaped[1] = (char)c;
        *escaped_size = 2;
    } else if (c < 0x80) {
        *escaped_size = escape_json_control(c, escaped);
    } else if (c == 0xC2 && (unsigned char)text.data[1] < 0xA0) {
        *escaped_size = escape_json_control((unsigned char)text.data[1], escaped);
    } else {
        memcpy(escaped, text.data, size);
        *escaped_size = size;
    }
    return size;
}

/* ---- the common log format: host ident authuser [date] "request" status bytes ---- */

static void common_begin(struct sx__line *line, struct sx_str client, const struct timespec *now)
{
    line->bytes[0] = '\n';
    line->size = 0;
    put_escaped(line, escape_common, client.size == 0 ? sx__view("-") : client, CLIENT_MOST);
    put_text(line, " - - [");
    put_text(line, sx__line_time_local(now->tv_sec));
    put_text(line, "] \"");
}

static void common_end(struct sx__line *line, const struct sx_record *record,
                       enum sx_outcome outcome, const struct timespec *now)
{
    (void)outcome;
    common_begin(line, record->client, now);
    put_escaped(line, escape_common, record->method, METHOD_MOST);
    put_text(line, " ");
    put_escaped(line, escape_common, record->target, TARGET_MOST);
    put_text(line, " ");
    put_text(line, record->protocol);
    put_text(line, "\" ");
    put_status(line, record->status, "-");
    put_text(line, " ");
    if (record->response_body_bytes == 0) {
        put_text(line, "-"); /* Apache, %b: "a '-' rather than a 0 when no bytes are sent" */
    } else {
        put_u64(line, record->response_body_bytes, 1);
    }
    put_text(line, "\n");
}

/* Apache's line of a request that it could not read. Overload closes connections without a word but
 * for some 503 for want of memory, which the reason does not tell from them. */
static void common_rejected(struct sx__line *line, enum sx_reason reason,
                            const struct timespec *now)
{
    static const int statuses[SX_REASONS] = {
        [SX_REASON_MALFORMED] = 400,        [SX_REASON_TARGET_TOO_LONG] = 414,
        [SX_REASON_HEADER_TOO_LARGE] = 431, [SX_REASON_HEADER_TIMEOUT] = 408,
        [SX_REASON_DISCONNECTED] = 0,       [SX_REASON_OVERLOADED] = 0,
    };
    common_begin(line, (struct sx_str){NULL, 0}, now);
    put_text(line, "-\" ");
    put_status(line, (unsigned)reason < SX_REASONS ? statuses[reason] : 0, "-");
    put_text(line, " -\n");
}

/* ---- JSON: an object a line ---- */

static void json_begin(struct sx__line *line, const struct timespec *now)
{
    line->bytes[0] = '\n';
    line->size = 0;
    put_text(line, "{\"time\":\"");
    put_text(line, sx__line_time_utc(now->tv_sec));
    put_text(line, ".");
    put_u64(line, (uint64_t)now->tv_nsec / 1000000, 3);
    put_text(line, "Z\"");
}

static void json_text(struct sx__line *line, const char *key, struct sx_str text, size_t most)
{
    put_text(line, key);
    put_text(line, "\"");
    put_escaped(line, escape_json, text, most);
    put_text(line, "\"");
}

static void json_number(struct sx__line *line, const char *key, uint64_t number)
{
    put_text(line, key);
    put_u64(line, number, 1);
}

static void json_end(struct sx__line *line, const struct sx_record *record, enum sx_outcome outcome,
                     const struct timespec *now)
{
    static const char *const outcomes[] = {
        [SX_OUTCOME_COMPLETE] = "complete",
        [SX_OUTCOME_REQUEST_ABORTED] = "request_aborted",
        [SX_OUTCOME_RESPONSE_ABORTED] = "response_aborted",
    };
    const uint64_t duration_ns =
        record->ended_ns > record->started_ns ? record->ended_ns - record->started_ns : 0;
    json_begin(line, now);
    if (record->client.size == 0) {
        put_text(line, ",\"client\":null");
    } else {
        json_text(line, ",\"client\":", record->client, CLIENT_MOST);
    }
    json_text(line, ",\"method\":", record->method, METHOD_MOST);
    json_text(line, ",\"target\":", record->target, TARGET_MOST);
    json_text(line, ",\"protocol\":", sx__view(record->protocol), WORD_MOST);
    put_text(line, ",\"status\":");
    put_status(line, record->status, "null");
    json_number(line, ",\"request_body_bytes\":", record->request_body_bytes);
    json_number(line, ",\"response_body_bytes\":", record->response_body_bytes);
    json_number(line, ",\"duration_seconds\":", duration_ns / 1000000000);
    put_text(line, ".");
    put_u64(line, duration_ns / 1000 % 1000000, 6);
    json_text(line, ",\"handler\":", sx__view(record->handler), HANDLER_MOST);
    json_text(line, ",\"outcome\":", sx__view(outcomes[outcome]), WORD_MOST);
    put_text(line, "}\n");
}

static void json_rejected(struct sx__line *line, enum sx_reason reason, const struct timespec *now)
{
    json_begin(line, now);
    json_text(line, ",\"rejected\":", sx__view(sx_reason_name(reason)), WORD_MOST);
    put_text(line, "}\n");
}

/* ---- the formats ---- */

const struct sx__line_format *sx__line_format_find(const char *name)
{
    static const struct sx__line_format formats[] = {
        {"common", common_end, common_rejected},
        {"json", json_end, json_rejected},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}
