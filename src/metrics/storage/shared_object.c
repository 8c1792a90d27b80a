/* shared_object.c: opening, locking, checking and removing the files of registries with a name. */
#define _GNU_SOURCE /* FALLOC_FL_*, syscall */
#include "shared_object.h"

#include <sextant/status.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER "/dev/shm/"
#define NAME_MAX_BYTES 200u
#define PATH_BYTES (sizeof FOLDER + sizeof "sextant-4294967295-" + NAME_MAX_BYTES)

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

bool sx__shared_name_is_valid(const char *name)
{
    const size_t size = strnlen(name, NAME_MAX_BYTES + 1);
    return size > 0 && size <= NAME_MAX_BYTES && strspn(name, NAME_BYTES) == size;
}

/* The user is part of the name, so that two users may run the same program. */
static void write_path(char *path, const char *name)
{
    (void)snprintf(path, PATH_BYTES, FOLDER "sextant-%lu-%s", (unsigned long)geteuid(), name);
}

static int status_of_errno(void)
{
    switch (errno) {
    case ENOENT:
        return SX_ENOENT;
    case EACCES:
    case EPERM:
    case ELOOP: /* a symbolic link */
    case EISDIR:
    case ENXIO: /* a socket */
        return SX_EACCESS;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
        return SX_ENOMEM;
    default:
        return SX_ESYSTEM;
    }
}

/* Reads what is known of the file. Returns SX_EACCESS if it is not ours alone. */
static int check_object(struct sx__shared_object *object, nlink_t *links)
{
    struct stat status;
    if (fstat(object->file, &status) != 0) {
        return SX_ESYSTEM;
    }
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return SX_EACCESS;
    }
    object->device = status.st_dev;
    object->inode = status.st_ino;
    object->size = (size_t)status.st_size;
    *links = status.st_nlink;
    return SX_OK;
}

static int lock_object(int file)
{
    while (flock(file, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return SX_ESYSTEM;
        }
    }
    return SX_OK;
}

static int open_checked(struct sx__shared_object *object, const char *name, int flags,
                        nlink_t *links)
{
    char path[PATH_BYTES];
    write_path(path, name);
    /* O_NONBLOCK: opening a FIFO must not wait. */
    object->file = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                        (mode_t)(S_IRUSR | S_IWUSR));
    if (object->file < 0) {
        return status_of_errno();
    }
    const int status = check_object(object, links);
    if (status != SX_OK) {
        (void)close(object->file);
    }
    return status;
}

/* Returns 1 if the file has lost its name before it was locked. */
static int open_and_lock(struct sx__shared_object *object, const char *name)
{
    nlink_t links = 0;
    int status = open_checked(object, name, O_RDWR | O_CREAT, &links);
    if (status != SX_OK) {
        return status == SX_ENOENT ? SX_ESYSTEM : status; /* there is no /dev/shm */
    }
    status = lock_object(object->file);
    if (status == SX_OK) {
        status = check_object(object, &links);
    }
    if (status == SX_OK && links == 0) {
        status = 1;
    }
    if (status != SX_OK) {
        (void)close(object->file);
    }
    return status;
}

int sx__shared_object_open(struct sx__shared_object *object, const char *name)
{
    int status;
    do {
        status = open_and_lock(object, name);
    } while (status == 1);
    return status;
}

void sx__shared_object_unlock(int file)
{
    (void)flock(file, LOCK_UN);
}

int sx__shared_object_open_to_read(struct sx__shared_object *object, const char *name)
{
    nlink_t links;
    return open_checked(object, name, O_RDONLY, &links);
}

int sx__shared_object_unlink(const char *name)
{
    char path[PATH_BYTES];
    write_path(path, name);
    if (unlink(path) == 0) {
        return 1;
    }
    const int status = status_of_errno();
    return status == SX_ENOENT ? 0 : status;
}

/* ---- memory ---- */

bool sx__file_may_have(size_t bytes)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           limit.rlim_cur >= bytes;
}

int sx__shared_object_empty(int file, size_t size)
{
    if (!sx__file_may_have(size)) {
        return SX_ENOMEM;
    }
    return ftruncate(file, 0) == 0 && ftruncate(file, (off_t)size) == 0 ? SX_OK : SX_ESYSTEM;
}

/* Not fallocate() of the C library, because it is a cancellation point. */
static bool change_memory(int file, int how, size_t offset, size_t bytes)
{
    long result;
    do {
        result = syscall(SYS_fallocate, file, how, (long)offset, (long)bytes);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

bool sx__file_allocate(int file, size_t offset, size_t bytes)
{
    return change_memory(file, 0, offset, bytes);
}

size_t sx__file_allocated(int file)
{
    struct stat status;
    return fstat(file, &status) == 0 ? (size_t)status.st_blocks * 512 : 0;
}

void sx__file_free(int file, size_t offset, size_t bytes)
{
    (void)change_memory(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}

bool sx__file_read(int file, size_t offset, void *to, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t done = pread(file, to, bytes, (off_t)offset);
        if (done <= 0) {
            return false;
        }
        to = (char *)to + done;
        offset += (size_t)done;
        bytes -= (size_t)done;
    }
    return true;
}

bool sx__file_write(int file, size_t offset, const void *from, size_t bytes)
{
    return pwrite(file, from, bytes, (off_t)offset) == (ssize_t)bytes;
}
