/* Whether a configuration's policies fit its connections. */
#include "app/config-shapes.h"
#include "policy/compile.h"
#include "policy/glob.h"

static bool reaches(const struct policy_reach *reach, struct bytes connection)
{
    for (size_t i = 0; i < reach->connections.n; i++)
        if (policy_glob(reach->connections.items[i], connection)) return true;
    return reach->connections.n == 0;
}

/* A pattern that no connection matches is a slip of the pen. */
static void check_patterns(struct yaml_reader *reader, const struct config *config,
                           const struct policy_reach *reach)
{
    enum { NAMES_CEILING = 256 };
    const char *names[NAMES_CEILING];
    size_t n_names = config->connections.n < NAMES_CEILING ? config->connections.n : NAMES_CEILING;
    for (size_t i = 0; i < n_names; i++)
        names[i] = (const char *)config->connections.items[i].name.p;
    for (size_t i = 0; i < reach->connections.n; i++) {
        struct bytes pattern = reach->connections.items[i];
        size_t k = 0;
        while (k < config->connections.n && !policy_glob(pattern, config->connections.items[k].name))
            k++;
        if (k < config->connections.n) continue;
        const char *nearest = yaml_nearest(pattern, names, n_names);
        yaml_errors_add(reader->errors, reach->connections_place, "no connection is named \"%.*s\"%s%s%s",
                        BYTES_FMT(pattern), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                        nearest ? "\"?" : "");
    }
}

void config_policies_check(struct yaml_reader *reader, const struct config *config)
{
    for (size_t i = 0; i < policy_snapshot_n(config->policies); i++) {
        struct policy_reach reach;
        policy_snapshot_reach(config->policies, i, &reach);
        check_patterns(reader, config, &reach);
        for (size_t k = 0; reach.login.n && k < config->connections.n; k++) {
            const struct config_connection *connection = &config->connections.items[k];
            if (!reaches(&reach, connection->name) || config_login_named(connection, reach.login)) continue;
            yaml_errors_add(reader->errors, reach.login_place, "connection \"%.*s\" has no login \"%.*s\"",
                            BYTES_FMT(connection->name), BYTES_FMT(reach.login));
        }
    }
}
