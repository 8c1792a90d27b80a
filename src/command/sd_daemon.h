/* sd_daemon.h: the protocol between systemd and a service, without libsystemd: sd_listen_fds(3) and
 * sd_notify(3). Called by the thread that runs the command line. */
#ifndef SX_SD_DAEMON_H
#define SX_SD_DAEMON_H

#include <stddef.h>

/* How many listening sockets the manager has opened for this process, and each of them. */
size_t sx__sd_socket_count(void);
int sx__sd_socket(size_t index);

/* Sends "READY=1" or the like to the service manager, if there is one. */
void sx__sd_notify(const char *state);

#endif
