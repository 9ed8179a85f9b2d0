/* postern store publish, schema */
#include "app/commands.h"
#include "app/index-server.h"
#include "app/store.h"
#include "cli/progress.h"
#include "record/publish-schema.h"
#include "record/publish.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>

/* ---- publish */

static const struct cli_option publish_options[] = {
    { "all", 0, NULL, "Compare everything with what is there, not only what is known to have changed" },
    { "replace", 0, NULL, "Take this log's name over from another log, whose rows go" },
    { 0 },
};

static const struct config *load(const struct cli_call *call)
{
    const char *path = cli_option(call, "config");
    struct yaml_errors errors;
    struct buf out;
    yaml_errors_init(&errors);
    buf_init(&out, 1 << 20);
    const struct config *config = config_load(path ? path : "postern.yaml", &errors);
    if (!config) {
        yaml_errors_print(&errors, &out);
        fprintf(call->world->err, "%.*s", BYTES_FMT(buf_bytes(&out)));
    } else if (!config->store.postgres.hosts.n) {
        cli_fail(call, "the configuration has no index in PostgreSQL (store.index)");
        config_unref(config);
        config = NULL;
    }
    buf_free(&out);
    yaml_errors_free(&errors);
    return config;
}

static bool read_origin(struct store *s, char origin[256])
{
    char path[EVIDENCE_PATH + 16];
    uint8_t key[32];
    struct bytes name = { 0 };
    struct buf text;
    snprintf(path, sizeof path, "%s/log.pub", s->e.data);
    buf_init(&text, 4096);
    int error = verifier_key_load(path, key, &text);
    if (!error && !verifier_key_parse(buf_bytes(&text), key, &name)) error = -EBADMSG;
    if (error) cli_fail(s->call, "the public key %s: %s", path, strerror(-error));
    snprintf(origin, 256, "%.*s", BYTES_FMT(name));
    buf_free(&text);
    return !error;
}

static bool note(struct store *s, const char *how)
{
    struct buf body;
    buf_init(&body, 4096);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "event", "publish");
    frame_fields_add_text(&f, "by", s->by);
    frame_fields_add_text(&f, "how", how);
    bool good = store_note(s, buf_bytes(&body));
    buf_free(&body);
    return good;
}

static int bring(struct store *s, struct publish *p, struct postgres *pg, uint64_t *rows_out, char *why)
{
    struct progress bar = progress_begin(s->call, "publishing");
    struct publish_news news;
    enum publish_outcome outcome;
    while ((outcome = publish_step(p, pg, &news, why)) == PUBLISH_MORE) {
        *rows_out += news.rows;
        progress_show(&bar, *rows_out, 0);
    }
    progress_end(&bar);
    return outcome == PUBLISH_DONE ? 0 : -EIO;
}

/* No gateway runs: it is done here. */
static int publish_here(struct store *s, const struct config *config)
{
    char why[POSTGRES_WHY] = "", origin[256];
    uint64_t rows = 0;
    struct postgres *pg = NULL;
    if (!read_origin(s, origin)) return CLI_FAILED;
    struct publish_options options = { .log = s->e.log,
                                       .origin = origin,
                                       .program = "postern " POSTERN_VERSION,
                                       .schema = config->store.postgres.schema,
                                       .index = s->e.index };
    struct publish *p = publish_new(&options);
    if (!p) return cli_fail(s->call, "there is no memory");
    int error = index_server_open(&config->store.postgres, -1, &pg, why);
    if (!error) error = publish_attach(p, pg, why);
    if (error == -EAGAIN && !*why)
        error = 0; /* nothing is in the log */
    else if (!error)
        error = bring(s, p, pg, &rows, why);
    publish_free(p);
    postgres_close(pg);
    if (error) return cli_fail(s->call, "the index cannot be published: %s", *why ? why : strerror(-error));
    fprintf(s->call->world->out, "%" PRIu64 " rows were brought; the shared index has all\n", rows);
    return CLI_YES;
}

static int publish(struct store *s, const struct config *config)
{
    bool replace = cli_option(s->call, "replace"), all = cli_option(s->call, "all") || replace;
    struct publish_state state;
    uint64_t waiting = 0;
    if (all && !note(s, replace ? "replace" : "all")) return CLI_FAILED;
    int error = publish_outbox_open(s->e.index, &state);
    if (!error && all) error = publish_outbox_restart(s->e.index, replace, &state);
    if (!error) error = publish_outbox_count(s->e.index, INT64_MAX, &waiting);
    if (error) return cli_fail(s->call, "the index %s: %s", s->e.index_path, strerror(-error));
    if (!s->running) return publish_here(s, config);
    if (state.walk < publish_n_tables)
        fprintf(s->call->world->out, "the running gateway compares everything with what is there\n");
    else
        fprintf(s->call->world->out, "%" PRIu64 " rows wait for the running gateway to bring them\n",
                waiting);
    return CLI_YES;
}

static int run_publish(struct cli_call *call)
{
    struct store s;
    const struct config *config = load(call);
    if (!config) return CLI_FAILED;
    signal(SIGPIPE, SIG_IGN);
    unsigned record = cli_option(call, "all") || cli_option(call, "replace") ? STORE_RECORD : 0;
    int code = store_open(call, STORE_INDEX | record, &s) ? publish(&s, config) : CLI_FAILED;
    store_close(&s);
    config_unref(config);
    return code;
}

const struct cli_command command_store_publish = {
    .name = "store publish",
    .summary = "Bring the index to the PostgreSQL that several gateways share",
    .arguments = "",
    .options = publish_options,
    .notes = "A running gateway does so by itself: beside one, it says how many rows wait, and --all and "
             "--replace are "
             "the\ngateway's to carry out. The shared index is store.index of the configuration.",
    .run = run_publish,
};

/* ---- schema */

static const struct cli_option schema_options[] = {
    { "schema", 0, "NAME", "The schema's name; the default is postern" },
    { "from", 0, "STEP", "Behind this step; the default is 0, which is nothing" },
    { "to", 0, "STEP", "Up to this one; the default is the newest" },
    { 0 },
};

static int run_schema(struct cli_call *call)
{
    uint64_t from, to;
    const char *name = cli_option(call, "schema");
    if (!cli_option_number(call, "from", 0, publish_schema_steps, &from) ||
        !cli_option_number(call, "to", publish_schema_steps, publish_schema_steps, &to))
        return CLI_FAILED;
    struct buf out;
    buf_init(&out, 1 << 20);
    for (uint64_t i = from; i < to; i++) {
        publish_schema_write(i, bytes_of(name ? name : "postern"), &out);
        buf_append_text(&out, "\n");
    }
    cli_write(call, &out);
    buf_free(&out);
    return CLI_YES;
}

const struct cli_command command_store_schema = {
    .name = "store schema",
    .summary = "Print the SQL that makes the shared index's tables and views",
    .arguments = "",
    .options = schema_options,
    .notes =
        "Gateways run it by themselves. It is for reading, or for whoever wants to run it before they come.",
    .run = run_schema,
};
