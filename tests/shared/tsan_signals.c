/* Linked into everything that is built with the thread sanitizer. gcc 12's makes a thread's table
 * of pending signals at the thread's first call that may block, and a signal that arrives meanwhile
 * is lost. So the main thread makes its table before main. */
#include <poll.h>
#include <stddef.h>

__attribute__((constructor)) static void make_signal_table(void)
{
    poll(NULL, 0, 0);
}
