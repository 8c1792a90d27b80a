/* process_group.h: processes that are shown as one. The first one makes the group, in memory that
 * the processes share that it forks later, and alone adds and removes members. All may read it.
 *
 * A place has a version, which is odd while the place is being changed. A member is removed before
 * the kernel may use its process id again (see sx_process_group_remove), so what was read of the
 * process with this id is right if the id is still in the place afterwards.
 */
#ifndef SX_METRICS_PROCESS_GROUP_H
#define SX_METRICS_PROCESS_GROUP_H

#include <sextant/collector.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define SX__PLACE_PROCESSES_MAX 4 /* at a time */

struct sx__process_place {
    atomic_uint version;
    _Atomic pid_t pids[SX__PLACE_PROCESSES_MAX]; /* 0: none */
    _Atomic uint64_t ended_ns;                   /* CPU time of the members that were removed */
    _Atomic uint64_t shown_ns;                   /* the most that was shown */
};

struct sx_process_group {
    const char *label; /* NULL: none */
    unsigned places;   /* without that of the first process, which has number 0 */
    struct sx__process_place place[];
};

/* Returns the group of this process, or NULL. */
struct sx_process_group *sx__process_group(void);

/* Returns the CPU time of all processes that are or were in the place of this number. It never
 * decreases. */
uint64_t sx__process_group_cpu_ns(struct sx_process_group *group, unsigned number);

#endif
