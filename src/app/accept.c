#include "accept.h"

#include <string.h>
#include <strings.h>

struct range {
    const char *type;
    size_t type_size;
    const char *subtype;
    size_t subtype_size;
    unsigned quality;
};

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* The end of the element that begins at `at`: a comma outside of quoted strings, or the end. */
static const char *element_end(const char *at)
{
    bool quoted = false;
    for (; *at != '\0' && (quoted || *at != ','); at++) {
        if (quoted && *at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '"') {
            quoted = !quoted;
        }
    }
    return at;
}

/* RFC 9110 12.4.2: a weight is 0 to 1 with up to three decimals. */
static bool parse_weight(const char *at, const char *end, unsigned *quality)
{
    if (at == end || (*at != '0' && *at != '1')) {
        return false;
    }
    unsigned value = (unsigned)(*at++ - '0') * 1000;
    unsigned scale = 100;
    if (at < end && *at == '.') {
        for (at++; at < end && *at >= '0' && *at <= '9' && scale > 0; at++) {
            value += (unsigned)(*at - '0') * scale;
            scale /= 10;
        }
    }
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    *quality = value;
    return at == end && value <= 1000;
}

static bool parse_parameters(const char *at, const char *end, unsigned *quality)
{
    while (at < end) {
        at = skip_blanks(at);
        if (end - at >= 2 && (at[0] == 'q' || at[0] == 'Q') && at[1] == '=') {
            const char *semicolon = memchr(at, ';', (size_t)(end - at));
            return parse_weight(at + 2, semicolon == NULL ? end : semicolon, quality);
        }
        const char *semicolon = memchr(at, ';', (size_t)(end - at));
        at = semicolon == NULL ? end : semicolon + 1;
    }
    return true;
}

static bool parse_range(struct range *range, const char *at, const char *end)
{
    static const char delimiters[] = "/;, \t";
    at = skip_blanks(at);
    range->type = at;
    range->type_size = strcspn(at, delimiters);
    at += range->type_size;
    if (at >= end || *at != '/' || range->type_size == 0) {
        return false;
    }
    range->subtype = ++at;
    range->subtype_size = strcspn(at, delimiters);
    at = skip_blanks(at + range->subtype_size);
    if (at > end || range->subtype_size == 0 || (at < end && *at != ';')) {
        return false;
    }
    range->quality = 1000;
    return at >= end || parse_parameters(at + 1, end, &range->quality);
}

static bool is_star(const char *text, size_t size)
{
    return size == 1 && *text == '*';
}

/* 3: type/subtype, 2: type, 1: anything, 0: the range does not fit. */
static unsigned specificity(const struct range *range, const char *media_type)
{
    size_t type_size = strcspn(media_type, "/");
    const char *subtype = media_type + type_size + (media_type[type_size] == '/');
    size_t subtype_size = strcspn(subtype, "; \t");
    bool any_subtype = is_star(range->subtype, range->subtype_size);
    if (is_star(range->type, range->type_size)) {
        return any_subtype ? 1 : 0;
    }
    if (range->type_size != type_size || strncasecmp(range->type, media_type, type_size) != 0) {
        return 0;
    }
    if (any_subtype) {
        return 2;
    }
    return range->subtype_size == subtype_size &&
                   strncasecmp(range->subtype, subtype, subtype_size) == 0
               ? 3
               : 0;
}

unsigned sx__accept_quality(const char *accept, const char *media_type)
{
    if (accept == NULL || *skip_blanks(accept) == '\0') {
        return 1000;
    }
    unsigned best = 0;
    unsigned quality = 0;
    for (const char *at = accept; *at != '\0';) {
        const char *end = element_end(at);
        struct range range;
        unsigned how = parse_range(&range, at, end) ? specificity(&range, media_type) : 0;
        if (how > best || (how > 0 && how == best && range.quality > quality)) {
            best = how;
            quality = range.quality;
        }
        at = *end == ',' ? end + 1 : end;
    }
    return quality;
}

const struct sx_renderer *sx__accept_choose(const struct sx_renderer_list *renderers,
                                            const char *accept)
{
    const struct sx_renderer *best = NULL;
    unsigned best_quality = 0;
    for (size_t i = 0; i < renderers->count; i++) {
        unsigned quality = sx__accept_quality(accept, renderers->items[i].media_type);
        if (quality > best_quality) {
            best = &renderers->items[i];
            best_quality = quality;
        }
    }
    return best;
}
