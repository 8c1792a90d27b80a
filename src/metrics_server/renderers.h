/* renderers.h: the threads that render pages, so that a slow collector delays no other connection.
 *
 * The first thread starts with the server. Others start when a page would have to wait, up to
 * SX__RENDERERS_MAX, and all run until the server is destroyed.
 */
#ifndef SX_METRICS_SERVER_RENDERERS_H
#define SX_METRICS_SERVER_RENDERERS_H

#include "answer.h"

#include <pthread.h>

#define SX__RENDERERS_MAX 4

/* A request, and the answer to it. From sx__renderers_add until sx__renderers_is_done it belongs to
 * the threads that render. */
struct sx__rendering {
    struct sx__rendering *next; /* in the queue */
    bool is_done;
    struct sx__scrape_request request;
    struct sx__answer answer;
    struct sx_page page;
};

struct sx__renderers {
    const struct sx__site *site;
    int done_fd;           /* a non-blocking eventfd; readable after a page is done */
    pthread_mutex_t mutex; /* guards what follows, and is_done */
    pthread_cond_t added;  /* or `is_stopping` was set */
    struct sx__rendering *first;
    struct sx__rendering **end; /* the link of the last one */
    size_t queued;
    size_t idle; /* threads that wait for a page */
    bool is_stopping;
    size_t thread_count;
    pthread_t threads[SX__RENDERERS_MAX];
};

/** Errors: SX_ESYSTEM (no descriptors are left). Clean up in this case, too. */
int sx__renderers_init(struct sx__renderers *renderers, const struct sx__site *site);

/** Starts the first thread, which has the caller's signal mask. Errors: SX_ESYSTEM. */
int sx__renderers_start(struct sx__renderers *renderers);

/** Waits for the pages that are being rendered, and ends all threads. Queued pages are not
 * rendered. May be called again. */
void sx__renderers_stop(struct sx__renderers *renderers);

/** Frees what belongs to the renderers, whose threads have ended or never started. */
void sx__renderers_clean_up(struct sx__renderers *renderers);

/** Hands a request to the threads, which write its answer and then make `done_fd` readable. For the
 * server's thread. */
void sx__renderers_add(struct sx__renderers *renderers, struct sx__rendering *rendering);

/** Whether no thread has begun to render the page yet. */
bool sx__renderers_has_queued(struct sx__renderers *renderers,
                              const struct sx__rendering *rendering);

/** Takes a request back that no thread has begun. Returns false if one has. */
bool sx__renderers_take_back(struct sx__renderers *renderers, struct sx__rendering *rendering);

/** Whether the answer is written. If so, the rendering belongs to the caller again. */
bool sx__renderers_is_done(struct sx__renderers *renderers, const struct sx__rendering *rendering);

#endif
