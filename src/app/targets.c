/* Targets live in one arena with their snapshot; what they borrow, the configuration keeps. */
#include "app/targets.h"
#include "base/log.h"
#include "identity/identity.h"
#include <pthread.h>
#include <stdlib.h>

enum { ARENA_CEILING = 64 << 20 };

struct built {
    struct session_snapshot snapshot; /* first */
    struct arena arena;
    const struct config *config;
    struct target *targets;
    size_t n;
};

static void *free_built(void *context)
{
    struct built *b = context;
    identity_free(b->snapshot.identity);
    for (size_t i = 0; i < b->n; i++)
        tls_client_free(b->targets[i].tls_client);
    arena_free(&b->arena);
    config_unref(b->config);
    free(b);
    return NULL;
}

/* The last session that used it may end on any worker's loop, which must not wait for the key fetcher. */
static void built_free(struct session_snapshot *snapshot)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, free_built, snapshot))
        free_built(snapshot);
    else
        pthread_detach(thread);
}

static bool build_identity(struct built *b, void (*on_keys)(void *context), void *context)
{
    const struct config_identity *from = &b->config->identity;
    struct identity_issuer_options *issuers =
        ARENA_ARRAY(&b->arena, struct identity_issuer_options, from->oidc.n + 1);
    if (!issuers) return false;
    for (size_t i = 0; i < from->oidc.n; i++) {
        const struct config_issuer *issuer = &from->oidc.items[i];
        issuers[i] = (struct identity_issuer_options){ .issuer = issuer->issuer,
                                                       .audience = issuer->audience,
                                                       .jwks_file = issuer->jwks,
                                                       .user_claim = issuer->user_claim,
                                                       .groups_claim = issuer->groups_claim,
                                                       .machine_claim = issuer->machine_claim,
                                                       .machine_value = issuer->machine_value,
                                                       .leeway_s = issuer->leeway_us / 1000000 };
    }
    int error = identity_new(issuers, from->oidc.n, from->refresh_us / 1000000, on_keys, context,
                             &b->snapshot.identity);
    if (error) log_line(LOG_ERROR, "identity: the issuers' keys cannot be set up: %s", strerror(-error));
    return error == 0;
}

/* A host that begins with '/' is the folder of the socket, as in libpq. */
static bool build_hosts(struct arena *a, const struct config_target *from, struct target *to)
{
    struct target_host *hosts = ARENA_ARRAY(a, struct target_host, from->host.n);
    for (size_t i = 0; hosts && i < from->host.n; i++) {
        struct bytes host = from->host.items[i];
        bool folder = host.n && host.p[0] == '/';
        hosts[i].port = (uint16_t)from->port;
        hosts[i].host =
            (const char *)(folder ? arena_printf(a, "%.*s/.s.PGSQL.%u", BYTES_FMT(host), hosts[i].port)
                                  : arena_printf(a, "%.*s", BYTES_FMT(host)))
                .p;
        if (!hosts[i].host) return false;
    }
    to->hosts = hosts;
    to->n_hosts = from->host.n;
    return hosts != NULL;
}

static bool build_tls(struct arena *a, const struct config_connection *connection, struct target *to)
{
    static const enum tls_check checks[] = {
        [CONFIG_TARGET_TLS_VERIFY_FULL] = TLS_CHECK_FULL,
        [CONFIG_TARGET_TLS_VERIFY_CA] = TLS_CHECK_CA,
        [CONFIG_TARGET_TLS_REQUIRE] = TLS_CHECK_NONE,
    };
    const char *error = NULL, *ca = connection->target.ca.n ? arena_string(a, connection->target.ca) : NULL;
    if (connection->target.tls == CONFIG_TARGET_TLS_DISABLE) return true;
    to->tls = TARGET_TLS_REQUIRE;
    if (tls_client_new(checks[connection->target.tls], ca, &to->tls_client, &error) == 0) return true;
    log_line(LOG_ERROR, "connection \"%.*s\": TLS towards the server: %s", BYTES_FMT(connection->name),
             error ? error : "no memory");
    return false;
}

static bool build_logins(struct arena *a, const struct config_connection *from, struct target *to)
{
    struct target_login *logins = ARENA_ARRAY(a, struct target_login, from->logins.n);
    for (size_t i = 0; logins && i < from->logins.n; i++)
        logins[i] = (struct target_login){ from->logins.items[i].name, from->logins.items[i].user,
                                           from->logins.items[i].password.source != YAML_SOURCE_NONE };
    to->logins = logins;
    to->n_logins = from->logins.n;
    return logins != NULL;
}

static bool build_settings(struct arena *a, const struct config_connection *from, struct target *to)
{
    struct target_setting *settings = ARENA_ARRAY(a, struct target_setting, from->settings.n + 1);
    for (size_t i = 0; settings && i < from->settings.n; i++)
        settings[i] = (struct target_setting){ from->settings.items[i].key,
                                               from->settings.items[i].values.n
                                                   ? from->settings.items[i].values.items[0]
                                                   : (struct bytes){ 0 } };
    to->settings = settings;
    to->n_settings = from->settings.n;
    return settings != NULL;
}

static bool build_target(struct arena *a, const struct config_connection *from, struct target *to)
{
    to->name = from->name;
    to->databases = from->databases.items;
    to->n_databases = from->databases.n;
    to->database = from->target.database;
    to->outlives_token = from->outlives_token;
    to->accepts_risk = from->accept_risk;
    return build_hosts(a, &from->target, to) && build_logins(a, from, to) && build_settings(a, from, to) &&
           build_tls(a, from, to);
}

static struct built *build(const struct config *config)
{
    struct built *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    arena_init(&b->arena, 4096, ARENA_CEILING);
    b->config = config_ref(config);
    b->targets = ARENA_ARRAY(&b->arena, struct target, config->connections.n + 1);
    bool good = b->targets != NULL;
    for (size_t i = 0; good && i < config->connections.n; i++) {
        b->n = i + 1;
        good = build_target(&b->arena, &config->connections.items[i], &b->targets[i]);
    }
    b->snapshot = (struct session_snapshot){ .targets = b->targets,
                                             .n_targets = b->n,
                                             .policies = config->policies,
                                             .hold_beat_us = config->limits.hold_beat_us,
                                             .admin_url = config->admin.url,
                                             .statement_ceiling = (size_t)config->limits.statement_bytes,
                                             .message_ceiling = (size_t)config->limits.message_bytes,
                                             .login_deadline_us = config->limits.login_us,
                                             .token_grace_us = config->limits.token_grace_us,
                                             .n_users = 1,
                                             .free = built_free };
    if (good) return b;
    free_built(b);
    return NULL;
}

struct session_snapshot *targets_without_identity(const struct config *config)
{
    struct built *b = build(config);
    return b ? &b->snapshot : NULL;
}

struct session_snapshot *targets_of_config(const struct config *config, void (*on_keys)(void *context),
                                           void *context)
{
    struct built *b = build(config);
    if (!b || build_identity(b, on_keys, context)) return b ? &b->snapshot : NULL;
    free_built(b);
    return NULL;
}
