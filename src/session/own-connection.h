/* The gateway's own client on a socket: dialling, log-in, queries with deadlines, from a loop. */
#ifndef POSTERN_SESSION_OWN_CONNECTION_H
#define POSTERN_SESSION_OWN_CONNECTION_H
#include "net/loop.h"
#include "net/resolver.h"
#include "session/own-client.h"

struct own_connection;
struct own_connection_options {
    struct loop *loop;
    struct resolver *resolver;
    const struct target *target; /* outlives the connection, as do login and database */
    const struct target_login *login;
    struct bytes database;
    /* As in own-client.h; called from the loop, never from within a call of this file. Each of them may close
     * the connection. */
    struct own_client_user user;
};
/* Begins to dial; on_idle or on_lost tell how it went, on_lost at the deadline at the latest. NULL: no
 * memory. */
struct own_connection *own_connection_open(const struct own_connection_options *options,
                                           int64_t deadline_us) MUST_USE;
/* Only when on_idle was called last. At the deadline the connection is lost. */
void own_connection_query(struct own_connection *c, const char *text, int64_t deadline_us);
void own_connection_proof(struct own_connection *c, int status, const uint8_t proof[32],
                          const uint8_t server_signature[32], const char *md5);
/* No callback comes any more. NULL is fine. */
void own_connection_close(struct own_connection *c);
/* "192.0.2.9:5432"; empty before it is connected. */
const char *own_connection_address(const struct own_connection *c);
#endif
