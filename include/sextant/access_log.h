/* access_log.h: the component that writes a line for each request of an app.
 *
 *     .components = SX_COMPONENTS(sx_access_log)
 *
 * What it does is up to two settings, so that whoever runs the program can have it otherwise:
 *
 *     --access-log FILE           where lines are appended to; "-", the default: standard output
 *     --access-log-format FORMAT  "common", the default: NCSA's; "json": an object a line
 *
 * They have their variables and their place in `.settings` as all settings have (SX_SETTINGS).
 * A line is written when its request ends, by one system call, and is at most 4,096 bytes long, so
 * that lines of several threads and processes do not mix. A file that is moved away is made anew
 * within a second. A line that cannot be written is lost: that is counted and logged. A pipe may
 * hold up those that write to it, but where it has no room for a second, lines are lost until it
 * has.
 */
#ifndef SEXTANT_ACCESS_LOG_H
#define SEXTANT_ACCESS_LOG_H

#include <sextant/app.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_access_log;

/** An app component, which observes. It keeps the app from starting where the file cannot be
 *  opened, or there is no such format. */
SX_COMPONENT_DECLARE(sx_access_log, struct sx_access_log);

#ifdef __cplusplus
}
#endif
#endif
