/* Having a long text understood in the parser child, so that a worker's loop is never held up by the grammar
 * and no text can take more than its two seconds. A client is one worker's way to the child and belongs to
 * one thread. The text travels in a memfd, a slice at a time; nothing here blocks.
 *
 *     switch (parser_client_submit(client, text, token)) { … }
 *     … the loop sees parser_client_fd readable …
 *     while (parser_client_receive(client, &answer) == PARSER_DONE) …
 *         answer.outcome == PARSER_ANSWERED: sql_facts_decode(text, answer.encoded, …)
 *         else: refuse the text as SQL_HOSTILE */
#ifndef POSTERN_APP_PARSER_CLIENT_H
#define POSTERN_APP_PARSER_CLIENT_H
#include "base/bytes.h"
#include "base/check.h"

enum {
    PARSER_TEXT_MOST = 64 << 20,          /* bytes of one text */
    PARSER_FACTS_MOST = 8 << 20,          /* bytes of its encoded facts; more is refused */
    PARSER_PENDING_MOST = 16,             /* texts of one client that have no answer yet */
    PARSER_PENDING_BYTES_MOST = 128 << 20 /* and their bytes in sum */
};

struct parser_client;

/* REFUSED: longer than PARSER_TEXT_MOST, or the child is gone: refuse the text. BUSY: too much is pending;
 * try again behind this client's next answer. QUEUED: the text is borrowed until its answer came or
 * parser_client_cancel; token is the caller's own, handed back. */
enum parser_submit { PARSER_SUBMIT_REFUSED = 0, PARSER_SUBMIT_BUSY, PARSER_SUBMIT_QUEUED };
enum parser_submit parser_client_submit(struct parser_client *c, struct bytes text, uint64_t token) MUST_USE;
/* The session is gone: no answer for this token will be handed out, and its text is no longer touched. */
void parser_client_cancel(struct parser_client *c, uint64_t token);
/* Readable (for epoll) when parser_client_receive has something to do, be it an answer or a slice to copy. */
int parser_client_fd(const struct parser_client *c);

/* KILLED: it took its two seconds of processor time, too much memory, or crashed the parser; or the child is
 * gone. Nobody can say what the text does: it is hostile. */
enum parser_outcome { PARSER_KILLED = 0, PARSER_ANSWERED };
struct parser_answer {
    uint64_t token;
    enum parser_outcome outcome;
    struct bytes encoded; /* for sql_facts_decode; valid until the next call with this client */
};
/* LOST: the child is gone for good (after each pending text was answered as PARSER_KILLED). */
enum parser_receive { PARSER_LOST = 0, PARSER_NOTHING, PARSER_DONE };
enum parser_receive parser_client_receive(struct parser_client *c, struct parser_answer *answer_out) MUST_USE;
#endif
