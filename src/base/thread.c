/* The name is given by who starts the thread: a thread that has ended already has none to be given. */
#include "base/thread.h"
#include <stdio.h>

enum { NAME = 16 }; /* with its NUL, as Linux has it */

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *context), void *context)
{
    char kept[NAME];
    int error = pthread_create(thread, NULL, run, context);
    if (error) return -error;
    snprintf(kept, sizeof kept, "%s", name);
    pthread_setname_np(*thread, kept);
    return 0;
}
