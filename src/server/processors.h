/* processors.h: how many processors the process may use. Any thread. */
#ifndef SX_PROCESSORS_H
#define SX_PROCESSORS_H

unsigned sx__processor_count(void);

#endif
