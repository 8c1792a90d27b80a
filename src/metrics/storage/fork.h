/* fork.h: what fork() does to arenas. */
#ifndef SX_METRICS_FORK_H
#define SX_METRICS_FORK_H

/* What the layer above does around a fork(). It is called while the table of arenas and the private
 * arenas' directories are locked, so its own locks come after these. */
struct sx__fork_hooks {
    void (*before)(void);
    void (*after_in_parent)(void);
    void (*after_in_child)(void);
};

/** Registers the handlers of fork(), once per process.
 *
 * @param above  borrowed for the life of the process
 * @return   SX_OK or SX_ENOMEM
 */
int sx__fork_prepare(const struct sx__fork_hooks *above);

#endif
