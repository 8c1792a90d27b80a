/* access_log.h: the component that writes a line for each request of an app.
 *
 *     .components = SX_COMPONENTS(sx_access_log)
 *
 * The operator configures it by two settings (SX_SETTINGS):
 *
 *     --access-log FILE           append to this file; "-", the default: standard output
 *     --access-log-format FORMAT  "common", the default: NCSA's format; "json": an object a line
 *
 * A line is written by one system call when its request ends. It has at most 4,096 bytes, so that
 * lines of several threads and processes do not mix. A file that has been moved away is created
 * again within a second. A line that cannot be written is lost; the log says how many. A full pipe
 * delays requests for at most a second; then lines are lost until the pipe has room.
 */
#ifndef SEXTANT_ACCESS_LOG_H
#define SEXTANT_ACCESS_LOG_H

#include <sextant/app.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sx_access_log;

/** An app component. It cannot start if the file cannot be opened or the format is unknown. */
SX_COMPONENT_DECLARE(sx_access_log, struct sx_access_log);

#ifdef __cplusplus
}
#endif
#endif
