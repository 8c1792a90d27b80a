/* pipe_signal.h: blocks SIGPIPE in a thread that may write to a pipe or socket without a reader. */
#ifndef SX_PIPE_SIGNAL_H
#define SX_PIPE_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

struct sx__pipe_signal {
    sigset_t only;
    sigset_t mask_before;
    bool was_pending;
};

/* Blocks SIGPIPE in the calling thread. */
void sx__pipe_signal_block(struct sx__pipe_signal *sigpipe);
/* Discards a SIGPIPE that was raised since, and restores the thread's mask. One that was pending
 * before belongs to the caller and stays pending. */
void sx__pipe_signal_restore(const struct sx__pipe_signal *sigpipe);

#endif
