/* sd_daemon.h: the protocol between systemd and a service, without libsystemd: sd_listen_fds(3),
 * sd_notify(3) and sd_watchdog_enabled(3). Called by the thread that runs the command line. */
#ifndef SX_SD_DAEMON_H
#define SX_SD_DAEMON_H

#include "server.h"

#include <stddef.h>

/* How many listening sockets the manager has opened for this process, and each of them. */
size_t sx__sd_socket_count(void);
int sx__sd_socket(size_t index);

/* A watcher that tells the service manager, if there is one, and answers its watchdog, if it has
 * one for this process. */
struct sx__watcher sx__sd_watcher(void);

/* Called in a process that takes the place of its parent: what the manager has given to the parent
 * is its. */
void sx__sd_pass_on(void);

#endif
