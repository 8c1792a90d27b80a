/* openmetrics_families.c: TYPE, UNIT, HELP, and which samples belong to which family.
 *
 * A family claims its name, and with its TYPE the names that its samples may have. A name that
 * another family has claimed is a clash (OpenMetrics 1.0, Suffixes).
 */
#include "check_openmetrics.h"
#include "view.h"

#include <string.h>

enum sx__sample_role sx__om_role(const struct sx__om_family *family, struct sx_str name)
{
    return sx__sample_role(family->type, family->name, name);
}

static uint64_t hash_name(const struct sx__om *om, struct sx_str base, struct sx_str suffix)
{
    return sx__hash_mix(sx__hash(om->check, sx__hash(om->check, SX__HASH_START, base), suffix));
}

/* Returns the number of the family that has claimed the name; 0: none. */
static uint32_t find_claim(const struct sx__om *om, uint64_t hash)
{
    size_t cursor = 0;
    uint32_t number;
    while ((number = sx__index_next(&om->claim_index, (uint32_t)hash, &cursor)) != 0) {
        if (om->claims[number - 1].hash == hash) {
            return om->claims[number - 1].family;
        }
    }
    return 0;
}

static bool add_claim(struct sx__om *om, uint64_t hash, uint32_t family)
{
    struct sx__om_claim *claims =
        sx__array_reserve(om->claims, &om->claim_capacity, om->claim_count, sizeof *claims);
    if (claims != NULL) {
        om->claims = claims;
    }
    if (claims == NULL ||
        sx__index_add(&om->claim_index, (uint32_t)hash, (uint32_t)om->claim_count + 1) != SX_OK) {
        sx__check_out_of_memory(om->check);
        return false;
    }
    claims[om->claim_count++] = (struct sx__om_claim){hash, family};
    return true;
}

/* Claims a name for a family, unless another family has it. */
static void claim_name(struct sx__om *om, uint32_t number, struct sx_str suffix)
{
    const struct sx__om_family *family = &om->families[number - 1];
    uint64_t hash = hash_name(om, family->name, suffix);
    uint32_t owner = find_claim(om, hash);
    if (owner == 0) {
        add_claim(om, hash, number);
    } else if (owner != number) {
        sx__violation(om->check, SX__RULE_CLASH,
                      "`%s%s` may be a sample of `%s`, and also of the family on line %u",
                      sx__quote(family->name).text, suffix.data, sx__quote(family->name).text,
                      om->families[owner - 1].first_line);
    }
}

/* Makes a family. Returns 0 if memory is exhausted. */
static uint32_t add_om_family(struct sx__om *om, struct sx_str name)
{
    struct sx__om_family *families =
        sx__array_reserve(om->families, &om->family_capacity, om->family_count, sizeof *families);
    if (families == NULL) {
        sx__check_out_of_memory(om->check);
        return 0;
    }
    om->families = families;
    families[om->family_count++] =
        (struct sx__om_family){.name = name, .first_line = om->check->line};
    uint32_t number = (uint32_t)om->family_count;
    if (name.data[0] == '_') {
        sx__violation(om->check, SX__RULE_RESERVED,
                      "the name `%s` begins with an underscore, which OpenMetrics reserves",
                      sx__quote(name).text);
    }
    claim_name(om, number, (struct sx_str){"", 0});
    return om->check->stopped && om->check->status < 0 ? 0 : number;
}

/* Notes a line of the family, and reports if lines of another family split the group. */
static void enter_family(struct sx__om *om, uint32_t number)
{
    if (number != om->current && om->families[number - 1].first_line != om->check->line) {
        sx__violation(
            om->check, SX__RULE_SPLIT,
            "more lines of `%s` after lines of `%s`: the lines of a family must be one group",
            sx__quote(om->families[number - 1].name).text,
            sx__quote(om->families[om->current - 1].name).text);
    }
    om->current = number;
}

/* A sample like `foo_sum` directly below the metadata of a gauge `foo` is meant to be its sample,
 * but is an unknown family. */
static void check_suffix(struct sx__om *om, struct sx_str name)
{
    const struct sx__om_family *family = om->current == 0 ? NULL : &om->families[om->current - 1];
    if (family == NULL || family->first_sample.line != 0) {
        return;
    }
    for (size_t i = 0; i < SX__SAMPLE_SUFFIXES; i++) {
        if (sx__view_is_joined(name, family->name, sx__sample_suffixes[i].suffix)) {
            sx__violation(om->check, SX__RULE_SAMPLE_NAME, "`%s` is no sample of the %s `%s`",
                          sx__quote(name).text, sx_parsed_type_name(family->type),
                          sx__quote(family->name).text);
            return;
        }
    }
}

uint32_t sx__om_family_of_sample(struct sx__om *om, struct sx_str name)
{
    if (om->current != 0 && sx__om_role(&om->families[om->current - 1], name) != SX__SAMPLE_NONE) {
        return om->current;
    }
    uint32_t number = find_claim(om, hash_name(om, name, (struct sx_str){"", 0}));
    if (number == 0) {
        check_suffix(om, name);
        number = add_om_family(om, name);
        if (number == 0) {
            return 0;
        }
    }
    enter_family(om, number);
    return number;
}

/* ---- metadata ---- */

/* Returns true if it is the first such line, and no sample was before it. */
static bool check_first(struct sx__om *om, const struct sx__om_family *family, uint32_t *line,
                        enum sx__rule rule, const char *word)
{
    if (*line != 0) {
        sx__violation(om->check, rule, "`%s` already has a %s on line %u",
                      sx__quote(family->name).text, word, *line);
        return false;
    }
    *line = om->check->line;
    if (family->first_sample.line != 0) {
        sx__violation(om->check, SX__RULE_LATE, "the %s of `%s` comes after its sample on line %u",
                      word, sx__quote(family->name).text, family->first_sample.line);
        return false;
    }
    return true;
}

static void check_unit(struct sx__om *om, const struct sx__om_family *family)
{
    struct sx_str name = family->name, unit = family->unit;
    if (unit.size == 0) {
        return;
    }
    if (family->type == SX_PARSED_INFO || family->type == SX_PARSED_STATESET) {
        sx__violation(om->check, SX__RULE_UNIT, "`%s` is of type %s, which has no unit",
                      sx__quote(name).text, sx_parsed_type_name(family->type));
    } else if (family->unit_line == om->check->line &&
               (name.size <= unit.size + 1 || name.data[name.size - unit.size - 1] != '_' ||
                !sx__view_ends_with(name, unit))) {
        sx__violation(om->check, SX__RULE_UNIT, "the name `%s` does not end with its unit, `_%s`",
                      sx__quote(name).text, sx__quote(unit).text);
    }
}

/* In HELP the grammar has no quote that is not escaped, and no backslash at the end. */
static void check_help_text(struct sx__om *om, struct sx_str text)
{
    bool undefined = false;
    for (size_t i = 0; i < text.size; i++) {
        char next = text.data[i] == '\\' && i + 1 < text.size ? text.data[i + 1] : '\0';
        if (text.data[i] == '"' || (text.data[i] == '\\' && i + 1 == text.size)) {
            sx__violation(om->check, SX__RULE_ESCAPE,
                          "a quote or backslash in HELP is not escaped: `\\\"`, `\\\\`");
            return;
        }
        undefined = undefined || (text.data[i] == '\\' && strchr("\\n\"", next) == NULL);
        i += text.data[i] == '\\';
    }
    if (undefined) {
        sx__violation(om->check, SX__RULE_UNDEFINED_ESCAPE,
                      "a backslash before another character than `\\`, `n` and `\"`");
    }
}

static void check_om_type(struct sx__om *om, uint32_t number, enum sx_parsed_type type)
{
    struct sx__om_family *family = &om->families[number - 1];
    if (!check_first(om, family, &family->type_line, SX__RULE_TYPE, "TYPE")) {
        return;
    }
    family->type = type;
    for (size_t i = 0; i < SX__SAMPLE_SUFFIXES; i++) {
        if (sx__sample_suffixes[i].type == type && sx__sample_suffixes[i].suffix.size > 0) {
            claim_name(om, number, sx__sample_suffixes[i].suffix);
        }
    }
    check_unit(om, &om->families[number - 1]);
}

/* Returns the number of the family, or 0 if memory is exhausted. */
static uint32_t family_of_metadata(struct sx__om *om, struct sx_str name)
{
    const struct sx_str none = {"", 0};
    if (om->current != 0 && sx__view_is_joined(om->families[om->current - 1].name, name, none)) {
        return om->current;
    }
    uint32_t number = find_claim(om, hash_name(om, name, none));
    if (number != 0 && sx__view_is_joined(om->families[number - 1].name, name, none)) {
        return number;
    }
    return add_om_family(om, name); /* reports the clash if the name is claimed */
}

void sx__om_metadata(struct sx__om *om, const struct sx_parsed_line *line)
{
    uint32_t number = family_of_metadata(om, line->name);
    if (number == 0) {
        return;
    }
    enter_family(om, number);
    struct sx__om_family *family = &om->families[number - 1];
    if (line->kind == SX_PARSED_TYPE) {
        check_om_type(om, number, line->type);
    } else if (line->kind == SX_PARSED_HELP) {
        check_first(om, family, &family->help_line, SX__RULE_HELP, "HELP");
        check_help_text(om, line->text);
    } else if (check_first(om, family, &family->unit_line, SX__RULE_UNIT, "UNIT")) {
        family->unit = line->text;
        check_unit(om, family);
    }
}
