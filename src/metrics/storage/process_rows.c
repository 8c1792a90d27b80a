/* process_rows.c: the rows of gauges.
 *
 * In a shared arena a process holds the seat of its row, so the kernel reports its death, and its
 * gauges no longer count. But a robust mutex belongs to a thread. A thread that ends before its
 * process stores the process's pid in the seat, and the next thread of the process that claims a
 * thread row takes the seat instead. Only between the two the pid decides whether the process
 * lives.
 */
#include "process_rows.h"

#include "directory.h"
#include "growth.h"
#include "left_values.h"
#include "lock.h"
#include "thread_exit.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

char *sx__process_rows[SX__ARENAS];

static struct sx__seat *process_seats[SX__ARENAS]; /* of this process; NULL: it has none */
static bool orphaned[SX__ARENAS]; /* this process has a seat, but no thread of it holds it */
static __thread uint64_t
    holds_seat_of; /* bit per arena: the calling thread holds the process's seat */

_Static_assert(SX__ARENAS <= 64, "one bit for each arena");

static uint64_t bit_of(uint32_t arena)
{
    return (uint64_t)1 << arena;
}

/* Whether a seat that the caller has just taken belongs to a living process all the same. */
static bool belongs_to_orphan(const struct sx__seat *seat)
{
    if (seat->state != SX__SEAT_LIVE || seat->orphan_of == 0) {
        return false;
    }
    return kill(seat->orphan_of, 0) == 0 || errno == EPERM;
}

/* Takes the seat, unless a living process owns it. */
static bool try_seat(struct sx__seat *seat)
{
    enum sx__lock_result result = sx__lock_try(&seat->mutex);
    if (result == SX__LOCK_BUSY) {
        return false;
    }
    if (result == SX__LOCK_INHERITED) {
        sx__lock_mend(&seat->mutex);
    }
    if (belongs_to_orphan(seat)) {
        sx__lock_release(&seat->mutex);
        return false;
    }
    return true;
}

static void zero_row(const struct sx_registry *registry, const char *row)
{
    uint32_t cells = __atomic_load_n(&registry->process_cells_used, __ATOMIC_ACQUIRE);
    /* Downwards: the stamp of a value lies behind it, and is zeroed first (left_values.h). */
    for (uint32_t i = cells; i > 0; i--) {
        __atomic_store_n(sx__cell(row, i - 1), 0, __ATOMIC_RELEASE);
    }
}

/* Keeps what the former owner of a row left there. The seat is held. */
static void keep_left_values(struct sx_registry *registry, size_t process)
{
    struct sx__seat *seat = sx__process_seat(registry, process);
    if (sx__has_left_rules(registry)) {
        sx__directory_lock(registry);
        sx__left_values_keep(registry, sx__row(registry, process));
        __atomic_store_n(&seat->state, SX__SEAT_KEPT, __ATOMIC_RELEASE);
        sx__directory_unlock(registry);
    }
}

static bool take_seat(struct sx_registry *registry, size_t process)
{
    struct sx__seat *seat = sx__process_seat(registry, process);
    if (!try_seat(seat)) {
        return false;
    }
    if (!sx__grow_to_process_row(registry, process)) {
        sx__lock_release(&seat->mutex);
        return false;
    }
    if (seat->state != SX__SEAT_NEW) {
        /* The row does not count while it is zeroed: a page must not show half of its gauges. */
        if (seat->state != SX__SEAT_KEPT) {
            __atomic_store_n(&seat->state, SX__SEAT_LEFT, __ATOMIC_RELAXED);
            keep_left_values(registry, process);
        }
        zero_row(registry, sx__row(registry, process));
    }
    seat->orphan_of = 0;
    __atomic_store_n(&seat->state, SX__SEAT_LIVE, __ATOMIC_RELEASE);
    process_seats[registry->arena] = seat;
    holds_seat_of |= bit_of(registry->arena);
    return true;
}

/* Reclaiming reads the readers' cell of every row in use, and a read allocates the page in shared
 * memory. So this function allocates the page when the row comes into use. */
static void allocate_readers(const char *row)
{
    (void)*(volatile const uint64_t *)sx__cell(row, SX__READERS_CELL);
}

/* Whether a row can be taken without the directory's lock, which another process may hold for long.
 * A child of fork() should not wait for it. */
static bool is_free_at_once(struct sx_registry *registry, size_t process)
{
    return !sx__has_left_rules(registry) || sx__process_row_is_kept(registry, process);
}

static size_t take_any_seat(struct sx_registry *registry)
{
    size_t process = 0;
    while (process < SX__PROCESSES &&
           !(is_free_at_once(registry, process) && take_seat(registry, process))) {
        process++;
    }
    if (process < SX__PROCESSES) {
        return process;
    }
    process = 0;
    while (process < SX__PROCESSES && !take_seat(registry, process)) {
        process++;
    }
    return process;
}

/* Takes the seat of a row for this process, and returns the row. */
static char *enter_shared(struct sx_registry *registry)
{
    struct sx__seat *seat = process_seats[registry->arena];
    if (seat != NULL) { /* the arena is reused, and this process still owns its row in it */
        __atomic_store_n(&seat->state, SX__SEAT_LIVE, __ATOMIC_RELEASE);
        return sx__process_rows[registry->arena];
    }
    /* Without a destructor at thread exit, use the common row. */
    const size_t process =
        sx__thread_exit_watch() ? take_any_seat(registry) : (size_t)SX__PROCESSES;
    if (process == SX__PROCESSES) {
        (void)__atomic_fetch_add(&registry->processes_without_gauges, 1, __ATOMIC_RELAXED);
    }
    return sx__row(registry, process);
}

static void set_row(const struct sx_registry *registry, char *row)
{
    __atomic_store_n(&sx__process_rows[registry->arena], row, __ATOMIC_RELAXED);
}

void sx__process_enter(struct sx_registry *registry)
{
    if (!registry->shared) {
        set_row(registry, sx__row(registry, 0));
        return;
    }
    set_row(registry, enter_shared(registry));
    allocate_readers(sx__process_row_of(registry->arena));
    allocate_readers(sx__row(registry, SX__PROCESSES)); /* always in use */
}

void sx__process_adopt(struct sx_registry *registry)
{
    uint32_t arena = registry->arena;
    if (!__atomic_load_n(&orphaned[arena], __ATOMIC_ACQUIRE)) {
        return;
    }
    struct sx__seat *seat = process_seats[arena];
    enum sx__lock_result result = sx__lock_try(&seat->mutex);
    if (result == SX__LOCK_BUSY) {
        return; /* a scrape holds it for a moment, or another thread was faster */
    }
    if (result == SX__LOCK_INHERITED) {
        sx__lock_mend(&seat->mutex);
    }
    seat->orphan_of = 0;
    holds_seat_of |= bit_of(arena);
    __atomic_store_n(&orphaned[arena], false, __ATOMIC_RELEASE);
}

void sx__process_rows_leave(void)
{
    for (uint32_t i = 0; holds_seat_of != 0; i++) {
        if (holds_seat_of & bit_of(i)) {
            struct sx__seat *seat = process_seats[i];
            holds_seat_of &= ~bit_of(i);
            seat->orphan_of = (int32_t)getpid();
            /* Before the release: after it the arena may be unmapped. */
            __atomic_store_n(&orphaned[i], true, __ATOMIC_RELEASE);
            sx__lock_release(&seat->mutex);
        }
    }
}

void sx__process_exit(struct sx_registry *registry)
{
    uint32_t arena = registry->arena;
    struct sx__seat *seat = process_seats[arena];
    if (seat == NULL) {
        return;
    }
    __atomic_store_n(&seat->state, SX__SEAT_LEFT, __ATOMIC_RELEASE);
    const bool is_held_here = (holds_seat_of & bit_of(arena)) != 0;
    /* If another thread holds the seat, it releases it when it ends. */
    if (!is_held_here && !__atomic_load_n(&orphaned[arena], __ATOMIC_ACQUIRE)) {
        return;
    }
    sx__process_row_forget(arena);
    if (is_held_here) {
        holds_seat_of &= ~bit_of(arena);
        sx__lock_release(&seat->mutex);
    }
}

void sx__process_row_forget(uint32_t arena)
{
    process_seats[arena] = NULL;
    __atomic_store_n(&orphaned[arena], false, __ATOMIC_RELEASE);
}

bool sx__process_seat_is_held(uint32_t arena)
{
    return process_seats[arena] != NULL && !__atomic_load_n(&orphaned[arena], __ATOMIC_ACQUIRE);
}

void sx__process_rows_forget(void)
{
    holds_seat_of = 0;
    for (uint32_t i = 0; i < SX__ARENAS; i++) {
        process_seats[i] = NULL;
        orphaned[i] = false;
    }
}

bool sx__process_row_counts(struct sx_registry *registry, size_t row)
{
    return !(registry->shared && row >= SX__PROCESSES) && sx__process_row_lives(registry, row);
}

bool sx__process_row_lives(struct sx_registry *registry, size_t row)
{
    if (!registry->shared || row >= SX__PROCESSES) {
        return row <= SX__PROCESSES;
    }
    struct sx__seat *seat = sx__process_seat(registry, row);
    if (__atomic_load_n(&seat->state, __ATOMIC_ACQUIRE) != SX__SEAT_LIVE) {
        return false;
    }
    enum sx__lock_result result = sx__lock_try(&seat->mutex);
    if (result == SX__LOCK_BUSY) {
        return true;
    }
    if (result == SX__LOCK_INHERITED) {
        sx__lock_mend(&seat->mutex);
    }
    bool lives = belongs_to_orphan(seat);
    if (!lives) {
        __atomic_store_n(&seat->state, SX__SEAT_LEFT, __ATOMIC_RELEASE);
    }
    sx__lock_release(&seat->mutex);
    return lives;
}

bool sx__process_row_was_used(struct sx_registry *registry, size_t row)
{
    if (!registry->shared || row >= SX__PROCESSES) {
        return row <= SX__PROCESSES;
    }
    const struct sx__seat *seat = sx__process_seat(registry, row);
    return __atomic_load_n(&seat->state, __ATOMIC_ACQUIRE) != SX__SEAT_NEW;
}

bool sx__process_row_is_kept(const struct sx_registry *registry, size_t row)
{
    const struct sx__seat *seat = sx__process_seat((struct sx_registry *)(uintptr_t)registry, row);
    const uint32_t state = __atomic_load_n(&seat->state, __ATOMIC_ACQUIRE);
    return state == SX__SEAT_NEW || state == SX__SEAT_KEPT;
}

/* If the seat is held, a process is just taking the row, or a thread of its former owner lives. */
static void keep_row(struct sx_registry *registry, size_t row)
{
    struct sx__seat *seat = sx__process_seat(registry, row);
    const enum sx__lock_result result = sx__lock_try(&seat->mutex);
    if (result == SX__LOCK_BUSY) {
        return;
    }
    if (result == SX__LOCK_INHERITED) {
        sx__lock_mend(&seat->mutex);
    }
    if (seat->state == SX__SEAT_LEFT) {
        keep_left_values(registry, row);
    }
    sx__lock_release(&seat->mutex);
}

void sx__process_rows_keep(struct sx_registry *registry)
{
    if (!registry->shared || !sx__has_left_rules(registry)) {
        return;
    }
    for (size_t row = 0; row < SX__PROCESSES; row++) {
        if (!sx__process_row_lives(registry, row) && !sx__process_row_is_kept(registry, row)) {
            keep_row(registry, row);
        }
    }
}
