/* thread_exit.h: one function that runs when a thread ends.
 *
 * It stands below thread_rows.h and process_rows.h, which both need it: a thread that ends gives
 * back its rows.
 */
#ifndef SX_METRICS_THREAD_EXIT_H
#define SX_METRICS_THREAD_EXIT_H

#include <stdbool.h>

/** Sets the function that the ending thread calls. Once per process, before the first watch. */
void sx__thread_exit_prepare(void (*on_exit)(void));

/** Makes the function run when the calling thread ends.
 *
 * @return   false if it will not run: the thread is ending and has run it already, or the system
 *           has no keys of thread-local data left
 */
bool sx__thread_exit_watch(void);

#endif
