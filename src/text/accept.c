/* accept.c: parses Accept and Accept-Encoding headers. See accept.h. */
#include "accept.h"

#include "token.h"

#include <stdbool.h>
#include <string.h>

#define WEIGHT_MAX 1000

/* RFC 9110 12.4.2: qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) */
static bool parse_weight(unsigned *weight, struct sx_str text)
{
    if (text.size == 0 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.size > 1 && text.data[1] != '.')) {
        return false;
    }
    unsigned value = (unsigned)(text.data[0] - '0') * WEIGHT_MAX;
    unsigned place = WEIGHT_MAX / 10;
    for (size_t i = 2; i < text.size; i++, place /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value += (unsigned)(text.data[i] - '0') * place;
    }
    *weight = value;
    return value <= WEIGHT_MAX;
}

/* A media type or a media range. */
struct media {
    struct sx_str type, subtype;
    struct sx_str parameters; /* everything after the first semicolon */
};

static bool is_star(struct sx_str text)
{
    return text.size == 1 && text.data[0] == '*';
}

static struct media split_media(struct sx_str text)
{
    struct sx_str subtype = sx__take_part(&text, ';');
    struct sx_str type = sx__take_until(&subtype, '/');
    return (struct media){type, subtype, text};
}

static bool is_media(const struct media *media)
{
    return sx__is_token(media->type) && sx__is_token(media->subtype) &&
           (is_star(media->subtype) || !is_star(media->type));
}

/* Quoted pairs are not decoded, because no media type that Sextant offers needs one. */
static struct sx_str unquote(struct sx_str text)
{
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"') {
        return (struct sx_str){text.data + 1, text.size - 2};
    }
    return text;
}

static struct sx_str take_parameter(struct sx_str *name, struct sx_str *parameters)
{
    struct sx_str value = sx__take_part(parameters, ';');
    *name = sx__take_part(&value, '=');
    return unquote(value);
}

static bool find_parameter(struct sx_str *value, struct sx_str parameters, struct sx_str name)
{
    bool found = false;
    while (parameters.size > 0 && !found) {
        struct sx_str have;
        *value = take_parameter(&have, &parameters);
        found = sx__is_same(have, name);
    }
    return found;
}

static bool covers(const struct media *range, const struct media *offer)
{
    return is_star(range->type) ||
           (sx__is_same(range->type, offer->type) &&
            (is_star(range->subtype) || sx__is_same(range->subtype, offer->subtype)));
}

static bool begins_with(struct sx_str text, struct sx_str beginning)
{
    return text.size >= beginning.size &&
           sx__is_same((struct sx_str){text.data, beginning.size}, beginning);
}

/* Returns false if the range cannot cover the offer. Most ranges that a browser sends are for other
 * types, and this check is cheaper than parsing them. */
static bool may_cover(struct sx_str range, const struct media *offer)
{
    const size_t size = offer->type.size;
    if (range.size <= size || range.data[size] != '/' || !begins_with(range, offer->type)) {
        return range.size > 0 && range.data[0] == '*';
    }
    const struct sx_str subtype = {range.data + size + 1, range.size - size - 1};
    return begins_with(subtype, (struct sx_str){"*", 1}) || begins_with(subtype, offer->subtype);
}

/* Returns false if the range is malformed or does not cover the offer. */
static bool weigh(struct sx__preference *preference, struct sx_str text, const struct media *offer)
{
    if (!may_cover(text, offer)) {
        return false;
    }
    struct media range = split_media(text);
    if (!covers(&range, offer) || !is_media(&range)) {
        return false;
    }
    preference->weight = WEIGHT_MAX;
    preference->specificity = (unsigned)!is_star(range.type) + (unsigned)!is_star(range.subtype);
    while (range.parameters.size > 0) {
        struct sx_str name, offered;
        struct sx_str value = take_parameter(&name, &range.parameters);
        if (sx__is_word(name, "q")) {
            if (!parse_weight(&preference->weight, value)) {
                return false;
            }
        } else if (find_parameter(&offered, offer->parameters, name)) {
            if (!sx__is_same(value, offered)) {
                return false;
            }
            preference->specificity++;
        }
    }
    return true;
}

/* Returns whether the header accepts any type, as that of most programs does. */
static bool is_anything(struct sx_str accept)
{
    return accept.size == 0 || (accept.size == 3 && memcmp(accept.data, "*/*", 3) == 0);
}

static struct sx_str take_range(struct sx_str *accept, bool has_quotes)
{
    return has_quotes ? sx__take_part(accept, ',') : sx__trim(sx__take_until(accept, ','));
}

struct sx__preference sx__accept_weigh(struct sx_str accept, struct sx_str media_type)
{
    struct sx__preference best = {.weight = 0};
    accept = sx__trim(accept);
    if (is_anything(accept)) {
        best.weight = WEIGHT_MAX;
        return best;
    }
    const struct media offer = split_media(media_type);
    if (!is_media(&offer)) {
        return best;
    }
    const bool has_quotes = memchr(accept.data, '"', accept.size) != NULL;
    bool found = false;
    for (size_t position = 0; accept.size > 0; position++) {
        struct sx__preference have = {.position = position};
        const struct sx_str range = take_range(&accept, has_quotes);
        if (weigh(&have, range, &offer) &&
            (!found || have.specificity > best.specificity ||
             (have.specificity == best.specificity && have.weight > best.weight))) {
            best = have;
            found = true;
        }
    }
    return best;
}

struct sx_str sx__accept_parameter(struct sx_str accept, size_t position, struct sx_str name)
{
    struct sx_str value = {NULL, 0};
    struct sx_str range = {NULL, 0};
    accept = sx__trim(accept);
    const bool has_quotes = accept.size > 0 && memchr(accept.data, '"', accept.size) != NULL;
    for (size_t i = 0; i <= position && accept.size > 0; i++) {
        range = take_range(&accept, has_quotes);
    }
    const struct media media = split_media(range);
    return find_parameter(&value, media.parameters, name) ? value : (struct sx_str){NULL, 0};
}

/* ---- codings ---- */

/* RFC 9110 8.4.1.3: "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"." */
static bool is_coding(struct sx_str name, const char *coding)
{
    return sx__is_word(name, coding) ||
           (strcmp(coding, "gzip") == 0 && sx__is_word(name, "x-gzip"));
}

/* The weight of a coding in a header; -1: it is not listed. A malformed weight is taken as 0. */
static int weigh_coding(struct sx_str header, const char *coding)
{
    int best = -1;
    while (header.size > 0) {
        unsigned weight = WEIGHT_MAX;
        struct sx_str element = sx__take_part(&header, ',');
        if (!is_coding(sx__take_part(&element, ';'), coding)) {
            continue;
        }
        struct sx_str name;
        const struct sx_str value = take_parameter(&name, &element);
        const bool is_valid = name.size == 0
                                  ? value.size == 0
                                  : sx__is_word(name, "q") && parse_weight(&weight, value);
        const int have = is_valid && element.size == 0 ? (int)weight : 0;
        best = have > best ? have : best;
    }
    return best;
}

bool sx__accepts_coding(struct sx_str accept_encoding, const char *coding)
{
    const int any = weigh_coding(accept_encoding, "*");
    int wanted = weigh_coding(accept_encoding, coding);
    int identity = weigh_coding(accept_encoding, "identity");
    wanted = wanted < 0 ? any : wanted;
    identity = identity < 0 ? any : identity;
    return wanted > 0 && wanted >= identity;
}
