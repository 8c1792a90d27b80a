/* pipe_signal.h: SIGPIPE is kept from a thread that writes to what may have no reader any more. */
#ifndef SX_PIPE_SIGNAL_H
#define SX_PIPE_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

struct sx__pipe_signal {
    sigset_t only;
    sigset_t mask_before;
    bool was_pending;
};

/* Blocks it in the calling thread. */
void sx__pipe_signal_block(struct sx__pipe_signal *sigpipe);
/* Discards one that came since, and restores the thread's mask. One that was pending before is the
 * caller's, and stays. */
void sx__pipe_signal_restore(const struct sx__pipe_signal *sigpipe);

#endif
