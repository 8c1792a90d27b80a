#include "standard_descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void sx__standard_descriptors_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* The lowest free number, which is `fd`, is what open gives. The root takes the place of a
         * device that a chroot does not have: it cannot be written to. */
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0 &&
            open("/", O_RDONLY) < 0) {
            return;
        }
    }
}
