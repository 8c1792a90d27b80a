/* pages.h: the pages that scrapes are rendered to, kept from one scrape to the next. */
#ifndef SX_PROMETHEUS_PAGES_H
#define SX_PROMETHEUS_PAGES_H

#include <pthread.h>
#include <sextant/exposition.h>

/* Two scrapers at once keep a page each; more is rare enough to be made anew. */
#define SX__PAGES_KEPT_MAX 2

struct sx__pages;

struct sx__kept_page {
    struct sx_page page;
    struct sx__pages *pages;
};

struct sx__pages {
    pthread_mutex_t mutex;
    size_t count;
    size_t
        recent_bytes; /* what recent scrapes needed: falls by an eighth with each that needs less */
    struct sx__kept_page *kept[SX__PAGES_KEPT_MAX];
};

void sx__pages_init(struct sx__pages *pages);
/* All pages must have been given back. */
void sx__pages_clean_up(struct sx__pages *pages);

/* A page for one scrape; NULL: no memory. [any] */
struct sx__kept_page *sx__pages_take(struct sx__pages *pages);
/* Gives a page back, which is a sx_clean_up_fn: a struct sx__kept_page. It is freed if enough are
 * kept, or if it has more than four times the room that recent scrapes needed. [any] */
void sx__pages_give(void *page);

#endif
