/* negotiate.c: reading an Accept header. */
#include "negotiate.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* How well a media range suits an offer. */
struct match {
    bool matches;
    unsigned weight;      /* in thousandths */
    unsigned specificity; /* 0: any type at all, 1: type/any, 2: type/subtype, and 1 a parameter */
    size_t position;      /* of the range in the header */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct sx_str trim(struct sx_str text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Takes off what stands before the separator, which may also stand in quotes, or all there is. */
static struct sx_str take_part(struct sx_str *rest, char separator)
{
    bool quoted = false;
    size_t size = 0;
    for (; size < rest->size && (quoted || rest->data[size] != separator); size++) {
        if (rest->data[size] == '"') {
            quoted = !quoted;
        } else if (quoted && rest->data[size] == '\\') {
            size += size + 1 < rest->size;
        }
    }
    struct sx_str part = {rest->data, size};
    size_t taken = size < rest->size ? size + 1 : size;
    rest->data += taken;
    rest->size -= taken;
    return trim(part);
}

static bool is_word(struct sx_str text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

static struct sx_str unquote(struct sx_str text)
{
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"') {
        return (struct sx_str){text.data + 1, text.size - 2};
    }
    return text;
}

/* RFC 9110 12.4.2: 0 to 1 with up to three decimals. What is malformed asks for nothing. */
static unsigned read_weight(struct sx_str text)
{
    if (text.size == 0 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.size > 1 && text.data[1] != '.')) {
        return 0;
    }
    unsigned weight = (unsigned)(text.data[0] - '0') * 1000;
    unsigned place = 100;
    for (size_t i = 2; i < text.size; i++, place /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        weight += (unsigned)(text.data[i] - '0') * place;
    }
    return weight <= 1000 ? weight : 0;
}

/* False where the range wants something else than the offer. */
static bool match_type(struct match *match, struct sx_str range, const struct sx__offer *offer)
{
    struct sx_str type = take_part(&range, '/');
    struct sx_str subtype = trim(range);
    bool any_type = is_word(type, "*"), any_subtype = is_word(subtype, "*");
    if (any_type && any_subtype) {
        return true;
    }
    match->specificity = any_subtype ? 1 : 2;
    return is_word(type, offer->type) && (any_subtype || is_word(subtype, offer->subtype));
}

static bool match_parameter(struct match *match, struct sx_str name, struct sx_str value,
                            const struct sx__offer *offer)
{
    for (size_t i = 0; i < SX__OFFER_PARAMETERS && offer->parameters[i].name != NULL; i++) {
        if (is_word(name, offer->parameters[i].name)) {
            match->specificity++;
            return is_word(unquote(value), offer->parameters[i].value);
        }
    }
    return true;
}

static struct match match_range(struct sx_str range, const struct sx__offer *offer)
{
    struct match match = {.matches = true, .weight = 1000};
    match.matches = match_type(&match, take_part(&range, ';'), offer);
    while (match.matches && range.size > 0) {
        struct sx_str value = take_part(&range, ';');
        struct sx_str name = take_part(&value, '=');
        if (is_word(name, "q")) {
            match.weight = read_weight(value);
        } else {
            match.matches = match_parameter(&match, name, value, offer);
        }
    }
    return match;
}

/* The most specific range of the header that matches. */
static struct match match_offer(struct sx_str accept, const struct sx__offer *offer)
{
    struct match best = {.matches = false};
    for (size_t position = 0; accept.size > 0; position++) {
        struct match match = match_range(take_part(&accept, ','), offer);
        match.position = position;
        if (match.matches && (!best.matches || match.specificity > best.specificity)) {
            best = match;
        }
    }
    return best;
}

static bool is_better(const struct match *match, const struct match *best)
{
    if (!match->matches || match->weight == 0) {
        return false;
    }
    if (match->weight != best->weight) {
        return match->weight > best->weight;
    }
    if (match->specificity != best->specificity) {
        return match->specificity > best->specificity;
    }
    return match->position < best->position;
}

const struct sx__offer *sx__negotiate(const struct sx__offer *offers, size_t count,
                                      struct sx_str accept)
{
    struct match best = {.weight = 0};
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        struct match match = match_offer(accept, &offers[i]);
        if (is_better(&match, &best)) {
            best = match;
            chosen = i;
        }
    }
    return &offers[chosen];
}
