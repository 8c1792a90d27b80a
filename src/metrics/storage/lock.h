/* lock.h: mutexes in mapped memory.
 *
 * Mutexes that processes share are robust: if an owner dies, the kernel reports it to the next
 * owner. (A pid in a record could not, because pids are reused.) The next owner first repairs what
 * the mutex guards, then the mutex.
 */
#ifndef SX_METRICS_LOCK_H
#define SX_METRICS_LOCK_H

#include <pthread.h>
#include <stdbool.h>

enum sx__lock_result {
    SX__LOCK_TAKEN,
    SX__LOCK_INHERITED, /* taken, but the last owner died with it: repair, then sx__lock_mend */
    SX__LOCK_BUSY,
};

/** Whether mutexes that processes share can be robust here. The emulator qemu-user and some seccomp
 * filters refuse the system call set_robust_list; a dead owner would then block all others. */
bool sx__lock_can_be_robust(void);

/** Initialises a mutex, which may have been initialised before if no thread waits for it. Returns
 *  SX_OK or SX_ENOMEM. */
int sx__lock_init(pthread_mutex_t *mutex, bool shared);

/** Waits for the mutex. Never returns SX__LOCK_BUSY. */
enum sx__lock_result sx__lock_take(pthread_mutex_t *mutex);

/** Takes the mutex if it is free. Returns SX__LOCK_BUSY also if the caller holds it. */
enum sx__lock_result sx__lock_try(pthread_mutex_t *mutex);

/** Marks an inherited mutex as consistent, after what it guards was repaired. */
void sx__lock_mend(pthread_mutex_t *mutex);

void sx__lock_release(pthread_mutex_t *mutex);

/** Whether a living thread owns a robust mutex, of which this may be a copy that was read from a
 * file. The copy may have any content. */
bool sx__lock_copy_is_owned(const pthread_mutex_t *copy);

/** Around fork(), in the thread that calls it: the child begins with an empty list of the robust
 * mutexes that it holds. One fork at a time. */
void sx__locks_before_fork(void);
void sx__locks_after_fork_in_child(void);

#endif
