/* service_manager.h: what systemd and its like tell a service, and are told. sd_listen_fds(3),
 * sd_notify(3). */
#ifndef SX_SERVICE_MANAGER_H
#define SX_SERVICE_MANAGER_H

#include <stddef.h>

/* How many listening sockets the manager has opened for this process, and each of them. */
size_t sx__service_manager_count(void);
int sx__service_manager_socket(size_t index);

/* Says "READY=1" or the like, if somebody wants to hear it. */
void sx__service_manager_notify(const char *state);

#endif
