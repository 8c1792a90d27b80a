/* pages.h: the pages that scrapes are rendered to, kept from one scrape to the next. */
#ifndef SX_PROMETHEUS_PAGES_H
#define SX_PROMETHEUS_PAGES_H

#include <pthread.h>
#include <sextant/exposition.h>

/* Two concurrent scrapers get a kept page each; further ones are rare, so their pages are
 * allocated. */
#define SX__PAGES_KEPT_MAX 2

struct sx__pages;

struct sx__kept_page {
    struct sx_page page;
    size_t size; /* of what was rendered into it, before it was compressed; 0: nothing */
    struct sx__pages *pages;
};

struct sx__pages {
    pthread_mutex_t mutex;
    size_t count;
    size_t recent_bytes; /* needed by recent scrapes; falls by an eighth with each smaller one */
    struct sx__kept_page *kept[SX__PAGES_KEPT_MAX];
};

void sx__pages_init(struct sx__pages *pages);
/* All pages must have been given back. */
void sx__pages_clean_up(struct sx__pages *pages);

/* Returns a page for one scrape; NULL: no memory. [any] */
struct sx__kept_page *sx__pages_take(struct sx__pages *pages);
/* Gives back `given`, a struct sx__kept_page; the function is a sx_clean_up_fn. The page is freed
 * if enough are kept, if it has no buffer, or if it is more than four times as large as recent
 * scrapes needed; a scrape that was refused does not count as one. [any] */
void sx__pages_give(void *given);

#endif
