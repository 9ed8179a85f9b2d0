/* The databases behind the gateway: how each is reached, and as whom. */
#include "app/config-shapes.h"
#include "policy/glob.h"

enum { NAME_CEILING = 63 /* PostgreSQL's NAMEDATALEN less its NUL */ };

static const char *const tls_choices[] = { "verify-full", "verify-ca", "require", "disable", NULL };
static const char *const attrs_choices[] = { "any",     "read-write",     "read-only", "primary",
                                             "standby", "prefer-standby", NULL };
static const char *const via_choices[] = { "direct", "agent", NULL };
static const char *const placeholders[] = { "principal", "subject", "session", NULL };

static void check_target(struct yaml_reader *reader, void *object)
{
    const struct config_target *target = object;
    bool verified =
        target->tls == CONFIG_TARGET_TLS_VERIFY_FULL || target->tls == CONFIG_TARGET_TLS_VERIFY_CA;
    if (target->ca.n && !verified)
        yaml_errors_add(reader->errors, yaml_place_of(target->at, "ca"),
                        "\"ca\" is only used with tls: verify-full or verify-ca");
    if (target->target_session_attrs != CONFIG_SESSION_ANY)
        yaml_errors_add(reader->errors, yaml_place_of(target->at, "target_session_attrs"),
                        "target_session_attrs other than any " CONFIG_UNSUPPORTED);
    for (size_t i = 0; i < target->host.n; i++)
        for (size_t k = 0; k < target->host.items[i].n; k++)
            if (target->host.items[i].p[k] <= ' ') {
                yaml_errors_add(reader->errors, yaml_place_of(target->at, "host"),
                                "a host holds no white space");
                return;
            }
}

static const struct yaml_field target_fields[] = {
    { "host", YAML_TEXTS, YAML_AT(config_target, host),
      "A host, or a list that is tried in order; one that begins with / is the folder of a Unix socket.",
      .required = true, .example = "db.example.com" },
    { "port", YAML_NUMBER, YAML_AT(config_target, port), "The server's port, also of a Unix socket.",
      .fallback = "5432", .min = 1, .max = 65535 },
    { "database", YAML_TEXT, YAML_AT(config_target, database),
      "The database's name on the server; without it, the name that the client asked for.",
      .example = "orders" },
    { "tls", YAML_CHOICE, YAML_AT(config_target, tls),
      "How the server proves itself; a Unix socket never speaks TLS.", .choices = tls_choices },
    { "ca", YAML_PATH, YAML_AT(config_target, ca),
      "Who signs the server's certificate, a PEM file; without it, the system's list.",
      .example = "database-ca.crt" },
    { "target_session_attrs", YAML_CHOICE, YAML_AT(config_target, target_session_attrs),
      "Which of several hosts will do, as in libpq.", .choices = attrs_choices },
};
static const struct yaml_shape target_shape = { "a target",    sizeof(struct config_target),
                                                target_fields, CONFIG_N(target_fields),
                                                NULL,          check_target };

static const struct yaml_field login_fields[] = {
    { "name", YAML_TEXT, YAML_AT(config_login, name), "What a policy's \"login\" calls it.", .required = true,
      .example = "ro" },
    { "user", YAML_TEXT, YAML_AT(config_login, user), "The role on the server.", .required = true,
      .example = "app_ro" },
    { "password", YAML_SECRET, YAML_AT(config_login, password),
      "Where its password is, read anew for each login; without it none is sent.",
      .example = "${file:/run/secrets/orders}" },
};
static const struct yaml_shape login_shape = { "a login",    sizeof(struct config_login),
                                               login_fields, CONFIG_N(login_fields),
                                               NULL,         NULL };

static void check_logins(struct yaml_reader *reader, const struct config_connection *connection)
{
    for (size_t i = 0; i < connection->logins.n; i++)
        for (size_t k = 0; k < i; k++)
            if (bytes_equal(connection->logins.items[i].name, connection->logins.items[k].name))
                yaml_errors_add(reader->errors, yaml_place_of(connection->logins.items[i].at, "name"),
                                "two logins are named \"%.*s\"", BYTES_FMT(connection->logins.items[i].name));
}

static bool is_setting_name(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
        if (!letter && (i == 0 || ((c < '0' || c > '9') && c != '.' && c != '$'))) return false;
    }
    return name.n > 0 && name.n <= NAME_CEILING;
}

static void check_settings(struct yaml_reader *reader, const struct yaml_map *settings)
{
    for (size_t i = 0; i < settings->n; i++) {
        struct bytes name = settings->items[i].key;
        if (!is_setting_name(name))
            yaml_errors_add(reader->errors, settings->items[i].place, "this is no name of a setting");
        else if (name.n > 8 && bytes_equal_nocase(bytes_slice(name, 0, 8), BYTES_LITERAL("postern.")))
            yaml_errors_add(reader->errors, settings->items[i].place,
                            "settings under \"postern.\" are the client's, and never reach the server");
        else if (sql_setting_kind(name, settings->items[i].values.items[0]) == SQL_SETTING_PINNED)
            yaml_errors_add(reader->errors, settings->items[i].place,
                            "\"%.*s\" is set by the gateway, which cannot read statements otherwise",
                            BYTES_FMT(name));
    }
}

static void check_connection(struct yaml_reader *reader, void *object)
{
    const struct config_connection *connection = object;
    if (connection->name.n > NAME_CEILING)
        yaml_errors_add(reader->errors, yaml_place_of(connection->at, "name"),
                        "a connection's name has at most %d bytes", NAME_CEILING);
    if (connection->via == CONFIG_VIA_AGENT)
        yaml_errors_add(reader->errors, yaml_place_of(connection->at, "via"),
                        "via: agent " CONFIG_UNSUPPORTED "; use via: direct");
    check_logins(reader, connection);
    check_settings(reader, &connection->settings);
}

static const struct yaml_field connection_fields[] = {
    { "name", YAML_TEXT, YAML_AT(config_connection, name), "The database name that clients connect to.",
      .required = true, .example = "orders" },
    { "via", YAML_CHOICE, YAML_AT(config_connection, via), "How the server is reached.",
      .choices = via_choices },
    { "databases", YAML_TEXTS, YAML_AT(config_connection, databases),
      "Serves several databases of one server: patterns of the client's database name, which passes through.",
      .example = "[\"*\"]" },
    { "target", YAML_OBJECT, YAML_AT(config_connection, target), "The server.", .required = true,
      .shape = &target_shape },
    { "logins", YAML_OBJECTS, YAML_AT(config_connection, logins),
      "The roles to log in as; the first is the default.", .required = true, .shape = &login_shape },
    { "settings", YAML_TEXT_MAP, YAML_AT(config_connection, settings),
      "Settings that the gateway makes on each session and closes to the client; values know ${principal}, "
      "${subject} and ${session}.",
      .choices = placeholders, .example = "{ \"app.principal\": \"${principal}\" }" },
    { "outlives_token", YAML_BOOL, YAML_AT(config_connection, outlives_token),
      "Whether a session goes on when its token has expired." },
    { "accept_risk", YAML_BOOL, YAML_AT(config_connection, accept_risk),
      "Whether a superuser may be logged in as where columns are masked." },
};
const struct yaml_shape config_connection_shape = {
    "a connection",  sizeof(struct config_connection), connection_fields, CONFIG_N(connection_fields), NULL,
    check_connection
};

static bool serves(const struct config_connection *connection, struct bytes database)
{
    for (size_t i = 0; i < connection->databases.n; i++)
        if (policy_glob(connection->databases.items[i], database)) return true;
    return false;
}

const struct config_connection *config_connection_for(const struct config *config, struct bytes database,
                                                      struct bytes *database_out)
{
    for (size_t i = 0; i < config->connections.n; i++) {
        const struct config_connection *c = &config->connections.items[i];
        if (!bytes_equal(c->name, database)) continue;
        *database_out = c->target.database.n ? c->target.database : database;
        return c;
    }
    for (size_t i = 0; i < config->connections.n; i++) {
        if (!serves(&config->connections.items[i], database)) continue;
        *database_out = database;
        return &config->connections.items[i];
    }
    return NULL;
}

const struct config_login *config_login_named(const struct config_connection *connection, struct bytes name)
{
    for (size_t i = 0; i < connection->logins.n; i++)
        if (!name.n || bytes_equal(connection->logins.items[i].name, name))
            return &connection->logins.items[i];
    return NULL;
}

struct bytes config_setting_expand(struct bytes value, const struct principal *principal,
                                   struct bytes session, struct arena *arena)
{
    const struct bytes values[] = { principal->user, principal->subject, session };
    struct buf text;
    buf_init(&text, 64 * 1024);
    for (size_t at = 0; at < value.n;) {
        struct bytes rest = bytes_slice(value, at, value.n);
        size_t step = 1;
        for (size_t i = 0; placeholders[i] && bytes_starts_with(rest, "${"); i++) {
            size_t n = strlen(placeholders[i]);
            if (rest.n < n + 3 || !bytes_is(bytes_slice(rest, 2, n), placeholders[i]) || rest.p[n + 2] != '}')
                continue;
            buf_append(&text, values[i]);
            step = n + 3;
            break;
        }
        if (step == 1) buf_put_u8(&text, value.p[at]);
        at += step;
    }
    struct bytes out = text.failed ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return out;
}
