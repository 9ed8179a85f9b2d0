/* One process: the main thread waits for signals; workers, the sequencer, the key fetcher, the resolver, the
 * follower and the control socket have a thread each; two children hold keys and parse long texts. Order of
 * the start: children first (they fork while there is one thread), then the log, then what needs it,
 * listeners last; the end goes the other way. */
#include "app/gateway.h"
#include "app/anchors.h"
#include "app/approvals.h"
#include "app/archive-far.h"
#include "app/archive.h"
#include "app/child.h"
#include "app/config.h"
#include "app/control.h"
#include "app/follower.h"
#include "app/keeper.h"
#include "app/keys-child.h"
#include "app/logins.h"
#include "app/notices.h"
#include "app/parser-child.h"
#include "app/publisher.h"
#include "app/retention.h"
#include "app/stream.h"
#include "app/surfaces.h"
#include "app/targets.h"
#include "app/understander.h"
#include "app/worker.h"
#include "base/log.h"
#include "net/listener.h"
#include "policy/compile.h"
#include "record/journal.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTENERS = 16, PATH = 1024 };

struct gateway {
    const struct gateway_options *options;
    const struct config *config;
    char data[PATH], origin[256];
    struct arena arena; /* what children are told */
    struct keys_child *keys_child;
    struct parser_child *parser_child;
    struct keys_login *logins;
    size_t n_logins;
    struct record_keys record_keys, follower_keys, surface_keys, stream_keys[CONFIG_STREAMS];
    struct record_log *log;
    struct archive_store *store; /* NULL, with the two below: there is no archive */
    struct archive_far *far;
    struct archive *archive;
    struct publisher *publisher; /* NULL: the index is not published */
    struct journal *journal;     /* what the gateway itself has to say, from any thread but the workers' */
    struct workers workers;
    struct follower *follower;
    struct streams *streams;
    struct keeper *keeper;
    struct understander *understander;
    struct control *control;
    struct surfaces *surfaces;
    struct approvals *approvals;
    struct anchors *anchors;
    struct retention *retention;
    int listeners[LISTENERS]; /* of the worker that is being started; Unix sockets stay for all */
    struct address addresses[LISTENERS];
    size_t n_addresses;
    bool lost; /* atomic: a child is gone */
    pthread_t main_thread;
};

/* ---- what other threads tell */

static void on_room(void *context, unsigned lane)
{
    struct gateway *g = context;
    /* The sequencer runs before the workers do, and after them. */
    struct worker **all = __atomic_load_n(&g->workers.all, __ATOMIC_ACQUIRE);
    struct worker *worker = all && lane < g->workers.n ? __atomic_load_n(&all[lane], __ATOMIC_ACQUIRE) : NULL;
    if (worker) worker_room(worker);
}

static void on_blocks(void *context)
{
    struct gateway *g = context;
    struct follower *follower = __atomic_load_n(&g->follower, __ATOMIC_ACQUIRE);
    if (follower) follower_wake(follower);
    struct archive *archive = __atomic_load_n(&g->archive, __ATOMIC_ACQUIRE);
    if (archive) archive_wake(archive);
    streams_wake(__atomic_load_n(&g->streams, __ATOMIC_ACQUIRE));
    struct control *control = __atomic_load_n(&g->control, __ATOMIC_ACQUIRE);
    if (control) control_blocks(control);
    struct surfaces *surfaces = __atomic_load_n(&g->surfaces, __ATOMIC_ACQUIRE);
    if (surfaces) surfaces_wake(surfaces);
}

static void on_keys(void *context)
{
    struct gateway *g = context;
    struct worker **all = __atomic_load_n(&g->workers.all, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; all && i < g->workers.n; i++) {
        struct worker *worker = __atomic_load_n(&all[i], __ATOMIC_ACQUIRE);
        if (worker) worker_keys(worker);
    }
}

static void on_catalog(void *context, unsigned number, struct keeper_news *news)
{
    struct gateway *g = context;
    struct worker **all = __atomic_load_n(&g->workers.all, __ATOMIC_ACQUIRE);
    struct worker *worker = all ? __atomic_load_n(&all[number], __ATOMIC_ACQUIRE) : NULL;
    if (worker)
        worker_catalog(worker, news);
    else
        keeper_news_free(news);
}

static void on_reload(void *context)
{
    struct gateway *g = context;
    pthread_kill(g->main_thread, SIGHUP);
}

static void on_child_lost(void *context)
{
    struct gateway *g = context;
    __atomic_store_n(&g->lost, true, __ATOMIC_SEQ_CST);
    pthread_kill(g->main_thread, SIGTERM);
}

/* ---- configuration */

static const struct config *load(const char *path)
{
    struct yaml_errors errors;
    struct buf text;
    yaml_errors_init(&errors);
    const struct config *config = config_load(path, &errors);
    buf_init(&text, 1 << 20);
    if (!config) {
        yaml_errors_print(&errors, &text);
        fprintf(stderr, "%.*s", BYTES_FMT(buf_bytes(&text)));
    }
    buf_free(&text);
    yaml_errors_free(&errors);
    return config;
}

/* The log's name: the one that its key file carries, or a new one after this machine. */
static void choose_origin(struct gateway *g)
{
    char path[PATH + 16], host[64] = "localhost";
    snprintf(path, sizeof path, "%s/log.pub", g->data);
    FILE *file = fopen(path, "r");
    if (file && fscanf(file, "%200[^+ \n]", g->origin) == 1) {
        fclose(file);
        return;
    }
    if (file) fclose(file);
    gethostname(host, sizeof host - 1);
    snprintf(g->origin, sizeof g->origin, "postern/%s", host);
}

/* ---- the parts, in the order in which they start */

static int start_children(struct gateway *g)
{
    struct keys_options keys = { .folder = g->data,
                                 .origin = g->origin,
                                 .key_source = logins_source_text(&g->config->store.key, &g->arena),
                                 .logins = g->logins,
                                 .n_logins = g->n_logins,
                                 .n_clients = g->workers.n + 4 + (unsigned)g->config->streams.n };
    struct parser_options parser = { .understand = parser_understand_sql, .n_clients = g->workers.n };
    int error = keys_child_start(&keys, &g->keys_child);
    if (!error) error = parser_child_start(&parser, &g->parser_child);
    return error;
}

static int start_log(struct gateway *g)
{
    char folder[PATH + 16];
    snprintf(folder, sizeof folder, "%s/log", g->data);
    int error = keys_client_record_keys(keys_child_client(g->keys_child, g->workers.n), &g->record_keys);
    if (!error)
        error =
            keys_client_record_keys(keys_child_client(g->keys_child, g->workers.n + 1), &g->follower_keys);
    if (!error)
        error = keys_client_record_keys(keys_child_client(g->keys_child, g->workers.n + 3), &g->surface_keys);
    for (unsigned i = 0; i < g->config->streams.n && !error; i++)
        error = keys_client_record_keys(keys_child_client(g->keys_child, g->workers.n + 4 + i),
                                        &g->stream_keys[i]);
    struct record_options options = { .folder = folder,
                                      .origin = g->origin,
                                      .n_lanes = g->workers.n + 2, /* that of the desk, and the journal's */
                                      .segment_bytes = (uint64_t)g->config->store.segment,
                                      .segment_us =
                                          g->config->store.bucket.n ? g->config->store.seal_after_us : 0,
                                      .clock = &clock_system,
                                      .keys = &g->record_keys,
                                      .on_room = on_room,
                                      .on_blocks = on_blocks,
                                      .context = g };
    return error ? error : record_log_open(&options, &g->log);
}

static int start_archive(struct gateway *g)
{
    int error = archive_store_open(g->config, &clock_system, &g->store);
    if (!error) error = archive_far_new(g->config, &clock_system, g->store, &g->far);
    if (error || !g->store) return error;
    struct archive_options options = {
        .store = g->store, .clock = &clock_system, .data = g->data, .origin = g->origin, .log = g->log
    };
    struct archive *archive = NULL;
    error = archive_start(&options, &archive);
    __atomic_store_n(&g->archive, archive, __ATOMIC_RELEASE);
    return error;
}

static int start_publisher(struct gateway *g)
{
    struct publisher_options options = {
        .config = g->config, .data = g->data, .origin = g->origin, .clock = &clock_system, .log = g->log
    };
    return publisher_start(&options, &g->publisher);
}

static int start_streams(struct gateway *g)
{
    struct streams_options options = { .config = g->config,
                                       .data = g->data,
                                       .gateway = bytes_of(g->origin),
                                       .keys = g->stream_keys,
                                       .far = archive_far_reach(g->far),
                                       .clock = &clock_system };
    struct streams *streams = NULL;
    int error = streams_start(&options, &streams);
    __atomic_store_n(&g->streams, streams, __ATOMIC_RELEASE);
    return error;
}

static int start_tls(struct gateway *g)
{
    const struct config_tls *tls = &g->config->tls;
    const char *error = NULL;
    if (!tls->certificate.n) return 0;
    const char *ca = tls->client_ca.n ? (const char *)tls->client_ca.p : NULL;
    int status = tls_server_new((const char *)tls->certificate.p, (const char *)tls->key.p, ca,
                                &g->workers.tls, &error);
    if (status)
        log_line(LOG_ERROR, "tls: %.*s: %s", BYTES_FMT(tls->certificate), error ? error : "no memory");
    return status;
}

/* TCP listeners are opened for each worker (SO_REUSEPORT), Unix sockets once. A port of 0 is settled by the
 * first. */
static int open_listeners(struct gateway *g, bool first)
{
    if (first) {
        for (size_t i = 0; i < g->config->listen.n && i < LISTENERS; i++) {
            char text[256];
            snprintf(text, sizeof text, "%.*s", BYTES_FMT(g->config->listen.items[i].text));
            if (address_of_listen(text, &g->addresses[i])) {
                log_line(LOG_ERROR, "listen: %s is not an address", text);
                return -EINVAL;
            }
            g->n_addresses = i + 1;
        }
    }
    for (size_t i = 0; i < g->n_addresses; i++) {
        if (!first && address_is_unix(&g->addresses[i])) continue;
        int error = listener_open(&g->addresses[i], &g->listeners[i]);
        char text[ADDRESS_TEXT];
        address_format(&g->addresses[i], text);
        if (error) {
            log_line(LOG_ERROR, "listen: %s: %s", text, strerror(-error));
            return error;
        }
        if (first) log_line(LOG_INFO, "listening on %s", text);
    }
    return 0;
}

/* Its client of the keys child stands behind the workers' and the log's two; the surfaces' is the last. */
static int start_keeper(struct gateway *g)
{
    struct keeper_options options = { .clock = g->workers.clock,
                                      .resolver = g->workers.resolver,
                                      .keys = keys_child_client(g->keys_child, g->workers.n + 2),
                                      .n_workers = g->workers.n,
                                      .tell = on_catalog,
                                      .on_child_lost = on_child_lost,
                                      .context = g };
    return keeper_start(&options, &g->keeper);
}

static int start_workers(struct gateway *g)
{
    struct worker **all = calloc(g->workers.n + 1, sizeof(struct worker *));
    if (!all) return -ENOMEM;
    __atomic_store_n(&g->workers.all, all, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < g->workers.n; i++) {
        int error = open_listeners(g, i == 0);
        if (error) return error;
        struct worker_options options = { .shared = &g->workers,
                                          .number = i,
                                          .lane = record_log_lane(g->log, i),
                                          .keys = keys_child_client(g->keys_child, i),
                                          .parser = parser_child_client(g->parser_child, i),
                                          .keeper = g->keeper,
                                          .understander = g->understander,
                                          .listeners = g->listeners,
                                          .n_listeners = g->n_addresses,
                                          .on_child_lost = on_child_lost,
                                          .context = g };
        struct worker *worker;
        error = worker_start(&options, &worker);
        if (error) return error;
        __atomic_store_n(&all[i], worker, __ATOMIC_RELEASE);
    }
    return 0;
}

static int make_data_folder(struct gateway *g)
{
    snprintf(g->data, sizeof g->data, "%.*s", BYTES_FMT(g->config->data));
    if (mkdir(g->data, 0700) && errno != EEXIST) {
        int error = -errno;
        log_line(LOG_ERROR, "data: %s cannot be made: %s", g->data, strerror(errno));
        return error;
    }
    return 0;
}

/* The limits of the machine should not be the gateway's: a session takes two descriptors. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int start_surfaces(struct gateway *g)
{
    struct surfaces_options options = { .config = g->config,
                                        .data = g->data,
                                        .workers = &g->workers,
                                        .log = g->log,
                                        .journal = g->journal,
                                        .streams = g->streams,
                                        .anchors = g->anchors,
                                        .keys = &g->surface_keys,
                                        .desk = approvals_desk(g->approvals),
                                        .keeper = g->keeper,
                                        .archive = g->archive,
                                        .far = archive_far_reach(g->far),
                                        .publisher = g->publisher,
                                        .database = &g->addresses[0],
                                        .lost = &g->lost };
    struct surfaces *surfaces = NULL;
    int error = surfaces_start(&options, &surfaces);
    __atomic_store_n(&g->surfaces, surfaces, __ATOMIC_RELEASE);
    return error;
}

/* What policies are in force from now on stands in the record before a session runs under them. */
static bool record_policies(struct gateway *g, const struct config *config, const char *event,
                            struct bytes was)
{
    struct buf body;
    buf_init(&body, 4096);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "event", event);
    frame_fields_add(&f, "hash", policy_snapshot_hash(config->policies));
    frame_fields_add(&f, "was", was);
    frame_fields_add_number(&f, "policies", (int64_t)policy_snapshot_n(config->policies));
    bool good = !body.failed && journal_write(g->journal, FRAME_GATEWAY, buf_bytes(&body));
    buf_free(&body);
    return good;
}

static int start_journal(struct gateway *g)
{
    g->journal = journal_new(record_log_lane(g->log, g->workers.n + 1), g->workers.clock);
    if (!g->journal) return -ENOMEM;
    if (!record_policies(g, g->config, "policies loaded", (struct bytes){ 0 }))
        log_line(LOG_WARNING, "that policies were loaded cannot be recorded now");
    return 0;
}

/* They are asked for at the API alone: where there is none, every client is asked for a token. */
static int make_minted(struct gateway *g)
{
    const struct config_minted *from = &g->config->identity.minted;
    if (!from->lifetime_us) return 0;
    g->workers.minted = minted_new(&(struct minted_options){ .clock = g->workers.clock,
                                                             .lifetime_us = from->lifetime_us,
                                                             .most_of_one = (size_t)from->per_principal,
                                                             .seed = g->workers.seed });
    return g->workers.minted ? 0 : -ENOMEM;
}

static int start(struct gateway *g)
{
    unsigned n = (unsigned)g->config->workers;
    g->workers =
        (struct workers){ .clock = &clock_system,
                          .n = n,
                          .most_sessions = (size_t)g->config->limits.sessions,
                          .most_unauthenticated = ((size_t)g->config->limits.unauthenticated + n - 1) / n };
    pthread_mutex_init(&g->workers.lock, NULL);
    if (getrandom(&g->workers.seed, sizeof g->workers.seed, 0) != sizeof g->workers.seed) return -EIO;
    int error = make_data_folder(g);
    if (error) return error;
    choose_origin(g);
    if (!logins_of_config(g->config, &g->arena, &g->logins, &g->n_logins)) return -ENOMEM;
    error = start_children(g);
    /* The log's client of the keys child is nobody's yet. */
    if (!error)
        error = approvals_open(g->data, g->config, keys_child_client(g->keys_child, g->workers.n),
                               &clock_system, g->workers.seed, &g->approvals);
    g->workers.desk = approvals_desk(g->approvals);
    if (!error) error = notices_start(g->config, g->workers.desk, g->workers.clock, &g->workers.notices);
    if (!error) error = start_log(g);
    if (!error) error = start_archive(g);
    if (!error) error = start_publisher(g);
    if (!error)
        approvals_record(g->approvals, record_log_lane(g->log, g->workers.n)); /* behind the workers' */
    if (!error && g->config->admin.at) error = make_minted(g);
    if (!error) error = start_journal(g);
    if (!error) error = anchors_start(g->config, g->data, g->journal, g->workers.clock, &g->anchors);
    if (!error) error = budgets_open(g->data, &clock_system, g->workers.seed, &g->workers.budgets);
    if (!error) error = resolver_new(&g->workers.resolver);
    if (!error) error = start_tls(g);
    g->workers.snapshot = error ? NULL : targets_of_config(g->config, on_keys, g);
    if (!error && !g->workers.snapshot) error = -EINVAL;
    if (!error) error = start_keeper(g);
    if (!error) error = understander_start(g->workers.clock, &g->understander);
    if (!error) error = start_workers(g);
    if (!error) {
        struct follower *follower = NULL;
        error = follower_start(g->data, &g->follower_keys, archive_far_reach(g->far), &follower);
        __atomic_store_n(&g->follower, follower, __ATOMIC_RELEASE);
    }
    if (!error) error = start_streams(g);
    if (!error) {
        struct control_options options = { g->data, &g->workers, g->log, g->journal, on_reload, g };
        struct control *control = NULL;
        error = control_start(&options, &control);
        __atomic_store_n(&g->control, control, __ATOMIC_RELEASE);
    }
    if (!error) error = start_surfaces(g);
    if (!error) {
        struct retention_options options = { g->data, &g->workers, g->log, g->journal, &clock_system };
        error = retention_start(&options, &g->retention);
    }
    return error;
}

/* A bad file leaves the good configuration running. What is settled at the start (listeners, workers, the
 * data folder, issuers) stays as it is until a restart. */
static void reload(struct gateway *g)
{
    streams_reopen(g->streams); /* also where the configuration is bad: files were rotated all the same */
    const struct config *config = load(g->options->config);
    struct session_snapshot *snapshot = config ? targets_of_config(config, on_keys, g) : NULL;
    if (!snapshot || !logins_of_config(config, &g->arena, &g->logins, &g->n_logins) ||
        keys_child_set_logins(g->keys_child, g->logins, g->n_logins)) {
        log_line(LOG_ERROR, "reload: the new configuration is not used; the old one goes on");
        session_snapshot_release(snapshot);
        config_unref(config);
        return;
    }
    if (!bytes_equal(policy_snapshot_hash(config->policies), policy_snapshot_hash(g->config->policies)) &&
        !record_policies(g, config, "policies changed", policy_snapshot_hash(g->config->policies)))
        log_line(LOG_WARNING, "that policies changed cannot be recorded now");
    pthread_mutex_lock(&g->workers.lock);
    struct session_snapshot *old = g->workers.snapshot;
    g->workers.snapshot = snapshot;
    pthread_mutex_unlock(&g->workers.lock);
    session_snapshot_release(old);
    surfaces_reload(g->surfaces, config);
    publisher_reload(g->publisher, config);
    config_unref(g->config);
    g->config = config;
    log_line(LOG_INFO, "reload: new sessions use the new configuration");
}

static void say_ready(struct gateway *g)
{
    char text[ADDRESS_TEXT], line[ADDRESS_TEXT + 16];
    log_line(LOG_INFO, "postern is ready");
    if (g->options->ready_fd < 0) return;
    address_format(&g->addresses[0], text);
    int n = snprintf(line, sizeof line, "ready %s\n", text);
    ssize_t written = write(g->options->ready_fd, line, (size_t)n);
    (void)written;
    close(g->options->ready_fd);
}

static void wait_for_signals(struct gateway *g, const sigset_t *signals)
{
    for (;;) {
        int signal_number;
        if (sigwait(signals, &signal_number)) continue;
        if (signal_number == SIGHUP) {
            reload(g);
            continue;
        }
        log_line(LOG_INFO, "stopping");
        return;
    }
}

static void stop(struct gateway *g)
{
    struct control *control = g->control;
    __atomic_store_n(&g->control, NULL, __ATOMIC_RELEASE);
    retention_stop(g->retention);
    archive_store_cancel(g->store); /* nobody waits for the bucket from here on */
    surfaces_stop(g->surfaces);
    struct worker **all = g->workers.all;
    for (unsigned i = 0; all && i < g->workers.n; i++)
        if (all[i]) worker_stop(all[i]);
    for (unsigned i = 0; all && i < g->workers.n; i++)
        if (all[i]) worker_join(all[i]);
    keeper_stop(g->keeper);
    understander_stop(g->understander);
    /* Workers, the sequencer, the keeper, the issuers' fetcher and the control socket call workers: they are
     * freed last. */
    resolver_free(g->workers.resolver);
    for (unsigned i = 0; all && i < g->workers.n; i++)
        if (all[i]) worker_drain(all[i]);
    keeper_free(g->keeper);
    control_stop(control);
    approvals_close(g->approvals);
    notices_stop(g->workers.notices); /* what the desk withdrew just now is told as well */
    anchors_stop(g->anchors);
    archive_stop(g->archive);
    publisher_leave_log(g->publisher);
    if (g->log) record_log_close(g->log);
    surfaces_free(g->surfaces);
    anchors_free(g->anchors);
    control_free(control);
    journal_free(g->journal);
    follower_stop(g->follower);
    publisher_stop(g->publisher); /* what was followed last goes out as well */
    streams_stop(g->streams);
    archive_free(g->archive); /* the sequencer woke it up to its end */
    archive_far_free(g->far);
    archive_store_free(g->store);
    if (g->keys_child) keys_child_stop(g->keys_child);
    if (g->parser_child) parser_child_stop(g->parser_child);
    session_snapshot_release(g->workers.snapshot);
    for (unsigned i = 0; all && i < g->workers.n; i++)
        worker_free(all[i]);
    minted_free(g->workers.minted);
    budgets_close(g->workers.budgets);
    tls_server_free(g->workers.tls);
    config_unref(g->config);
    arena_free(&g->arena);
    free(all);
}

int gateway_run(const struct gateway_options *options)
{
    struct gateway g = { .options = options, .main_thread = pthread_self() };
    sigset_t signals;
    child_forbid_dumps();
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* every thread inherits it: only sigwait takes them */
    arena_init(&g.arena, 4096, 64 << 20);
    raise_descriptor_limit();
    g.config = load(options->config);
    if (!g.config) return 2;
    int error = start(&g);
    if (error) {
        log_line(LOG_ERROR, "postern cannot start: %s", strerror(-error));
    } else {
        say_ready(&g);
        wait_for_signals(&g, &signals);
    }
    stop(&g);
    return error || __atomic_load_n(&g.lost, __ATOMIC_SEQ_CST) ? 2 : 0;
}
