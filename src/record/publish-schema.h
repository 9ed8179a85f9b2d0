/* The shared index's schema in PostgreSQL: migrations, one after another, under one lock, whichever gateway
 * comes first. A step is never changed once it was released. */
#ifndef POSTERN_RECORD_PUBLISH_SCHEMA_H
#define POSTERN_RECORD_PUBLISH_SCHEMA_H
#include "base/buf.h"
#include "store/postgres.h"

extern const size_t publish_schema_steps;
/* What brings it from step to step + 1, as one text. */
void publish_schema_write(size_t step, struct bytes schema, struct buf *out);
/* Brings it to the newest. 0; -ENOTSUP: a newer program made it so that this one cannot write there; or what
 * postgres_run answers. */
int publish_schema_migrate(struct postgres *pg, struct bytes schema, char why[POSTGRES_WHY]) MUST_USE;
#endif
