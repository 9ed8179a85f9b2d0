/* A source is written as the configuration writes it, since that is what the keys child parses. */
#include "app/logins.h"

const char *logins_source_text(const struct yaml_secret *secret, struct arena *arena)
{
    static const char *const kinds[] = {
        [YAML_SOURCE_ENV] = "env", [YAML_SOURCE_FILE] = "file", [YAML_SOURCE_EXEC] = "exec"
    };
    if (secret->source == YAML_SOURCE_NONE) return NULL;
    return (const char *)arena_printf(arena, "${%s:%.*s}", kinds[secret->source], BYTES_FMT(secret->name)).p;
}

static bool add(const struct config_connection *connection, const struct config_login *login,
                struct arena *arena, struct keys_login *out)
{
    out->source = logins_source_text(&login->password, arena);
    out->id =
        (const char *)arena_printf(arena, "%.*s/%.*s", BYTES_FMT(connection->name), BYTES_FMT(login->name)).p;
    return out->source && out->id;
}

bool logins_of_config(const struct config *config, struct arena *arena, struct keys_login **logins_out,
                      size_t *n_out)
{
    size_t n = 0;
    for (size_t i = 0; i < config->connections.n; i++)
        n += config->connections.items[i].logins.n;
    *logins_out = ARENA_ARRAY(arena, struct keys_login, n + 1);
    *n_out = 0;
    if (!*logins_out) return false;
    for (size_t i = 0; i < config->connections.n; i++) {
        const struct config_connection *connection = &config->connections.items[i];
        for (size_t k = 0; k < connection->logins.n; k++) {
            if (connection->logins.items[k].password.source == YAML_SOURCE_NONE) continue;
            if (!add(connection, &connection->logins.items[k], arena, &(*logins_out)[*n_out])) return false;
            ++*n_out;
        }
    }
    return true;
}
