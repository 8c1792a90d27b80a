/* unix_socket.c: opens a listening Unix socket and sets the access to its file. See unix_socket.h.
 */
#define _GNU_SOURCE /* SOCK_NONBLOCK */
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Entries of the user database are small, except for groups with very many members. */
#define ENTRY_BYTES ((size_t)1 << 10)
#define ENTRY_BYTES_MAX ((size_t)1 << 24)

/* An entry of the user database or the group database. */
struct id {
    const char *kind; /* "user" or "group", for messages */
    const char *name; /* or its number; NULL: do not change it */
    unsigned number;  /* -1: do not change it */
};

static int look_up_user(struct id *id, char *space, size_t size)
{
    struct passwd entry;
    struct passwd *found = NULL;
    const int error = getpwnam_r(id->name, &entry, space, size, &found);
    id->number = found == NULL ? id->number : found->pw_uid;
    return error;
}

static int look_up_group(struct id *id, char *space, size_t size)
{
    struct group entry;
    struct group *found = NULL;
    const int error = getgrnam_r(id->name, &entry, space, size, &found);
    id->number = found == NULL ? id->number : found->gr_gid;
    return error;
}

/* Returns whether the name is a number, which need not be in a database. */
static bool parse_id(struct id *id)
{
    char *end;
    errno = 0;
    const unsigned long number = strtoul(id->name, &end, 10);
    const bool is_number = id->name[0] >= '0' && id->name[0] <= '9' && *end == '\0';
    if (is_number && errno == 0 && number < UINT32_MAX) {
        id->number = (unsigned)number;
    }
    return is_number;
}

/* Looks up the number of a name. Returns 0 or an -errno; `number` stays -1 if the name is unknown.
 */
static int look_up(struct id *id, bool is_group)
{
    if (id->name == NULL || parse_id(id)) {
        return 0;
    }
    char *space = NULL;
    int error = ERANGE;
    for (size_t size = ENTRY_BYTES; error == ERANGE && size <= ENTRY_BYTES_MAX; size *= 2) {
        char *grown = realloc(space, size);
        if (grown == NULL) {
            error = ENOMEM;
            break;
        }
        space = grown;
        error = is_group ? look_up_group(id, space, size) : look_up_user(id, space, size);
    }
    free(space);
    /* getpwnam(3): these errors may also mean that the name was not found. */
    const bool is_unknown = error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
    return is_unknown ? 0 : -error;
}

/* As look_up, but an unknown name is an error. Returns 0, or an -errno after writing the reason. */
static int find_id(struct id *id, bool is_group, char *reason, size_t size)
{
    const int status = look_up(id, is_group);
    if (status < 0) {
        snprintf(reason, size, "%s %s cannot be looked up: %s", id->kind, id->name,
                 strerror(-status));
    } else if (id->name != NULL && id->number == (unsigned)-1) {
        snprintf(reason, size, "there is no %s %s", id->kind, id->name);
        return -EINVAL;
    }
    return status;
}

static int give_to(const char *path, const struct id *id, uid_t user, gid_t group, char *reason,
                   size_t size)
{
    if (id->name == NULL || fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW) == 0) {
        return 0;
    }
    const int error = errno;
    snprintf(reason, size, "it cannot be given to %s %s: %s", id->kind, id->name, strerror(error));
    return -error;
}

/* Sets group, mode and owner, in this order: without root a process may not change the file of
 * another user. */
static int set_access(const char *path, unsigned mode, const struct id *owner,
                      const struct id *group, char *reason, size_t size)
{
    const uid_t no_user = (uid_t)-1;
    const gid_t no_group = (gid_t)-1;
    int status = give_to(path, group, no_user, group->number, reason, size);
    if (status == 0 && mode != 0 && fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) < 0) {
        status = -errno;
        snprintf(reason, size, "its mode cannot be set to %03o: %s", mode, strerror(-status));
    }
    return status < 0 ? status : give_to(path, owner, owner->number, no_group, reason, size);
}

/* Returns whether the path is a socket that no process listens on. A server that was killed has
 * left it. */
static bool is_stale(int fd, const struct sockaddr_un *address)
{
    struct stat stat;
    return lstat(address->sun_path, &stat) == 0 && S_ISSOCK(stat.st_mode) &&
           connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
           errno == ECONNREFUSED;
}

/* Binds the socket and listens. No client can connect before listen, so the file has its mode,
 * owner and group before the first connection. bind creates the file with the owner's part of the
 * mode only, so that it is never open to more users than in the end. */
static int listen_at(int fd, const struct sockaddr_un *address,
                     const struct sx__unix_options *options, char *reason, size_t size)
{
    struct id owner = {"user", options->owner, (unsigned)-1};
    struct id group = {"group", options->group, (unsigned)-1};
    int status = find_id(&owner, false, reason, size);
    if (status == 0) {
        status = find_id(&group, true, reason, size);
    }
    if (status < 0) {
        return status;
    }
    if (options->mode != 0) {
        fchmod(fd, options->mode & S_IRWXU);
    }
    if (is_stale(fd, address)) {
        unlink(address->sun_path);
    }
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
        status = -errno;
        snprintf(reason, size, "%s", strerror(-status));
        return status;
    }
    status = set_access(address->sun_path, options->mode, &owner, &group, reason, size);
    if (status == 0 && listen(fd, SOMAXCONN) < 0) {
        status = -errno;
        snprintf(reason, size, "%s", strerror(-status));
    }
    if (status < 0) {
        unlink(address->sun_path);
    }
    return status;
}

int sx__unix_socket_open(const char *path, const struct sx__unix_options *options, char *reason,
                         size_t size)
{
    static const struct sx__unix_options none = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0') { /* bind would create a socket without a file */
        snprintf(reason, size, "the path is empty");
        return -EINVAL;
    }
    if (strlen(path) >= sizeof address.sun_path) {
        snprintf(reason, size, "%s", strerror(ENAMETOOLONG));
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path));
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        const int error = errno;
        snprintf(reason, size, "%s", strerror(error));
        return -error;
    }
    const int status = listen_at(fd, &address, options == NULL ? &none : options, reason, size);
    if (status < 0) {
        close(fd);
    }
    return status < 0 ? status : fd;
}
