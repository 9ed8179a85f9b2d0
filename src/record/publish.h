/* Publishing the index: what changes in SQLite (publish-outbox.h) is brought to a PostgreSQL that several
 * gateways share. It is a copy of states, not of changes: a batch may be brought twice, and a batch that was
 * lost is brought again, so that whatever dies in between neither loses a row nor doubles one.
 *
 * A gateway is known there by its log's name; the log's first block tells it from another log of that name. A
 * lock on the server sees to it that one process at a time publishes under a name, and the number of the
 * batch that one that was thought dead changes nothing. */
#ifndef POSTERN_RECORD_PUBLISH_H
#define POSTERN_RECORD_PUBLISH_H
#include "record/publish-outbox.h"
#include "store/postgres.h"

struct publish_options {
    const char *log;     /* the log's folder */
    const char *origin;  /* its name */
    const char *program; /* "postern 1.2" */
    struct bytes schema; /* on the server */
    struct index *index; /* opened to write; outlives it */
};
struct publish;
/* NULL: no memory. */
struct publish *publish_new(const struct publish_options *options) MUST_USE;
void publish_free(struct publish *p);

/* Makes the schema where it is not, and signs in with this log's name on a new connection. 0;
 * -EAGAIN: the log has no block yet, there is nothing to publish; -EEXIST: another log has the name;
 * -EBUSY: another process publishes under it now; -ENOTSUP: see publish_schema_migrate; or what postgres_run
 * or index.h answer. */
int publish_attach(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY]) MUST_USE;

enum publish_outcome {
    PUBLISH_FAILED = 0, /* why says why; nothing is lost; attach again, on a new connection */
    PUBLISH_AGAIN,      /* the index was made anew, or all is to be compared: attach again */
    PUBLISH_DONE,       /* everything is there */
    PUBLISH_MORE        /* a batch was brought, and there may be more */
};
struct publish_news {
    uint64_t rows; /* that were brought or taken away */
    bool walks;    /* everything is still being walked through */
    bool is_all;   /* nothing else had changed when the batch was read */
};
enum publish_outcome publish_step(struct publish *p, struct postgres *pg, struct publish_news *news_out,
                                  char why[POSTGRES_WHY]) MUST_USE;
/* Says that it is still there, and that nothing has changed. */
int publish_beat(struct publish *p, struct postgres *pg, char why[POSTGRES_WHY]) MUST_USE;
#endif
