/* named_arena.c: making, opening and closing the arena of a registry with a name. */
#define _GNU_SOURCE /* madvise */
#include "named_arena.h"

#include "arena_life.h"
#include "growth.h"
#include "layout.h"
#include "process_rows.h"
#include "resident_pages.h"
#include "shared_object.h"
#include "thread_rows.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the label ---- */

bool sx__shared_label_is_valid(const struct sx__shared_label *label,
                               const struct sx__layout *layout, size_t file_size)
{
    return memcmp(label->magic, SX__SHARED_MAGIC, sizeof label->magic) == 0 &&
           sx__layouts_equal(&label->layout, layout) && label->arena < SX__ARENAS &&
           sx__geometry_is_valid(&label->geometry, label->arena) &&
           file_size == label->geometry.page_bytes + label->geometry.total_bytes;
}

/* Whether the file has no label, because it is new or its maker has died. */
static bool is_unfinished(const struct sx__shared_object *object)
{
    char magic[sizeof SX__SHARED_MAGIC - 1];
    static const char none[sizeof magic];
    return object->size == 0 || (object->size > sizeof(struct sx__shared_label) &&
                                 sx__file_read(object->file, 0, magic, sizeof magic) &&
                                 memcmp(magic, none, sizeof magic) == 0);
}

int sx__named_arena_publish(const struct sx_registry *registry, const struct sx__layout *layout)
{
    const int file = sx__arenas[registry->arena].file;
    struct sx__shared_label label;
    memset(&label, 0, sizeof label);
    label.layout = *layout;
    label.arena = registry->arena;
    label.geometry = registry->geometry;
    return sx__file_write(file, 0, &label, sizeof label) &&
                   sx__file_write(file, 0, SX__SHARED_MAGIC, sizeof label.magic)
               ? SX_OK
               : SX_ESYSTEM;
}

/* ---- the table of arenas ---- */

/* Leaves the file open. */
static void unmap_named(struct sx__arena *arena)
{
    (void)munmap(arena->registry, arena->mapped_bytes);
    *arena = (struct sx__arena){.state = SX__ARENA_NONE, .file = -1};
}

static void end_named(struct sx__arena *arena)
{
    const uint32_t index = (uint32_t)(arena - sx__arenas);
    if (sx__arena_has_file(arena)) {
        (void)close(arena->file);
    }
    unmap_named(arena);
    sx__process_row_forget(index);
}

void sx__named_arena_close(struct sx__arena *arena)
{
    arena->state = SX__ARENA_IDLE;
    if (!sx__thread_rows_are_held((uint32_t)(arena - sx__arenas))) {
        end_named(arena);
    }
}

/* Ends those that were closed while threads had seats, and no thread has one any more. */
static void end_idle(void)
{
    for (size_t i = 0; i < SX__ARENAS; i++) {
        if (sx__arenas[i].is_named && sx__arenas[i].state == SX__ARENA_IDLE) {
            sx__named_arena_close(&sx__arenas[i]);
        }
    }
}

static bool is_here(const struct sx__shared_object *object)
{
    for (size_t i = 0; i < SX__ARENAS; i++) {
        const struct sx__arena *arena = &sx__arenas[i];
        if (arena->is_named && arena->device == object->device && arena->inode == object->inode) {
            return true;
        }
    }
    return false;
}

/* Returns SX__ARENAS if all are taken. */
static size_t choose_index(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name != '\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    }
    const size_t first = SX__ARENAS / 2 + hash % (SX__ARENAS / 2);
    for (size_t i = 0; i < SX__ARENAS; i++) {
        const size_t index = (first + SX__ARENAS - i) % SX__ARENAS;
        if (sx__arenas[index].state == SX__ARENA_NONE) {
            return index;
        }
    }
    return SX__ARENAS;
}

/* Maps the file behind its label into the table. */
static int map_named(const struct sx__shared_object *object, size_t index,
                     const struct sx__geometry *geometry)
{
    const size_t bytes = geometry->total_bytes;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                        object->file, (off_t)geometry->page_bytes);
    if (memory == MAP_FAILED) {
        return SX_ENOMEM;
    }
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE); /* see arena_life.c */
    sx__arenas[index] = (struct sx__arena){
        .registry = memory,
        .state = SX__ARENA_LIVE,
        .inherited = true,
        .is_named = true,
        .file = object->file,
        .device = object->device,
        .inode = object->inode,
        .mapped_bytes = bytes,
    };
    return SX_OK;
}

/* ---- opening ---- */

static int initialise_named(struct sx_registry *registry, const struct sx__geometry *geometry,
                            size_t index, const struct sx_registry_options *options)
{
    registry->geometry = *geometry;
    registry->mapped = (struct sx__mapped){
        .grows = true, .is_named = true, .directory_bytes = sx__growth_first_bytes(geometry)};
    registry->arena = (uint32_t)index;
    registry->shared = true;
    const int status = sx__arena_initialise(registry, options);
    if (status != SX_OK) {
        return status;
    }
    return sx__grow_process_row(registry, 1) && sx__grow_thread_rows(registry, 1) ? SX_OK
                                                                                  : SX_ENOMEM;
}

static int make_named(struct sx_registry **registry, const struct sx__shared_object *object,
                      const struct sx_registry_options *options)
{
    const size_t index = choose_index(options->shared_name);
    if (index == SX__ARENAS) {
        return SX_EREGISTRIES;
    }
    const struct sx__geometry geometry = sx__arena_lay_out(options, index);
    const size_t label_bytes = geometry.page_bytes;
    int status = sx__shared_object_empty(object->file, label_bytes + geometry.total_bytes);
    if (status != SX_OK) {
        return status;
    }
    if (!sx__file_allocate(object->file, 0, label_bytes + sx__growth_first_bytes(&geometry))) {
        return SX_ENOMEM;
    }
    status = map_named(object, index, &geometry);
    if (status != SX_OK) {
        return status;
    }
    *registry = sx__arenas[index].registry;
    status = initialise_named(*registry, &geometry, index, options);
    if (status != SX_OK) {
        unmap_named(&sx__arenas[index]);
    }
    return status;
}

static int join_named(struct sx_registry **registry, const struct sx__shared_object *object,
                      const struct sx__layout *layout)
{
    struct sx__shared_label label;
    if (object->size < sizeof label || !sx__file_read(object->file, 0, &label, sizeof label) ||
        !sx__shared_label_is_valid(&label, layout, object->size)) {
        return SX_ELAYOUT;
    }
    if (sx__arenas[label.arena].state != SX__ARENA_NONE) {
        return SX_EREGISTRIES;
    }
    const int status = map_named(object, label.arena, &label.geometry);
    if (status == SX_OK) {
        *registry = sx__arenas[label.arena].registry;
    }
    return status;
}

int sx__named_arena_open(struct sx_registry **registry, bool *is_new,
                         const struct sx_registry_options *options, const struct sx__layout *layout)
{
    struct sx__shared_object object;
    struct sx_registry *opened = NULL;
    end_idle();
    int status = sx__shared_object_open(&object, options->shared_name);
    if (status != SX_OK) {
        return status;
    }
    *is_new = is_unfinished(&object);
    if (is_here(&object)) {
        *is_new = false;
        status = SX_ESTATE;
    } else {
        status =
            *is_new ? make_named(&opened, &object, options) : join_named(&opened, &object, layout);
    }
    if (status != SX_OK) {
        if (*is_new) { /* before the file is unlocked */
            (void)sx__shared_object_unlink(options->shared_name);
        }
        (void)close(object.file);
        return status;
    }
    *registry = opened;
    return SX_OK;
}

void sx__named_arena_opened(const struct sx_registry *registry)
{
    sx__shared_object_unlock(sx__arenas[registry->arena].file);
}
