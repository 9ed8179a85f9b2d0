/* flock: it ends with the process. */
#include "app/store-lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int store_lock(const char *data, int *lock_out)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/store.lock", data);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            int error = -errno;
            close(fd);
            return error;
        }
    *lock_out = fd;
    return 0;
}

void store_unlock(int lock)
{
    if (lock >= 0) close(lock);
}
