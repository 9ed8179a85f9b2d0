/* What the API is told of the gateway, and nothing more. */
#include "app/surfaces.h"
#include "api/tables.h"
#include "app/anchors.h"
#include "app/keys-source.h"
#include "app/minted-ends.h"
#include "app/stream.h"
#include "base/log.h"
#include "net/listener.h"
#include "web/web.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { LISTENERS = 16 };

struct surfaces {
    struct surfaces_options options;
    const struct config *config; /* the first one: what the API borrows */
    pthread_mutex_t lock;
    const struct config *now; /* whose roles count; under the lock */
    struct api_issuer issuers[API_ISSUERS];
    struct secret secrets[API_ISSUERS];
    size_t n_issuers;
    struct tls_server *tls;
    char host[ADDRESS_TEXT];
    struct api *api;
};

/* ---- what the API asks */

static struct session_snapshot *give_snapshot(void *context)
{
    struct surfaces *s = context;
    pthread_mutex_lock(&s->options.workers->lock);
    struct session_snapshot *snapshot = s->options.workers->snapshot;
    if (snapshot) session_snapshot_hold(snapshot);
    pthread_mutex_unlock(&s->options.workers->lock);
    return snapshot;
}

static unsigned give_roles(void *context, const struct principal *who)
{
    struct surfaces *s = context;
    pthread_mutex_lock(&s->lock);
    const struct config *config = config_ref(s->now);
    pthread_mutex_unlock(&s->lock);
    unsigned roles = 0;
    if (config_people_has(&config->roles.admin, who)) roles |= 1U << API_ADMIN;
    if (config_people_has(&config->roles.auditor, who)) roles |= 1U << API_AUDITOR;
    if (config_people_has(&config->roles.approver, who)) roles |= 1U << API_APPROVER;
    config_unref(config);
    return roles;
}

static bool kill_session(void *context, uint64_t session, const char *by)
{
    struct surfaces *s = context;
    return workers_kill(s->options.workers, session, by);
}

static void end_login(void *context, struct bytes name)
{
    struct surfaces *s = context;
    minted_ends_sessions(s->options.workers, name);
}

static const struct catalog *give_catalog(void *context, struct bytes connection, struct bytes database)
{
    struct surfaces *s = context;
    return keeper_newest(s->options.keeper, connection, database);
}

static bool claim(void *context, uint64_t session, struct bytes fields)
{
    struct surfaces *s = context;
    return workers_claim(s->options.workers, session, fields);
}

static void give_archive(struct surfaces *s, struct api_health *out)
{
    struct archive_state state;
    if (!s->options.archive) return;
    archive_tell(s->options.archive, &state);
    out->archive = (struct api_archive){ .there = true,
                                         .failing = state.failing,
                                         .full = state.full,
                                         .waiting_bytes = state.waiting_bytes,
                                         .spool_bytes = state.spool_bytes,
                                         .n_waiting = state.n_waiting,
                                         .n_kept = state.n_kept,
                                         .n_away = state.n_away,
                                         .sent = state.sent,
                                         .sent_bytes = state.sent_bytes,
                                         .dropped = state.dropped,
                                         .failed = state.failed,
                                         .behind_us = state.behind_us };
}

static void give_shared_index(struct surfaces *s, struct api_health *out)
{
    struct publisher_state state;
    if (!s->options.publisher) return;
    publisher_tell(s->options.publisher, &state);
    out->shared_index = (struct api_shared_index){ .there = true,
                                                   .failing = state.failing,
                                                   .full = state.full,
                                                   .walks = state.walks,
                                                   .waiting = state.waiting,
                                                   .spool = state.spool,
                                                   .published = state.rows,
                                                   .batches = state.batches,
                                                   .failed = state.failed,
                                                   .behind_us = state.behind_us };
}

static void give_health(void *context, struct api_health *out)
{
    struct surfaces *s = context;
    record_log_stats(s->options.log, &out->stats);
    out->children = !__atomic_load_n(s->options.lost, __ATOMIC_SEQ_CST);
    out->record = !out->stats.refusing;
    out->n_notified = notify_count(notices_notify(s->options.workers->notices), out->notified);
    streams_health(s->options.streams, out);
    out->n_anchors = anchors_count(s->options.anchors, out->anchors);
    out->sessions = atomic_load(&s->options.workers->n_sessions);
    struct worker_counts counts = { 0 };
    workers_count(s->options.workers, &counts);
    give_archive(s, out);
    give_shared_index(s, out);
    out->sent = counts.sent;
    out->refused = counts.refused;
    out->held = counts.held;
}

static bool give_page(struct bytes path, struct api_page *out)
{
    const struct web_asset *asset = web_find(path);
    if (!asset) return false;
    *out = (struct api_page){ .type = asset->type,
                              .cache = asset->cache,
                              .plain = asset->plain.bytes,
                              .gzip = asset->gzip.bytes,
                              .plain_etag = asset->plain.etag,
                              .gzip_etag = asset->gzip.etag,
                              .policy = web_policy };
    return true;
}

/* ---- building */

static int read_secret(const struct config_issuer *from, struct secret *out)
{
    static const enum keys_source_kind kinds[] = { [YAML_SOURCE_NONE] = KEYS_SOURCE_NONE,
                                                   [YAML_SOURCE_FILE] = KEYS_SOURCE_FILE,
                                                   [YAML_SOURCE_ENV] = KEYS_SOURCE_ENV,
                                                   [YAML_SOURCE_EXEC] = KEYS_SOURCE_EXEC };
    enum keys_source_kind kind = kinds[from->client_secret.source];
    return kind == KEYS_SOURCE_NONE ? 0 : keys_source_read(kind, from->client_secret.name, out);
}

static int build_issuers(struct surfaces *s)
{
    const struct config_identity *identity = &s->config->identity;
    for (size_t i = 0; i < identity->oidc.n; i++) {
        const struct config_issuer *from = &identity->oidc.items[i];
        if (!from->client_id.n || s->n_issuers == API_ISSUERS) continue;
        int error = read_secret(from, &s->secrets[s->n_issuers]);
        if (error) return error;
        s->issuers[s->n_issuers] = (struct api_issuer){
            .client = { .issuer = from->issuer,
                        .id = from->client_id,
                        .secret = secret_bytes(&s->secrets[s->n_issuers]),
                        .scopes = from->scopes,
                        .resource = from->resource },
            .login_client = from->login_client_id.n                          ? from->login_client_id
                            : from->client_secret.source == YAML_SOURCE_NONE ? from->client_id
                                                                             : (struct bytes){ 0 },
            .audience = from->audience,
            .id = { .issuer = from->issuer,
                    .audience = from->client_id,
                    .jwks_file = from->jwks,
                    .user_claim = from->user_claim,
                    .groups_claim = from->groups_claim,
                    .machine_claim = from->machine_claim,
                    .machine_value = from->machine_value,
                    .leeway_s = from->leeway_us / 1000000 },
        };
        s->n_issuers++;
    }
    return 0;
}

static int build_tls(struct surfaces *s)
{
    const struct config_tls *tls = &s->config->admin.tls;
    const char *error = NULL;
    bool remote = false;
    for (size_t i = 0; i < s->config->admin.listen.n; i++)
        remote = remote || !s->config->admin.listen.items[i].local;
    if (!tls->certificate.n && remote) tls = &s->config->tls;
    if (!tls->certificate.n) return 0;
    int status =
        tls_server_new((const char *)tls->certificate.p, (const char *)tls->key.p, NULL, &s->tls, &error);
    if (status)
        log_line(LOG_ERROR, "admin: tls: %.*s: %s", BYTES_FMT(tls->certificate), error ? error : "no memory");
    else
        tls_server_speak_http(s->tls);
    return status;
}

static int open_listeners(struct surfaces *s, int *fds, size_t *n_out)
{
    for (size_t i = 0; i < s->config->admin.listen.n && i < LISTENERS; i++) {
        char text[256], said[ADDRESS_TEXT];
        struct address address;
        snprintf(text, sizeof text, "%.*s", BYTES_FMT(s->config->admin.listen.items[i].text));
        int error = address_of_listen(text, &address);
        if (!error) error = listener_open(&address, &fds[i]);
        if (error) {
            log_line(LOG_ERROR, "admin: listen: %s: %s", text, strerror(-error));
            return error;
        }
        *n_out = i + 1;
        address_format(&address, said);
        log_line(LOG_INFO, "the API listens on %s%s", said, s->tls ? " (https)" : "");
    }
    return 0;
}

/* "127.0.0.1:6432" without its port. */
static uint16_t database_place(struct surfaces *s)
{
    const struct address *a = s->options.database;
    if (!a || address_is_unix(a)) return 0;
    address_format(a, s->host);
    char *colon = strrchr(s->host, ':');
    if (colon) *colon = 0;
    bool v6 = a->storage.ss_family == AF_INET6;
    return ntohs(v6 ? ((const struct sockaddr_in6 *)&a->storage)->sin6_port
                    : ((const struct sockaddr_in *)&a->storage)->sin_port);
}

static int start_api(struct surfaces *s)
{
    int fds[LISTENERS];
    size_t n = 0;
    int error = open_listeners(s, fds, &n);
    if (error) {
        for (size_t i = 0; i < n; i++)
            close(fds[i]);
        return error;
    }
    uint16_t port = database_place(s);
    struct api_options options = { .clock = s->options.workers->clock,
                                   .data = s->options.data,
                                   .listeners = fds,
                                   .n_listeners = n,
                                   .tls = s->tls,
                                   .url = s->config->admin.url,
                                   .issuers = s->issuers,
                                   .n_issuers = s->n_issuers,
                                   .session_us = s->config->admin.session_us,
                                   .open_metrics = s->config->admin.metrics == CONFIG_METRICS_OPEN,
                                   .host = bytes_of(s->host),
                                   .port = port,
                                   .keys = s->options.keys,
                                   .far = s->options.far,
                                   .journal = s->options.journal,
                                   .log = s->options.log,
                                   .desk = s->options.desk,
                                   .seed = s->options.workers->seed,
                                   .snapshot = give_snapshot,
                                   .roles = give_roles,
                                   .kill = kill_session,
                                   .minted = s->options.workers->minted,
                                   .end_login = end_login,
                                   .catalog = give_catalog,
                                   .claim = claim,
                                   .health = give_health,
                                   .page = give_page,
                                   .context = s };
    return api_start(&options, &s->api);
}

int surfaces_start(const struct surfaces_options *options, struct surfaces **out)
{
    *out = NULL;
    if (!options->config->admin.at) return 0;
    struct surfaces *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->options = *options;
    s->config = config_ref(options->config);
    s->now = config_ref(options->config);
    pthread_mutex_init(&s->lock, NULL);
    int error = build_issuers(s);
    if (!error) error = build_tls(s);
    if (!error) error = start_api(s);
    if (error) {
        log_line(LOG_ERROR, "the API cannot start: %s", strerror(-error));
        surfaces_free(s);
        return error;
    }
    *out = s;
    return 0;
}

void surfaces_reload(struct surfaces *s, const struct config *config)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    const struct config *old = s->now;
    s->now = config_ref(config);
    pthread_mutex_unlock(&s->lock);
    config_unref(old);
}

void surfaces_wake(struct surfaces *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->api) api_wake(s->api);
    pthread_mutex_unlock(&s->lock);
}

void surfaces_stop(struct surfaces *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    struct api *api = s->api;
    s->api = NULL;
    pthread_mutex_unlock(&s->lock);
    api_stop(api);
}

void surfaces_free(struct surfaces *s)
{
    if (!s) return;
    surfaces_stop(s);
    tls_server_free(s->tls);
    for (size_t i = 0; i < API_ISSUERS; i++)
        secret_free(&s->secrets[i]);
    config_unref(s->now);
    config_unref(s->config);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
