/* pages.c: pages that are kept between scrapes. See pages.h. */
#include "pages.h"
#include <stdbool.h>
#include <stdlib.h>

#define ROOM_MOST 4 /* times the size that recent scrapes needed; a page doubles when it grows */

void sx__pages_init(struct sx__pages *pages)
{
    *pages = (struct sx__pages){.count = 0};
    pthread_mutex_init(&pages->mutex, NULL);
}

static void destroy(struct sx__kept_page *page)
{
    if (page != NULL) {
        sx_page_clean_up(&page->page);
        free(page);
    }
}

void sx__pages_clean_up(struct sx__pages *pages)
{
    while (pages->count > 0) {
        destroy(pages->kept[--pages->count]);
    }
    pthread_mutex_destroy(&pages->mutex);
}

struct sx__kept_page *sx__pages_take(struct sx__pages *pages)
{
    struct sx__kept_page *page = NULL;
    pthread_mutex_lock(&pages->mutex);
    if (pages->count > 0) {
        page = pages->kept[--pages->count];
    }
    pthread_mutex_unlock(&pages->mutex);
    if (page == NULL) {
        page = calloc(1, sizeof *page);
    }
    if (page != NULL) {
        page->pages = pages;
    }
    return page;
}

void sx__pages_give(void *given)
{
    struct sx__kept_page *page = given;
    struct sx__pages *pages = page->pages;
    pthread_mutex_lock(&pages->mutex);
    if (page->size > 0) {
        const size_t faded = pages->recent_bytes - pages->recent_bytes / 8;
        pages->recent_bytes = page->size > faded ? page->size : faded;
    }
    const bool is_kept = pages->count < SX__PAGES_KEPT_MAX && page->page.capacity > 0 &&
                         page->page.capacity / ROOM_MOST <= pages->recent_bytes;
    if (is_kept) {
        pages->kept[pages->count++] = page;
    }
    pthread_mutex_unlock(&pages->mutex);
    if (!is_kept) {
        destroy(page);
    }
}
