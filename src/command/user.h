/* user.h: gives up the privileges of root for those of a user. */
#ifndef SX_USER_H
#define SX_USER_H

#include <stdbool.h>
#include <stddef.h>

/* Becomes the user of "NAME[:GROUP]", with its groups, for good; without GROUP its group is that of
 * the user database. Names may be numbers. Does nothing in a process that is this user already, as
 * after an upgrade. Returns false after writing the reason: the process must not go on then,
 * because it may have given up a part of its privileges.
 *
 * Threads: called by the thread that runs the command line. */
bool sx__user_become(const char *text, char *reason, size_t size);

#endif
