/* A host is compared by its name, by the addresses that the name has here, and, where both are this machine,
 * by its port alone: a Unix socket and a loopback address are the same server. */
#include "app/rerun-place.h"
#include "app/keys-source.h"
#include "base/codec.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

enum { STRING_CEILING = 64 * 1024 };

/* ---- a connection of the configuration, as a connection string */

static void put_option(struct buf *out, const char *name, struct bytes value)
{
    buf_printf(out, "%s='", name);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\'' || value.p[i] == '\\') buf_put_u8(out, '\\');
        buf_put_u8(out, value.p[i]);
    }
    buf_append_text(out, "' ");
}

static bool put_password(const struct cli_call *call, const struct config_login *login, struct buf *out)
{
    struct secret password;
    switch (login->password.source) {
    case YAML_SOURCE_NONE: return true;
    case YAML_SOURCE_EXEC:
        cli_fail(call,
                 "the password of login \"%.*s\" comes from a command, which is not run here: give a "
                 "connection string",
                 BYTES_FMT(login->name));
        return false;
    case YAML_SOURCE_FILE:
    case YAML_SOURCE_ENV: break;
    }
    enum keys_source_kind kind =
        login->password.source == YAML_SOURCE_FILE ? KEYS_SOURCE_FILE : KEYS_SOURCE_ENV;
    if (keys_source_read(kind, login->password.name, &password)) {
        cli_fail(call, "the password of login \"%.*s\" cannot be read", BYTES_FMT(login->name));
        return false;
    }
    put_option(out, "password", secret_bytes(&password));
    secret_free(&password);
    return true;
}

static void put_hosts(const struct config_target *t, struct buf *out)
{
    buf_append_text(out, "host='");
    for (size_t i = 0; i < t->host.n; i++)
        buf_printf(out, "%s%.*s", i ? "," : "", BYTES_FMT(t->host.items[i]));
    buf_printf(out, "' port='%lld' ", (long long)t->port);
}

static struct bytes database_of(const struct config *config, const struct config_connection *c,
                                struct bytes recorded)
{
    struct bytes on_server;
    if (c->target.database.n) return c->target.database;
    if (c->databases.n && config_connection_for(config, recorded, &on_server) == c) return on_server;
    return c->name;
}

static bool string_of(const struct cli_call *call, const struct config *config,
                      const struct config_connection *c, struct bytes recorded, struct secret *string_out)
{
    static const char *const modes[] = { [CONFIG_TARGET_TLS_VERIFY_FULL] = "verify-full",
                                         [CONFIG_TARGET_TLS_VERIFY_CA] = "verify-ca",
                                         [CONFIG_TARGET_TLS_REQUIRE] = "require",
                                         [CONFIG_TARGET_TLS_DISABLE] = "disable" };
    struct buf out;
    buf_init(&out, STRING_CEILING);
    put_hosts(&c->target, &out);
    put_option(&out, "dbname", database_of(config, c, recorded));
    put_option(&out, "user", c->logins.items[0].user);
    put_option(&out, "sslmode", bytes_of(modes[c->target.tls]));
    if (c->target.ca.n) put_option(&out, "sslrootcert", c->target.ca);
    bool good = put_password(call, &c->logins.items[0], &out);
    buf_put_u8(&out, 0);
    good = good && !out.failed;
    if (good) *string_out = secret_copy(buf_bytes(&out));
    if (out.data) secret_wipe(out.data, out.size);
    buf_free(&out);
    return good && string_out->data;
}

bool rerun_place_find(const struct cli_call *call, const struct config *config, const char *connection,
                      struct bytes recorded, struct secret *string_out, bool *named_out)
{
    *named_out = false;
    for (size_t i = 0; config && i < config->connections.n; i++) {
        const struct config_connection *c = &config->connections.items[i];
        if (!bytes_is(c->name, connection)) continue;
        *named_out = true;
        return string_of(call, config, c, recorded, string_out);
    }
    if (!strchr(connection, '=') && !strstr(connection, "://")) {
        cli_fail(call,
                 "\"%s\" is no connection of the configuration, and no connection string: give one like "
                 "\"host=… dbname=…\" or postgresql://…",
                 connection);
        return false;
    }
    *string_out = secret_copy(bytes_make(connection, strlen(connection) + 1));
    return string_out->data != NULL;
}

/* ---- production */

static bool is_here(const char *host)
{
    return host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 ||
           strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* Whether one of the addresses that the name has is this one. */
static bool has_address(const char *name, const char *address)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
    char text[INET6_ADDRSTRLEN];
    bool found = false;
    if (name[0] == '/' || !address[0] || getaddrinfo(name, NULL, &hints, &all)) return false;
    for (const struct addrinfo *a = all; a && !found; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
            found = strcmp(text, address) == 0;
    freeaddrinfo(all);
    return found;
}

static bool is_host(struct bytes configured, struct rerun_place place)
{
    char name[1025];
    const char *address = place.address ? place.address : "";
    if (configured.n >= sizeof name || !place.host) return false;
    memcpy(name, configured.p, configured.n);
    name[configured.n] = 0;
    return strcasecmp(name, place.host) == 0 || strcmp(name, address) == 0 ||
           (is_here(name) && (is_here(place.host) || is_here(address))) || has_address(name, address);
}

static bool serves(const struct config *config, const struct config_connection *c, struct bytes database)
{
    struct bytes on_server;
    if (c->target.database.n) return bytes_equal(c->target.database, database);
    if (!c->databases.n) return bytes_equal(c->name, database);
    return config_connection_for(config, database, &on_server) == c;
}

static bool is_server(const struct config_connection *c, struct rerun_place place)
{
    int64_t port = 5432;
    if (place.port && place.port[0] && !bytes_to_int64(bytes_of(place.port), &port))
        return true; /* in doubt */
    if (port != c->target.port) return false;
    for (size_t i = 0; i < c->target.host.n; i++)
        if (is_host(c->target.host.items[i], place)) return true;
    return false;
}

bool rerun_place_is_production(const struct config *config, struct rerun_place place, struct bytes recorded,
                               struct buf *why)
{
    struct bytes database = bytes_of(place.database);
    if (bytes_equal(database, recorded)) {
        buf_append_text(why, "it has the name of the database that the session was recorded on");
        return true;
    }
    for (size_t i = 0; config && i < config->connections.n; i++) {
        const struct config_connection *c = &config->connections.items[i];
        if (!serves(config, c, database) || !is_server(c, place)) continue;
        buf_printf(why, "the gateway's connection \"%.*s\" serves it", BYTES_FMT(c->name));
        return true;
    }
    return false;
}
