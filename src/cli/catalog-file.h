/* A database's catalogue in a file, for judging without a server: JSON lines. The first is
 *
 *   {"postern_catalog":1,"database":"orders","path":["pg_catalog","public"]}
 *
 * path being the search path as current_schemas(true) tells it; each other is one row of the answer to one of
 * the queries of catalog/load.h, by its index, with its values as text:
 *
 *   {"query":5,"row":["R","16385","public","orders",null]} */
#ifndef POSTERN_CLI_CATALOG_FILE_H
#define POSTERN_CLI_CATALOG_FILE_H
#include "base/arena.h"
#include "catalog/load.h"
#include "cli/command.h"

struct catalog_file {
    struct arena arena; /* of the path */
    struct catalog_view view;
    struct bytes database;
};
/* False: what is wrong was said on standard error. */
bool catalog_file_open(const struct cli_call *call, const char *path, struct catalog_file *file) MUST_USE;
void catalog_file_close(struct catalog_file *file);
#endif
