/* The bucket that the configuration names, with its keys: what the archive's threads and its readers share.
 */
#ifndef POSTERN_APP_ARCHIVE_STORE_H
#define POSTERN_APP_ARCHIVE_STORE_H
#include "app/config.h"
#include "base/clock.h"
#include "store/s3.h"

struct archive_store;
/* Reads the keys. *store_out is NULL where the configuration has no archive. 0; -ENOKEY: a key cannot be read
 * (logged); -ENOMEM. */
int archive_store_open(const struct config *config, const struct clock *clock,
                       struct archive_store **store_out) MUST_USE;
/* All clients are freed. NULL is fine. */
void archive_store_free(struct archive_store *store);
const struct config_store *archive_store_config(const struct archive_store *store);
/* A client, which the caller frees. NULL: no memory. */
struct s3 *archive_store_client(struct archive_store *store) MUST_USE;
/* Whatever is under way ends soon, and nothing begins any more. */
void archive_store_cancel(struct archive_store *store);
bool archive_store_is_cancelled(const struct archive_store *store);
#endif
