/* conversation.c: passes the bytes of a client to an in-process connection. See conversation.h. */
#include "conversation.h"
#include "clock.h"
#include "inprocess.h"
#include "run_options.h"
#include <stdlib.h>
#include <string.h>

static void mask_dates(char *output)
{
    for (char *date = output; (date = strstr(date, "\r\nDate: ")) != NULL; date += 8) {
        memset(date + 8, 'D', 29);
    }
}

void conversation_init(struct conversation *conversation, struct sx_str bytes, const size_t *cuts,
                       size_t cut_count)
{
    *conversation = (struct conversation){0};
    struct fake_service fake;
    fake_service_init(&fake, true);
    const struct sx__service service = fake_service_get(&fake);
    struct sx__inprocess *inprocess = NULL;
    if (fake_service_connect(&inprocess, &service) < 0) {
        abort();
    }
    size_t at = 0;
    for (size_t i = 0; i <= cut_count && !conversation->closed; i++) {
        const size_t end = i < cut_count ? cuts[i] : bytes.size;
        conversation->closed =
            sx__inprocess_send(inprocess, bytes.data + at, end - at, &conversation->output,
                               &conversation->output_size) == SX_EPROTO;
        at = end;
    }
    sx__inprocess_destroy(inprocess);
    conversation->output = realloc(conversation->output, conversation->output_size + 1);
    conversation->output[conversation->output_size] = '\0';
    mask_dates(conversation->output);
    conversation->story = fake.story;
    fake.story = NULL;
    conversation->begins = fake.begins;
    conversation->ends = fake.ends;
    conversation->handles = fake.handles;
    conversation->rejected = fake_service_rejected(&fake);
    fake_service_clean_up(&fake);
}

void conversation_clean_up(struct conversation *conversation)
{
    free(conversation->output);
    free(conversation->story);
    *conversation = (struct conversation){0};
}

const char *conversation_get_statuses(const struct conversation *conversation)
{
    static char statuses[200];
    statuses[0] = '\0';
    const char *at = conversation->output;
    while ((at = strstr(at, "HTTP/1.1 ")) != NULL && strlen(statuses) < sizeof statuses - 8) {
        at += strlen("HTTP/1.1 ");
        if (at[0] >= '0' && at[0] <= '9') {
            strncat(statuses, statuses[0] == '\0' ? "" : " ", 2);
            strncat(statuses, at, 3);
        }
    }
    return statuses;
}
