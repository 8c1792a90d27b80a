/* socket_file.h: the file of a Unix socket. The server that created the file removes it.
 *
 * Another server may have replaced the file meanwhile, so the file is recognised by its inode.
 *
 * Threads: one at a time.
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

/* Stores which file is at `path`. This process must have created it just before. Returns 0, or -1
 * after removing the file, if there is no memory. */
int sx__socket_file_keep(struct sx__socket_file *file, const char *path);

/* Frees the path, and leaves the file to another process. */
void sx__socket_file_forget(struct sx__socket_file *file);

/* Removes the file, unless another server has replaced it, and sets the path to NULL. */
void sx__socket_file_remove(struct sx__socket_file *file);

#endif
