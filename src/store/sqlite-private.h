/* What sqlite.c and sqlite-scrub.c share. */
#ifndef POSTERN_STORE_SQLITE_PRIVATE_H
#define POSTERN_STORE_SQLITE_PRIVATE_H
#include "store/sqlite.h"
#include <sqlite3.h>

struct sqlite_db {
    sqlite3 *handle;
};

/* -errno of a code, logged where it is not expected. */
int sqlite_db_failed(const struct sqlite_db *db, int code, const char *doing);
/* Before trying again what another's lock stood in the way of. False: waited long enough. */
int64_t sqlite_now_ms(void);
bool sqlite_wait_a_moment(int64_t until_ms);
#endif
