/* socket_file.c: the file of a Unix socket. See socket_file.h. */
#include "socket_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sx__socket_file_keep(struct sx__socket_file *file, const char *path)
{
    struct stat stat;
    if (lstat(path, &stat) == 0) {
        file->device = stat.st_dev;
        file->inode = stat.st_ino;
    }
    file->path = strdup(path);
    if (file->path == NULL) {
        unlink(path);
    }
    return file->path == NULL ? -1 : 0;
}

static bool is_ours(const struct sx__socket_file *file)
{
    struct stat stat;
    return lstat(file->path, &stat) == 0 && stat.st_dev == file->device &&
           stat.st_ino == file->inode;
}

void sx__socket_file_forget(struct sx__socket_file *file)
{
    free(file->path);
    file->path = NULL;
}

void sx__socket_file_remove(struct sx__socket_file *file)
{
    if (file->path == NULL) {
        return;
    }
    if (is_ours(file)) {
        unlink(file->path);
    }
    sx__socket_file_forget(file);
}
