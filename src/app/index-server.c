#include "app/index-server.h"
#include "app/secret-source.h"
#include <errno.h>

enum { CONNECT_MS = 10000, STATEMENT_MS = 30000 };

int index_server_open(const struct config_postgres *config, int cancel_fd, struct postgres **out,
                      char why[POSTGRES_WHY])
{
    static const enum postgres_tls modes[] = { [CONFIG_TARGET_TLS_VERIFY_FULL] = POSTGRES_TLS_VERIFY_FULL,
                                               [CONFIG_TARGET_TLS_VERIFY_CA] = POSTGRES_TLS_VERIFY_CA,
                                               [CONFIG_TARGET_TLS_REQUIRE] = POSTGRES_TLS_REQUIRE,
                                               [CONFIG_TARGET_TLS_DISABLE] = POSTGRES_TLS_DISABLE };
    struct secret password = { 0 };
    if (config->password.source != YAML_SOURCE_NONE && secret_source_read(&config->password, &password)) {
        postgres_say(why, "", "its password cannot be read");
        return -ENOKEY;
    }
    /* What is brought is found by its key, whatever the server's statistics say of tables that grow: a plan
     * that reads a table for a batch would be slower each day. */
    static const char settings[] =
        "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off -c enable_memoize=off"
        " -c enable_seqscan=off -c enable_bitmapscan=off -c jit=off";
    struct postgres_options options = { .hosts = (const char *)config->hosts.p,
                                        .ports = (const char *)config->ports.p,
                                        .user = (const char *)config->user.p,
                                        .database = (const char *)config->database.p,
                                        .application = "postern index",
                                        .password = secret_source_trim(secret_bytes(&password)),
                                        .tls = modes[config->tls],
                                        .ca = config->ca.n ? (const char *)config->ca.p : NULL,
                                        .settings = settings,
                                        .cancel_fd = cancel_fd,
                                        .connect_ms = CONNECT_MS,
                                        .statement_ms = STATEMENT_MS };
    int error = postgres_open(&options, out, why);
    secret_free(&password);
    return error;
}
