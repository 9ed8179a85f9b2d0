/* /v1/me and /v1/token: what is said about the caller. */
#include "api/handlers.h"
#include "api/private.h"

void api_me(struct api_call *call)
{
    const struct principal *p = &call->principal;
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_text_member(w, "user", p->user);
    json_write_text_member(w, "subject", p->subject);
    json_write_text_member(w, "issuer", p->issuer);
    api_write_texts(w, "groups", p->groups, p->n_groups);
    json_write_bool_member(w, "machine", p->machine);
    json_write_name(w, "roles");
    json_write_array(w);
    for (enum api_role role = API_ADMIN; role <= API_USER; role++)
        if (api_has_role(call, role)) json_write_text(w, bytes_of(api_role_name(role)));
    json_write_end(w);
    if (call->person) json_write_text_member(w, "csrf", bytes_of(call->person->csrf));
    api_write_maybe_time(w, "expires", call->person ? call->person->expires_us : p->expires_us);
    json_write_text_member(w, "version", BYTES_LITERAL(POSTERN_VERSION));
    json_write_end(w);
}

/* A token is given only to whom it stands for: what the browser's sign-in brought, or what the caller came
 * with. It is judged as the database's door would judge it. */
static bool token_is_good(struct api_call *call, struct bytes token, struct principal *principal)
{
    enum identity_refusal refusal;
    struct bytes detail;
    return token.n && call->snapshot && call->snapshot->identity &&
           identity_verify_token(call->snapshot->identity, token, call->now_us, call->arena, principal,
                                 &refusal, &detail) == IDENTITY_VERIFIED &&
           bytes_equal(principal->issuer, call->principal.issuer) &&
           bytes_equal(principal->subject, call->principal.subject);
}

void api_token(struct api_call *call)
{
    struct principal principal;
    struct bytes header = http_asked_field(call->x->asked, "authorization");
    struct bytes tokens[] = { call->person ? call->person->access_token : bytes_slice(header, 7, header.n),
                              call->person ? call->person->id_token : (struct bytes){ 0 } };
    for (size_t i = 0; i < 2; i++) {
        if (!token_is_good(call, tokens[i], &principal)) continue;
        struct json_writer *w = api_json(call);
        json_write_object(w);
        json_write_text_member(w, "token", tokens[i]);
        json_write_time_member(w, "expires", principal.expires_us);
        json_write_text_member(w, "user", principal.user);
        json_write_end(w);
        return;
    }
    api_problem(
        call, 409, "conflict",
        "The provider gave no token that the database takes, or it has expired: sign in again, or use "
        "postern login.");
}
