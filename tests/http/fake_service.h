/* fake_service.h: a service for the tests of src/http and src/server. It records the calls that it
 * receives, and its response depends on the target. */
#ifndef SX_TEST_FAKE_SERVICE_H
#define SX_TEST_FAKE_SERVICE_H

#include "inprocess.h"
#include <pthread.h>
#include <stdio.h>

struct fake_service {
    pthread_mutex_t mutex;
    unsigned begins, handles, refusals, ends;
    unsigned outcomes[3]; /* by enum sx_outcome */
    unsigned rejections[SX_REASONS];
    unsigned in_handler; /* how many run now */
    unsigned most_in_handler;
    unsigned in_observer; /* observers of /block-begin and the like that run now */
    unsigned most_in_observer;
    unsigned produced; /* calls of producers */
    unsigned learned;  /* how many producers of /stream/late saw that their client was gone */
    unsigned logs;
    char last_log[512];
    int refused_status;
    uint64_t started_ns, ended_ns; /* of the last exchange that ended */
    uint64_t request_body_bytes, response_body_bytes;
    bool records; /* record the story */
    char *story;  /* a line for each call; NUL-terminated */
    size_t story_size;
    size_t header_count;     /* at the last begin */
    pthread_cond_t released; /* wakes the handlers of /block and the observers */
    bool is_released;
    FILE *file; /* the file of /file: `big` after ten other bytes; NULL: none */
    char *big;  /* the body of /big */
    size_t big_size;
};

void fake_service_init(struct fake_service *fake, bool records);
void fake_service_clean_up(struct fake_service *fake);

/* Must be called before any request for /file. */
void fake_service_make_file(struct fake_service *fake);

/* Returns the service, for a server or an in-process connection. */
struct sx__service fake_service_get(struct fake_service *fake);

/* Lets all handlers of /block and all observers continue, including future ones. */
void fake_service_release(struct fake_service *fake);

/* Reads one of the fake's counters while the fake is in use. */
unsigned fake_service_read(struct fake_service *fake, const unsigned *counter);

/* Waits until `*counter`, one of the fake's own, is at least `count`, at most ten seconds. */
bool fake_service_wait(struct fake_service *fake, const unsigned *counter, unsigned count);

/* Returns how many requests were rejected before they became exchanges. */
unsigned fake_service_rejected(struct fake_service *fake);

/* Creates an in-process connection to the service, with default options. */
int fake_service_connect(struct sx__inprocess **inprocess, const struct sx__service *service);

#endif
