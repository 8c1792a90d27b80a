/* fork.h: what fork() does to arenas. */
#ifndef SX_METRICS_FORK_H
#define SX_METRICS_FORK_H

/** Registers the handlers of fork(), once per process. Gives 0 or SX_ENOMEM. */
int sx__fork_prepare(void);

#endif
