/* lock.h: mutexes in mapped memory.
 *
 * Those that processes share are robust: the kernel tells the next owner when the last one died
 * with the mutex held, which no pid in a record could, as pids are used again. The next owner mends
 * what the mutex guards, then the mutex.
 */
#ifndef SX_METRICS_LOCK_H
#define SX_METRICS_LOCK_H

#include <pthread.h>
#include <stdbool.h>

enum sx__lock_result {
    SX__LOCK_TAKEN,
    SX__LOCK_INHERITED, /* taken, but the last owner died with it: mend, then sx__lock_mend */
    SX__LOCK_BUSY,
};

/** Initialises, or initialises again, a mutex that nobody waits for. Gives 0 or SX_ENOMEM. */
int sx__lock_init(pthread_mutex_t *mutex, bool shared);

/** Waits for the mutex; never SX__LOCK_BUSY. */
enum sx__lock_result sx__lock_take(pthread_mutex_t *mutex);

/** Takes the mutex if it is free; SX__LOCK_BUSY also where the caller has it. */
enum sx__lock_result sx__lock_try(pthread_mutex_t *mutex);

/** Says that what an inherited mutex guards is in order again. */
void sx__lock_mend(pthread_mutex_t *mutex);

void sx__lock_release(pthread_mutex_t *mutex);

#endif
