/* postern policy replay. Every statement that ran, or was refused, is understood again and judged by other
 * policies than those of its day; what the record says was decided stands beside it. */
#include "base/map.h"
#include "cli/asker.h"
#include "cli/catalog-file.h"
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/grid.h"
#include "cli/mask-change.h"
#include "cli/progress.h"
#include "cli/safe.h"
#include "cli/session-feed.h"
#include "cli/when.h"
#include "json/writer.h"
#include <errno.h>
#include <stdlib.h>

static const struct cli_option options[] = {
    { "since", 0, "TIME", "Only sessions after this time: 2h, 7d, today, 2026-11-21; the default is 7d" },
    { "until", 0, "TIME", "Only sessions before this time" },
    { "principal", 0, "NAME", "Only this principal's sessions" },
    { "connection", 0, "NAME", "Only sessions on this connection" },
    { "catalog", 0, "FILE", "A catalogue file, to resolve names in; see policy catalog" },
    { "limit", 'n', "N", "Show at most so many of each kind; the default is 20, 0 is all" },
    { 0 },
};

enum {
    OUT_CEILING = 256 << 20,
    GROUPS_CEILING = 100000, /* differences that are told apart */
    VERDICTS_CEILING = 100000,
    KEPT_TEXT_CEILING = 16 * 1024,
    SESSIONS_CEILING = 1000000,
    WEEK_DAYS = 7
};
static const int64_t day_us = 86400000000;

enum replay_change {
    CHANGE_NONE = 0,
    CHANGE_DENIED,
    CHANGE_HELD,
    CHANGE_ALLOWED,
    CHANGE_CLEAR, /* what came out masked would come out as it is */
    CHANGE_MASKED,
    REPLAY_N_CHANGES
};
static const char *const change_names[] = { "unchanged", "denied", "held", "allowed", "clear", "masked" };
static const char *const change_titles[] = { "",
                                             "would be denied",
                                             "would be held",
                                             "would be allowed",
                                             "would show what was masked",
                                             "would show masks of what was not masked" };

/* What a text is judged as, by the new policies, for one ruleset. */
struct fresh {
    enum policy_decision decision;
    bool unresolved;                   /* no policy was asked: the catalogue of now has no such name */
    struct bytes shape, rule, message; /* behind the struct */
    struct bytes masked;               /* columns that come out masked */
};
/* One difference: by change, principal, rule and shape. */
struct group {
    enum replay_change change;
    uint64_t executions;
    uint64_t session;                                       /* the last one that had it */
    struct bytes principal, old_rule, rule, message, shape; /* behind the struct */
};
struct policy_replay {
    struct cli_call *call;
    struct evidence evidence;
    struct asker asker;
    uint64_t *sessions;
    size_t n_sessions;
    uint64_t session;
    struct bytes principal; /* in the asker's session arena */
    bool unknown_claims;    /* some policy hangs on claims, which are not recorded */
    struct map verdicts, groups;
    bool unknown_masks; /* columns are or were masked, and there is no catalogue to tell which */
    uint64_t n_statements, n_changed[REPLAY_N_CHANGES], n_untold, n_unresolved;
    struct arena scratch; /* of one statement */
    struct buf out;
    bool json, full;
};

/* ---- one statement */

/* Texts laid behind a struct, which is one allocation. */
static struct bytes lay(uint8_t **at, struct bytes text)
{
    struct bytes copy = { *at, text.n };
    if (text.n) memcpy(*at, text.p, text.n);
    *at += text.n;
    return copy;
}

static struct bytes masked_anew(struct policy_replay *r, const struct asker_answer *answer)
{
    bool runs = answer->verdict.decision == POLICY_ALLOW && !answer->unresolved && answer->facts;
    if (!runs || !r->asker.view || answer->outcome != SQL_UNDERSTOOD ||
        !policy_ruleset_masks(r->asker.ruleset))
        return BYTES_LITERAL("");
    return mask_change_now(r->asker.ruleset, r->asker.view, answer->facts, &r->asker.statement);
}

static struct fresh *judge_anew(struct policy_replay *r, struct bytes text)
{
    struct asker_answer answer;
    asker_judge(&r->asker, text, &answer);
    struct bytes shape = sql_shape(text, &r->asker.statement);
    struct bytes rule = arena_printf(&r->asker.statement, "%.*s%s%.*s", BYTES_FMT(answer.verdict.policy),
                                     answer.verdict.policy.n ? "/" : "", BYTES_FMT(answer.verdict.rule));
    struct bytes masked = masked_anew(r, &answer);
    struct fresh *f = malloc(sizeof *f + shape.n + rule.n + answer.verdict.message.n + masked.n);
    if (!f || !masked.p) {
        free(f);
        return NULL;
    }
    uint8_t *at = (uint8_t *)(f + 1);
    f->decision = answer.verdict.decision;
    f->unresolved = answer.unresolved;
    f->shape = lay(&at, shape);
    f->rule = lay(&at, rule);
    f->message = lay(&at, answer.verdict.message);
    f->masked = lay(&at, masked);
    return f;
}

/* The same text under the same ruleset is judged once. *owned_out: the caller frees it. */
static struct fresh *fresh_of(struct policy_replay *r, struct bytes text, bool *owned_out)
{
    uint64_t ruleset = policy_ruleset_key(r->asker.ruleset);
    struct buf key;
    buf_init(&key, text.n + sizeof ruleset);
    buf_append(&key, bytes_make(&ruleset, sizeof ruleset));
    buf_append(&key, text);
    struct fresh *f = key.failed ? NULL : map_get(&r->verdicts, buf_bytes(&key));
    *owned_out = false;
    if (!f && (f = judge_anew(r, text)))
        *owned_out =
            text.n > KEPT_TEXT_CEILING || map_put(&r->verdicts, buf_bytes(&key), f, NULL) == MAP_FULL;
    buf_free(&key);
    return f;
}

/* What the gateway refused by itself, no policy can change. */
static bool by_policy(const struct transcript_text *text)
{
    if (bytes_is(text->decision, "allow")) return true;
    if (!bytes_is(text->reason, "policy") && !bytes_is(text->reason, "needs-approval")) return false;
    return text->policy.n || bytes_is(text->rule, "default") || bytes_is(text->rule, "pinned");
}

static enum replay_change change_of(const struct transcript_text *text, enum policy_decision now)
{
    bool allowed = bytes_is(text->decision, "allow"), held = bytes_is(text->decision, "hold");
    switch (now) {
    case POLICY_ALLOW: return allowed ? CHANGE_NONE : CHANGE_ALLOWED;
    case POLICY_HOLD: return held ? CHANGE_NONE : CHANGE_HELD;
    case POLICY_DENY: break;
    }
    return allowed || held ? CHANGE_DENIED : CHANGE_NONE;
}

static void count(struct policy_replay *r, enum replay_change change, const struct transcript_text *text,
                  const struct fresh *f)
{
    struct buf key;
    buf_init(&key, 4 << 20);
    buf_printf(&key, "%d %.*s/%.*s ", (int)change, BYTES_FMT(text->policy), BYTES_FMT(text->rule));
    size_t n_old = buf_length(&key);
    buf_append(&key, r->principal);
    buf_append_text(&key, "\n");
    buf_append(&key, f->rule);
    buf_append_text(&key, "\n");
    buf_append(&key, f->shape);
    struct group *g = key.failed ? NULL : map_get(&r->groups, buf_bytes(&key));
    if (!g && !key.failed &&
        (g = malloc(sizeof *g + n_old + r->principal.n + f->rule.n + f->message.n + f->shape.n))) {
        uint8_t *at = (uint8_t *)(g + 1);
        *g = (struct group){ .change = change };
        g->old_rule = lay(&at, bytes_slice(buf_bytes(&key), 2, n_old - 3));
        g->principal = lay(&at, r->principal);
        g->rule = lay(&at, f->rule);
        g->message = lay(&at, f->message);
        g->shape = lay(&at, f->shape);
        if (map_put(&r->groups, buf_bytes(&key), g, NULL) == MAP_FULL) {
            free(g);
            g = NULL;
        }
    }
    if (g) {
        g->executions++;
        g->session = r->session;
    } else {
        r->n_untold++;
    }
    buf_free(&key);
}

static void count_columns(struct policy_replay *r, enum replay_change change,
                          const struct transcript_text *text, const struct fresh *f, struct bytes columns)
{
    struct fresh as = *f;
    if (!columns.n) return;
    as.rule = columns;
    as.message = (struct bytes){ 0 };
    r->n_changed[change]++;
    count(r, change, text, &as);
}

/* It ran, and would run: whether other columns come out masked. */
static bool compare_masks(struct policy_replay *r, const struct transcript_text *text, const struct fresh *f)
{
    arena_reset(&r->scratch);
    struct bytes then = mask_change_then(text->fields, &r->scratch);
    if (!r->asker.view) {
        r->unknown_masks |= then.n || policy_ruleset_masks(r->asker.ruleset);
        return false;
    }
    struct bytes clear = mask_change_more(then, f->masked, &r->scratch);
    struct bytes masked = mask_change_more(f->masked, then, &r->scratch);
    count_columns(r, CHANGE_CLEAR, text, f, clear);
    count_columns(r, CHANGE_MASKED, text, f, masked);
    return clear.n || masked.n;
}

static void judge_statement(struct policy_replay *r, const struct transcript_text *text)
{
    bool owned = false;
    r->n_statements++;
    if (!text || !text->decision.n || !by_policy(text)) {
        r->n_changed[CHANGE_NONE]++;
        return;
    }
    /* Nobody gets in: all that they ran would not have. */
    struct fresh nobody = { .decision = POLICY_DENY,
                            .shape = text->text,
                            .rule = BYTES_LITERAL("no-policy"),
                            .message = BYTES_LITERAL("no policy lets them in") };
    struct fresh *f = r->asker.ruleset ? fresh_of(r, text->text, &owned) : &nobody;
    if (!f) {
        r->full = true;
        return;
    }
    enum replay_change change = f->unresolved ? CHANGE_NONE : change_of(text, f->decision);
    r->n_unresolved += f->unresolved;
    bool masks = change == CHANGE_NONE && bytes_is(text->decision, "allow") && !f->unresolved &&
                 compare_masks(r, text, f);
    if (!masks) r->n_changed[change]++;
    if (change != CHANGE_NONE) count(r, change, text, f);
    if (owned) free(f);
}

/* ---- one session */

static void begin_session(struct policy_replay *r, struct bytes fields)
{
    struct asker_who who = { .user = frame_fields_get(fields, "principal"),
                             .connection = frame_fields_get(fields, "connection"),
                             .database = frame_fields_get(fields, "database"),
                             .groups = frame_fields_get(fields, "groups"),
                             .machine = bytes_is(frame_fields_get(fields, "machine"), "true") };
    if (!asker_session(&r->asker, &who)) r->full = true;
    r->principal = arena_copy(&r->asker.session, who.user);
    if (!r->principal.p) r->full = true;
}

static void event(void *context, const struct transcript_event *e)
{
    struct policy_replay *r = context;
    if (e->kind == EVENT_START) begin_session(r, e->of.fields);
    if (e->kind == EVENT_STATEMENT && e->of.statement.protocol != PROTOCOL_CALL)
        judge_statement(r, e->of.statement.text);
    /* What is refused at Parse never becomes an execution. */
    if (e->kind == EVENT_PREPARE && e->of.prepare.text && !bytes_is(e->of.prepare.text->decision, "allow"))
        judge_statement(r, e->of.prepare.text);
}

static bool replay_session(struct policy_replay *r, uint64_t session)
{
    struct session_feed feed;
    enum session_step step = SESSION_BAD;
    r->session = session;
    r->asker.ruleset = NULL;
    r->principal = (struct bytes){ 0 };
    if (session_feed_open(r->call, &r->evidence, session, &feed)) do
            step = session_feed_step(&feed, event, r);
        while (step == SESSION_FED && !r->full);
    session_feed_close(&feed);
    return step != SESSION_BAD;
}

static void add_session(void *context, const struct index_session *s)
{
    struct policy_replay *r = context;
    if ((r->n_sessions & 1023) == 0) {
        uint64_t *more = realloc(r->sessions, (r->n_sessions + 1024) * sizeof *more);
        if (!more || r->n_sessions >= SESSIONS_CEILING) {
            r->full = true;
            if (more) r->sessions = more;
            return;
        }
        r->sessions = more;
    }
    r->sessions[r->n_sessions++] = s->id;
}

/* ---- what came of it */

struct listing {
    struct group **items;
    size_t n;
};

static void collect(void *context, struct bytes key, void *value)
{
    struct listing *l = context;
    (void)key;
    l->items[l->n++] = value;
}

static int by_weight(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    if (x->change != y->change) return x->change < y->change ? -1 : 1;
    if (x->executions != y->executions) return x->executions > y->executions ? -1 : 1;
    return bytes_compare(x->shape, y->shape);
}

static void group_json(struct policy_replay *r, const struct group *g)
{
    char id[14];
    struct json_writer w = json_writer_over(&r->out);
    session_id_format(g->session, id);
    json_write_object(&w);
    json_write_text_member(&w, "change", bytes_of(change_names[g->change]));
    json_write_int_member(&w, "executions", (int64_t)g->executions);
    json_write_text_member(&w, "principal", g->principal);
    json_write_text_member(&w, "was", g->old_rule);
    bool columns = g->change == CHANGE_CLEAR || g->change == CHANGE_MASKED;
    json_write_text_member(&w, columns ? "columns" : "rule", g->rule);
    if (!columns) json_write_text_member(&w, "message", g->message);
    json_write_text_member(&w, "shape", g->shape);
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_end(&w);
    buf_append_text(&r->out, "\n");
}

static void grid_begin(struct grid *grid)
{
    static const char *const titles[] = { "RUNS", "PRINCIPAL", "WAS", "NOW", "SESSION", "STATEMENT" };
    grid_init(grid, GRID_LIST, 6, 64 << 20);
    for (size_t i = 0; i < 6; i++)
        grid_title(grid, i, bytes_of(titles[i]), i == 0);
}

static void group_row(struct grid *grid, const struct group *g)
{
    char id[14];
    session_id_format(g->session, id);
    grid_row(grid);
    grid_cell_number(grid, 0, g->executions);
    grid_cell(grid, 1, g->principal);
    grid_cell(grid, 2, g->old_rule);
    grid_cell(grid, 3, g->rule);
    grid_cell_text(grid, 4, id);
    grid_cell(grid, 5, bytes_slice(g->shape, 0, 120));
}

static void tell_change(struct policy_replay *r, const struct listing *l, enum replay_change change,
                        uint64_t limit)
{
    struct grid grid;
    uint64_t shown = 0, of = 0;
    grid_begin(&grid);
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i]->change != change) continue;
        of++;
        if (limit && shown >= limit) continue;
        shown++;
        if (r->json)
            group_json(r, l->items[i]);
        else
            group_row(&grid, l->items[i]);
    }
    if (!r->json && of) {
        buf_printf(&r->out, "%llu %s", (unsigned long long)r->n_changed[change], change_titles[change]);
        if (shown < of)
            buf_printf(&r->out, " (%llu of %llu kinds shown)", (unsigned long long)shown,
                       (unsigned long long)of);
        buf_append_text(&r->out, "\n");
        grid_print(&grid, cli_coloured(r->call) ? "\x1b[1m" : "", cli_coloured(r->call) ? "\x1b[0m" : "",
                   &r->out);
        buf_append_text(&r->out, "\n");
    }
    grid_free(&grid);
}

static void tell_sum_json(struct policy_replay *r, int64_t took_us)
{
    struct json_writer w = json_writer_over(&r->out);
    json_write_object(&w);
    json_write_text_member(&w, "change", BYTES_LITERAL("summary"));
    json_write_int_member(&w, "sessions", (int64_t)r->n_sessions);
    json_write_int_member(&w, "statements", (int64_t)r->n_statements);
    for (size_t i = 0; i < REPLAY_N_CHANGES; i++)
        json_write_int_member(&w, change_names[i], (int64_t)r->n_changed[i]);
    json_write_int_member(&w, "unresolved", (int64_t)r->n_unresolved);
    json_write_int_member(&w, "us", took_us);
    json_write_bool_member(&w, "resolved", r->asker.view != NULL);
    json_write_bool_member(&w, "claims_known", !r->unknown_claims);
    json_write_bool_member(&w, "masks_known", !r->unknown_masks);
    json_write_end(&w);
    buf_append_text(&r->out, "\n");
}

static void tell_sum(struct policy_replay *r, int64_t took_us)
{
    char took[24];
    when_duration(took_us, took);
    buf_printf(&r->out, "%llu statements of %zu session%s judged in %s", (unsigned long long)r->n_statements,
               r->n_sessions, r->n_sessions == 1 ? "" : "s", took);
    if (took_us > 0) buf_printf(&r->out, ", %.0f a second", (double)r->n_statements * 1e6 / (double)took_us);
    buf_printf(&r->out, "; %llu unchanged\n", (unsigned long long)r->n_changed[CHANGE_NONE]);
    if (r->n_unresolved)
        buf_printf(&r->out, "%llu of these name what the catalogue does not have, and could not be judged\n",
                   (unsigned long long)r->n_unresolved);
    if (r->n_untold)
        buf_printf(&r->out, "%llu more differ in ways too many to tell apart\n",
                   (unsigned long long)r->n_untold);
    if (!r->asker.view)
        buf_append_text(&r->out,
                        "names were judged as they are written: there is no catalogue to resolve them in\n");
    if (r->unknown_masks)
        buf_append_text(
            &r->out, "which columns would be masked is not known without a catalogue: --catalog FILE, made "
                     "by `postern policy catalog`\n");
    if (r->unknown_claims)
        buf_append_text(&r->out, "claims are not in the record: policies that ask for some were left out\n");
}

static int tell(struct policy_replay *r, int64_t took_us, uint64_t limit)
{
    struct listing l = { calloc(r->groups.n + 1, sizeof *l.items), 0 };
    if (!l.items) return cli_fail(r->call, "there is no memory");
    map_each(&r->groups, collect, &l);
    qsort(l.items, l.n, sizeof *l.items, by_weight);
    for (enum replay_change c = CHANGE_DENIED; c < REPLAY_N_CHANGES; c++)
        tell_change(r, &l, c, r->json ? 0 : limit);
    if (r->json)
        tell_sum_json(r, took_us);
    else
        tell_sum(r, took_us);
    free(l.items);
    cli_write(r->call, &r->out);
    return r->n_changed[CHANGE_DENIED] + r->n_changed[CHANGE_HELD] + r->n_changed[CHANGE_CLEAR] ? CLI_NO
                                                                                                : CLI_YES;
}

static int replay_all(struct policy_replay *r, const struct index_filter *filter, uint64_t limit)
{
    const struct clock *clock = r->call->world->clock;
    if (!evidence_look(r->call, &r->evidence, "policy-replay", 0, NULL, (struct bytes){ 0 }))
        return CLI_FAILED;
    int error = index_sessions(r->evidence.index, filter, add_session, r);
    if (error) return cli_fail(r->call, "the index cannot be read: %s", strerror(-error));
    struct progress progress = progress_begin(r->call, "judging");
    int64_t start = clock_monotonic_us(clock);
    bool good = !r->full;
    for (size_t i = 0; good && i < r->n_sessions; i++) {
        good = replay_session(r, r->sessions[i]) && !r->full;
        progress_show(&progress, i + 1, r->n_sessions);
    }
    progress_end(&progress);
    if (r->full) return cli_fail(r->call, "there is no memory");
    return good ? tell(r, clock_monotonic_us(clock) - start, limit) : CLI_FAILED;
}

static int run(struct cli_call *call)
{
    struct policy_replay r = { .call = call, .json = cli_option(call, "json") };
    struct index_filter filter = { 0 };
    uint64_t limit;
    if (!cli_option_number(call, "limit", 20, 1000000, &limit) || !evidence_filter(call, &filter))
        return CLI_FAILED;
    if (!cli_option(call, "since")) filter.since_us = clock_wall_us(call->world->clock) - WEEK_DAYS * day_us;
    const struct policy_snapshot *snapshot = asker_policies(call, call->arguments, call->n_arguments);
    if (!snapshot) return CLI_FAILED;
    const char *path = cli_option(call, "catalog");
    struct catalog_file names = { 0 };
    if (path && !catalog_file_open(call, path, &names)) {
        policy_snapshot_unref(snapshot);
        return CLI_FAILED;
    }
    asker_init(&r.asker, snapshot, path ? &names.view : NULL);
    r.unknown_claims = policy_snapshot_uses_claims(snapshot);
    map_init(&r.verdicts, VERDICTS_CEILING, (uint64_t)clock_wall_us(call->world->clock));
    map_init(&r.groups, GROUPS_CEILING, (uint64_t)clock_wall_us(call->world->clock));
    buf_init(&r.out, OUT_CEILING);
    arena_init(&r.scratch, 64 * 1024, 64 << 20);
    int code = evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &r.evidence)
                   ? replay_all(&r, &filter, limit)
                   : CLI_FAILED;
    evidence_close(&r.evidence);
    map_free(&r.verdicts, free);
    map_free(&r.groups, free);
    free(r.sessions);
    asker_free(&r.asker);
    if (path) catalog_file_close(&names);
    buf_free(&r.out);
    arena_free(&r.scratch);
    policy_snapshot_unref(snapshot);
    return code;
}

const struct cli_command cli_command_policy_replay = {
    .name = "policy replay",
    .summary = "Judge what ran by other policies, and show what they would change",
    .arguments = "FILE...",
    .least = 1,
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .notes =
        "The FILEs are the new policies, as policy lint takes them; the log is the configuration's or "
        "--data's. What was decided then is read from the record.\n"
        "The exit code is 1 where something that ran would be denied or held, or would show what was masked.",
    .run = run,
};
