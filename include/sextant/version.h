/* version.h: the version of Sextant: of the headers, by macros; of the library, by a function.
 *
 * Versions follow semantic versioning. While SX_VERSION_MAJOR is 0, a new minor version may break
 * the API.
 *
 * Threads:
 *   [any]    may be called by any thread at any time, but not by a signal handler
 */
#ifndef SEXTANT_VERSION_H
#define SEXTANT_VERSION_H

#include <sextant/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The build reads the version from these three lines. */
#define SX_VERSION_MAJOR 0
#define SX_VERSION_MINOR 1
#define SX_VERSION_PATCH 0

/** The version as a string literal: "0.1.0". */
#define SX_VERSION             \
    SX__TEXT(SX_VERSION_MAJOR) \
    "." SX__TEXT(SX_VERSION_MINOR) "." SX__TEXT(SX_VERSION_PATCH)

#define SX__TEXT(token) SX__TEXT_EXPANDED(token)
#define SX__TEXT_EXPANDED(token) #token

/** Returns the SX_VERSION of the libsextant-metrics that the program is running with.
 *
 * Threads:  [any]
 * Memory:   a static string
 */
SX_API const char *sx_version(void);

#ifdef __cplusplus
}
#endif
#endif
