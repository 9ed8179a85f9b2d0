/* postern login */
#include "cli/commands.h"
#include "cli/login-ask.h"
#include "cli/login-file.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "http/client.h"
#include "identity/oauth.h"
#include "json/read.h"
#include <errno.h>
#include <signal.h>
#include <time.h>

enum { MOST = 256 * 1024, ASK_MS = 15000 };

static const struct cli_option options[] = {
    { "url", 0, "URL",
      "The gateway's address for people (admin.url); the default is the last one, else "
      "http://127.0.0.1:8432" },
    { "issuer", 0, "URL", "The provider, where the gateway takes several" },
    { "out", 0, NULL, "Forget the token that is kept, and end the logins that were minted with it" },
    { 0 },
};

static void say(struct cli_call *call, const char *before, struct bytes text, const char *after)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    buf_append_text(&out, before);
    safe_append(&out, text, SAFE_ONE_LINE);
    buf_append_text(&out, after);
    fprintf(call->world->err, "%.*s", BYTES_FMT(buf_bytes(&out)));
    fflush(call->world->err);
    buf_free(&out);
}

static struct bytes take(json_t *object, const char *name, struct arena *arena)
{
    struct bytes text;
    if (json_member_text(object, name, &text) != JSON_MEMBER_FOUND) return (struct bytes){ 0 };
    return arena_copy(arena, text);
}

/* The provider among those that the gateway names. */
static bool choose(struct cli_call *call, json_t *answer, struct arena *arena, struct login_file *login)
{
    struct bytes wanted = cli_option_bytes(call, "issuer");
    json_t *list = json_object_get(answer, "issuers"), *chosen = NULL;
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct bytes issuer;
        json_t *one = json_array_get(list, i);
        if (json_member_text(one, "issuer", &issuer) != JSON_MEMBER_FOUND) continue;
        if (wanted.n && !bytes_equal(issuer, wanted)) continue;
        chosen = one;
        n++;
    }
    if (n != 1) {
        cli_fail(call, n ? "the gateway takes several providers: name one with --issuer"
                         : "the gateway takes no such provider: its identity.oidc wants a client_id");
        return false;
    }
    login->issuer = take(chosen, "issuer", arena);
    login->client_id = take(chosen, "login_client_id", arena);
    login->scopes = take(chosen, "scopes", arena);
    login->resource = take(chosen, "resource", arena);
    login->audience = take(chosen, "audience", arena);
    if (login->issuer.n && login->client_id.n && login->audience.n) return true;
    cli_fail(call, "the gateway names no client for programs: its identity.oidc wants a login_client_id");
    return false;
}

static bool ask_gateway(struct cli_call *call, struct arena *arena, struct login_file *login)
{
    struct buf body;
    struct http_answered answer;
    json_t *object = NULL;
    struct bytes base = login->url;
    if (base.n && base.p[base.n - 1] == '/') base.n--;
    buf_init(&body, MOST);
    struct http_get get = { .url = arena_printf(arena, "%.*s/v1/sign-in", BYTES_FMT(base)),
                            .deadline_ms = ASK_MS };
    bool good = http_get(&get, &body, &answer) == HTTP_ANSWERED && answer.status == 200 &&
                json_read_object(buf_bytes(&body), MOST, 8, &object) == JSON_READ;
    if (!good)
        cli_fail(call, "the gateway at %.*s does not say how to sign in: %s", BYTES_FMT(base),
                 answer.why[0] ? answer.why : "its answer cannot be read");
    good = good && choose(call, object, arena, login);
    json_decref(object);
    buf_free(&body);
    return good;
}

static void sleep_s(int64_t s)
{
    struct timespec t = { s, 0 };
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

/* Asks until a person has said yes or no. */
static bool wait_for_person(struct cli_call *call, const struct oauth_client *client,
                            const struct oauth_endpoints *endpoints, const struct oauth_device *device,
                            struct arena *arena, struct oauth_tokens *tokens)
{
    struct bytes error = { 0 };
    int64_t interval_s = device->interval_s;
    for (int64_t waited_s = 0; waited_s < device->expires_s; waited_s += interval_s) {
        sleep_s(interval_s);
        switch (oauth_device_redeem(client, endpoints, device->device_code, ASK_MS, arena, tokens, &error)) {
        case OAUTH_GRANTED: return true;
        case OAUTH_FAILED: continue; /* the network: the next try may go better */
        case OAUTH_REFUSED: break;
        }
        if (bytes_is(error, "slow_down"))
            interval_s += 5;
        else if (!bytes_is(error, "authorization_pending"))
            break;
    }
    cli_fail(call, bytes_is(error, "access_denied") ? "it was refused" : "nobody said yes in time");
    return false;
}

static int keep(struct cli_call *call, struct arena *arena, const struct oauth_tokens *tokens,
                struct login_file *login)
{
    struct bytes given[] = { tokens->access, tokens->id };
    char until[20];
    for (size_t i = 0; i < 2; i++) {
        if (!login_token_read(given[i], login->audience, arena, &login->user, &login->expires_s)) continue;
        login->token = given[i];
        login->refresh = tokens->refresh;
        int error = login_file_write(login);
        if (error) return cli_fail(call, "the token cannot be kept: %s", strerror(-error));
        when_format(login->expires_s * 1000000, until);
        say(call, "logged in as ", login->user, "");
        fprintf(call->world->err, ", until %s UTC%s\n", until, login->refresh.n ? ", and longer" : "");
        return CLI_YES;
    }
    return cli_fail(call,
                    "the provider gave no token for the audience \"%.*s\": see identity.oidc.resource and "
                    "scopes in the gateway's configuration",
                    BYTES_FMT(login->audience));
}

static int log_in(struct cli_call *call, struct arena *arena)
{
    struct login_file login = { 0 };
    struct oauth_endpoints endpoints;
    struct oauth_device device;
    struct oauth_tokens tokens;
    struct bytes error;
    const char *why;
    if (login_file_read(arena, &login)) login.url = (struct bytes){ 0 };
    login = (struct login_file){ .url = login.url };
    if (cli_option(call, "url")) login.url = cli_option_bytes(call, "url");
    if (!login.url.n) login.url = BYTES_LITERAL("http://127.0.0.1:8432");
    if (!ask_gateway(call, arena, &login)) return CLI_FAILED;
    struct oauth_client client = {
        .issuer = login.issuer, .id = login.client_id, .scopes = login.scopes, .resource = login.resource
    };
    if (!oauth_discover(login.issuer, ASK_MS, arena, &endpoints, &why))
        return cli_fail(call, "the provider %.*s: %s", BYTES_FMT(login.issuer), why);
    if (oauth_device_begin(&client, &endpoints, ASK_MS, arena, &device, &error) != OAUTH_GRANTED)
        return cli_fail(call, "the provider begins no login: %.*s", BYTES_FMT(error));
    say(call, "Open ", device.uri_complete.n ? device.uri_complete : device.uri, "\n");
    say(call, "and confirm the code ", device.user_code, "\n");
    if (!wait_for_person(call, &client, &endpoints, &device, arena, &tokens)) return CLI_NO;
    return keep(call, arena, &tokens, &login);
}

/* The file goes whatever the gateway says; logins that it cannot be told of end by themselves. */
static int log_out(struct cli_call *call, struct arena *arena)
{
    struct login_file login;
    struct login_asking asking = { .path = "/v1/token/end", .body = BYTES_LITERAL("{}") };
    json_t *answer = NULL;
    if (login_file_read(arena, &login) == 0 && login.token.n) {
        if (!login_ask(&login, &asking, arena, &answer))
            cli_fail(call, "logins that were minted end by themselves, since the gateway was not told: %s",
                     asking.why);
        json_decref(answer);
    }
    int error = login_file_remove();
    return error ? cli_fail(call, "%s", strerror(-error)) : CLI_YES;
}

static int run(struct cli_call *call)
{
    struct arena arena;
    signal(SIGPIPE, SIG_IGN);
    arena_init(&arena, 16 * 1024, 64 << 20);
    int code = cli_option(call, "out") ? log_out(call, &arena) : log_in(call, &arena);
    arena_wipe(&arena);
    arena_free(&arena);
    return code;
}

const struct cli_command cli_command_login = {
    .name = "login",
    .summary = "Log in at the identity provider, for postern token and postern connect",
    .arguments = "",
    .options = options,
    .own = true,
    .notes = "It shows a link and a code to confirm in a browser, on this machine or another, and waits.\n"
             "The token is kept in ~/.config/postern/login.json, which only its owner can read.",
    .run = run,
};
