/* prom_linked_list.h: a list of pointers.
 *
 * libprom exported these functions without declaring them; here they are declared.
 */
#ifndef PROM_LINKED_LIST_H
#define PROM_LINKED_LIST_H

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

struct prom_linked_list;
/** A list. It has no lock: one thread uses it at a time. */
typedef struct prom_linked_list prom_linked_list_t;

/** How two items compare. */
typedef enum prom_linked_list_compare {
    PROM_LESS = -1,
    PROM_EQUAL = 0,
    PROM_GREATER = 1
} prom_linked_list_compare_t;

/** Frees an item. */
typedef void (*prom_linked_list_free_item_fn)(void *item);
/** Compares two items. */
typedef prom_linked_list_compare_t (*prom_linked_list_compare_item_fn)(void *item_a, void *item_b);

/** Makes an empty list, which frees its items with free() unless another function is set. Memory:
 * free it with prom_linked_list_destroy */
prom_linked_list_t *prom_linked_list_new(void);

/** Removes and frees all items. */
int prom_linked_list_purge(prom_linked_list_t *self);

/** Frees the list and its items; NULL is a no-op that returns 0. */
int prom_linked_list_destroy(prom_linked_list_t *self);

/** Adds an item at the beginning. */
int prom_linked_list_push(prom_linked_list_t *self, void *item);

/** Adds an item at the end. */
int prom_linked_list_append(prom_linked_list_t *self, void *item);

/** Removes the first item and returns it; NULL if the list is empty. */
void *prom_linked_list_pop(prom_linked_list_t *self);

/** Returns the first item; NULL if the list is empty. */
void *prom_linked_list_first(prom_linked_list_t *self);

/** Returns the last item; NULL if the list is empty. */
void *prom_linked_list_last(prom_linked_list_t *self);

/** Removes and frees the first item that compares as equal. It is no failure if there is none.
 * Without a function that compares, items must be strings. */
int prom_linked_list_remove(prom_linked_list_t *self, void *item);

/** Compares two items: by the function that was set, otherwise as strings, with NULL before all
 * others. */
prom_linked_list_compare_t prom_linked_list_compare(prom_linked_list_t *self, void *item_a,
                                                    void *item_b);

/** Returns the number of items; 0 for NULL. */
size_t prom_linked_list_size(prom_linked_list_t *self);

/** Sets the function that frees items; NULL: free(). prom_linked_list_no_op_free keeps them. */
int prom_linked_list_set_free_fn(prom_linked_list_t *self, prom_linked_list_free_item_fn free_fn);

/** Sets the function that compares items; NULL: they are compared as strings. */
int prom_linked_list_set_compare_fn(prom_linked_list_t *self,
                                    prom_linked_list_compare_item_fn compare_fn);

/** Does nothing; for prom_linked_list_set_free_fn. */
void prom_linked_list_no_op_free(void *item);

#ifdef __cplusplus
}
#endif
#endif
