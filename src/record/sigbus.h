/* What happens when a mapped file shrinks under us: the kernel sends SIGBUS for the page that is gone. For
 * addresses that were registered here the handler puts an anonymous page there, sets the owner's flag and
 * lets the program go on: whoever wrote or read looks at the flag before it relies on what it did. For any
 * other address the signal does what it did before. */
#ifndef POSTERN_RECORD_SIGBUS_H
#define POSTERN_RECORD_SIGBUS_H
#include "base/check.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Guards a mapping; *flag becomes 1 when a page of it turned out to be gone. False: too many mappings. The
 * handler is installed for the process where it is not there yet. */
bool sigbus_guard(void *map, size_t n, atomic_int *flag) MUST_USE;
/* Before munmap. */
void sigbus_unguard(void *map);
#endif
