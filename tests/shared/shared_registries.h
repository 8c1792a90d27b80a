/* shared_registries.h: skips tests that need a shared registry where the system has no robust
 * mutexes, as under the emulator qemu-user. */
#ifndef SX_TESTS_SHARED_REGISTRIES_H
#define SX_TESTS_SHARED_REGISTRIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sextant/metrics.h>

#define SKIPPED_PROGRAM 77 /* what main returns if all tests are skipped; cmake/tests.cmake */

/** Whether shared registries can be made. If not, the first call prints the reason. Call it before
 * the test has made or destroyed a registry. */
static inline bool has_shared_registries(void)
{
    static bool known;
    static bool has;
    struct sx_registry *tried = NULL;
    if (known) {
        return has;
    }
    known = true;
    const struct sx_registry_options small = {
        .shared = true, .thread_rows = 1, .row_bytes = 4096, .directory_bytes = 4096};
    const int status = sx_registry_new(&tried, &small);
    if (status == SX_EROBUST) {
        print_message("skipping tests of shared registries: %s\n", sx_status_text(status));
        return false;
    }
    assert_int_equal(status, SX_OK);
    sx_registry_destroy(tried);
    has = true;
    return has;
}

/** Skips the calling test if there are no shared registries. */
static inline void need_shared_registries(void)
{
    if (!has_shared_registries()) {
        skip();
    }
}

#endif
