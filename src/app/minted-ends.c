/* A task for each worker, which looks through its sessions: logins are rarely ended. */
#include "app/minted-ends.h"
#include "base/log.h"
#include "session/session.h"
#include <stdlib.h>

struct end_task {
    struct loop_task task; /* first */
    struct worker *worker;
    char name[MINTED_NAME];
};

static void visit(struct session *session, void *context)
{
    const struct end_task *t = context;
    if (bytes_is(session_minted(session), t->name))
        session_kill(session, false, BYTES_LITERAL("The login that it signed in with was ended."));
}

static void run(struct loop_task *task)
{
    struct end_task *t = (struct end_task *)task;
    worker_each(t->worker, visit, t);
    free(t);
}

static struct loop_task *make(void *context, struct worker *worker)
{
    const struct bytes *name = context;
    struct end_task *t = calloc(1, sizeof *t);
    if (!t) {
        log_line(LOG_ERROR, "no memory to end the sessions of %.*s", BYTES_FMT(*name));
        return NULL;
    }
    t->task.run = run;
    t->worker = worker;
    memcpy(t->name, name->p, name->n < MINTED_NAME ? name->n : MINTED_NAME - 1);
    return &t->task;
}

void minted_ends_sessions(struct workers *workers, struct bytes name)
{
    workers_post(workers, make, &name);
}
