/* mapping.c: mmap with MAP_FIXED_NOREPLACE.
 *
 * Linux has it since 4.17. Older kernels take the address as a hint, and use it if nothing is
 * mapped there. The thread sanitizer maps elsewhere, or not at all, at addresses that it keeps for
 * itself. So the address that mmap returns decides.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_FIXED_NOREPLACE, madvise */
#include "mapping.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/random.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PRIVATE_PAGES (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Gaps are looked for from these addresses up to twice as far. The first is the second quarter of
 * 2^47 bytes, where x86-64, aarch64 and others place nothing, nor does the address sanitizer. The
 * second is for processors and kernels with as little as 2^38 bytes, and for valgrind and the other
 * sanitizers, which keep the first for themselves. */
static const uint64_t starts[] = {UINT64_C(1) << 45, UINT64_C(1) << 36};

/* Early in a boot, or under a seccomp filter, getrandom fails. Then the address of the stack, which
 * is random, must do. */
static uint64_t random_number(unsigned attempt)
{
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number) {
        number = ((uint64_t)(uintptr_t)&number + attempt) * UINT64_C(0x9E3779B97F4A7C15) >> 16;
    }
    return number;
}

/* Passes the address as a hint, without MAP_FIXED_NOREPLACE: the thread sanitizer replaces an
 * address that it reserves by 0, and with that flag the kernel would map at address 0. */
static bool is_unused(char *at, size_t bytes)
{
    void *memory = mmap(at, bytes, PROT_NONE, PRIVATE_PAGES, -1, 0);
    if (memory == MAP_FAILED) {
        return true; /* a limit of the process prevents the check, so assume that it is unused */
    }
    (void)munmap(memory, bytes);
    return memory == at;
}

char *sx__mapping_find_gap(size_t bytes, size_t page_bytes, unsigned attempt)
{
    const uint64_t start = starts[attempt / (SX__GAP_ATTEMPTS / 2)];
    if (bytes > start) {
        return NULL;
    }
    const uint64_t places = (start - bytes) / page_bytes + 1;
    char *at = (char *)(uintptr_t)(start + random_number(attempt) % places * page_bytes);
    return is_unused(at, bytes) ? at : NULL;
}

bool sx__mapping_add(char *at, size_t bytes)
{
    if (bytes == 0) {
        return true;
    }
    void *memory =
        mmap(at, bytes, PROT_READ | PROT_WRITE, PRIVATE_PAGES | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    if (memory != at) {
        (void)munmap(memory, bytes);
        return false;
    }
    /* A huge page would make the first cell of a thread row cost 2 MiB. Only advice: failure is
     * fine. */
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
    return true;
}

void sx__mapping_remove(char *at, size_t bytes)
{
    if (bytes > 0) {
        (void)munmap(at, bytes);
    }
}
