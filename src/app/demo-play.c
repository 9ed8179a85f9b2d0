/* The agent of the demo, at work with psql and with a Python driver; and the colleague who approves what it
 * may not do by itself. */
#include "app/demo-private.h"
#include "app/demo-text.h"
#include "app/run.h"
#include "base/clock.h"
#include "identity/demo-issuer.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TOKEN_S = 3600, REQUEST = 14 };

static const char *token_for(struct demo *d, const char *variable, const char *user, const char *group,
                             const char *on_behalf_of)
{
    struct bytes groups[] = { bytes_of(group) };
    struct demo_claims claims = { .user = bytes_of(user),
                                  .groups = groups,
                                  .n_groups = 1,
                                  .machine = on_behalf_of != NULL,
                                  .on_behalf_of = bytes_of(on_behalf_of ? on_behalf_of : ""),
                                  .now_us = clock_wall_us(&clock_system),
                                  .ttl_s = TOKEN_S };
    struct bytes token = demo_issuer_token(d->issuer, &claims, &d->arena);
    return (const char *)arena_printf(&d->arena, "%s=%.*s", variable, BYTES_FMT(token)).p;
}

/* How the agent's drivers find the gateway: as they find any PostgreSQL. */
struct agent {
    const char *environment[8];
};
static struct agent an_agent(struct demo *d)
{
    return (struct agent){ { token_for(d, "PGPASSWORD", "report-agent", "ai-agents", "analyst@example.com"),
                             (const char *)arena_printf(&d->arena, "PGPORT=%s", d->port).p,
                             "PGHOST=127.0.0.1", "PGUSER=agent", "PGDATABASE=orders",
                             "PGOPTIONS=-c postern.prompt=Which\\ orders\\ are\\ late,\\ and\\ can\\ "
                             "we\\ clean\\ up?  -c postern.model=example-model",
                             "PGAPPNAME=report-agent", NULL } };
}

static bool work(struct demo *d, const char *what, const char *const *argv, const char *input)
{
    struct agent agent = an_agent(d);
    struct run run = { .argv = argv, .environment = agent.environment, .input = input };
    int status = run_wait(&run);
    return status == 0 || demo_failed(what, status);
}

bool demo_ask(struct demo *d, const char *const *environment, const char *what, const char *const *words)
{
    const char *argv[16] = { d->self };
    size_t n = 1;
    while (words[n - 1] && n < 12) {
        argv[n] = words[n - 1];
        n++;
    }
    argv[n++] = "--data";
    argv[n++] = demo_path(d, "data");
    struct run run = { .argv = argv, .environment = environment };
    fflush(stdout);
    int status = run_wait(&run);
    return status == 0 || demo_failed(what, status);
}

/* ---- a statement that waits for a person */

/* The one request that waits, as `approvals list --json` gives it. False: none yet. */
static bool find_request(struct demo *d, const char *const *approver, char id_out[REQUEST])
{
    struct buf output;
    buf_init(&output, 1 << 20);
    const char *argv[] = { d->self, "approvals", "list", "--json", "--data", demo_path(d, "data"), NULL };
    struct run run = { .argv = argv, .environment = approver, .output = &output };
    int status = run_wait(&run);
    struct bytes text = buf_bytes(&output), mark = BYTES_LITERAL("\"id\":\"");
    ptrdiff_t at = status == 0 ? bytes_find(text, mark) : -1;
    bool found = at >= 0 && text.n >= (size_t)at + mark.n + REQUEST - 1;
    if (found) snprintf(id_out, REQUEST, "%.*s", REQUEST - 1, (const char *)text.p + at + mark.n);
    buf_free(&output);
    return found;
}

static bool approve(struct demo *d)
{
    const char *dora[] = { token_for(d, "POSTERN_TOKEN", "dora@example.com", "data-team", NULL), NULL };
    char id[REQUEST], title[160];
    bool found = false;
    for (int i = 0; i < 600 && !(found = find_request(d, dora, id)); i++)
        usleep(50000);
    if (!found) return demo_failed("waiting for the request", -ETIMEDOUT);
    snprintf(title, sizeof title, "Dora, of the data team: postern approvals show %s", id);
    demo_headline(title);
    if (!demo_ask(d, dora, "approvals show", (const char *[]){ "approvals", "show", id, NULL })) return false;
    snprintf(title, sizeof title, "Dora: postern approvals approve %s --reason \"%s\"", id, demo_reason);
    demo_headline(title);
    return demo_ask(d, dora, "approvals approve",
                    (const char *[]){ "approvals", "approve", id, "--reason", demo_reason, NULL });
}

/* psql waits where the statement does. What it prints before and after stands where it happened. */
static bool work_held(struct demo *d)
{
    struct agent agent = an_agent(d);
    const char *argv[] = { "psql", "-X", "-c", demo_held_statement, NULL };
    struct run run = { .argv = argv, .environment = agent.environment };
    printf("psql: %s\n", demo_held_statement);
    fflush(stdout);
    pid_t psql = run_start(&run);
    if (psql < 0) return demo_failed("psql", psql);
    bool good = approve(d);
    int status = good ? run_join(psql) : run_stop(psql, SIGTERM);
    return good && (status == 0 || demo_failed("psql", status));
}

bool demo_play(struct demo *d)
{
    const char *psql[] = { "psql", "-X", "-q", NULL };
    const char *python[] = { "/usr/bin/python3", "-c", demo_python_session, "", NULL };
    demo_headline("An agent works: psql");
    if (!work(d, "psql", psql, demo_psql_session)) return false;
    demo_headline("An agent works: Python");
    if (!work(d, "python", python, NULL)) return false;
    demo_headline("The agent would delete more than ten rows: a person decides, who sees how many");
    return work_held(d);
}
