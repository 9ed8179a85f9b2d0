/* Threads with names, so that who looks at the process (top -H, a core file) sees what each is for. */
#ifndef POSTERN_BASE_THREAD_H
#define POSTERN_BASE_THREAD_H
#include "base/check.h"
#include <pthread.h>

/* 0 or -errno. Of the name, the first 15 bytes are kept. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *context), void *context) MUST_USE;
#endif
