/* Answers that take long to make, or are large: each is made on a thread of its own, which the reader's pace
 * holds back, and which no thread of the service waits for once the first byte is there. What goes wrong
 * before that is a problem with its status; what goes wrong behind it breaks the answer off. */
#ifndef POSTERN_API_MAKING_H
#define POSTERN_API_MAKING_H
#include "api/call.h"

struct making;
struct makings;
struct makings *makings_new(void) MUST_USE;
/* From now on nothing is begun, and what is being made ends soon; before the service stops. */
void makings_stop(struct makings *makings);
/* Behind the service's end: waits for what is still being made. NULL is fine. */
void makings_free(struct makings *makings);

struct making_plan {
    /* On its own thread; the call is gone by then. */
    void (*make)(struct making *making, void *context);
    void (*free)(void *context); /* once, on any thread */
    void *context;
    size_t ahead; /* how many bytes it may be ahead of the reader */
    const char *type;
    struct bytes filename; /* empty: it is no download */
};
/* The answer is what will be made. Takes the plan's context over in any case. */
void making_start(struct api_call *call, const struct making_plan *plan);

/* ---- for whoever makes */

/* 0; -EPIPE: nobody wants it any more. */
int making_put(struct making *making, const void *data, size_t n) MUST_USE;
bool making_is_wanted(struct making *making);
/* As api_problem: where nothing was put yet, that is the answer. */
void making_fail(struct making *making, int status, const char *kind, const char *format, ...)
    PRINTF_LIKE(4, 5);
#endif
