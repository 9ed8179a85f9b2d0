/* What the commands under `postern store` stand on: a store that is theirs alone, whether a gateway runs on
 * it or not. With a running gateway, what is done is written into the record by it, and it wipes the tail;
 * without one the log is opened here (which finishes what a crash left), and closed at the end. */
#ifndef POSTERN_APP_STORE_H
#define POSTERN_APP_STORE_H
#include "app/keys-vault.h"
#include "cli/control-client.h"
#include "cli/evidence.h"
#include "record/erase.h"
#include "record/journal.h"

struct store {
    struct cli_call *call;
    struct evidence e; /* its index is open for writing where it was wanted */
    bool running;
    int lock;
    struct control_client client;
    struct keys_vault *vault;
    struct record_keys keys;
    struct record_log *log;
    struct journal *journal;
    char by[128]; /* who calls */
};

enum {
    STORE_INDEX = 1,  /* come to the log's end */
    STORE_RECORD = 2, /* something will be written into the record */
    STORE_KEYS = 4    /* the key-encryption key, also beside a running gateway */
};
/* False: it was said what is wrong; answer CLI_FAILED. store_close in any case. */
bool store_open(struct cli_call *call, unsigned wanted, struct store *s) MUST_USE;
/* Without a gateway the log is closed, and the index takes in what was written. */
void store_close(struct store *s);
/* Closes the log before the end, so that its tail is empty; nothing can be noted then. */
void store_finish_log(struct store *s);
/* Writes a GATEWAY frame; body: fields. */
bool store_note(struct store *s, struct bytes body) MUST_USE;
/* For record/erase.h. */
struct erase_place store_erase_place(struct store *s);
/* A frame about sessions: the event with by, reason and how many, then `event`-of frames with their ids.
 * False: it was said that it cannot be written. */
bool store_note_sessions(struct store *s, const char *event, struct bytes reason, int64_t number,
                         const struct session_set *set) MUST_USE;

/* The sessions that a command names: --session, its arguments, --subject with --issuer. They are looked up in
 * the index. False: said why. */
struct store_choice {
    struct session_set set;
    size_t live;         /* of those: how many have not ended */
    uint64_t first_live; /* one of them */
    bool by_subject;
};
bool store_choose(struct store *s, struct store_choice *choice_out) MUST_USE;
#endif
