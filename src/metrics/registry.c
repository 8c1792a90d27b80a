/* registry.c: making and destroying registries, and the default registry. */
#include "arena_life.h"
#include "collectors.h"
#include "constants.h"
#include "desc.h"
#include "directory.h"
#include "family.h"
#include "family_index.h"
#include "fork.h"
#include "layout.h"
#include "lock.h"
#include "named_arena.h"
#include "pins.h"
#include "process_rows.h"
#include "records.h"
#include "shared_object.h"
#include "shown.h"
#include "takeover.h"
#include "thread_rows.h"

#include <assert.h>

#define ROW_BYTES_DEFAULT ((size_t)64 << 20)
#define DIRECTORY_BYTES_DEFAULT ((size_t)1 << 30)

static struct sx_registry *default_registry; /* written under sx__arenas_lock */

static void lock_indexes_before_fork(void)
{
    sx__shown_before_fork();
    sx__collectors_before_fork();
    sx__family_index_before_fork();
}

static void unlock_indexes_in_parent(void)
{
    sx__family_index_after_fork();
    sx__collectors_after_fork_in_parent();
    sx__shown_after_fork_in_parent();
}

static void unlock_indexes_in_child(void)
{
    sx__family_index_after_fork();
    sx__collectors_after_fork_in_child();
    sx__shown_after_fork_in_child();
}

/* Runs once per process. The caller holds sx__arenas_lock. */
static int prepare_process(void)
{
    static const struct sx__fork_hooks hooks = {
        .before = lock_indexes_before_fork,
        .after_in_parent = unlock_indexes_in_parent,
        .after_in_child = unlock_indexes_in_child,
    };
    static bool prepared;
    if (!prepared) {
        int status = sx__fork_prepare(&hooks);
        if (status != SX_OK) {
            return status;
        }
        sx__thread_rows_prepare();
        sx__directory_prepare(sx__families_mend);
        prepared = true;
    }
    return SX_OK;
}

static struct sx_registry_options with_defaults(const struct sx_registry_options *given)
{
    struct sx_registry_options options = {0};
    if (given != NULL) {
        options = *given;
    }
    if (options.thread_rows == 0) {
        options.thread_rows = SX__THREAD_ROWS_DEFAULT;
    }
    if (options.row_bytes == 0) {
        options.row_bytes = ROW_BYTES_DEFAULT;
    }
    if (options.directory_bytes == 0) {
        options.directory_bytes = DIRECTORY_BYTES_DEFAULT;
    }
    options.shared |= options.shared_name != NULL;
    return options;
}

static struct sx__layout own_layout(void)
{
    struct sx__layout layout;
    sx__layout_of_build(&layout, sizeof(struct sx__family), sizeof(struct sx__series));
    return layout;
}

/* Writes what the options say about all metrics, into a registry that no other thread knows. */
static int write_options(struct sx_registry *registry, const struct sx_registry_options *options)
{
    registry->has_created = options->created_timestamps;
    return sx__constants_write(registry, options);
}

/* Completes a registry with a name that was just opened, while its file is locked. */
static int complete(struct sx_registry *registry, bool is_new,
                    const struct sx_registry_options *options, const struct sx__layout *layout)
{
    if (!is_new) {
        const bool has_options = registry->has_created == options->created_timestamps &&
                                 sx__constants_equal(registry, options);
        return has_options ? SX_OK : SX_EEXIST;
    }
    const int status = write_options(registry, options);
    return status == SX_OK ? sx__named_arena_publish(registry, layout) : status;
}

static int open_named(struct sx_registry **registry, const struct sx_registry_options *options)
{
    const struct sx__layout layout = own_layout();
    bool is_new = false;
    int status = sx__named_arena_open(registry, &is_new, options, &layout);
    if (status != SX_OK) {
        return status;
    }
    status = complete(*registry, is_new, options, &layout);
    if (status == SX_OK) {
        sx__named_arena_opened(*registry);
        return SX_OK;
    }
    if (is_new) { /* before the file is unlocked */
        (void)sx__shared_object_unlink(options->shared_name);
    }
    sx__named_arena_close(&sx__arenas[(*registry)->arena]);
    return status;
}

static int open_unnamed(struct sx_registry **registry, const struct sx_registry_options *options)
{
    int status = sx__arena_open(registry, options);
    if (status != SX_OK) {
        return status;
    }
    (*registry)->layout = own_layout();
    status = write_options(*registry, options);
    if (status != SX_OK) {
        sx__arena_close(&sx__arenas[(*registry)->arena]);
    }
    return status;
}

/* The caller holds sx__arenas_lock. */
static int open_registry(struct sx_registry **registry, const struct sx_registry_options *options)
{
    struct sx_registry *opened = NULL;
    int status = prepare_process();
    if (status == SX_OK) {
        status = options->shared_name == NULL ? open_unnamed(&opened, options)
                                              : open_named(&opened, options);
    }
    if (status == SX_OK) {
        sx__process_enter(opened);
        *registry = opened;
    }
    return status;
}

static int check_options(const struct sx_registry_options *options)
{
    if (options->thread_rows > SX__THREAD_ROWS_MAX || options->row_bytes > SX__BYTES_MAX ||
        options->directory_bytes > SX__BYTES_MAX) {
        return SX_EINVAL;
    }
    if (options->shared_name != NULL && !sx__shared_name_is_valid(options->shared_name)) {
        return SX_EINVAL;
    }
    if (options->shared && !sx__lock_can_be_robust()) {
        return SX_EROBUST;
    }
    return sx__desc_check_constants(options);
}

int sx_registry_new(struct sx_registry **registry, const struct sx_registry_options *options)
{
    struct sx_registry_options wanted = with_defaults(options);
    int status = registry == NULL ? SX_EINVAL : check_options(&wanted);
    if (status != SX_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&sx__arenas_lock);
    status = open_registry(registry, &wanted);
    (void)pthread_mutex_unlock(&sx__arenas_lock);
    return status;
}

void sx_registry_destroy(struct sx_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    assert(registry != __atomic_load_n(&default_registry, __ATOMIC_RELAXED));
    sx__shown_forget(registry); /* before the lock, because collectors may register metrics */
    (void)pthread_mutex_lock(&sx__arenas_lock);
    struct sx__arena *arena = &sx__arenas[registry->arena];
    assert(arena->state == SX__ARENA_LIVE);
    sx__collectors_forget(registry);
    sx__family_index_forget(registry);
    sx__pins_forget(registry);
    sx__thread_row_release(registry->arena);
    if (registry->shared) {
        sx__process_exit(registry);
    } else {
        sx__thread_rows_forget(registry->arena);
    }
    const uint32_t index = registry->arena;
    if (arena->is_named) {
        sx__named_arena_close(arena);
    } else {
        sx__arena_close(arena);
    }
    if (arena->state == SX__ARENA_NONE) {
        sx__process_row_forget(index);
    }
    (void)pthread_mutex_unlock(&sx__arenas_lock);
}

struct sx_registry *sx_registry_default(void)
{
    struct sx_registry *registry = __atomic_load_n(&default_registry, __ATOMIC_ACQUIRE);
    if (registry != NULL) {
        return registry;
    }
    struct sx_registry_options options = with_defaults(NULL);
    (void)pthread_mutex_lock(&sx__arenas_lock);
    registry = default_registry;
    if (registry == NULL && open_registry(&registry, &options) == SX_OK) {
        __atomic_store_n(&default_registry, registry, __ATOMIC_RELEASE);
    }
    (void)pthread_mutex_unlock(&sx__arenas_lock);
    return registry;
}

/* The caller holds sx__arenas_lock. */
static int open_default(struct sx_registry **registry, const struct sx_registry_options *options)
{
    const struct sx__layout layout = own_layout();
    const int status = prepare_process();
    if (status != SX_OK || !sx__takeover(registry, options, &layout)) {
        return status == SX_OK ? open_registry(registry, options) : status;
    }
    sx__process_enter(*registry);
    return SX_OK;
}

int sx_registry_default_init(const struct sx_registry_options *options)
{
    struct sx_registry_options wanted = with_defaults(options);
    struct sx_registry *registry = NULL;
    int status = check_options(&wanted);
    if (status != SX_OK) {
        return status;
    }
    (void)pthread_mutex_lock(&sx__arenas_lock);
    status = default_registry != NULL ? SX_ESTATE : open_default(&registry, &wanted);
    if (status == SX_OK) {
        __atomic_store_n(&default_registry, registry, __ATOMIC_RELEASE);
    }
    (void)pthread_mutex_unlock(&sx__arenas_lock);
    return status;
}

int sx_registry_unlink(const char *shared_name)
{
    if (shared_name == NULL || !sx__shared_name_is_valid(shared_name)) {
        return SX_EINVAL;
    }
    return sx__shared_object_unlink(shared_name);
}

bool sx_registry_is_shared(const struct sx_registry *registry)
{
    registry = registry != NULL ? registry : sx_registry_default();
    return registry != NULL && registry->shared;
}
