/* Opens the standard descriptors that are closed; see standard_descriptors.h. */
#include "standard_descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void sx__standard_descriptors_open(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* open returns the lowest free number, which is `fd`. A chroot may have no /dev/null; then
         * the root folder is opened, which cannot be written to. */
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0 &&
            open("/", O_RDONLY) < 0) {
            return;
        }
    }
}
