/* renderers.c: a queue of pages to render, and up to SX__RENDERERS_MAX threads that do it. */
#include "renderers.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* ---- the queue; the mutex is held ---- */

static void append(struct sx__renderers *renderers, struct sx__rendering *rendering)
{
    rendering->next = NULL;
    rendering->is_done = false;
    *renderers->end = rendering;
    renderers->end = &rendering->next;
    renderers->queued++;
}

/* Returns the link to the request, or the end of the queue if it is not there. */
static struct sx__rendering **find_link(struct sx__renderers *renderers,
                                        const struct sx__rendering *rendering)
{
    struct sx__rendering **link = &renderers->first;
    while (*link != NULL && *link != rendering) {
        link = &(*link)->next;
    }
    return link;
}

static void take(struct sx__renderers *renderers, struct sx__rendering **link)
{
    struct sx__rendering *taken = *link;
    *link = taken->next;
    if (renderers->end == &taken->next) {
        renderers->end = link;
    }
    renderers->queued--;
}

/* Waits for the next page to render. Returns NULL when the threads are to end. */
static struct sx__rendering *take_first(struct sx__renderers *renderers)
{
    while (renderers->first == NULL && !renderers->is_stopping) {
        renderers->idle++;
        pthread_cond_wait(&renderers->added, &renderers->mutex);
        renderers->idle--;
    }
    struct sx__rendering *rendering = renderers->is_stopping ? NULL : renderers->first;
    if (rendering != NULL) {
        take(renderers, &renderers->first);
    }
    return rendering;
}

/* ---- the threads ---- */

static void *render_pages(void *context)
{
    struct sx__renderers *renderers = context;
    const uint64_t one = 1;
    struct sx__rendering *rendering;
    pthread_mutex_lock(&renderers->mutex);
    while ((rendering = take_first(renderers)) != NULL) {
        pthread_mutex_unlock(&renderers->mutex);
        sx__answer_request(&rendering->answer, &rendering->page, renderers->site,
                           &rendering->request, time(NULL));
        pthread_mutex_lock(&renderers->mutex);
        rendering->is_done = true;
        /* It fails only if the count, which the server's thread resets, is at its limit. */
        ssize_t written = write(renderers->done_fd, &one, sizeof one);
        (void)written;
    }
    pthread_mutex_unlock(&renderers->mutex);
    return NULL;
}

/* The mutex is held, or no thread has started yet. */
static int start_thread(struct sx__renderers *renderers)
{
    if (pthread_create(&renderers->threads[renderers->thread_count], NULL, render_pages,
                       renderers) != 0) {
        return SX_ESYSTEM;
    }
    renderers->thread_count++;
    return SX_OK;
}

/* ---- what the server calls ---- */

int sx__renderers_init(struct sx__renderers *renderers, const struct sx__site *site)
{
    *renderers = (struct sx__renderers){.site = site, .done_fd = -1};
    renderers->end = &renderers->first;
    pthread_mutex_init(&renderers->mutex, NULL);
    pthread_cond_init(&renderers->added, NULL);
    renderers->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return renderers->done_fd < 0 ? SX_ESYSTEM : SX_OK;
}

int sx__renderers_start(struct sx__renderers *renderers)
{
    return start_thread(renderers);
}

void sx__renderers_stop(struct sx__renderers *renderers)
{
    pthread_mutex_lock(&renderers->mutex);
    renderers->is_stopping = true;
    pthread_cond_broadcast(&renderers->added);
    pthread_mutex_unlock(&renderers->mutex);
    while (renderers->thread_count > 0) {
        pthread_join(renderers->threads[--renderers->thread_count], NULL);
    }
}

void sx__renderers_clean_up(struct sx__renderers *renderers)
{
    if (renderers->done_fd >= 0) {
        close(renderers->done_fd);
    }
    pthread_cond_destroy(&renderers->added);
    pthread_mutex_destroy(&renderers->mutex);
}

/* If a further thread cannot be started, the page waits for one that runs. */
void sx__renderers_add(struct sx__renderers *renderers, struct sx__rendering *rendering)
{
    pthread_mutex_lock(&renderers->mutex);
    append(renderers, rendering);
    if (renderers->queued > renderers->idle && renderers->thread_count < SX__RENDERERS_MAX) {
        (void)start_thread(renderers);
    }
    pthread_cond_signal(&renderers->added);
    pthread_mutex_unlock(&renderers->mutex);
}

bool sx__renderers_is_done(struct sx__renderers *renderers, const struct sx__rendering *rendering)
{
    pthread_mutex_lock(&renderers->mutex);
    const bool is_done = rendering->is_done;
    pthread_mutex_unlock(&renderers->mutex);
    return is_done;
}

bool sx__renderers_has_queued(struct sx__renderers *renderers,
                              const struct sx__rendering *rendering)
{
    pthread_mutex_lock(&renderers->mutex);
    const bool is_queued = *find_link(renderers, rendering) != NULL;
    pthread_mutex_unlock(&renderers->mutex);
    return is_queued;
}

bool sx__renderers_take_back(struct sx__renderers *renderers, struct sx__rendering *rendering)
{
    pthread_mutex_lock(&renderers->mutex);
    struct sx__rendering **link = find_link(renderers, rendering);
    const bool is_queued = *link != NULL;
    if (is_queued) {
        take(renderers, link);
    }
    pthread_mutex_unlock(&renderers->mutex);
    return is_queued;
}
