/* check_openmetrics.c: checking a page of OpenMetrics 1.0.
 *
 * Source: OpenMetrics 1.0
 */
#include "check_openmetrics.h"

#include <stdlib.h>

static const enum sx__rule fault_rules[] = {
    [SX_FAULT_UTF8] = SX__RULE_UTF8,
    [SX_FAULT_LIMIT] = SX__RULE_LABELS, /* the parser has no limits here */
    [SX_FAULT_LINE_FEED] = SX__RULE_LINE_FEED,
    [SX_FAULT_BLANKS] = SX__RULE_BLANKS,
    [SX_FAULT_COMMENT] = SX__RULE_COMMENT,
    [SX_FAULT_EOF] = SX__RULE_EOF,
    [SX_FAULT_METRIC_NAME] = SX__RULE_METRIC_NAME,
    [SX_FAULT_TYPE] = SX__RULE_TYPE,
    [SX_FAULT_LABELS] = SX__RULE_LABELS,
    [SX_FAULT_LABEL_NAME] = SX__RULE_LABEL_NAME,
    [SX_FAULT_VALUE] = SX__RULE_VALUE,
    [SX_FAULT_TIMESTAMP] = SX__RULE_TIMESTAMP,
    [SX_FAULT_EXEMPLAR] = SX__RULE_EXEMPLAR,
};

static void check_parsed_line(struct sx__om *om, const struct sx_parsed_line *line)
{
    if (line->kind == SX_PARSED_SAMPLE) {
        uint32_t family = sx__om_family_of_sample(om, line->name);
        if (family != 0) {
            sx__om_sample(om, line, family);
        }
    } else if (line->kind != SX_PARSED_EOF) {
        sx__om_metadata(om, line);
    }
}

static void check_parsed_page(struct sx__om *om, struct sx_parser *parser)
{
    struct sx__check *check = om->check;
    struct sx_str rest = check->page;
    while (!check->stopped) {
        struct sx_parsed_line line;
        int status = sx_parser_next(parser, &line, &rest, true);
        check->line = (uint32_t)line.number;
        if (status == SX_EPROTO) {
            sx__violation(check, fault_rules[line.fault], "%s", line.wrong);
        } else if (status == 1) {
            check_parsed_line(om, &line);
        } else if (status == 0) {
            break;
        } else {
            sx__check_out_of_memory(check);
        }
    }
    sx__om_end_point(om);
}

void sx__check_openmetrics(struct sx__check *check)
{
    const struct sx_parser_options options = {.format = SX_FORMAT_OPENMETRICS,
                                              .utf8_names = check->utf8_names,
                                              .line_max = SIZE_MAX,
                                              .labels_max = SIZE_MAX};
    struct sx_parser *parser = sx_parser_new(&options);
    struct sx__om om = {.check = check};
    if (parser == NULL) {
        sx__check_out_of_memory(check);
        return;
    }
    check_parsed_page(&om, parser);
    sx_parser_destroy(parser);
    free(om.families);
    free(om.claims);
    free(om.seen);
    sx__index_clean_up(&om.claim_index);
    sx__index_clean_up(&om.seen_index);
}
