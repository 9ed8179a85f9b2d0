/* postern doctor: which databases are to be looked at, with which logins, and what comes of it. */
#include "app/child.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/doctor-print.h"
#include "app/doctor-visit.h"
#include "app/keys-child.h"
#include "app/logins.h"
#include "app/targets.h"
#include "base/log.h"
#include "cli/progress.h"
#include <signal.h>

enum { ARENA_CEILING = 16 << 20, OUT_CEILING = 256 << 20, DATABASES_MOST = 1000 };

static const struct cli_option options[] = {
    { "config", 0, "FILE", "The configuration; the default is postern.yaml" },
    { "database", 0, "NAME", "Only this one of the databases that the connections serve" },
    { "least", 0, "SEVERITY", "critical, warning or note: lighter findings are not shown; note without it" },
    { "all", 0, NULL, "Show every object of a finding, not only the first few" },
    { "sql", 0, NULL, "Print the SQL that mends what was found, as a script" },
    { "json", 0, NULL, "Print JSON: one object a line" },
    { "no-color", 0, NULL, "No colours, also on a terminal" },
    { 0 },
};

struct doctor {
    struct cli_call *call;
    const struct config *config;
    struct session_snapshot *snapshot;
    struct keys_child *keys;
    struct arena arena;
    struct doctor_room room;
    struct progress progress;
    struct doctor_style style;
    struct doctor_report *reports, **last;
    const struct target *target; /* whose databases are listed */
    struct bytes *databases;
    size_t n_databases;
};

static void on_step(void *context, size_t done, size_t of)
{
    struct doctor *d = context;
    progress_show(&d->progress, done, of);
}

/* ---- one database */

static struct doctor_report *add_report(struct doctor *d, struct bytes connection, struct bytes login)
{
    struct doctor_report *r = doctor_report_new(connection, login, d->config->policies);
    if (!r) return NULL;
    *d->last = r;
    d->last = &r->next;
    return r;
}

static bool look_at(struct doctor *d, const struct target *target, const struct target_login *login,
                    struct bytes database)
{
    struct doctor_report *r = add_report(d, target->name, login->name);
    if (!r) return false;
    doctor_visit(&d->room, target, login, database, r);
    return true;
}

/* ---- which databases */

static bool take_database(void *context, struct bytes name)
{
    struct doctor *d = context;
    struct bytes there;
    if (target_find(d->snapshot, name, &there) != d->target) return true;
    if (d->n_databases == DATABASES_MOST) return false;
    d->databases[d->n_databases++] = name;
    return true;
}

static bool has_star(struct bytes pattern)
{
    return bytes_find(pattern, BYTES_LITERAL("*")) >= 0;
}

static bool list_in(struct doctor *d, struct bytes database, struct bytes *why_out)
{
    d->n_databases = 0;
    return doctor_databases(&d->room, d->target, &d->target->logins[0], database, &d->arena, take_database, d,
                            why_out);
}

/* Where the configuration gives patterns, the server says what there is: asked in the database that every
 * cluster is made with, or in one that is told by name. */
static bool list_databases(struct doctor *d, const struct target *target, struct bytes *why_out)
{
    struct bytes why;
    bool patterns = false;
    d->target = target;
    for (size_t i = 0; i < target->n_databases; i++)
        patterns |= has_star(target->databases[i]);
    if (patterns && list_in(d, BYTES_LITERAL("postgres"), why_out)) return true;
    for (size_t i = 0; i < target->n_databases; i++) {
        if (has_star(target->databases[i])) continue;
        if (patterns && list_in(d, target->databases[i], &why)) return true;
        if (!patterns) take_database(d, target->databases[i]);
    }
    return !patterns;
}

static bool choose_databases(struct doctor *d, const struct target *target, struct bytes *why_out)
{
    struct bytes named = cli_option_bytes(d->call, "database"), there;
    bool fixed = target->database.n || !target->n_databases;
    struct bytes only = target->database.n ? target->database : target->name;
    d->n_databases = 0;
    if (fixed) {
        if (!named.p || bytes_equal(named, only)) d->databases[d->n_databases++] = only;
        return true;
    }
    if (!named.p) return list_databases(d, target, why_out);
    if (target_find(d->snapshot, named, &there) == target) d->databases[d->n_databases++] = named;
    return true;
}

static bool look_at_connection(struct doctor *d, const struct target *target)
{
    struct bytes why = { 0 };
    if (!choose_databases(d, target, &why)) {
        struct doctor_report *r = add_report(d, target->name, target->logins[0].name);
        if (r) doctor_report_problem(r, NULL, why);
        return r;
    }
    for (size_t i = 0; i < d->n_databases; i++)
        for (size_t k = 0; k < target->n_logins; k++)
            if (!look_at(d, target, &target->logins[k], d->databases[i])) return false;
    return true;
}

/* ---- which connections */

static const struct target *target_named(const struct doctor *d, struct bytes name)
{
    for (size_t i = 0; i < d->snapshot->n_targets; i++)
        if (bytes_equal(d->snapshot->targets[i].name, name)) return &d->snapshot->targets[i];
    return NULL;
}

static int look(struct doctor *d)
{
    struct cli_call *call = d->call;
    bool good = true;
    for (unsigned i = 0; i < call->n_arguments; i++)
        if (!target_named(d, bytes_of(call->arguments[i])))
            return cli_fail(call, "there is no connection \"%s\" in the configuration", call->arguments[i]);
    for (unsigned i = 0; i < call->n_arguments && good; i++)
        good = look_at_connection(d, target_named(d, bytes_of(call->arguments[i])));
    for (size_t i = 0; i < d->snapshot->n_targets && !call->n_arguments && good; i++)
        good = look_at_connection(d, &d->snapshot->targets[i]);
    if (!good) return cli_fail(call, "there is no memory");
    if (!d->reports) return cli_fail(call, "no connection serves such a database");
    return CLI_YES;
}

static int judge(const struct doctor *d)
{
    int code = CLI_YES;
    for (const struct doctor_report *r = d->reports; r; r = r->next) {
        if (r->n_problems) return CLI_FAILED;
        if (r->n_found[DOCTOR_CRITICAL] || r->n_found[DOCTOR_WARNING]) code = CLI_NO;
    }
    return code;
}

static void print(struct doctor *d)
{
    struct buf out;
    buf_init(&out, OUT_CEILING);
    if (cli_option(d->call, "json"))
        doctor_print_json(d->reports, &d->style, &out);
    else if (cli_option(d->call, "sql"))
        doctor_print_sql(d->reports, &d->style, &out);
    else
        doctor_print_text(d->reports, &d->style, &out);
    cli_write(d->call, &out);
    buf_free(&out);
}

/* A script tells no problems, and neither does an exit code what they are. */
static void tell_problems(const struct doctor *d)
{
    for (const struct doctor_report *r = d->reports; r && cli_option(d->call, "sql"); r = r->next)
        if (r->n_problems) cli_fail(d->call, "not everything could be looked at: see it without --sql");
}

/* ---- the world */

/* The keys child first: it is forked while there is one thread. */
static bool start(struct doctor *d)
{
    struct keys_options keys = { .n_clients = 1 };
    struct keys_login *logins;
    d->databases = ARENA_ARRAY(&d->arena, struct bytes, DATABASES_MOST);
    if (!d->databases || !logins_of_config(d->config, &d->arena, &logins, &keys.n_logins)) return false;
    keys.logins = logins;
    if (keys_child_start(&keys, &d->keys)) return false;
    d->room = (struct doctor_room){ .clock = d->call->world->clock,
                                    .keys = keys_child_client(d->keys, 0),
                                    .on_step = on_step,
                                    .context = d };
    d->snapshot = targets_without_identity(d->config);
    return d->snapshot;
}

static void stop(struct doctor *d)
{
    while (d->reports) {
        struct doctor_report *next = d->reports->next;
        doctor_report_free(d->reports);
        d->reports = next;
    }
    session_snapshot_release(d->snapshot);
    keys_child_stop(d->keys);
    arena_free(&d->arena);
}

static int examine(struct doctor *d)
{
    d->progress = progress_begin(d->call, "looking at the databases");
    int code = start(d) ? look(d) : cli_fail(d->call, "the logins cannot be prepared");
    progress_end(&d->progress);
    if (code == CLI_YES) {
        print(d);
        tell_problems(d);
        code = judge(d);
    }
    stop(d);
    return code;
}

static bool take_least(struct cli_call *call, enum doctor_severity *out)
{
    const char *least = cli_option(call, "least");
    *out = DOCTOR_NOTE;
    for (int i = 0; least && i < DOCTOR_N_SEVERITIES; i++)
        if (strcmp(least, doctor_severity_name(i)) == 0) {
            *out = i;
            return true;
        }
    if (least) cli_fail(call, "--least wants critical, warning or note");
    return !least;
}

static const struct config *load(struct cli_call *call)
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
    }
    buf_free(&out);
    yaml_errors_free(&errors);
    return config;
}

static int run(struct cli_call *call)
{
    struct doctor d = { .call = call };
    d.last = &d.reports;
    if (!take_least(call, &d.style.least)) return CLI_FAILED;
    d.style.all = cli_option(call, "all");
    d.style.coloured = cli_coloured(call);
    child_forbid_dumps();
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_WARNING);
    d.config = load(call);
    if (!d.config) return CLI_FAILED;
    arena_init(&d.arena, 4096, ARENA_CEILING);
    int code = examine(&d);
    config_unref(d.config);
    return code;
}

const struct cli_command command_doctor = {
    .name = "doctor",
    .summary = "Look in the databases for what would undermine the gate, and say what mends it",
    .arguments = "[CONNECTION]...",
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .own = true,
    .notes =
        "It logs in as the gateway does, with each login of each connection, and changes nothing. Each\n"
        "finding comes with what mends it, and who can do that.\n"
        "The exit code is 1 where something critical or a warning was found, and 2 where something could\n"
        "not be looked at.",
    .run = run,
};
