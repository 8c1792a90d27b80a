/* program.h: how the program was started, so that an upgrade can start it again: with the same
 * arguments, in the same folder. A path or a name in PATH may lead to another file by then.
 *
 * Threads: called by the thread that runs the command line.
 */
#ifndef SX_PROGRAM_H
#define SX_PROGRAM_H

#include "upgrade.h"

#include <signal.h>

struct sx__started {
    char **arguments; /* NULL: it cannot be started again */
    int folder;       /* a descriptor */
    sigset_t signals; /* that were blocked */
};

/* Notes it. Called before anything changes the folder or blocks signals. */
void sx__started_init(struct sx__started *started, int argc, char **argv);
void sx__started_clean_up(struct sx__started *started);
/* Executes the program, with `context` a struct sx__started. Returns with errno set. */
void sx__started_execute(void *context);

#endif
