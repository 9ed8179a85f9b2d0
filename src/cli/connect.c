/* postern connect */
#include "cli/commands.h"
#include "cli/login-ask.h"
#include "json/read.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PORT = 6432 };

static const struct cli_option options[] = {
    { "host", 0, "HOST", "Where the gateway listens for database clients, instead of where it says" },
    { "port", 0, "PORT", "Its port, instead of what it says" },
    { 0 },
};

struct place {
    struct bytes host;
    int64_t port;
};

/* "https://gate.example:8443" without scheme and port: where the API is, the gateway is too. */
static struct bytes host_of(struct bytes url)
{
    ptrdiff_t at = bytes_find(url, BYTES_LITERAL("://"));
    struct bytes host = bytes_slice(url, at < 0 ? 0 : (size_t)at + 3, url.n);
    size_t n = host.n && host.p[0] == '[' ? 1 : 0;
    bool bracket = n == 1;
    while (n < host.n && (bracket ? host.p[n] != ']' : host.p[n] != ':' && host.p[n] != '/'))
        n++;
    return bracket ? bytes_slice(host, 1, n - 1) : bytes_slice(host, 0, n);
}

/* A host that stands for "any address" is no place to go to. */
static bool is_any(struct bytes host)
{
    return host.n == 0 || bytes_is(host, "0.0.0.0") || bytes_is(host, "[::]") || bytes_is(host, "*");
}

/* False: said why; CLI_NO where the connection is not the caller's. */
static bool find(struct cli_call *call, json_t *answer, struct bytes name, struct arena *arena,
                 struct place *place)
{
    json_t *list = json_object_get(answer, "items");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct bytes one, host;
        json_t *item = json_array_get(list, i);
        if (json_member_text(item, "name", &one) != JSON_MEMBER_FOUND) continue;
        bool serves = bytes_equal(one, name) || json_array_size(json_object_get(item, "databases"));
        if (!serves) continue;
        if (json_member_text(item, "host", &host) == JSON_MEMBER_FOUND && !is_any(host))
            place->host = arena_copy(arena, host);
        if (json_is_integer(json_object_get(item, "port")))
            place->port = json_integer_value(json_object_get(item, "port"));
        if (bytes_equal(one, name)) return true;
    }
    if (place->port) return true; /* some connection serves further names: the gateway knows which */
    cli_fail(call, "there is no connection \"%.*s\" for you", BYTES_FMT(name));
    return false;
}

static bool ask(struct cli_call *call, const struct login_file *login, struct arena *arena,
                struct place *place)
{
    struct login_asking asking = { .path = "/v1/connections" };
    json_t *object = NULL;
    bool good = login_ask(login, &asking, arena, &object);
    if (!good)
        cli_fail(call, "the gateway at %.*s does not tell its connections: %s", BYTES_FMT(login->url),
                 asking.why);
    good = good && find(call, object, bytes_of(call->arguments[0]), arena, place);
    json_decref(object);
    return good;
}

/* Becomes psql; returns only where that fails. */
static int become_psql(struct cli_call *call, const struct login_file *login, const struct place *place,
                       struct arena *arena)
{
    char port[24];
    const char *argv[CLI_ARGUMENTS_MOST + 2] = { "psql" };
    for (unsigned i = 1; i < call->n_arguments; i++)
        argv[i] = call->arguments[i];
    snprintf(port, sizeof port, "%lld", (long long)(place->port ? place->port : PORT));
    const char *values[][2] = { { "PGHOST", arena_string(arena, place->host) },
                                { "PGPORT", port },
                                { "PGDATABASE", call->arguments[0] },
                                { "PGUSER", arena_string(arena, login->user) },
                                { "PGPASSWORD", arena_string(arena, login->token) } };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!values[i][1] || setenv(values[i][0], values[i][1], 1))
            return cli_fail(call, "there is no memory");
    unsetenv("PGSERVICE");
    unsetenv("PGHOSTADDR");
    unsetenv("PGPASSFILE");
    signal(SIGPIPE, SIG_DFL);
    execvp("psql", (char *const *)(uintptr_t)argv);
    return cli_fail(call, "psql cannot be started: %s", strerror(errno));
}

static int run(struct cli_call *call)
{
    struct arena arena;
    struct login_file login;
    struct place place = { 0 };
    uint64_t port;
    if (!cli_option_number(call, "port", 0, 65535, &port)) return CLI_FAILED;
    signal(SIGPIPE, SIG_IGN);
    arena_init(&arena, 16 * 1024, 64 << 20);
    int code = CLI_NO;
    if (login_current(call, &arena, &login)) {
        place.host = host_of(login.url);
        if (ask(call, &login, &arena, &place)) {
            if (cli_option(call, "host")) place.host = cli_option_bytes(call, "host");
            if (port) place.port = (int64_t)port;
            code = become_psql(call, &login, &place, &arena);
        }
    }
    arena_wipe(&arena);
    arena_free(&arena);
    return code;
}

const struct cli_command cli_command_connect = {
    .name = "connect",
    .summary = "Start psql on a connection of the gateway, with the token of the login",
    .arguments = "NAME [-- PSQL-ARGUMENT...]",
    .least = 1,
    .most = CLI_ARGUMENTS_MOST,
    .options = options,
    .own = true,
    .notes = "Everything behind -- goes to psql as it is: postern connect orders -- -c 'select 1'.",
    .run = run,
};
