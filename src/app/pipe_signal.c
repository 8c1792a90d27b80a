/* Blocks SIGPIPE in the calling thread; see pipe_signal.h. */
#include "pipe_signal.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

void sx__pipe_signal_block(struct sx__pipe_signal *sigpipe)
{
    sigset_t pending;
    sigemptyset(&sigpipe->only);
    sigaddset(&sigpipe->only, SIGPIPE);
    sigpending(&pending);
    sigpipe->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe->only, &sigpipe->mask_before);
}

void sx__pipe_signal_restore(const struct sx__pipe_signal *sigpipe)
{
    const struct timespec at_once = {0, 0};
    while (!sigpipe->was_pending && sigtimedwait(&sigpipe->only, NULL, &at_once) < 0 &&
           errno == EINTR) {
    }
    pthread_sigmask(SIG_SETMASK, &sigpipe->mask_before, NULL);
}
