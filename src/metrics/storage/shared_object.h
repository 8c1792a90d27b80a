/* shared_object.h: the file of a registry that has a name, in /dev/shm.
 *
 * The file is called `sextant-UID-NAME` and has mode 0600. Opened with open() instead of
 * shm_open(), because the latter would need another library (librt) with glibc before 2.34.
 */
#ifndef SX_METRICS_SHARED_OBJECT_H
#define SX_METRICS_SHARED_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sx__shared_object {
    int file;
    dev_t device;
    ino_t inode;
    size_t size;
};

/** Whether a registry may have this name: 1 to 200 of [A-Za-z0-9._-]. */
bool sx__shared_name_is_valid(const char *name);

/** Opens the file of a name, makes it if there is none, and locks it. Closing the file unlocks it,
 * and so does the end of the process. Waits for another process that has it locked.
 *
 * @param name  valid
 * Errors:   SX_EACCESS (it belongs to another user, is open to others, or is no regular file),
 *           SX_ENOMEM, SX_ESYSTEM
 */
int sx__shared_object_open(struct sx__shared_object *object, const char *name);

/** Unlocks the file and leaves it open. */
void sx__shared_object_unlock(int file);

/** Opens the file to read it, without a lock. Errors: as above, and SX_ENOENT (there is none). */
int sx__shared_object_open_to_read(struct sx__shared_object *object, const char *name);

/** Removes the name. Returns 1, or 0 if there is none. Errors: SX_EACCESS, SX_ESYSTEM. */
int sx__shared_object_unlink(const char *name);

/** Makes the file as large as this, all zero and without memory. Errors: SX_ENOMEM (also beyond
 * RLIMIT_FSIZE), SX_ESYSTEM. */
int sx__shared_object_empty(int file, size_t size);

/** Gives these bytes memory, so that writing to them cannot fail. Returns false if there is too
 * little. */
bool sx__file_allocate(int file, size_t offset, size_t bytes);

/** How many bytes of the file have memory. */
size_t sx__file_allocated(int file);

/** Takes the memory of these bytes back; they are 0 then. */
void sx__file_free(int file, size_t offset, size_t bytes);

/** Reads or writes exactly so many bytes. Returns false on failure. */
bool sx__file_read(int file, size_t offset, void *to, size_t bytes);
bool sx__file_write(int file, size_t offset, const void *from, size_t bytes);

/** Whether a file may be as large as this. Beyond RLIMIT_FSIZE a process gets a signal, also for a
 * file in memory. */
bool sx__file_may_have(size_t bytes);

#endif
