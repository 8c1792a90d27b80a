/* service_manager.h: what systemd and its like tell a service, and are told. sd_listen_fds(3),
 * sd_notify(3). */
#ifndef SX_SERVICE_MANAGER_H
#define SX_SERVICE_MANAGER_H

/* The listening socket that the manager has opened for this process; 0: none. */
int sx__service_manager_socket(void);

/* Says "READY=1" or the like, if somebody wants to hear it. */
void sx__service_manager_notify(const char *state);

#endif
