/* list.c: a singly linked list. */
#include "prom_linked_list.h"

#include <string.h>

struct item {
    struct item *next;
    void *value;
};

struct prom_linked_list {
    struct item *first;
    struct item *last;
    size_t size;
    prom_linked_list_free_item_fn free_item;
    prom_linked_list_compare_item_fn compare;
};

prom_linked_list_t *prom_linked_list_new(void)
{
    prom_linked_list_t *list = calloc(1, sizeof *list);
    if (list != NULL) {
        list->free_item = free;
    }
    return list;
}

/* Takes the item behind `previous` out of the list, or the first one, and returns its value. */
static void *take_item(prom_linked_list_t *list, struct item *previous)
{
    struct item *item = previous == NULL ? list->first : previous->next;
    void *value = item->value;
    if (previous == NULL) {
        list->first = item->next;
    } else {
        previous->next = item->next;
    }
    if (list->last == item) {
        list->last = previous;
    }
    list->size--;
    free(item);
    return value;
}

int prom_linked_list_purge(prom_linked_list_t *self)
{
    if (self == NULL) {
        return 1;
    }
    while (self->first != NULL) {
        void *item = take_item(self, NULL);
        if (item != NULL) {
            self->free_item(item);
        }
    }
    return 0;
}

int prom_linked_list_destroy(prom_linked_list_t *self)
{
    if (self != NULL) {
        (void)prom_linked_list_purge(self);
        free(self);
    }
    return 0;
}

int prom_linked_list_push(prom_linked_list_t *self, void *item)
{
    struct item *made = self == NULL ? NULL : malloc(sizeof *made);
    if (made == NULL) {
        return 1;
    }
    *made = (struct item){self->first, item};
    self->first = made;
    if (self->last == NULL) {
        self->last = made;
    }
    self->size++;
    return 0;
}

int prom_linked_list_append(prom_linked_list_t *self, void *item)
{
    if (self == NULL || self->last == NULL) {
        return prom_linked_list_push(self, item);
    }
    struct item *made = malloc(sizeof *made);
    if (made == NULL) {
        return 1;
    }
    *made = (struct item){NULL, item};
    self->last->next = made;
    self->last = made;
    self->size++;
    return 0;
}

void *prom_linked_list_pop(prom_linked_list_t *self)
{
    return self == NULL || self->first == NULL ? NULL : take_item(self, NULL);
}

void *prom_linked_list_first(prom_linked_list_t *self)
{
    return self == NULL || self->first == NULL ? NULL : self->first->value;
}

void *prom_linked_list_last(prom_linked_list_t *self)
{
    return self == NULL || self->last == NULL ? NULL : self->last->value;
}

int prom_linked_list_remove(prom_linked_list_t *self, void *item)
{
    if (self == NULL) {
        return 1;
    }
    struct item *previous = NULL;
    struct item *at = self->first;
    while (at != NULL && prom_linked_list_compare(self, at->value, item) != PROM_EQUAL) {
        previous = at;
        at = at->next;
    }
    if (at != NULL) {
        self->free_item(take_item(self, previous));
    }
    return 0;
}

prom_linked_list_compare_t prom_linked_list_compare(prom_linked_list_t *self, void *item_a,
                                                    void *item_b)
{
    if (self != NULL && self->compare != NULL) {
        return self->compare(item_a, item_b);
    }
    if (item_a == NULL || item_b == NULL) {
        return item_a == item_b ? PROM_EQUAL : item_a == NULL ? PROM_LESS : PROM_GREATER;
    }
    const int order = strcmp(item_a, item_b);
    return order == 0 ? PROM_EQUAL : order < 0 ? PROM_LESS : PROM_GREATER;
}

size_t prom_linked_list_size(prom_linked_list_t *self)
{
    return self == NULL ? 0 : self->size;
}

int prom_linked_list_set_free_fn(prom_linked_list_t *self, prom_linked_list_free_item_fn free_fn)
{
    if (self == NULL) {
        return 1;
    }
    self->free_item = free_fn == NULL ? free : free_fn;
    return 0;
}

int prom_linked_list_set_compare_fn(prom_linked_list_t *self,
                                    prom_linked_list_compare_item_fn compare_fn)
{
    if (self == NULL) {
        return 1;
    }
    self->compare = compare_fn;
    return 0;
}

void prom_linked_list_no_op_free(void *item)
{
    (void)item;
}
