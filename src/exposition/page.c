/* page.c: the buffer of a page. */
#include "page.h"

#include <stdint.h>
#include <stdlib.h>

#define PAGE_CAPACITY_FIRST ((size_t)16 << 10)

int sx__page_grow(struct sx_page *page, size_t size)
{
    if (size > SIZE_MAX / 4 || page->size > SIZE_MAX / 4) {
        return SX_ENOMEM;
    }
    size_t capacity = page->capacity < PAGE_CAPACITY_FIRST ? PAGE_CAPACITY_FIRST : page->capacity;
    while (capacity - page->size < size) {
        capacity *= 2;
    }
    char *data = realloc(page->data, capacity);
    if (data == NULL) {
        return SX_ENOMEM;
    }
    page->data = data;
    page->capacity = capacity;
    return SX_OK;
}

void sx_page_clean_up(struct sx_page *page)
{
    if (page != NULL) {
        free(page->data);
        *page = (struct sx_page){0};
    }
}
