/* The fake surroundings. */
#include "session/talk-world.h"
#include <stdio.h>
#include <stdlib.h>

enum { MONOTONIC_START_US = 1000000 };
#define WALL_START_US 1700000000000000

static struct talk_world *world_of_clock(const struct clock *c)
{
    return (struct talk_world *)(uintptr_t)((const char *)c - offsetof(struct talk_world, clock));
}

static int64_t wall_us(const struct clock *c)
{
    return WALL_START_US + world_of_clock(c)->now_us;
}

static int64_t monotonic_us(const struct clock *c)
{
    return MONOTONIC_START_US + world_of_clock(c)->now_us;
}

static struct session_snapshot *give_snapshot(struct session_world *world)
{
    return session_snapshot_hold(&((struct talk_world *)world)->snapshot);
}

static bool give_random(struct session_world *world, void *to, size_t n)
{
    struct talk_world *w = (struct talk_world *)world;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = ++w->random;
    return true;
}

static bool ask_proof(struct session_world *world, struct session *session, const struct session_proof *proof)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)session, (void)proof;
    CHECK(!w->proof_wanted);
    return w->proof_wanted = !w->proof_busy;
}

static bool ask_parse(struct session_world *world, struct session *session, struct bytes text)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)session;
    CHECK(!w->parsing.p);
    if (w->parser == TALK_PARSER_BUSY) return false;
    w->parsing = text;
    return true;
}

static void abandon(struct session_world *world, struct session *session)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)session;
    CHECK(w->parsing.p || w->proof_wanted);
    w->parsing = (struct bytes){ 0 };
    w->proof_wanted = false;
    w->abandoned = true;
}

static void hear_cancel(struct session_world *world, int32_t pid, struct bytes key, struct bytes from)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)from;
    w->cancel_heard = true;
    w->cancel_pid = pid;
    w->cancel_key = arena_copy(&w->arena, key);
}

static bool register_key(struct session_world *world, struct session *session, int32_t pid,
                         const uint8_t key[4])
{
    struct talk_world *w = (struct talk_world *)world;
    (void)session;
    CHECK(!w->registered_pid);
    w->registered_pid = pid;
    memcpy(w->registered_key, key, 4);
    return true;
}

static void forget_key(struct session_world *world, struct session *session, int32_t pid,
                       const uint8_t key[4])
{
    struct talk_world *w = (struct talk_world *)world;
    (void)session;
    CHECK(w->registered_pid == pid && memcmp(w->registered_key, key, 4) == 0);
    w->registered_pid = 0;
}

static struct session_catalog *attach_catalog(struct session_world *world, struct session_snapshot *snapshot,
                                              const struct target *target, struct bytes database)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)snapshot, (void)target, (void)database;
    w->n_attached++;
    return &w->catalog;
}

static void detach_catalog(struct session_world *world, struct session_catalog *catalog)
{
    struct talk_world *w = (struct talk_world *)world;
    CHECK(catalog == &w->catalog && w->n_attached);
    w->n_attached--;
}

static bool check_catalog(struct session_world *world, struct session_catalog *catalog)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)catalog;
    w->check_heard = true;
    return !w->check_fails;
}

static bool ask_job(struct session_world *world, struct view_job *job)
{
    struct talk_world *w = (struct talk_world *)world;
    CHECK(!w->job);
    if (w->thread == TALK_PARSER_BUSY) return false;
    w->job = job;
    return true;
}

static struct session_budget *open_budget(struct session_world *world, const struct principal *principal,
                                          struct bytes connection)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)principal, (void)connection;
    w->n_budgets++;
    return (struct session_budget *)w->used;
}

static void close_budget(struct session_world *world, struct session_budget *budget)
{
    struct talk_world *w = (struct talk_world *)world;
    CHECK(w->n_budgets-- > 0 && (uint64_t *)budget == w->used);
}

static uint64_t budget_rest(struct session_world *world, struct session_budget *budget,
                            enum session_budget_kind kind, uint64_t most)
{
    const struct talk_world *w = (struct talk_world *)world;
    (void)budget;
    return w->used[kind] < most ? most - w->used[kind] : 0;
}

static bool take_budget(struct session_world *world, struct session_budget *budget,
                        enum session_budget_kind kind, uint64_t n, uint64_t most)
{
    struct talk_world *w = (struct talk_world *)world;
    if (budget_rest(world, budget, kind, most) < n) return false;
    w->used[kind] += n;
    return true;
}

static void keep_snapshot(struct session_snapshot *snapshot)
{
    (void)snapshot;
}

void talk_world_init(struct talk_world *w)
{
    *w = (struct talk_world){ 0 };
    w->clock = (struct clock){ wall_us, monotonic_us };
    arena_init(&w->arena, 16384, 256 << 20);
    talk_lane_init(&w->lane);
    w->host = (struct target_host){ "db.example", 5432 };
    w->logins[0] = (struct target_login){ BYTES_LITERAL("rw"), BYTES_LITERAL("app"), false, 0 };
    w->target = (struct target){ .name = BYTES_LITERAL("orders"),
                                 .hosts = &w->host,
                                 .n_hosts = 1,
                                 .logins = w->logins,
                                 .n_logins = 1,
                                 .settings = w->settings };
    w->snapshot = (struct session_snapshot){ .targets = &w->target,
                                             .n_targets = 1,
                                             .identity = &w->identity,
                                             .statement_ceiling = 4 << 20,
                                             .message_ceiling = 1 << 29,
                                             .token_grace_us = 60000000,
                                             .login_deadline_us = 60000000,
                                             .n_users = 1,
                                             .free = keep_snapshot };
    w->world = (struct session_world){ .clock = &w->clock,
                                       .stamps = &w->clock,
                                       .lane = &w->lane,
                                       .cache = understood_cache_new(64, 64 << 20, 1),
                                       .seed = 1,
                                       .without_views = true,
                                       .snapshot = give_snapshot,
                                       .random = give_random,
                                       .ask_proof = ask_proof,
                                       .ask_parse = ask_parse,
                                       .abandon = abandon,
                                       .cancel = hear_cancel,
                                       .register_key = register_key,
                                       .forget_key = forget_key,
                                       .catalog_attach = attach_catalog,
                                       .catalog_detach = detach_catalog,
                                       .catalog_check = check_catalog,
                                       .ask_job = ask_job,
                                       .budget_open = open_budget,
                                       .budget_close = close_budget,
                                       .budget_left = budget_rest,
                                       .budget_take = take_budget };
    talk_world_token(w, BYTES_LITERAL("token"));
}

bool talk_world_mints(struct talk_world *w)
{
    static const uint8_t key[PASSWORD_KEY_BYTES] = "a key of tests alone";
    w->minted = w->world.minted = minted_new(&(struct minted_options){
        .clock = &w->clock, .lifetime_us = 3600000000, .most_of_one = 4, .key = key });
    return w->minted != NULL;
}

void talk_world_free(struct talk_world *w)
{
    talk_world_desk_free(w);
    minted_free(w->minted);
    understood_cache_free(w->world.cache);
    catalog_release(w->catalog.newest);
    if (w->snapshot.policies) policy_snapshot_unref(w->snapshot.policies);
    talk_lane_free(&w->lane);
    arena_free(&w->arena);
}

static bool say_errors(struct yaml_errors *errors)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    yaml_errors_print(errors, &text);
    printf("%.*s\n", BYTES_FMT(buf_bytes(&text)));
    buf_free(&text);
    return false;
}

bool talk_world_policy(struct talk_world *w, struct bytes yaml, const char *path)
{
    struct yaml_errors errors;
    yaml_errors_init(&errors);
    const struct yaml_node *node = yaml_tree_parse(yaml, bytes_of(path), &w->arena, &errors);
    bool good = node && w->n_policies < TALK_POLICIES;
    if (good)
        w->policies[w->n_policies++] = node;
    else
        say_errors(&errors);
    yaml_errors_free(&errors);
    return good;
}

bool talk_world_ready(struct talk_world *w, const char *path)
{
    if (w->n_policies == 0 &&
        !talk_world_policy(w, BYTES_LITERAL("name: usual\nwho: any\nallow: [all]\n"), path))
        return false;
    struct yaml_errors errors;
    yaml_errors_init(&errors);
    w->snapshot.policies = policy_compile(w->policies, w->n_policies, &errors);
    if (!w->snapshot.policies) say_errors(&errors);
    yaml_errors_free(&errors);
    return w->snapshot.policies;
}

struct talk_token *talk_world_token(struct talk_world *w, struct bytes text)
{
    struct identity *id = &w->identity;
    size_t i = 0;
    while (i < id->n && !bytes_equal(id->tokens[i].text, text))
        i++;
    if (i == TALK_TOKENS) return NULL;
    id->n = i == id->n ? i + 1 : id->n;
    id->tokens[i] = (struct talk_token){ .text = arena_copy(&w->arena, text),
                                         .outcome = IDENTITY_VERIFIED,
                                         .principal = { .user = BYTES_LITERAL("ada"),
                                                        .subject = BYTES_LITERAL("ada"),
                                                        .issuer = BYTES_LITERAL("https://id.example") } };
    return &id->tokens[i];
}

void talk_world_parse(struct talk_world *w, struct session *session)
{
    struct arena arena;
    struct buf encoded;
    const struct sql_facts *facts;
    struct bytes text = w->parsing;
    w->parsing = (struct bytes){ 0 };
    if (w->parser == TALK_PARSER_FAILS) {
        session_on_parsed(session, (struct bytes){ 0 });
        return;
    }
    arena_init(&arena, 65536, 1 << 30);
    buf_init(&encoded, 256 << 20);
    enum sql_outcome outcome = sql_understand(text, &arena, &facts);
    sql_facts_encode(text, outcome, facts, &encoded);
    session_on_parsed(session, buf_bytes(&encoded));
    buf_free(&encoded);
    arena_free(&arena);
}

bool talk_world_job(struct talk_world *w)
{
    struct view_job *job = w->job;
    w->job = NULL;
    session_job_run(job);
    return session_job_done(job) != NULL;
}

/* ---- in the place of identity */

const char *identity_refusal_code(enum identity_refusal refusal)
{
    static const char *const codes[] = {
#define X(NAME, code, sentence) code,
        IDENTITY_REFUSALS(X)
#undef X
    };
    return codes[refusal];
}

const char *identity_refusal_sentence(enum identity_refusal refusal)
{
    static const char *const sentences[] = {
#define X(NAME, code, sentence) sentence,
        IDENTITY_REFUSALS(X)
#undef X
    };
    return sentences[refusal];
}

enum identity_outcome identity_verify_token(struct identity *identity, struct bytes token, int64_t now_us,
                                            struct arena *arena, struct principal *principal_out,
                                            enum identity_refusal *refusal_out, struct bytes *detail_out)
{
    (void)now_us, (void)arena;
    *refusal_out = IDENTITY_SIGNATURE;
    for (size_t i = 0; i < identity->n; i++) {
        const struct talk_token *t = &identity->tokens[i];
        if (!bytes_equal(t->text, token)) continue;
        *principal_out = t->principal;
        *refusal_out = t->refusal;
        *detail_out = t->detail;
        return t->outcome;
    }
    return IDENTITY_REFUSED;
}
