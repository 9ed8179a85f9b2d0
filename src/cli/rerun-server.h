/* A connection to the database that a session is run again on. libpq finds the server and logs in, so that a
 * CONNECTION is what it is everywhere else (URIs, services, password files, TLS); from then on messages are
 * sent and read here, since libpq has no calls for named portals, row limits and batches as they were. */
#ifndef POSTERN_CLI_RERUN_SERVER_H
#define POSTERN_CLI_RERUN_SERVER_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "cli/rerun.h"
#include "pgwire/message.h"

struct rerun_server;
struct rerun_place { /* where the connection went; borrowed from it */
    const char *host, *address, *port, *database, *user;
};
/* connection: a libpq connection string or URI. script: its settings go with the start-up packet; NULL: none.
 * NULL: error has a sentence. */
struct rerun_server *rerun_server_open(const char *connection, const struct rerun_script *script,
                                       struct buf *error) MUST_USE;
void rerun_server_close(struct rerun_server *server);
struct rerun_place rerun_server_place(const struct rerun_server *server);
/* The server's version, as server_version says it. */
const char *rerun_server_version(const struct rerun_server *server);

/* What is to be sent; rerun_server_next sends it. */
struct buf *rerun_server_out(struct rerun_server *server);
/* The next message that answers something: notices, notifications and parameters are passed over. It is
 * borrowed until the next call. False: the connection is gone, and stays so. */
bool rerun_server_next(struct rerun_server *server, struct message *out) MUST_USE;
/* The server's last words, where it had any; else why the connection is gone. */
const char *rerun_server_lost(const struct rerun_server *server);

/* A query by itself, for what is asked of the catalogue on another connection: text values, each row to
 * visit (a value with p == NULL is NULL). False: it failed. */
bool rerun_server_ask(struct rerun_server *server, struct bytes text,
                      void (*visit)(void *context, const struct bytes *values, size_t n),
                      void *context) MUST_USE;
#endif
