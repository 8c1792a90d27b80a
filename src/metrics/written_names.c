/* written_names.c: splits the names that formats write into stem and suffix. */
#include "written_names.h"

#include "view.h"

#include <string.h>

enum {
    SUFFIX_NONE = 1,
    SUFFIX_TOTAL = 2,
    SUFFIX_CREATED = 4,
    SUFFIX_BUCKET = 8,
    SUFFIX_COUNT = 16,
    SUFFIX_SUM = 32,
    SUFFIX_INFO = 64,
    SUFFIX_GCOUNT = 128,
    SUFFIX_GSUM = 256
};

#define SUFFIX_TEXT(text)        \
    {                            \
        (text), sizeof(text) - 1 \
    }

static const struct name_suffix {
    struct sx_str text;
    unsigned bit;
} name_suffixes[] = {
    {SUFFIX_TEXT("_total"), SUFFIX_TOTAL},   {SUFFIX_TEXT("_created"), SUFFIX_CREATED},
    {SUFFIX_TEXT("_bucket"), SUFFIX_BUCKET}, {SUFFIX_TEXT("_count"), SUFFIX_COUNT},
    {SUFFIX_TEXT("_sum"), SUFFIX_SUM},       {SUFFIX_TEXT("_info"), SUFFIX_INFO},
    {SUFFIX_TEXT("_gcount"), SUFFIX_GCOUNT}, {SUFFIX_TEXT("_gsum"), SUFFIX_GSUM},
};

#define NAME_SUFFIXES (sizeof name_suffixes / sizeof name_suffixes[0])

/* The suffixes that a format may append to the base of a family's name. */
static const unsigned appended_suffixes[] = {
    [SX_COUNTER] = SUFFIX_NONE | SUFFIX_TOTAL | SUFFIX_CREATED,
    [SX_GAUGE] = SUFFIX_NONE,
    [SX_HISTOGRAM] = SUFFIX_NONE | SUFFIX_BUCKET | SUFFIX_COUNT | SUFFIX_SUM | SUFFIX_CREATED,
    [SX_SUMMARY] = SUFFIX_NONE | SUFFIX_COUNT | SUFFIX_SUM | SUFFIX_CREATED,
    [SX_INFO] = SUFFIX_NONE | SUFFIX_INFO,
    [SX_STATE_SET] = SUFFIX_NONE,
    [SX_UNTYPED] = SUFFIX_NONE,
    /* Text 0.0.4 writes it as a histogram. */
    [SX_GAUGE_HISTOGRAM] =
        SUFFIX_NONE | SUFFIX_BUCKET | SUFFIX_COUNT | SUFFIX_SUM | SUFFIX_GCOUNT | SUFFIX_GSUM,
};

struct sx_str sx__own_suffix(enum sx_metric_type type)
{
    static const struct sx_str total = SUFFIX_TEXT("_total"), info = SUFFIX_TEXT("_info");
    static const struct sx_str none = SUFFIX_TEXT("");
    return type == SX_COUNTER ? total : type == SX_INFO ? info : none;
}

struct sx_str sx__name_without_own_suffix(struct sx_str name, enum sx_metric_type type)
{
    const struct sx_str own = sx__own_suffix(type);
    if (name.size > own.size && sx__view_ends_with(name, own)) {
        name.size -= own.size;
    }
    return name;
}

static const struct name_suffix *find_name_suffix(struct sx_str name)
{
    size_t i = 0;
    while (i < NAME_SUFFIXES && !sx__view_ends_with(name, name_suffixes[i].text)) {
        i++;
    }
    return i < NAME_SUFFIXES ? &name_suffixes[i] : NULL;
}

size_t sx__written_names_of(struct sx__written_names names[SX__STEMS_MAX], struct sx_str name,
                            enum sx_metric_type type)
{
    const struct sx_str base = sx__name_without_own_suffix(name, type);
    const struct name_suffix *suffix = find_name_suffix(base);
    size_t count = 0;
    unsigned on_base = appended_suffixes[type];
    if (suffix != NULL) {
        /* The base itself has a shorter stem. */
        const struct sx_str stem = {base.data, base.size - suffix->text.size};
        names[count++] = (struct sx__written_names){stem, suffix->bit};
        on_base &= ~(unsigned)SUFFIX_NONE;
    }
    if (on_base != 0) {
        names[count++] = (struct sx__written_names){base, on_base};
    }
    return count;
}

bool sx__written_names_meet(const struct sx__written_names *a, const struct sx__written_names *b)
{
    return (a->suffixes & b->suffixes) != 0 && sx__views_equal(a->stem, b->stem);
}

bool sx__written_names_clash(struct sx_str a, enum sx_metric_type type_a, struct sx_str b,
                             enum sx_metric_type type_b)
{
    struct sx__written_names names_a[SX__STEMS_MAX];
    struct sx__written_names names_b[SX__STEMS_MAX];
    const size_t base_a = sx__name_without_own_suffix(a, type_a).size;
    const size_t base_b = sx__name_without_own_suffix(b, type_b).size;
    /* Two names can only be one if the shorter base begins the longer; nearly none does. */
    if (memcmp(a.data, b.data, base_a < base_b ? base_a : base_b) != 0) {
        return false;
    }
    const size_t count_a = sx__written_names_of(names_a, a, type_a);
    const size_t count_b = sx__written_names_of(names_b, b, type_b);
    for (size_t i = 0; i < count_a * count_b; i++) {
        if (sx__written_names_meet(&names_a[i / count_b], &names_b[i % count_b])) {
            return true;
        }
    }
    return false;
}
