/* The table of guarded mappings is the one piece of global state in this room: a signal handler gets nothing
 * handed down. Entries are taken and left with atomics only, since the handler may run at any moment. */
#include "record/sigbus.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { GUARDS = 4096, PAGE = 4096 };
static struct guard {
    _Atomic uintptr_t start; /* 0: free; 1: being changed */
    _Atomic size_t n;
    _Atomic(atomic_int *) flag;
} guards[GUARDS];
static atomic_int guards_end; /* no entry at or behind this index was ever used */
static struct sigaction before;
static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;

/* The handler may interrupt a sanitizer's own code, so it must not call into it. */
#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define UNINSTRUMENTED __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef UNINSTRUMENTED
#define UNINSTRUMENTED
#endif

UNINSTRUMENTED static void on_sigbus(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    int end = atomic_load(&guards_end);
    for (int i = 0; i < end; i++) {
        uintptr_t start = atomic_load(&guards[i].start);
        if (start <= 1 || address < start || address - start >= atomic_load(&guards[i].n)) continue;
        atomic_int *flag = atomic_load(&guards[i].flag);
        void *page = (void *)(address & ~(uintptr_t)(PAGE - 1));
        if (syscall(SYS_mmap, page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                    0) == -1)
            break;
        atomic_store(flag, 1);
        errno = saved;
        return;
    }
    if ((before.sa_flags & SA_SIGINFO) && before.sa_sigaction) {
        before.sa_sigaction(number, info, context);
    } else {
        /* Back to what it was; the access that failed runs again and fails for good. */
        sigaction(SIGBUS, &before, NULL);
    }
    errno = saved;
}

/* Looked at for each mapping, since somebody may have put another handler there meanwhile. */
static void install(void)
{
    struct sigaction now, action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER };
    sigemptyset(&action.sa_mask);
    CHECK(pthread_mutex_lock(&installing) == 0);
    CHECK(sigaction(SIGBUS, NULL, &now) == 0);
    if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_sigbus) {
        before = now;
        CHECK(sigaction(SIGBUS, &action, NULL) == 0);
    }
    CHECK(pthread_mutex_unlock(&installing) == 0);
}

bool sigbus_guard(void *map, size_t n, atomic_int *flag)
{
    install();
    for (int i = 0; i < GUARDS; i++) {
        uintptr_t expected = 0;
        if (!atomic_compare_exchange_strong(&guards[i].start, &expected, 1)) continue;
        atomic_store(&guards[i].n, n);
        atomic_store(&guards[i].flag, flag);
        int end = atomic_load(&guards_end);
        while (end < i + 1 && !atomic_compare_exchange_weak(&guards_end, &end, i + 1))
            continue;
        atomic_store(&guards[i].start, (uintptr_t)map);
        return true;
    }
    return false;
}

void sigbus_unguard(void *map)
{
    for (int i = 0; i < GUARDS; i++)
        if (atomic_load(&guards[i].start) == (uintptr_t)map) {
            atomic_store(&guards[i].start, 0);
            return;
        }
}
