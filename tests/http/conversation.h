/* conversation.h: what a client says to the in-process engine, in pieces, and what comes of it. */
#ifndef SX_TEST_CONVERSATION_H
#define SX_TEST_CONVERSATION_H

#include "fake_service.h"

struct conversation {
    char *output; /* all responses, with the dates made equal; NUL-terminated */
    size_t output_size;
    char *story; /* what the service was told */
    bool closed; /* by the engine, before the client went away */
    unsigned begins, ends, handles, rejected;
};

/* Says `bytes` in pieces that end at each of the `cuts`, which rise, then goes away. */
void conversation_init(struct conversation *conversation, struct sx_str bytes, const size_t *cuts,
                       size_t cut_count);
void conversation_clean_up(struct conversation *conversation);

/* The statuses of the responses, "200 404"; static, until the next call. */
const char *conversation_get_statuses(const struct conversation *conversation);

#endif
