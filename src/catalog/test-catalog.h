/* Catalogues for tests, without a server: from lines of text. A mistake in the text stops the test.
 *
 *   table public.customers id:int4! name:text email:text     ! not null, ^ generated, @ primary key, ~
 unique; kinds:
 *                                                            table, partitioned, foreign, sequence, toast,
 *                                                            index, composite; "oid=N" may stand in front
                                                            of the columns
 *   view public.v id:int4=public.customers.id who:text=public.customers.name+public.customers.email
 *       t:text=? decides=public.customers.country reads=public.t updates=public.customers
 *                       a column's sources, "+" between them, "?" opaque, "*" for a column is the whole row;
 *                       "!" behind the only one: it is that column as it is;
 *                       decides: likewise. The view is tied to all that it names. matview likewise; "opaque"
 *                       instead of sources: they could not be read.
 *   table public.t id:int4 rls                               row security
 *   table public.t id:int4 entangled                         code of somebody's hangs on it
 *   child public.part public.whole                           partition or inheritance: child, parent
 *   cascade public.customers public.orders                   deleting in the first deletes in the second
 *   setnull public.customers public.orders                   … changes the second
 *   onupdate public.customers public.orders                  a changed key changes the second
 *   rule public.t public.log 1                               what a rule on the first does: 1 insert 2 update
 *                                                            4 delete 8 select
 *   indexes public.t_key public.t                            an index, and its table
 *   unseen public.t public.f [read]                           a function that runs as rows are written, or
 read
 *   trigger public.t [late]                                  late: it can be deferred
 *   tag public.customers.email pii,secret
 *   function public.f(int4,text) -> text stable set definer extension=x kind=p out=a:int4,b:text oid=20000
 *   operator public.=(citext,citext) function=public.citext_eq extension=citext
 *   cast text citext function=public.citext extension=citext
 *   type public.mood kind=e extension=x
 *   domain public.mail text checked code                     code: a check runs code that is not PostgreSQL's
 *   path pg_temp_3 pg_catalog public                         overlays only: the search path
 *   temporary pg_temp_3                                      overlays only: the session's temporary schema
 *   dropped public.t                                         overlays only: a shared relation
 *
 * "#" begins a comment. A line that begins with a blank goes on with the one before. What is used must stand
 * above. Common types of pg_catalog are there under their own oids, with arrays ("_text"); types are named as
 * pg_type does, in pg_catalog or with their schema. A relation has a type of its row. Relations and functions
 * in pg_catalog and information_schema get oids below 16384. */
#ifndef POSTERN_CATALOG_TEST_CATALOG_H
#define POSTERN_CATALOG_TEST_CATALOG_H
#include "catalog/catalog.h"
#include "catalog/load.h"

/* Never NULL; the caller holds a reference. */
const struct catalog *catalog_from_text(const char *text);
/* What a session sees besides; never NULL. A line for a relation that is shared replaces it whole. The path:
 * as of catalog_overlay_end. */
struct catalog_overlay *catalog_overlay_from_text(const struct catalog *under, const char *text,
                                                  const struct bytes **path_out, size_t *n_path_out);
/* A view with a path of schemas, separated by blanks; path has room for 16. */
struct catalog_view catalog_view_of(const struct catalog *catalog, const char *path_text,
                                    struct bytes path[16]);
#endif
