/* chunked.c: the state machine that decodes a chunked body. See chunked.h. */
#include "chunked.h"

#include "token.h"

/* The classes of bytes that the grammar distinguishes. */
enum byte_class {
    OTHER, /* allowed in a quoted string or a field value only */
    CONTROL,
    BLANK,
    CR,
    LF,
    HEX, /* a digit of a size, also allowed in a token */
    TCHAR,
    SEMICOLON,
    EQUALS,
    QUOTE,
    BACKSLASH,
    COLON,
    CLASSES
};

static const unsigned char marks[256] = {
    ['\t'] = BLANK, [' '] = BLANK, ['\r'] = CR,        ['\n'] = LF,   [';'] = SEMICOLON,
    ['='] = EQUALS, ['"'] = QUOTE, ['\\'] = BACKSLASH, [':'] = COLON, ['0'] = HEX,
    ['1'] = HEX,    ['2'] = HEX,   ['3'] = HEX,        ['4'] = HEX,   ['5'] = HEX,
    ['6'] = HEX,    ['7'] = HEX,   ['8'] = HEX,        ['9'] = HEX,   ['A'] = HEX,
    ['B'] = HEX,    ['C'] = HEX,   ['D'] = HEX,        ['E'] = HEX,   ['F'] = HEX,
    ['a'] = HEX,    ['b'] = HEX,   ['c'] = HEX,        ['d'] = HEX,   ['e'] = HEX,
    ['f'] = HEX,
};

static enum byte_class class_of(char c)
{
    const unsigned char byte = (unsigned char)c;
    if (marks[byte] != OTHER) {
        return (enum byte_class)marks[byte];
    }
    if (sx__is_tchar(c)) {
        return TCHAR;
    }
    return byte < 0x20 || byte == 0x7f ? CONTROL : OTHER;
}

enum state {
    BAD,
    SIZE_BEGINS,
    SIZE,
    BEFORE_SEMICOLON, /* after blanks that only the semicolon of an extension may follow */
    BEFORE_NAME,
    NAME,
    BEHIND_NAME,
    BEFORE_VALUE,
    VALUE,
    QUOTED,
    QUOTED_PAIR,
    BEHIND_QUOTED,
    SIZE_LF, /* of the line end after the size and the extensions */
    DATA,
    DATA_CR,
    DATA_LF,
    FIELD_BEGINS, /* a field of the trailer section, or the empty line that ends it */
    FIELD_NAME,
    FIELD_VALUE,
    FIELD_LF,
    LAST_LF,
    DONE,
    STATES
};

/* The grammar of RFC 9112 7.1 and 7.1.1, RFC 9110 5.6 and 5.5; a transition that is not in the
 * table is BAD:
 *
 *     chunk           = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
 *     chunk-size      = 1*HEXDIG
 *     chunk-ext       = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
 *     chunk-ext-name  = token
 *     chunk-ext-val   = token / quoted-string
 *     quoted-string   = DQUOTE *( qdtext / quoted-pair ) DQUOTE
 *     trailer-section = *( field-line CRLF )
 *     field-line      = field-name ":" OWS field-value OWS
 */
static const unsigned char next_state[STATES][CLASSES] = {
    [SIZE_BEGINS] = {[HEX] = SIZE},
    [SIZE] = {[HEX] = SIZE, [BLANK] = BEFORE_SEMICOLON, [SEMICOLON] = BEFORE_NAME, [CR] = SIZE_LF},
    [BEFORE_SEMICOLON] = {[BLANK] = BEFORE_SEMICOLON, [SEMICOLON] = BEFORE_NAME},
    [BEFORE_NAME] = {[BLANK] = BEFORE_NAME, [HEX] = NAME, [TCHAR] = NAME},
    [NAME] = {[HEX] = NAME,
              [TCHAR] = NAME,
              [BLANK] = BEHIND_NAME,
              [SEMICOLON] = BEFORE_NAME,
              [EQUALS] = BEFORE_VALUE,
              [CR] = SIZE_LF},
    [BEHIND_NAME] = {[BLANK] = BEHIND_NAME, [SEMICOLON] = BEFORE_NAME, [EQUALS] = BEFORE_VALUE},
    [BEFORE_VALUE] = {[BLANK] = BEFORE_VALUE, [HEX] = VALUE, [TCHAR] = VALUE, [QUOTE] = QUOTED},
    [VALUE] = {[HEX] = VALUE,
               [TCHAR] = VALUE,
               [BLANK] = BEFORE_SEMICOLON,
               [SEMICOLON] = BEFORE_NAME,
               [CR] = SIZE_LF},
    [QUOTED] = {[OTHER] = QUOTED,
                [BLANK] = QUOTED,
                [HEX] = QUOTED,
                [TCHAR] = QUOTED,
                [SEMICOLON] = QUOTED,
                [EQUALS] = QUOTED,
                [COLON] = QUOTED,
                [BACKSLASH] = QUOTED_PAIR,
                [QUOTE] = BEHIND_QUOTED},
    [QUOTED_PAIR] = {[OTHER] = QUOTED,
                     [BLANK] = QUOTED,
                     [HEX] = QUOTED,
                     [TCHAR] = QUOTED,
                     [SEMICOLON] = QUOTED,
                     [EQUALS] = QUOTED,
                     [COLON] = QUOTED,
                     [BACKSLASH] = QUOTED,
                     [QUOTE] = QUOTED},
    [BEHIND_QUOTED] = {[BLANK] = BEFORE_SEMICOLON, [SEMICOLON] = BEFORE_NAME, [CR] = SIZE_LF},
    [SIZE_LF] = {[LF] = DATA}, /* or FIELD_BEGINS: see begin_chunk */
    [DATA_CR] = {[CR] = DATA_LF},
    [DATA_LF] = {[LF] = SIZE_BEGINS},
    [FIELD_BEGINS] = {[HEX] = FIELD_NAME, [TCHAR] = FIELD_NAME, [CR] = LAST_LF},
    [FIELD_NAME] = {[HEX] = FIELD_NAME, [TCHAR] = FIELD_NAME, [COLON] = FIELD_VALUE},
    [FIELD_VALUE] = {[OTHER] = FIELD_VALUE,
                     [BLANK] = FIELD_VALUE,
                     [HEX] = FIELD_VALUE,
                     [TCHAR] = FIELD_VALUE,
                     [SEMICOLON] = FIELD_VALUE,
                     [EQUALS] = FIELD_VALUE,
                     [QUOTE] = FIELD_VALUE,
                     [BACKSLASH] = FIELD_VALUE,
                     [COLON] = FIELD_VALUE,
                     [CR] = FIELD_LF},
    [FIELD_LF] = {[LF] = FIELD_BEGINS},
    [LAST_LF] = {[LF] = DONE},
};

void sx__chunked_init(struct sx__chunked *chunked, uint64_t body_limit)
{
    *chunked = (struct sx__chunked){.state = SIZE_BEGINS, .body_left = body_limit};
}

/* ---- sizes ---- */

static unsigned digit_of(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20) - 'a' + 10;
}

/* RFC 9112 7.1: "recipients MUST anticipate potentially large hexadecimal numerals and prevent
 * parsing errors due to integer conversion overflows". */
static enum sx__chunked_result add_digit(struct sx__chunked *chunked, char c)
{
    if (chunked->chunk_left >> 60 != 0) {
        return SX__CHUNKED_BAD;
    }
    chunked->chunk_left = chunked->chunk_left << 4 | digit_of(c);
    return SX__CHUNKED_MORE;
}

static enum sx__chunked_result begin_chunk(struct sx__chunked *chunked)
{
    if (chunked->chunk_left > chunked->body_left) {
        return SX__CHUNKED_TOO_LARGE;
    }
    chunked->body_left -= chunked->chunk_left;
    chunked->state = chunked->chunk_left > 0 ? DATA : FIELD_BEGINS;
    return SX__CHUNKED_MORE;
}

/* ---- trailer fields ---- */

/* RFC 9110 6.5.1: "Many fields cannot be processed outside the header section because their
 * evaluation is necessary prior to receiving the content, such as those that describe message
 * framing". A recipient that merges trailer fields into the header would read the message
 * differently (request smuggling). */
static const struct sx_str framing_fields[] = {{"content-length", 14}, {"transfer-encoding", 17}};
#define FRAMING_FIELDS (sizeof framing_fields / sizeof *framing_fields)

static void begin_name(struct sx__chunked *chunked)
{
    chunked->name_size = 0;
    chunked->candidates = (1u << FRAMING_FIELDS) - 1;
}

static void add_to_name(struct sx__chunked *chunked, char c)
{
    for (size_t i = 0; i < FRAMING_FIELDS && chunked->candidates != 0; i++) {
        const struct sx_str *field = &framing_fields[i];
        if (chunked->name_size >= field->size ||
            !sx__is_same((struct sx_str){&c, 1},
                         (struct sx_str){field->data + chunked->name_size, 1})) {
            chunked->candidates = (unsigned char)(chunked->candidates & ~(1u << i));
        }
    }
    if (chunked->candidates != 0) {
        chunked->name_size++;
    }
}

static enum sx__chunked_result end_name(const struct sx__chunked *chunked)
{
    for (size_t i = 0; i < FRAMING_FIELDS; i++) {
        if ((chunked->candidates >> i & 1) != 0 && chunked->name_size == framing_fields[i].size) {
            return SX__CHUNKED_BAD_TRAILER;
        }
    }
    return SX__CHUNKED_MORE;
}

/* ---- reading ---- */

/* Does the action of the state that was entered with this byte. */
static enum sx__chunked_result enter(struct sx__chunked *chunked, enum state before, char c)
{
    switch (chunked->state) {
    case BAD:
        return SX__CHUNKED_BAD;
    case SIZE:
        return add_digit(chunked, c);
    case DATA:
        return begin_chunk(chunked);
    case FIELD_NAME:
        if (before == FIELD_BEGINS) {
            begin_name(chunked);
        }
        add_to_name(chunked, c);
        return SX__CHUNKED_MORE;
    case FIELD_VALUE:
        return before == FIELD_NAME ? end_name(chunked) : SX__CHUNKED_MORE;
    case DONE:
        return SX__CHUNKED_DONE;
    default:
        return SX__CHUNKED_MORE;
    }
}

static enum sx__chunked_result read_framing(struct sx__chunked *chunked, char c)
{
    const uint64_t most =
        SX__CHUNKED_FRAMING_BYTES + SX__CHUNKED_FRAMING_FACTOR * chunked->body_size;
    if (chunked->framing_size == most) {
        return SX__CHUNKED_FRAMING_TOO_LARGE;
    }
    chunked->framing_size++;
    const enum state before = (enum state)chunked->state;
    chunked->state = next_state[before][class_of(c)];
    return enter(chunked, before, c);
}

static enum sx__chunked_result read_data(struct sx__chunked *chunked, struct sx_str *bytes,
                                         struct sx_str *data)
{
    const size_t size =
        bytes->size < chunked->chunk_left ? bytes->size : (size_t)chunked->chunk_left;
    *data = (struct sx_str){bytes->data, size};
    bytes->data += size;
    bytes->size -= size;
    chunked->body_size += size;
    chunked->chunk_left -= size;
    chunked->state = chunked->chunk_left == 0 ? DATA_CR : DATA;
    return SX__CHUNKED_DATA;
}

enum sx__chunked_result sx__chunked_read(struct sx__chunked *chunked, struct sx_str *bytes,
                                         struct sx_str *data)
{
    enum sx__chunked_result result = SX__CHUNKED_MORE;
    while (bytes->size > 0 && result == SX__CHUNKED_MORE) {
        if (chunked->state == DATA) {
            return read_data(chunked, bytes, data);
        }
        result = read_framing(chunked, bytes->data[0]);
        bytes->data++;
        bytes->size--;
    }
    return result;
}
