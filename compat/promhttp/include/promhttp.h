/* promhttp.h: a daemon of libmicrohttpd that serves the page of a registry.
 *
 * GET and HEAD of /metrics are answered with the page, of / with 200, of any other path with 400;
 * other methods are answered with 400. If there is no page, because there is no registry or no
 * memory, the answer is 500.
 */
#ifndef PROMHTTP_H
#define PROMHTTP_H

#include "microhttpd.h"
#include "prom_collector_registry.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sets the registry whose page the daemons serve.
 *
 * @param active_registry  NULL: whatever the default registry is at a scrape. Borrowed: set
 *                         another one before it is destroyed
 * Threads:  any
 */
void promhttp_set_active_collector_registry(prom_collector_registry_t *active_registry);

/** Starts a daemon.
 *
 * @param flags    those of MHD_start_daemon, such as MHD_USE_INTERNAL_POLLING_THREAD
 * @param port     0: any; MHD_get_daemon_info tells which
 * @param apc      decides which clients may connect; NULL: all
 * @param apc_cls  passed to `apc`; borrowed until the daemon is stopped
 * @return   NULL if it cannot be started
 * Memory:   stop it with MHD_stop_daemon
 */
struct MHD_Daemon *promhttp_start_daemon(unsigned int flags, unsigned short port,
                                         MHD_AcceptPolicyCallback apc, void *apc_cls);

#ifdef __cplusplus
}
#endif
#endif
