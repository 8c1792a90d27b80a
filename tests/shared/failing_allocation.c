/* Wraps the allocation functions of a test program; see failing_allocation.h. */
#define _POSIX_C_SOURCE 200809L
#include "failing_allocation.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define NEVER (-1L)

static _Atomic long successes_left = NEVER;
static _Atomic bool goes_on_failing;
static _Atomic bool has_failed;
static _Atomic size_t least_failing = 0;
static _Atomic size_t most_failing = 0;
static _Atomic long tried;
static _Atomic long live;
static __thread bool is_spared_thread;

static void begin(long successes, bool goes_on)
{
    atomic_store(&has_failed, false);
    atomic_store(&goes_on_failing, goes_on);
    atomic_store(&successes_left, successes);
}

void fail_one_allocation(long successes)
{
    begin(successes, false);
}

void fail_all_allocations(long successes)
{
    begin(successes, true);
}

bool end_failing_allocations(void)
{
    atomic_store(&successes_left, NEVER);
    return atomic_load(&has_failed);
}

bool has_failed_allocation(void)
{
    return atomic_load(&has_failed);
}

void spare_this_thread(bool is_spared)
{
    is_spared_thread = is_spared;
}

void fail_calloc_of(size_t least, size_t most)
{
    atomic_store(&most_failing, most);
    atomic_store(&least_failing, least);
}

bool allocation_fails(void)
{
    atomic_fetch_add(&tried, 1);
    long left = is_spared_thread ? NEVER : atomic_load(&successes_left);
    while (left != NEVER) {
        const long after = left > 0 ? left - 1 : atomic_load(&goes_on_failing) ? 0 : NEVER;
        if (atomic_compare_exchange_weak(&successes_left, &left, after)) {
            break;
        }
    }
    if (left == 0) {
        atomic_store(&has_failed, true);
    }
    return left == 0;
}

long allocations_tried(void)
{
    return atomic_load(&tried);
}

long allocations_live(void)
{
    return atomic_load(&live);
}

static void *counted(void *memory)
{
    atomic_fetch_add(&live, memory != NULL ? 1 : 0);
    return memory;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : counted(__real_malloc(size));
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    const size_t least = atomic_load(&least_failing);
    const bool is_of_size = least > 0 && size >= least && size <= atomic_load(&most_failing);
    return is_of_size || allocation_fails() ? NULL : counted(__real_calloc(count, size));
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (allocation_fails()) {
        return NULL;
    }
    return memory == NULL ? counted(__real_realloc(NULL, size)) : __real_realloc(memory, size);
}

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return allocation_fails() ? NULL : counted(__real_aligned_alloc(align, size));
}

int __real_posix_memalign(void **memory, size_t align, size_t size);
int __wrap_posix_memalign(void **memory, size_t align, size_t size);
int __wrap_posix_memalign(void **memory, size_t align, size_t size)
{
    if (allocation_fails()) {
        return ENOMEM;
    }
    const int status = __real_posix_memalign(memory, align, size);
    atomic_fetch_add(&live, status == 0 ? 1 : 0);
    return status;
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return allocation_fails() ? NULL : counted(__real_strdup(text));
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    atomic_fetch_sub(&live, memory != NULL ? 1 : 0);
    __real_free(memory);
}
