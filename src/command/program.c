/* program.c: starts the program again. See program.h. */
#define _GNU_SOURCE /* O_PATH */
#include "program.h"
#include "sd_daemon.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sx__started_init(struct sx__started *started, int argc, char **argv)
{
    *started = (struct sx__started){.arguments = NULL};
    started->folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    sigprocmask(SIG_BLOCK, NULL, &started->signals);
    if (argc > 0) {
        started->arguments = calloc((size_t)argc + 1, sizeof *started->arguments);
    }
    if (started->arguments != NULL) {
        memcpy(started->arguments, argv, (size_t)argc * sizeof *argv);
    }
}

void sx__started_clean_up(struct sx__started *started)
{
    free(started->arguments);
    if (started->folder >= 0) {
        close(started->folder);
    }
}

void sx__started_execute(void *context)
{
    const struct sx__started *started = context;
    if (started->folder >= 0 && fchdir(started->folder) < 0) {
        return;
    }
    sx__sd_pass_on();
    sigprocmask(SIG_SETMASK, &started->signals, NULL);
    execvp(started->arguments[0], started->arguments);
}
