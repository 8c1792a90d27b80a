/* output.h: where lines go: appended to a file that may be moved away, or to standard output.
 *
 * To a file, threads write without a lock: each line is one write with O_APPEND. What is no regular
 * file (a pipe, a socket, a terminal) may have a slow reader, or none any more. There, threads
 * write one at a time and wait for room; but where there was none for a second nobody waits until
 * there was some again.
 */
#ifndef SX_ACCESS_LOG_OUTPUT_H
#define SX_ACCESS_LOG_OUTPUT_H

#include "line.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

struct sx__output {
    const struct sx_app *app; /* for its log */
    const char *path;         /* NULL: standard output */
    int fd;
    bool is_file;         /* a regular one */
    bool is_log;          /* the app's log goes to it as well, and would be stuck where it is */
    dev_t device;         /* of the open file; the housekeeper's */
    ino_t inode;          /* the same */
    pthread_mutex_t lock; /* one housekeeper at a time; where there is no file, one writer */
    bool stuck;           /* waited for in vain; under the lock */
    atomic_bool torn;     /* the last line may lack its end */
    atomic_bool failing;  /* the last line was lost */
    atomic_int problem;   /* errno of the last loss */
    atomic_ullong lost;   /* lines, since it was said */
    atomic_llong checked; /* the second of the last housekeeping */
    atomic_llong said;    /* the second of the last complaint; 0: none */
};

/* Opens. `path` is borrowed; "-": standard output. Gives 0 or an errno. */
int sx__output_init(struct sx__output *output, const struct sx_app *app, const char *path);

/* Logs what was lost, and closes. */
void sx__output_clean_up(struct sx__output *output);

/* Writes the line, or counts it as lost. Any thread. */
void sx__output_write(struct sx__output *output, const struct sx__line *line, time_t now);

#endif
