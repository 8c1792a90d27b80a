/* check_families.c: HELP, TYPE, and which samples belong to which family.
 *
 * A histogram `h` owns h_bucket, h_sum and h_count, a summary `s` owns s_sum and s_count; any other
 * name is a family of its own, with a type or without.
 */
#include "check.h"
#include "sample_suffixes.h"
#include "view.h"

/* Returns the family whose name is base and suffix together; 0: none. */
static uint32_t find_family(const struct sx__check *check, struct sx_str base, struct sx_str suffix)
{
    uint32_t hash =
        sx__hash_fold(check, sx__hash(check, sx__hash(check, SX__HASH_START, base), suffix));
    size_t cursor = 0;
    uint32_t number;
    while ((number = sx__index_next(&check->family_index, hash, &cursor)) != 0) {
        if (sx__view_is_joined(check->families[number - 1].name, base, suffix)) {
            return number;
        }
    }
    return 0;
}

static const struct sx_str no_suffix = {"", 0};

static uint32_t start_family(struct sx__check *check, struct sx_str name)
{
    struct sx__check_family *families = sx__array_reserve(check->families, &check->family_capacity,
                                                          check->family_count, sizeof *families);
    if (families != NULL) {
        check->families = families;
    }
    uint32_t number = (uint32_t)check->family_count + 1;
    uint32_t hash = sx__hash_fold(check, sx__hash(check, SX__HASH_START, name));
    if (families == NULL || sx__index_add(&check->family_index, hash, number) != SX_OK) {
        sx__check_out_of_memory(check);
        return 0;
    }
    families[check->family_count++] = (struct sx__check_family){.name = name};
    return number;
}

static bool ends_in(struct sx_str *base, struct sx_str name, struct sx_str suffix)
{
    *base = (struct sx_str){name.data, name.size - suffix.size};
    return name.size > suffix.size && sx__view_ends_with(name, suffix);
}

/* Returns the histogram or summary that has samples of this name; 0: none. */
static uint32_t find_owner(const struct sx__check *check, struct sx_str name)
{
    for (size_t i = 0; i < SX__SAMPLE_SUFFIXES; i++) {
        const struct sx__sample_suffix *known = &sx__sample_suffixes[i];
        struct sx_str base;
        uint32_t number = known->is_in_text && ends_in(&base, name, known->suffix)
                              ? find_family(check, base, no_suffix)
                              : 0;
        if (number != 0 && check->families[number - 1].type == known->type) {
            return number;
        }
    }
    return 0;
}

static void check_name_against_owner(struct sx__check *check, struct sx_str name)
{
    uint32_t owner = find_owner(check, name);
    if (owner != 0) {
        const struct sx__check_family *family = &check->families[owner - 1];
        sx__violation(check, SX__RULE_CLASH, "`%s` is a sample of the %s `%s` of line %u",
                      sx__quote(name).text, sx_parsed_type_name(family->type),
                      sx__quote(family->name).text, family->type_line);
    }
}

static void check_owned_names(struct sx__check *check, const struct sx__check_family *family)
{
    for (size_t i = 0; i < SX__SAMPLE_SUFFIXES; i++) {
        const struct sx__sample_suffix *known = &sx__sample_suffixes[i];
        if (known->is_in_text && known->type == family->type &&
            find_family(check, family->name, known->suffix) != 0) {
            sx__violation(check, SX__RULE_CLASH,
                          "the %s `%s` has samples `%s`, but that is also a metric above",
                          sx_parsed_type_name(family->type), sx__quote(family->name).text,
                          known->suffix.data);
        }
    }
}

void sx__check_enter(struct sx__check *check, uint32_t number)
{
    struct sx__check_family *family = &check->families[number - 1];
    bool seen = family->help_line != 0 || family->type_line != 0 || family->first_sample.line != 0;
    if (number != check->current_family && seen) {
        sx__violation(
            check, SX__RULE_SPLIT,
            "more lines of `%s` after lines of `%s`: the lines of a family must be one group",
            sx__quote(family->name).text,
            sx__quote(check->families[check->current_family - 1].name).text);
    }
    check->current_family = number;
}

static void check_help(struct sx__check *check, struct sx__check_family *family)
{
    if (family->help_line != 0) {
        sx__violation(check, SX__RULE_HELP, "`%s` already has a HELP on line %u",
                      sx__quote(family->name).text, family->help_line);
        return;
    }
    family->help_line = check->line;
    if (family->first_sample.line != 0) {
        sx__violation(check, SX__RULE_LATE, "the HELP of `%s` comes after its sample on line %u",
                      sx__quote(family->name).text, family->first_sample.line);
    }
}

static void check_type(struct sx__check *check, struct sx__check_family *family,
                       enum sx_parsed_type type)
{
    if (family->type_line != 0) {
        sx__violation(check, SX__RULE_TYPE, "`%s` already has a TYPE on line %u",
                      sx__quote(family->name).text, family->type_line);
        return;
    }
    family->type_line = check->line;
    if (family->first_sample.line != 0) {
        sx__violation(check, SX__RULE_LATE, "the TYPE of `%s` comes after its sample on line %u",
                      sx__quote(family->name).text, family->first_sample.line);
        return;
    }
    family->type = type;
    check_owned_names(check, family);
}

void sx__check_head(struct sx__check *check, const struct sx__line *line)
{
    uint32_t number = find_family(check, line->name, no_suffix);
    if (number == 0) {
        check_name_against_owner(check, line->name);
        number = start_family(check, line->name);
        if (number == 0) {
            return;
        }
    }
    sx__check_enter(check, number);
    struct sx__check_family *family = &check->families[number - 1];
    if (line->kind == SX__LINE_HELP) {
        check_help(check, family);
    } else {
        check_type(check, family, line->type);
    }
}

/* `# TYPE foo counter` above `foo_total 1`, as OpenMetrics has it, leaves foo_total untyped. */
static void check_counter_name(struct sx__check *check, struct sx_str name)
{
    struct sx_str base;
    uint32_t number = ends_in(&base, name, (struct sx_str){"_total", 6})
                          ? find_family(check, base, no_suffix)
                          : 0;
    if (number == 0) {
        return;
    }
    const struct sx__check_family *family = &check->families[number - 1];
    if (family->type == SX_PARSED_COUNTER && family->first_sample.line == 0) {
        sx__violation(
            check, SX__RULE_TYPE_NAME,
            "the TYPE on line %u names `%s`, not `%s`: TYPE takes the complete sample name",
            family->type_line, sx__quote(family->name).text, sx__quote(name).text);
    }
}

uint32_t sx__check_family_of_sample(struct sx__check *check, struct sx_str name)
{
    uint32_t number = find_owner(check, name);
    if (number == 0) {
        number = find_family(check, name, no_suffix);
    }
    if (number == 0) {
        check_counter_name(check, name);
        number = start_family(check, name);
    }
    return number;
}
