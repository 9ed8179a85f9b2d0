/* The surroundings of a session in a test: a clock that stands still, a policy from YAML, tokens that are
 * what the script says they are, children that answer when they are told to, a record in memory. It defines
 * the calls of identity/identity.h that a session makes. Test code. */
#ifndef POSTERN_SESSION_TALK_WORLD_H
#define POSTERN_SESSION_TALK_WORLD_H
#include "approval/desk.h"
#include "identity/minted.h"
#include "policy/compile.h"
#include "session/session.h"
#include "session/talk-record.h"

enum { TALK_TOKENS = 8, TALK_SETTINGS = 8, TALK_POLICIES = 8 };

/* What a password stands for. */
struct identity {
    struct talk_token {
        struct bytes text;
        enum identity_outcome outcome;
        enum identity_refusal refusal;
        struct bytes detail;
        struct principal principal;
    } tokens[TALK_TOKENS];
    size_t n;
};

enum talk_parser { TALK_PARSER_ANSWERS = 0, TALK_PARSER_WAITS, TALK_PARSER_FAILS, TALK_PARSER_BUSY };

struct talk_world {
    struct session_world world;
    uint64_t used[BUDGET_KINDS];                    /* of the budget, which is one */
    unsigned n_budgets; /* sessions that hold it */ /* first: callbacks get back from it to here */
    struct clock clock;
    int64_t now_us; /* since the world began */
    struct arena arena;
    struct record_lane lane;
    struct identity identity;
    struct target target;
    struct target_host host;
    struct target_login logins[2];
    struct target_setting settings[TALK_SETTINGS];
    struct bytes database;
    struct session_snapshot snapshot;
    const struct yaml_node *policies[TALK_POLICIES];
    size_t n_policies;
    uint8_t random;
    enum talk_parser parser;
    struct bytes parsing; /* what ask_parse was given; p == NULL: nothing is asked */
    bool proof_wanted, proof_busy;
    bool abandoned;
    int32_t registered_pid; /* 0: no key is registered */
    uint8_t registered_key[4];
    bool cancel_heard;
    int32_t cancel_pid;
    struct bytes cancel_key;
    struct session_catalog catalog; /* newest is held */
    unsigned n_attached;
    struct view_job *job;    /* what ask_job was given; done by talk_pump, or when the session is gone */
    enum talk_parser thread; /* that understands long texts in a view: answers, waits or busy */
    bool check_heard, check_fails;
    struct minted *minted;     /* NULL: none */
    struct desk_waiter waiter; /* of the one session, while it is joined */
    bool joined, told;
    char desk_folder[40], desk_path[64];
};
/* Logins are minted from here on, under a key that is always the same. */
bool talk_world_mints(struct talk_world *w);
/* Makes the desk; keeps: with a file, for what stays. */
bool talk_world_desk(struct talk_world *w, bool keeps);
void talk_world_desk_free(struct talk_world *w);
/* What is due at the desk; whether the session was told. */
bool talk_world_tells(struct talk_world *w, struct session *session);
void talk_world_init(struct talk_world *w);
void talk_world_free(struct talk_world *w);
/* Adds a policy. False: printed why. */
bool talk_world_policy(struct talk_world *w, struct bytes yaml, const char *path);
/* Compiles what was added, or a policy that allows everything but the unknown. False: printed why. */
bool talk_world_ready(struct talk_world *w, const char *path);
/* The token of that text, added where it is not there; NULL: there are too many. */
struct talk_token *talk_world_token(struct talk_world *w, struct bytes text);
/* Does what ask_job was given; whether a session waited for it. */
bool talk_world_job(struct talk_world *w);
/* Answers what ask_parse was asked. */
void talk_world_parse(struct talk_world *w, struct session *session);
#endif
