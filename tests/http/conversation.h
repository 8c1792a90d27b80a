/* conversation.h: passes the bytes of a client to an in-process connection, in pieces, and records
 * the result. */
#ifndef SX_TEST_CONVERSATION_H
#define SX_TEST_CONVERSATION_H

#include "fake_service.h"

struct conversation {
    char *output; /* all responses, with the dates made equal; NUL-terminated */
    size_t output_size;
    char *story; /* the calls that the service received */
    bool closed; /* closed by the server before the client closed */
    unsigned begins, ends, handles, rejected;
};

/* Sends `bytes` in pieces that end at each of the `cuts`, which must be in ascending order, then
 * closes. */
void conversation_init(struct conversation *conversation, struct sx_str bytes, const size_t *cuts,
                       size_t cut_count);
void conversation_clean_up(struct conversation *conversation);

/* Returns the statuses of the responses, "200 404"; static, valid until the next call. */
const char *conversation_get_statuses(const struct conversation *conversation);

#endif
