/* lock.h: the one lock of this library.
 *
 * It guards which metrics, collectors and registries there are and which belong together, never the
 * values of metrics. It is not held while a function of the program runs. Lock order: this lock,
 * the lock of a map, Sextant's locks.
 */
#ifndef PROM_LOCK_H
#define PROM_LOCK_H

void prom__lock(void);
void prom__unlock(void);

/** Releases the lock, waits until another thread calls prom__wake_all, and takes the lock again.
 * The caller then looks whether what it waits for has happened. */
void prom__wait(void);
void prom__wake_all(void);

#endif
