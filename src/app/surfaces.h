/* The API of a gateway: from its configuration to a server. It is there where the configuration has `admin:`.
 */
#ifndef POSTERN_APP_SURFACES_H
#define POSTERN_APP_SURFACES_H
#include "api/api.h"
#include "app/archive.h"
#include "app/config.h"
#include "app/publisher.h"
#include "app/worker.h"
#include "record/journal.h"

struct surfaces;
struct streams;
struct anchors;
struct surfaces_options {
    const struct config *config; /* the first; surfaces_reload gives others */
    const char *data;
    struct workers *workers;
    struct record_log *log;
    struct journal *journal;
    struct streams *streams; /* NULL: there are none */
    struct anchors *anchors; /* NULL: there are none */
    const struct record_keys *keys;
    struct desk *desk; /* NULL: nothing is held */
    struct keeper *keeper;
    struct archive *archive;        /* NULL: there is none, nor far */
    const struct record_far *far;   /* outlives it */
    struct publisher *publisher;    /* NULL: the index is not published */
    const struct address *database; /* where database clients connect to */
    bool *lost;                     /* atomic: a child is gone */
};
/* *out NULL, and 0: the configuration wants none. -errno: said in the log. */
int surfaces_start(const struct surfaces_options *options, struct surfaces **out) MUST_USE;
/* Roles are those of this configuration from now on. NULL is fine. */
void surfaces_reload(struct surfaces *s, const struct config *config);
/* From any thread: blocks were synced. */
void surfaces_wake(struct surfaces *s);
/* Nobody is served any more; before workers and the log are gone. NULL is fine. */
void surfaces_stop(struct surfaces *s);
/* Once nobody is left who might wake it. */
void surfaces_free(struct surfaces *s);
#endif
