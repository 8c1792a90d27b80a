/* user.c: see user.h. */
#define _GNU_SOURCE /* setresuid, setresgid, initgroups */
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define NAME_BYTES 256

struct user {
    char name[NAME_BYTES]; /* "": a number that is not in the database */
    uid_t id;
    gid_t group;
};

/* Returns whether the text is a number. */
static bool parse_number(const char *text, unsigned *number)
{
    char *end;
    errno = 0;
    const unsigned long parsed = strtoul(text, &end, 10);
    *number = (unsigned)parsed;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && parsed < UINT32_MAX;
}

static bool find_user(struct user *user, const char *name)
{
    unsigned number = 0;
    const bool is_number = parse_number(name, &number);
    const struct passwd *entry = is_number ? getpwuid(number) : getpwnam(name);
    if (entry != NULL) {
        snprintf(user->name, sizeof user->name, "%s", entry->pw_name);
        user->id = entry->pw_uid;
        user->group = entry->pw_gid;
    } else if (is_number) {
        user->name[0] = '\0';
        user->id = number;
        user->group = (gid_t)-1;
    }
    return entry != NULL || is_number;
}

static bool find_group(gid_t *group, const char *name)
{
    unsigned number = 0;
    if (parse_number(name, &number)) {
        *group = number;
        return true;
    }
    const struct group *entry = getgrnam(name);
    *group = entry == NULL ? *group : entry->gr_gid;
    return entry != NULL;
}

static bool find(struct user *user, const char *text, char *reason, size_t size)
{
    char name[NAME_BYTES];
    const char *colon = strchr(text, ':');
    const size_t length = colon == NULL ? strlen(text) : (size_t)(colon - text);
    if (length >= sizeof name) {
        snprintf(reason, size, "the name is too long");
        return false;
    }
    memcpy(name, text, length);
    name[length] = '\0';
    if (!find_user(user, name)) {
        snprintf(reason, size, "there is no user %s", name);
        return false;
    }
    if (colon != NULL && !find_group(&user->group, colon + 1)) {
        snprintf(reason, size, "there is no group %s", colon + 1);
        return false;
    }
    if (user->group == (gid_t)-1) {
        snprintf(reason, size, "user %s is not in the database, so it needs a group, as in %s:%s",
                 name, name, name);
        return false;
    }
    return true;
}

/* Real, effective and saved. */
static bool is_user(const struct user *user)
{
    uid_t users[3];
    gid_t groups[3];
    if (getresuid(&users[0], &users[1], &users[2]) < 0 ||
        getresgid(&groups[0], &groups[1], &groups[2]) < 0) {
        return false;
    }
    bool is = true;
    for (int i = 0; i < 3; i++) {
        is = is && users[i] == user->id && groups[i] == user->group;
    }
    return is;
}

/* The user last: it could not change the groups. */
static bool become(const struct user *user)
{
    const bool has_groups = user->name[0] != '\0' ? initgroups(user->name, user->group) == 0
                                                  : setgroups(1, &user->group) == 0;
    return has_groups && setresgid(user->group, user->group, user->group) == 0 &&
           setresuid(user->id, user->id, user->id) == 0;
}

bool sx__user_become(const char *text, char *reason, size_t size)
{
    struct user user;
    if (!find(&user, text, reason, size)) {
        return false;
    }
    if (is_user(&user)) {
        return true;
    }
    if (!become(&user) || !is_user(&user)) {
        snprintf(reason, size, "%s", strerror(errno));
        return false;
    }
    /* It would work for a process that has kept its capabilities. */
    if (user.id != 0 && setuid(0) == 0) {
        snprintf(reason, size, "the process could become root again");
        return false;
    }
    return true;
}
