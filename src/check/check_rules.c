/* check_rules.c: the table of rules, for the checker and for its users. */
#include "check_rules.h"

#include <sextant/exposition.h>

#define ERROR 0
#define ADVICE 1
#define LINT 2

static const struct sx_check_rule rules[] = {
#define RULE(rule, name, severity, text) \
    {(name), (text), (severity) != ERROR, (severity) == LINT, {NULL}},
    SX__RULES(RULE)
#undef RULE
};

const struct sx_check_rule *sx_check_rules(size_t *count)
{
    if (count != NULL) {
        *count = sizeof rules / sizeof rules[0];
    }
    return rules;
}
