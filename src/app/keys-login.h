/* The databases' logins: where each password comes from, and the work of answering a challenge with it. The
 * work is a job that advances in slices, so that neither a slow command nor a server that asks for a million
 * iterations holds up a signature or another login. Nothing here talks to a client: a job that is done is
 * handed back. */
#ifndef POSTERN_APP_KEYS_LOGIN_H
#define POSTERN_APP_KEYS_LOGIN_H
#include "app/keys-client.h"
#include "base/bytes.h"
#include "base/check.h"

struct keys_desk;
/* reader: the socket of the source reader. NULL: no memory. */
struct keys_desk *keys_desk_new(int reader);

/* Building a table of logins: begin, add each, commit. -EINVAL: a malformed id or source; -ENOSPC. */
void keys_desk_logins_begin(struct keys_desk *d);
int keys_desk_logins_add(struct keys_desk *d, struct bytes id, struct bytes source) MUST_USE;
void keys_desk_logins_commit(struct keys_desk *d);

/* What a login asks; copied. */
struct keys_question {
    unsigned client; /* whom to answer */
    uint64_t request;
    bool md5; /* else SCRAM */
    struct bytes login;
    struct bytes salt;   /* md5: 4 bytes */
    uint32_t iterations; /* SCRAM */
    struct bytes text;   /* SCRAM: the auth message; md5: the user */
};
struct keys_result {
    unsigned client;
    uint64_t request;
    bool md5;
    int status;
    uint8_t proof[PASSWORD_KEY_BYTES], server_signature[PASSWORD_KEY_BYTES];
    char md5_text[PASSWORD_MD5_TEXT];
};
/* 0: a job was taken on, and its result will come out of keys_desk_work. Else the status to answer with. */
int keys_desk_ask(struct keys_desk *d, const struct keys_question *question) MUST_USE;
/* The source reader has something to say. 0, or -errno: it is gone, and the child cannot go on. */
int keys_desk_hear_reader(struct keys_desk *d) MUST_USE;
/* Whether some job waits for the processor. */
bool keys_desk_has_work(const struct keys_desk *d);
/* Does one slice (about a millisecond at most) of the next job in turn. True: *result_out is one that is
 * done. */
bool keys_desk_work(struct keys_desk *d, struct keys_result *result_out) MUST_USE;
#endif
