/* libprom_design.h: a labelled counter as prometheus-client-c documents its own, written anew for
 * the comparison. A metric has a read-write lock, a formatter, and a map of samples by their
 * formatted names, which has a read-write lock, too. An increment locks the metric for writing,
 * formats `name{label="value"}` into a new buffer that doubles from 32 bytes, copies it, looks it
 * up in the map, and adds to the sample atomically. A look-up locks the map for writing, too, and
 * makes a node with a copy of the key, to compare it with the nodes of a chain.
 */
#ifndef BENCH_LIBPROM_DESIGN_H
#define BENCH_LIBPROM_DESIGN_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DESIGN_BUFFER 32
#define DESIGN_CHAINS 1024 /* about as many as samples, so chains are short */

struct design_sample {
    double value;
};

struct design_node {
    struct design_node *next;
    char *key;
    struct design_sample *value;
};

struct design_map {
    pthread_rwlock_t lock;
    struct design_node *chains[DESIGN_CHAINS];
};

struct design_counter {
    pthread_rwlock_t lock;
    const char *name;
    const char *const *labels;
    size_t label_count;
    char *text; /* the formatter's buffer */
    size_t size;
    size_t capacity;
    struct design_map samples;
};

static int design_append(struct design_counter *counter, const char *text)
{
    const size_t size = strlen(text);
    size_t capacity = counter->capacity;
    while (capacity < counter->size + size + 1) {
        capacity *= 2;
    }
    if (capacity > counter->capacity) {
        char *grown = realloc(counter->text, capacity);
        if (grown == NULL) {
            return 1;
        }
        counter->text = grown;
        counter->capacity = capacity;
    }
    memcpy(counter->text + counter->size, text, size + 1);
    counter->size += size;
    return 0;
}

static int design_format(struct design_counter *counter, const char *const *values)
{
    free(counter->text);
    counter->text = malloc(DESIGN_BUFFER);
    counter->capacity = DESIGN_BUFFER;
    counter->size = 0;
    if (counter->text == NULL) {
        return 1;
    }
    int failed = design_append(counter, counter->name) | design_append(counter, "{");
    for (size_t i = 0; i < counter->label_count; i++) {
        failed |= design_append(counter, i == 0 ? "" : ",");
        failed |= design_append(counter, counter->labels[i]) | design_append(counter, "=\"");
        failed |= design_append(counter, values[i]) | design_append(counter, "\"");
    }
    return failed | design_append(counter, "}");
}

static uint32_t design_hash(const char *name)
{
    uint32_t hash = 5381;
    for (const char *at = name; *at != '\0'; at++) {
        hash = hash * 33 + (unsigned char)*at;
    }
    return hash % DESIGN_CHAINS;
}

static struct design_node *design_node_new(const char *key, struct design_sample *value)
{
    struct design_node *node = malloc(sizeof *node);
    char *copy = node == NULL ? NULL : strdup(key);
    if (copy == NULL) {
        free(node);
        return NULL;
    }
    *node = (struct design_node){NULL, copy, value};
    return node;
}

static void design_node_destroy(struct design_node *node)
{
    free(node->key);
    free(node);
}

static struct design_sample *design_find(struct design_map *map, const char *name)
{
    struct design_sample *found = NULL;
    (void)pthread_rwlock_wrlock(&map->lock);
    struct design_node *wanted = design_node_new(name, NULL);
    if (wanted != NULL) {
        const struct design_node *node = map->chains[design_hash(wanted->key)];
        while (node != NULL && strcmp(node->key, wanted->key) != 0) {
            node = node->next;
        }
        found = node == NULL ? NULL : node->value;
        design_node_destroy(wanted);
    }
    (void)pthread_rwlock_unlock(&map->lock);
    return found;
}

static struct design_sample *design_add(struct design_map *map, const char *name)
{
    struct design_sample *sample = calloc(1, sizeof *sample);
    struct design_node *node = sample == NULL ? NULL : design_node_new(name, sample);
    if (node == NULL) {
        free(sample);
        return NULL;
    }
    (void)pthread_rwlock_wrlock(&map->lock);
    struct design_node **chain = &map->chains[design_hash(name)];
    node->next = *chain;
    *chain = node;
    (void)pthread_rwlock_unlock(&map->lock);
    return sample;
}

static struct design_sample *design_look_up(struct design_counter *counter,
                                            const char *const *values)
{
    (void)pthread_rwlock_wrlock(&counter->lock);
    char *name = design_format(counter, values) == 0 ? strdup(counter->text) : NULL;
    struct design_sample *sample = NULL;
    if (name != NULL) {
        sample = design_find(&counter->samples, name);
        sample = sample == NULL ? design_add(&counter->samples, name) : sample;
        free(name);
    }
    (void)pthread_rwlock_unlock(&counter->lock);
    return sample;
}

static int design_inc(struct design_counter *counter, const char *const *values)
{
    struct design_sample *sample = design_look_up(counter, values);
    if (sample == NULL) {
        return 1;
    }
    double old, sum;
    __atomic_load(&sample->value, &old, __ATOMIC_RELAXED);
    do {
        sum = old + 1;
    } while (!__atomic_compare_exchange(&sample->value, &old, &sum, 1, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    return 0;
}

static int design_init(struct design_counter *counter, const char *name, const char *const *labels,
                       size_t label_count)
{
    memset(counter, 0, sizeof *counter);
    counter->name = name;
    counter->labels = labels;
    counter->label_count = label_count;
    return pthread_rwlock_init(&counter->lock, NULL) |
           pthread_rwlock_init(&counter->samples.lock, NULL);
}

#endif
