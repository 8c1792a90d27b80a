/* version.h: the version of Sextant: of the headers, by macros; of the library, by a function.
 *
 * Versions follow semantic versioning. While SX_VERSION_MAJOR is 0, a new minor version may break
 * the API.
 */
#ifndef SEXTANT_VERSION_H
#define SEXTANT_VERSION_H

#include <sextant/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The build reads these three lines; there is no other place. */
#define SX_VERSION_MAJOR 0
#define SX_VERSION_MINOR 1
#define SX_VERSION_PATCH 0

/** The version as a string literal: "0.1.0". */
#define SX_VERSION             \
    SX__TEXT(SX_VERSION_MAJOR) \
    "." SX__TEXT(SX_VERSION_MINOR) "." SX__TEXT(SX_VERSION_PATCH)

#define SX__TEXT(token) SX__TEXT_EXPANDED(token)
#define SX__TEXT_EXPANDED(token) #token

/** Returns SX_VERSION of the libsextant-metrics that the program runs with.
 *
 * Threads:  any thread at any time
 * Memory:   a static string
 */
SX_API const char *sx_version(void);

#ifdef __cplusplus
}
#endif
#endif
