/* Calls that have a safe sibling do not compile. Every translation unit gets this header from the compiler's
 * command line, after the system headers that declare the calls. A room whose foreign headers use such calls
 * is compiled with POSTERN_POISON_LATE, undefines it behind those headers, and includes this one itself. */
#if !defined(POSTERN_BASE_UNSAFE_H) && !defined(POSTERN_POISON_LATE)
#define POSTERN_BASE_UNSAFE_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __GNUC__
/* glibc makes macros of these two for a fortified build with clang. */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets atoi atol atof tmpnam mktemp   \
    system popen
#pragma GCC poison asctime ctime gmtime localtime
#endif
#endif
