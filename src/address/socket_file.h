/* socket_file.h: the file of a Unix socket, which the server that made it removes.
 *
 * Another server may have replaced the file in between, so it is recognised by its inode.
 */
#ifndef SX_SOCKET_FILE_H
#define SX_SOCKET_FILE_H

#include <sys/types.h>

/* `{0}` is no file. */
struct sx__socket_file {
    char *path; /* NULL: none */
    dev_t device;
    ino_t inode;
};

/* Remembers the file at `path`, which this process has just made. Returns 0, or -1 after removing
 * the file because memory is exhausted. */
int sx__socket_file_keep(struct sx__socket_file *file, const char *path);

/* Removes the file, unless another server has replaced it, and forgets it. */
void sx__socket_file_remove(struct sx__socket_file *file);

#endif
