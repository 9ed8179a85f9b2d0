/* /v1/token: minted logins. One is given only to whom the database's door lets in anyway: whoever came with a
 * token, or whose sign-in brought one that the door takes. It is in the record before it is handed out. */
#include "api/token.h"
#include "api/authenticate.h"
#include "api/handlers.h"
#include "api/private.h"
#include "base/log.h"
#include "identity/minted.h"

bool token_at_door(struct api_call *call, const struct principal *who, struct bytes token,
                   struct principal *out)
{
    enum identity_refusal refusal;
    return token.n && call->snapshot && call->snapshot->identity &&
           authenticate_token(call, token, out, &refusal) == IDENTITY_VERIFIED &&
           bytes_equal(out->issuer, who->issuer) && bytes_equal(out->subject, who->subject);
}

/* Into session 0. False: it is not in the log. */
static bool record(struct api_call *call, const char *what, struct bytes login, const struct principal *of,
                   int64_t expires_us)
{
    struct buf body;
    buf_init(&body, 64 * 1024);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "what", what);
    frame_fields_add(&f, "login", login);
    frame_fields_add(&f, "user", of->user);
    frame_fields_add(&f, "subject", of->subject);
    frame_fields_add(&f, "issuer", of->issuer);
    if (of->token_id.n) frame_fields_add(&f, "token_id", of->token_id);
    if (expires_us) frame_fields_add_number(&f, "expires_us", expires_us);
    frame_fields_add(&f, "by", call->principal.user);
    frame_fields_add_text(&f, "how", call->person ? "sign-in" : "token");
    frame_fields_add_text(&f, "client", call->x->peer);
    bool good = !body.failed && journal_write(call->options->journal, FRAME_GATEWAY, buf_bytes(&body));
    buf_free(&body);
    return good;
}

static void on_ended(void *context, struct bytes login, const struct principal *principal)
{
    struct api_call *call = context;
    call->options->end_login(call->options->context, login);
    if (!record(call, "login-ended", login, principal, 0))
        log_line(LOG_ERROR, "api: the end of the login %.*s cannot be recorded", BYTES_FMT(login));
}

static size_t end_all(struct api_call *call, struct minted_end which)
{
    which.ended = on_ended;
    which.context = call;
    return call->options->minted ? minted_end_all(call->options->minted, &which) : 0;
}

void token_end_of_sign_in(struct api_call *call, const struct person *person)
{
    end_all(call, (struct minted_end){ .sign_in = person->number });
}

/* For whom, and until when at most. A sign-in lasts longer than the token that it brought, which was judged
 * when it began: it is the sign-in that bounds the login then. False: a problem was answered. */
static bool for_whom(struct api_call *call, struct principal *who, int64_t *until_us)
{
    *who = call->person ? call->person->door : call->principal;
    *until_us = call->person ? call->person->expires_us : 0;
    if (call->person) who->expires_us = 0;
    return who->user.n || api_problem(call, 409, "conflict",
                                      "This sign-in brought no token that the database takes, so that no "
                                      "login can be minted from it: use postern login.");
}

static bool mint(struct api_call *call, const struct principal *who, int64_t until_us,
                 struct minted_login *login)
{
    struct minted *m = call->options->minted;
    switch (m ? minted_mint(m, who, until_us, call->person ? call->person->number : 0, login) : MINTED_OFF) {
    case MINTED_OFF:
        return api_problem(call, 409, "conflict",
                           "No logins are minted here (identity.minted.lifetime): use the provider's token, "
                           "as postern token prints it.");
    case MINTED_OVER:
        return api_problem(call, 409, "conflict", "What vouches for you is over: sign in again.");
    case MINTED_CROWDED:
        return api_problem(call, 429, "too-many",
                           "You have as many logins as one may have at a time: end some with "
                           "POST /v1/token/end, or wait until they are over.");
    case MINTED_FULL: return api_problem(call, 429, "too-many", "There are as many logins as there may be.");
    case MINTED_GIVEN: break;
    }
    /* Whoever has signed out meanwhile has nothing that goes on. */
    bool in = !call->person || people_is_in(call->api->people, call->person);
    bool recorded = in && record(call, "minted", bytes_of(login->name), who, login->expires_us);
    if (recorded) return true;
    struct minted_end end = { .name = bytes_of(login->name) };
    minted_end_all(m, &end);
    secret_wipe(login, sizeof *login);
    return in ? api_problem(call, 503, "unavailable",
                            "A login that is minted is recorded, and that cannot be done now.")
              : api_problem(call, 401, "not-signed-in", "This sign-in is over.");
}

void api_token(struct api_call *call)
{
    struct principal who;
    struct minted_login login;
    int64_t until_us;
    if (!for_whom(call, &who, &until_us) || !mint(call, &who, until_us, &login)) return;
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_text_member(w, "login", bytes_of(login.name));
    json_write_text_member(w, "token", bytes_of(login.password));
    json_write_time_member(w, "expires", login.expires_us);
    json_write_text_member(w, "user", who.user);
    json_write_end(w);
    secret_wipe(&login, sizeof login);
}

void api_token_end(struct api_call *call)
{
    struct bytes name;
    if (!api_body_text(call, "login", 64, &name)) return;
    struct minted_end which = { .name = name, .owner = &call->principal };
    if (name.n && api_has_role(call, API_ADMIN)) which.owner = NULL;
    size_t n = end_all(call, which);
    if (name.n && n == 0) {
        api_not_found(call);
        return;
    }
    struct json_writer *w = api_json(call);
    json_write_object(w);
    api_write_uint(w, "ended", n);
    json_write_end(w);
}
