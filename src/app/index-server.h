/* The server of the index that several gateways share, as the configuration names it. */
#ifndef POSTERN_APP_INDEX_SERVER_H
#define POSTERN_APP_INDEX_SERVER_H
#include "app/config.h"
#include "store/postgres.h"

/* Reads the password anew. 0; -ENOKEY: it cannot be read; or what postgres_open answers. */
int index_server_open(const struct config_postgres *config, int cancel_fd, struct postgres **out,
                      char why[POSTGRES_WHY]) MUST_USE;
#endif
