/* process_group.c: processes that are shown as one. See process_group.h. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "process_group.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PLACE_TRIES \
    1000 /* to read a place while it changes; the process that changes it may be dead */

static struct sx_process_group *_Atomic current_group;

struct sx_process_group *sx__process_group(void)
{
    return atomic_load(&current_group);
}

static size_t group_bytes(unsigned places)
{
    return sizeof(struct sx_process_group) +
           ((size_t)places + 1) * sizeof(struct sx__process_place);
}

int sx_process_group_new(struct sx_process_group **group, unsigned places, const char *label)
{
    if (group == NULL || places > SX_PROCESS_PLACES_MAX) {
        return SX_EINVAL;
    }
    struct sx_process_group *made =
        mmap(NULL, group_bytes(places), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) {
        return SX_ENOMEM;
    }
    made->label = label;
    made->places = places;
    atomic_store(&made->place[0].pids[0], getpid());
    struct sx_process_group *none = NULL;
    if (!atomic_compare_exchange_strong(&current_group, &none, made)) {
        (void)munmap(made, group_bytes(places));
        return SX_ESTATE;
    }
    *group = made;
    return SX_OK;
}

void sx_process_group_destroy(struct sx_process_group *group)
{
    if (group != NULL) {
        atomic_store(&current_group, NULL);
        (void)munmap(group, group_bytes(group->places));
    }
}

/* Returns 0 if there is no such process. */
static uint64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* ---- members ---- */

/* Changes a place: adds to the CPU time of its former members, and exchanges a member. */
static void change_place(struct sx__process_place *place, size_t member, pid_t pid,
                         uint64_t ended_ns)
{
    atomic_fetch_add(&place->version, 1);
    atomic_fetch_add(&place->ended_ns, ended_ns);
    atomic_store(&place->pids[member], pid);
    atomic_fetch_add(&place->version, 1);
}

int sx_process_group_add(struct sx_process_group *group, unsigned place, pid_t pid)
{
    if (group == NULL || place == 0 || place > group->places || pid <= 0) {
        return SX_EINVAL;
    }
    atomic_store(&group->place[0].pids[0], getpid()); /* it may have become a daemon */
    for (size_t i = 0; i < SX__PLACE_PROCESSES_MAX; i++) {
        if (atomic_load(&group->place[place].pids[i]) == 0) {
            change_place(&group->place[place], i, pid, 0);
            return SX_OK;
        }
    }
    return SX_EFULL;
}

void sx_process_group_remove(struct sx_process_group *group, unsigned place, pid_t pid)
{
    if (group == NULL || place == 0 || place > group->places || pid <= 0) {
        return;
    }
    for (size_t i = 0; i < SX__PLACE_PROCESSES_MAX; i++) {
        if (atomic_load(&group->place[place].pids[i]) == pid) {
            change_place(&group->place[place], i, 0, process_cpu_ns(pid));
        }
    }
}

/* ---- CPU time ---- */

/* Returns false if the place has changed meanwhile. */
static bool sum_place(uint64_t *sum_ns, const struct sx__process_place *place)
{
    const unsigned version = atomic_load(&place->version);
    *sum_ns = atomic_load(&place->ended_ns);
    for (size_t i = 0; i < SX__PLACE_PROCESSES_MAX; i++) {
        const pid_t pid = atomic_load(&place->pids[i]);
        *sum_ns += pid == 0 ? 0 : process_cpu_ns(pid);
    }
    return version % 2 == 0 && atomic_load(&place->version) == version;
}

/* What was shown is shown again if the sum is less, because a clock could not be read, or not
 * known, because the first process was killed while it changed the place. */
uint64_t sx__process_group_cpu_ns(struct sx_process_group *group, unsigned number)
{
    struct sx__process_place *place = &group->place[number];
    uint64_t sum_ns = 0;
    bool is_known = false;
    for (int i = 0; i < PLACE_TRIES && !is_known; i++) {
        is_known = sum_place(&sum_ns, place);
    }
    uint64_t shown_ns = atomic_load(&place->shown_ns);
    while (is_known && sum_ns > shown_ns) {
        if (atomic_compare_exchange_weak(&place->shown_ns, &shown_ns, sum_ns)) {
            shown_ns = sum_ns;
        }
    }
    return shown_ns;
}
