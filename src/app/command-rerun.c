/* postern sessions rerun: what was recorded, the database, the question whether it may be that one, the line
 * in the log, and then statement by statement. */
#include "app/commands.h"
#include "app/log-note.h"
#include "app/rerun-place.h"
#include "base/log.h"
#include "cli/rerun-print.h"
#include "cli/safe.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUT_CEILING = 1 << 30, NOW_CHUNK = 1 << 20 };
#define NOW_CEILING ((size_t)4 << 30)

static const struct cli_option options[] = {
    { "on", 0, "CONNECTION",
      "Where: a libpq connection string or URI of a scratch database, or a connection's name" },
    { "ordered", 0, NULL, "Compare rows in order, also where a statement asks for none" },
    { "strict", 0, NULL, "What is expected to differ (now(), random(), sequences) counts as different" },
    { "differences", 0, NULL, "Show only statements that differ, or were not run" },
    { "on-production", 0, NULL, "Also on a database that is taken for production" },
    { "yes-really", 0, "DATABASE", "With --on-production: its name once more, instead of typing it" },
    { 0 },
};

struct rerun {
    struct cli_call *call;
    struct evidence evidence;
    const struct config *config; /* NULL: none is known */
    struct rerun_script script;
    struct rerun_server *server, *aside;
    struct rerun_differ differ;
    struct arena compared;
    struct rerun_print print;
    struct rerun_sum sum;
    struct buf out;
};

/* ---- may it be this database? */

static bool typed(const struct cli_call *call, const char *database)
{
    char line[256];
    fprintf(call->world->err, "Type the name of the database to go on: ");
    fflush(call->world->err);
    if (!fgets(line, sizeof line, stdin)) return false;
    line[strcspn(line, "\n")] = 0;
    return strcmp(line, database) == 0;
}

/* Told twice: by one option, and by the name of what is at stake. */
static bool was_told_twice(const struct cli_call *call, const char *database, struct bytes why)
{
    const char *really = cli_option(call, "yes-really");
    if (!cli_option(call, "on-production")) {
        cli_fail(
            call,
            "database \"%s\" is taken for production: %.*s.\nWhat the session commits is committed there. "
            "Make a copy (createdb -T) and name that, or say --on-production",
            database, BYTES_FMT(why));
        return false;
    }
    if (really && strcmp(really, database) == 0) return true;
    if (really || !isatty(STDIN_FILENO)) {
        cli_fail(call, "--on-production wants to be told twice: --yes-really \"%s\"", database);
        return false;
    }
    if (typed(call, database)) return true;
    cli_fail(call, "that is not its name; nothing was run");
    return false;
}

static bool may_run(struct rerun *r, bool named)
{
    struct rerun_place place = rerun_server_place(r->server);
    struct buf why;
    buf_init(&why, 4096);
    bool production = rerun_place_is_production(r->config, place, r->script.database, &why);
    if (!production && named) {
        buf_append_text(&why, "it is a connection of the gateway's");
        production = true;
    }
    bool good = !production || was_told_twice(r->call, place.database, buf_bytes(&why));
    buf_free(&why);
    return good;
}

/* ---- the connection */

static struct rerun_server *connect_to(struct rerun *r, const struct secret *string,
                                       const struct rerun_script *script)
{
    struct buf error, safe;
    buf_init(&error, 64 * 1024);
    buf_init(&safe, 256 * 1024);
    struct rerun_server *server = rerun_server_open((const char *)string->data, script, &error);
    struct bytes says = buf_bytes(&error);
    while (says.n && says.p[says.n - 1] == '\n')
        says.n--;
    safe_append(&safe, says, SAFE_LINES);
    if (!server) cli_fail(r->call, "%.*s", BYTES_FMT(buf_bytes(&safe)));
    buf_free(&error);
    buf_free(&safe);
    return server;
}

static bool reach(struct rerun *r)
{
    struct secret string = { 0 };
    bool named;
    const char *on = cli_option(r->call, "on");
    if (!on) {
        cli_fail(r->call,
                 "it wants --on CONNECTION: a scratch database, such as a copy made with createdb -T");
        return false;
    }
    bool good = rerun_place_find(r->call, r->config, on, r->script.database, &string, &named);
    if (good) r->server = connect_to(r, &string, &r->script);
    good = good && r->server && may_run(r, named);
    if (good) r->aside = connect_to(r, &string, NULL);
    secret_free(&string);
    return good && r->aside;
}

/* That somebody looked at the recording, and how, is in the log before anything of it is shown. */
static bool record_look(struct rerun *r)
{
    struct rerun_place place = rerun_server_place(r->server);
    char id[14];
    session_id_format(r->script.session, id);
    struct control_field fields[] = { { BYTES_LITERAL("what"), BYTES_LITERAL("looked") },
                                      { BYTES_LITERAL("session"), bytes_of(id) },
                                      { BYTES_LITERAL("how"), BYTES_LITERAL("rerun") },
                                      { BYTES_LITERAL("database"),
                                        bytes_slice(bytes_of(place.database), 0, 200) },
                                      { BYTES_LITERAL("host"), bytes_slice(bytes_of(place.host), 0, 200) } };
    return log_note(r->call, r->evidence.data, r->evidence.keys.encryption_key, fields,
                    sizeof fields / sizeof *fields);
}

/* ---- statement by statement */

static bool on_run(void *context, struct rerun_run *run)
{
    struct rerun *r = context;
    struct rerun_comparison c;
    arena_reset(&r->compared);
    if (!rerun_differ_run(&r->differ, run, &r->compared, &c)) {
        cli_fail(r->call, "there is no memory to compare #%u", run->sequence);
        return false;
    }
    if (!rerun_is_shown(run, &c)) return true;
    r->sum.of[c.verdict]++;
    r->sum.us_now += run->us_now;
    r->sum.us_then += rerun_us_then(run);
    rerun_print_run(&r->print, run, &c);
    if (buf_length(&r->out) > 64 * 1024) cli_write(r->call, &r->out);
    return !r->out.failed;
}

static int judge(const struct rerun *r)
{
    const uint64_t *of = r->sum.of;
    bool differs = of[RERUN_DIFFERS] || (of[RERUN_EXPECTED] && r->print.strict);
    return differs ? CLI_NO : CLI_YES;
}

static int play(struct rerun *r)
{
    struct rerun_player player = { .server = r->server, .on_run = on_run, .context = r };
    arena_init(&player.arena, NOW_CHUNK, NOW_CEILING);
    arena_init(&r->compared, NOW_CHUNK, NOW_CEILING);
    buf_init(&r->out, OUT_CEILING);
    rerun_differ_init(&r->differ, r->aside, cli_option(r->call, "ordered"));
    r->print = (struct rerun_print){ .out = &r->out,
                                     .script = &r->script,
                                     .colour = cli_coloured(r->call),
                                     .json = cli_option(r->call, "json"),
                                     .all = !cli_option(r->call, "differences"),
                                     .strict = cli_option(r->call, "strict") };
    rerun_print_begin(&r->print, rerun_server_place(r->server), rerun_server_version(r->server));
    bool good = rerun_play(&player, &r->script) == RERUN_ENDED;
    if (!good) cli_fail(r->call, "there is no memory for what the database answers");
    rerun_print_sum(&r->print, &r->sum, rerun_server_lost(r->server));
    cli_write(r->call, &r->out);
    rerun_differ_free(&r->differ);
    arena_free(&r->compared);
    arena_free(&player.arena);
    buf_free(&r->out);
    return good ? judge(r) : CLI_FAILED;
}

/* ---- the world */

/* With --data alone no configuration is known, and a database's name has to tell what is production. */
static bool load(struct rerun *r)
{
    const char *path = cli_option(r->call, "config");
    struct yaml_errors errors;
    struct buf out;
    if (!path && cli_option(r->call, "data")) return true;
    yaml_errors_init(&errors);
    buf_init(&out, 1 << 20);
    r->config = config_load(path ? path : "postern.yaml", &errors);
    if (!r->config) {
        yaml_errors_print(&errors, &out);
        fprintf(r->call->world->err, "%.*s", BYTES_FMT(buf_bytes(&out)));
    }
    buf_free(&out);
    yaml_errors_free(&errors);
    return r->config;
}

static int run(struct cli_call *call)
{
    struct rerun *r = calloc(1, sizeof *r);
    uint64_t session;
    if (!r) return cli_fail(call, "there is no memory");
    r->call = call;
    int code = CLI_FAILED;
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_WARNING);
    if (evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &r->evidence) && load(r) &&
        evidence_session(call, &r->evidence, call->arguments[0], &session) &&
        rerun_read(call, &r->evidence, session, &r->script) && reach(r) && record_look(r))
        code = play(r);
    rerun_server_close(r->aside);
    rerun_server_close(r->server);
    rerun_script_free(&r->script);
    if (r->config) config_unref(r->config);
    evidence_close(&r->evidence);
    free(r);
    return code;
}

const struct cli_command command_sessions_rerun = {
    .name = "sessions rerun",
    .summary = "Run a session again on a scratch database, and show where it comes out otherwise",
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .options = options,
    .notes =
        "What the session committed is committed on CONNECTION: give a scratch database that is as the\n"
        "recorded one was, such as a copy (createdb -T). A database that has the recorded one's name, or "
        "that\n"
        "the gateway serves, is refused unless told twice.\n"
        "Statements that were refused are not run. Rows are compared in any order where a statement has no\n"
        "ORDER BY. The exit code is 0 where nothing differs, 1 where something does, 2 where it failed.",
    .run = run,
};
