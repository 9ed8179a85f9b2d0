/* The struct behind a session, and what the files of this room call of each other. For this room only. */
#ifndef POSTERN_SESSION_SESSION_PRIVATE_H
#define POSTERN_SESSION_SESSION_PRIVATE_H
#include "pgwire/message.h"
#include "pgwire/startup.h"
#include "session/binding.h"
#include "session/hold.h"
#include "session/limit.h"
#include "session/pending.h"
#include "session/server-login.h"
#include "session/session.h"
#include "session/sift.h"
#include "session/view.h"

enum session_phase {
    PHASE_CLOSED = 0,
    PHASE_STARTUP,  /* the client's first packet, in clear or behind TLS */
    PHASE_TLS,      /* the relay shakes hands with the client */
    PHASE_PASSWORD, /* AuthenticationCleartextPassword is out */
    PHASE_IDENTIFY, /* an issuer's keys are being fetched; `token` is kept */
    PHASE_CONNECT,  /* the relay connects to the server */
    PHASE_LOGIN,    /* the server's start-up messages */
    PHASE_READY,    /* the protocol proper */
    PHASE_ENDING    /* last words to the client are in client_out; nothing is read any more */
};

/* What a handler of a message did. CLOSE: the session has ended itself (or ends now). WAIT: nothing was done,
 * and nothing will be before an answer from elsewhere. MORE: the message must be here whole first. */
enum step { STEP_CLOSE = 0, STEP_WAIT, STEP_MORE, STEP_NEXT };

/* What the client sent since its last Sync or Query: no more than what changes nothing and keeps no locks of
 * rows (Parse, Describe, Close), or more. */
enum batch { BATCH_NONE = 0, BATCH_PREPARED, BATCH_RAN };

enum { KNOWN_TEXTS = 64, KNOWN_DESCRIPTIONS = 16 };
struct known {
    uint64_t serial; /* or hash; 0: free */
    uint32_t number;
};

struct login_state {
    struct server_login dialogue;
    struct bytes server_address;
    struct buf parameters; /* ParameterStatus messages for the client, whole */
    struct buf settings;   /* that the server got with the start-up packet: counted name, counted value */
    bool is_ordinary;      /* the server says that the login is no superuser */
};

enum { EDITED_CEILING = 256 << 10 };

struct session {
    struct session_world *world;
    void *user;
    struct session_snapshot *snapshot;
    enum session_phase phase;
    struct session_wants wants;
    struct buf client_out, server_out;
    struct buf edited; /* of the statement that is looked at: the text that goes out instead */
    struct bytes
        through;        /* goes to the client behind client_out: a part of what session_on_server was given */
    struct arena arena; /* the session's own: peer, principal, start-up parameters */
    struct arena scratch; /* of one message */

    /* who and where */
    struct session_peer peer;
    struct bytes tls;
    bool is_tls, ssl_asked, gss_asked;
    struct startup startup;
    struct secret token;          /* while keys are being fetched */
    struct scram_binding binding; /* of the certificate that the client was shown */
    struct client_sasl *sasl;     /* while a client with a minted login proves itself; NULL */
    struct bytes minted;          /* the login's name, once it has */
    struct principal principal;
    const struct target *target;
    const struct target_login *login;
    struct bytes database;
    const struct policy_ruleset *ruleset;
    const struct policy_terms *terms;
    bool masks;          /* policy_ruleset_masks */
    bool open;           /* policy_ruleset_is_open */
    bool errors_json;    /* SET postern.errors = json */
    bool bounds_results; /* some limit or budget is of what is returned */
    bool registered;
    struct login_state *logging_in; /* freed when the session is ready */
    int32_t server_pid;
    uint8_t server_key[256];
    size_t n_server_key;
    uint8_t client_key[4];
    struct session_view view;

    /* the protocol proper */
    struct pendings pendings;
    struct bindings bindings;
    struct limiting limiting;
    struct sifting sift;
    struct holding *holding;       /* NULL: nothing waits for approval */
    bool cancelling;               /* a cancel request is on its way to the server */
    bool fails_on_hold;            /* SET postern.on_hold = fail */
    struct buf claims;             /* what SET postern.… said: counted name, counted value */
    struct buf said;               /* texts that set application_name, where columns are masked */
    uint8_t batch;                 /* enum batch */
    struct session_budget *budget; /* NULL: no policy sets one */
    struct understood *parsed;     /* what the parser child answered for the message that waits */
    struct secret parsing;         /* our copy of the text that it has; it may hold a password */
    bool parse_failed, waits_for_parse, waits_for_room;
    uint8_t status;   /* 'I', 'T', 'E' of the last ReadyForQuery */
    uint32_t n_syncs; /* PENDING_SYNC and PENDING_QUERY in the queue: ReadyForQuery to come */
    bool swallowing;  /* an overrun statement was answered with an error: answers up to ReadyForQuery are
                         dropped */
    bool aborting;    /* our own poison is on its way, to abort the transaction after an overrun */
    bool must_abort;  /* and the transaction that it ran in must not go on */
    bool skipping;    /* the server had an error and skips to Sync, which the client has not sent yet: nothing
                         before it is forwarded */
    bool copy_in;     /* the server takes CopyData for the head of the queue */
    bool server_fatal; /* the server has said its last words */
    bool timed_out;    /* the statement limit has passed, and a cancel request is on its way */
    uint32_t last_run; /* the latest that ended: what an error at Sync belongs to */
    bool terminated;   /* the client said Terminate or ended its side */
    /* pieces of messages too large to be held whole */
    size_t client_piece, server_piece;
    uint8_t client_piece_type, server_piece_type;
    uint32_t piece_run, piece_description;
    bool piece_to_client;      /* the rest of the server's large message is delivered */
    bool client_piece_forward; /* the rest of the client's is forwarded */
    uint32_t client_piece_run;

    /* the record */
    struct record_session record;
    struct sha256 *digest; /* of the result that answers now, where the policy keeps no more of it */
    bool digesting;
    bool synced;                /* the client has sent a Sync since the last frame of what it sent */
    bool recording, unrecorded; /* unrecorded: the policy says to go on without */
    size_t long_at;             /* how far recording_long has come with the message that waits */
    uint32_t long_first;
    uint32_t n_texts, n_descriptions;
    struct known texts[KNOWN_TEXTS], descriptions[KNOWN_DESCRIPTIONS];
    uint8_t recorded_status;
    uint64_t n_statements, n_refused, n_rows, bytes_in, bytes_out;

    /* times, monotonic */
    int64_t began_us, login_due_us, session_due_us, token_due_us, statement_due_us;
    bool token_expired;
};

/* ---- client-start.c: whether statements are judged by what only a catalogue tells */
bool session_needs_view(const struct session *s);

/* ---- session.c */
/* Ends the session with last words for the client: an ErrorResponse of severity FATAL. Always STEP_CLOSE.
 * detail may be empty. */
enum step session_fail(struct session *s, enum refusal_reason reason, struct bytes message,
                       struct bytes detail);
enum step session_fail_text(struct session *s, enum refusal_reason reason, const char *message);
/* Ends it without a word. */
enum step session_drop(struct session *s, const char *why);
/* Our side of the server leaves: Terminate is sent if the server listens. */
void session_leave_server(struct session *s);
int64_t session_now(const struct session *s);
/* Monotonic; when what the session works on was taken up. Durations run from one to another. */
int64_t session_stamp_us(const struct session *s);
/* Bookkeeping between messages: ends a session whose token expired once it is idle, and the like. */
void session_settle(struct session *s);

/* ---- client-start.c */
enum step client_start_packet(struct session *s, struct bytes in, size_t *used_out);
enum step client_start_password(struct session *s, const struct message *m);
enum step client_start_identify(struct session *s, struct bytes token);
/* The client hears the sentence; the record has code and detail as well. */
enum step client_start_refuse(struct session *s, enum refusal_reason reason, const char *sentence,
                              const char *code, struct bytes detail);
/* It is known who asks: s->principal. */
enum step client_start_admit(struct session *s);

/* ---- client-sasl.c: SCRAM-SHA-256 with whoever gives the name of a minted login */
bool client_sasl_wanted(const struct session *s);
enum step client_sasl_ask(struct session *s);
/* SASLInitialResponse, then SASLResponse. */
enum step client_sasl_message(struct session *s, const struct message *m);
void client_sasl_free(struct session *s);

/* ---- server-start.c */
void server_start(struct session *s, struct bytes address, const struct scram_binding *binding);
enum step server_start_message(struct session *s, const struct message *m);
void server_start_free(struct session *s);

/* ---- frontend.c, backend.c: a whole message, or the beginning of a large one */
enum step frontend_message(struct session *s, const struct message *m);
enum step frontend_piece(struct session *s, struct bytes piece, bool last);
/* Whether a COPY FROM STDIN runs, or is on its way, whose end was not sent. */
bool frontend_copies(struct session *s);
/* What is consumed may be several messages (a run of DataRows): *used_out. */
enum step backend_message(struct session *s, const struct message *m, struct bytes in, size_t *used_out);
enum step backend_piece(struct session *s, struct bytes piece, bool last);

/* ---- statement.c */
enum statement_carrier { CARRIER_QUERY, CARRIER_PARSE };
/* Takes a text through the steps, and forwards it, or poison in its place. m is the message that carries it.
 */
enum step statement_run(struct session *s, enum statement_carrier carrier, const struct message *m);
/* Sends what cannot parse in the place of a message, so that the server's own error recovery runs; the
 * refusal, which it takes over, is said when the server's error comes. name: of the statement in a Parse. */
enum step statement_poison(struct session *s, enum statement_carrier carrier, struct bytes name,
                           struct refusal *refusal, uint32_t run, struct understood *u, uint32_t text_number);
/* The same for a message that is no text (Bind, Execute, FunctionCall, or one that is malformed). */
enum step statement_refuse(struct session *s, enum statement_carrier carrier, enum refusal_reason reason,
                           struct bytes message);
enum step statement_refuse_with(struct session *s, enum statement_carrier carrier,
                                struct refusal *refusal); /* NULL: there was no memory */

/* What texts of the session are understood and judged in, as its view is now. */
struct understood_context session_context(const struct session *s);

/* ---- types.c: what comes with the types that a Parse gives its parameters */
bool types_are_foreign(struct bytes types);
/* In the session's view. False: *verdict_out tells why, in the scratch arena. */
bool types_are_allowed(struct session *s, struct bytes types, struct policy_verdict *verdict_out) MUST_USE;

/* ---- renew.c: what was prepared in an older view is judged again before it is used. NEXT with *refusal_out
 * NULL: it may be used; with a refusal (the caller's), it may not. */
enum step renew_binding(struct session *s, struct binding *binding, struct refusal **refusal_out) MUST_USE;
/* The same for all that the text names with EXECUTE. */
enum step renew_named(struct session *s, const struct understood *u, struct refusal **refusal_out) MUST_USE;

/* ---- hold.c */
/* What is to be approved. */
struct hold_question {
    struct understood *u;
    struct bytes text;                   /* the client's */
    struct bytes bind;                   /* the body of its Bind; p == NULL: a Query */
    const struct binding_source *source; /* of the statement that is bound; NULL */
    bool counted;                        /* it ran, changed so many rows, and was undone */
    uint64_t rows;
    uint32_t run; /* in the record: as which it did */
};
enum hold_answer { HOLD_REFUSED = 0, HOLD_WAITING, HOLD_GRANTED };
/* REFUSED: with *refusal_out (the caller's), or NULL: in the verdict's own words. WAITING: the message is to
 * come again. */
enum hold_answer hold_ask(struct session *s, const struct hold_question *q,
                          struct refusal **refusal_out) MUST_USE;
/* What was asked is not wanted any more, for that reason (a sentence). */
void hold_drop(struct session *s, const char *why);
/* The message is through, or refused. */
void hold_done(struct session *s);
bool hold_keeps_client(const struct session *s);
void hold_on_cancel(struct session *s);
void hold_on_time(struct session *s, int64_t now_us);
int64_t hold_due_us(const struct session *s);
/* A Sync of the gateway's own: the batch ends with it, and its answer is not for the client. */
bool hold_send_sync(struct session *s) MUST_USE;

/* ---- hold-look.c: what the server tells of what a statement touches. False: no memory. *asked_out: there is
 * something to ask, and it was. */
bool hold_look(struct session *s, const struct hold_question *q, bool *asked_out) MUST_USE;
enum step hold_look_row(struct session *s, struct bytes body);
enum step hold_look_done(struct session *s);
void hold_look_failed(struct session *s, struct bytes body);
/* ---- hold-facts.c: a SET postern.… of the client's */
void claims_keep(struct session *s, struct bytes name, struct bytes value);
/* What people are shown, and what an approval binds. In the arena. False: no memory. */
bool hold_request(struct session *s, const struct hold_question *q, struct arena *arena,
                  struct desk_request *out) MUST_USE;
/* ---- hold-say.c: what the client is told, and the record */
void hold_say_waiting(struct session *s, const struct desk_request *r, bool beats);
void hold_say_progress(struct session *s, const struct desk_entry *entry);
struct refusal *hold_refusal(struct session *s, const struct desk_entry *entry) MUST_USE;
struct refusal *hold_refusal_asked(struct session *s, const struct desk_request *r) MUST_USE;
enum record_outcome hold_record_asked(struct session *s, const struct hold_question *q,
                                      const struct desk_request *r) MUST_USE;
enum record_outcome hold_record_decision(struct session *s, const struct desk_entry *entry,
                                         size_t i) MUST_USE;
/* state: a state of the desk, or "used". */
enum record_outcome hold_record_end(struct session *s, const char *state, const char *why) MUST_USE;

/* ---- budget.c: what may be used in a day */
/* Opens it, where a policy sets one. */
bool budget_start(struct session *s) MUST_USE;
void budget_end(struct session *s);
/* UINT64_MAX where there is no budget of the kind. */
uint64_t budget_left(struct session *s, enum session_budget_kind kind);
/* Uses n; false, and nothing is used, where less is left. */
bool budget_take(struct session *s, enum session_budget_kind kind, uint64_t n) MUST_USE;
/* Uses n, whatever is left: it has happened. */
void budget_use(struct session *s, enum session_budget_kind kind, uint64_t n);
/* How many statements of the text count: ending a transaction must always be possible. */
uint64_t budget_statements(const struct understood *u);
/* How many values of masked columns it asks for. */
uint64_t budget_lookups(const struct understood *u);
/* "the day's budget of 100 rows is used up", and when there will be one again; in s->scratch. */
struct bytes budget_says(struct session *s, enum session_budget_kind kind);
struct bytes budget_hint(struct session *s);

/* ---- own.c: a statement of the gateway's own, in the client's transaction. The text is one that nothing of
 * the client's can change the meaning of: every name and operator qualified. No Sync goes with it: where the
 * session is idle, the caller adds one (PENDING_SYNC, injected). */
enum own_purpose {
    OWN_COUNT_BEFORE = 0,
    OWN_COUNT_AFTER,
    OWN_VIEW,
    OWN_LOOK
}; /* a row of the table in own.c each */
/* Into server_out and the queue. False: no memory, or the queue is full. */
bool own_ask(struct session *s, enum own_purpose purpose, struct bytes text) MUST_USE;
/* An answer for PENDING_OWN at the head: anything but ErrorResponse and what a server says unasked.
 * *done_out: it was the last, and the head is to be popped. */
enum step own_answer(struct session *s, const struct message *m, bool *done_out);
/* The server failed it: what the client hears is up to whoever asked. The caller skips to Sync. */
void own_failed(struct session *s, struct bytes body);
/* What OWN_VIEW asks is for view.c. */
enum step view_own_row(struct session *s, struct bytes body);
enum step view_own_done(struct session *s);
void view_own_failed(struct session *s, struct bytes body);

/* Whether everything in the queue will be answered without another word of the client's. */
bool view_drains(const struct session *s);

/* ---- limit.c */
void limit_free(struct session *s);
static inline bool limit_is_undecided(const struct session *s)
{
    return s->limiting.uncounted || s->limiting.n_asked || s->limiting.n_by_tag;
}
/* What decides on it; *by_out is whose limit it is. */
enum understood_limited limit_kind(const struct session *s, struct understood *u, struct understood **by_out);
/* A statement goes to the server that is not limited; u may be NULL. */
void limit_pass(struct session *s, const struct understood *u);
/* A Sync goes to the server: what comes behind it may be another transaction. */
void limit_on_sync(struct session *s);
/* Around the forwarding of a limited Execute. False: no memory. */
bool limit_before(struct session *s, enum understood_limited kind) MUST_USE;
void limit_mark(struct pending *p, enum understood_limited kind, struct understood *by, bool in_group);
bool limit_after(struct session *s) MUST_USE;
/* While something is undecided: whether a message of the client's may go to the server, since it can commit
 * nothing. */
bool limit_lets_pass(struct session *s, const struct message *m);
/* Sees to it that the decision comes without the client's doing. and_wait: the client's message waits. */
enum step limit_demand(struct session *s, bool and_wait);
/* A simple Query of one limited statement, as Parse, Bind, Describe and Execute. forward: what the server
 * gets in the place of the client's text; p == NULL: that itself. */
enum step limit_query(struct session *s, struct understood *u, struct bytes text, struct bytes forward,
                      uint32_t run, uint32_t number);
/* A Query, or the first Bind of a batch and its Execute, may come again where a hold limits it. */
void limit_keep_message(struct session *s, const struct understood *u, struct bytes whole);
void limit_forget_messages(struct session *s);
/* What was undone is asked for. */
static inline bool limit_is_again(const struct session *s)
{
    return s->limiting.again.due || s->limiting.again.undoing;
}
bool limit_on_piece_end(struct session *s) MUST_USE;
enum step limit_count_row(struct session *s, struct bytes body);
enum step limit_count_before_done(struct session *s);
enum step limit_count_after_done(struct session *s);
void limit_count_failed(struct session *s, struct bytes body);
/* CommandComplete, or PortalSuspended, of a limited statement; its frame comes with the decision. */
enum step limit_on_end(struct session *s, struct pending *p, enum run_end how, struct bytes tag,
                       struct bytes whole);
/* Keeps what is for the client until the decision. False: it was dropped. */
bool limit_keep(struct session *s, struct bytes bytes);
/* Undoes what is undecided, with a refusal (which it takes over; NULL: no memory) that is said of the run. */
enum step limit_trip(struct session *s, struct refusal *refusal, uint32_t run);
/* An error: the run that the head is a part of becomes the head's; what was kept goes out before the error;
 * and what comes after the queue was skipped to Sync. */
void limit_adopt(struct session *s, struct pending *head);
void limit_before_error(struct session *s);
enum step limit_after_error(struct session *s);
enum step limit_on_ready(struct session *s, uint8_t status);
void limit_on_transaction_end(struct session *s);
/* The session ends. */
void limit_abandon(struct session *s);

/* ---- recording.c: RECORD_WAIT sets waits_for_room. With a policy that goes on unrecorded, RECORD_FULL
 * becomes RECORD_OK with *run 0. */
enum record_outcome recording_intent(struct session *s, enum frame_type type, uint8_t flags,
                                     const struct bytes *parts, size_t n, uint32_t *run_out);
/* Room for the outcome of a run. RECORD_OK with *reserved_out false: the session goes on unrecorded. */
enum record_outcome recording_reserve(struct session *s, bool *reserved_out);
void recording_outcome(struct session *s, enum frame_type type, uint8_t flags, const struct bytes *parts,
                       size_t n);
/* A body of any length, in parts of at most 512 kB that each begin with the prefix. After RECORD_WAIT it is
 * called again with the same body, and goes on where it was. */
enum record_outcome recording_long(struct session *s, enum frame_type type, struct bytes prefix,
                                   struct bytes body, uint32_t *first_out);
/* The number of a text in this session's record, defined there now if it was not yet. Where the frame that
 * follows can carry a text of its own (inline_is_fine), the number may be that of another text of the same
 * template: *inline_out says that the text must stand in the frame. */
enum record_outcome recording_text(struct session *s, const struct understood *u, struct bytes text,
                                   bool inline_is_fine, uint32_t *number_out, bool *inline_out);
uint32_t recording_description(struct session *s, struct bytes body);
/* Rows or COPY data of the run that answers now. False: there is no room, and the session was ended. */
enum record_outcome recording_rows(struct session *s, enum frame_type type, uint8_t flags, uint32_t run,
                                   uint32_t description, struct bytes data);
/* What a server says unasked: it waits for room as rows do. */
/* veil.c: what the server says besides rows. An error's body as the client may see it (the body itself where
 * nothing is masked); a notice's, p == NULL where nothing of it may be seen. The rest is sealed in the
 * record. */
struct bytes veil_error(struct session *s, const struct pending *p, struct bytes body);
struct bytes veil_notice(struct session *s, const struct pending *p, struct bytes body);
/* ---- veil-setting.c: a text runs; and what may be told of a setting that the server reports */
void veil_on_run(struct session *s, const struct understood *u);
struct bytes veil_setting(const struct session *s, struct bytes name, struct bytes value);
/* ---- sift.c: values that are masked by what they look like */
void sift_start(struct session *s);
void sift_free(struct session *s);
/* A RowDescription: how the rows that it is of are looked through. False: no memory. */
bool sift_describe(struct session *s, struct pending *p, struct bytes description) MUST_USE;
enum look_way sift_way(const struct session *s, const struct pending *p, size_t column);
/* Whole messages of rows, of COPY data, or the answer of a function call, as they become: what was given, or
 * memory of the session's until the next of these calls. p == NULL: there is no memory. What was found counts
 * once sift_step_done says that it was recorded. */
struct bytes sift_rows(struct session *s, const struct pending *p, struct bytes rows);
struct bytes sift_copy(struct session *s, struct bytes messages);
struct bytes sift_call(struct session *s, struct bytes answer);
void sift_step_done(struct session *s, const struct pending *p);
/* Counts at once; column from 1, or 0. False: no memory. */
bool sift_note(struct session *s, const struct pending *p, size_t column,
               const struct look_tally *tally) MUST_USE;
/* Whether what a CopyOutResponse announces can be looked through, and whether a message of it is a row. */
bool sift_takes_copy(struct bytes response);
bool sift_is_whole_row(struct bytes data);
/* What was found in the run's result, into the record. */
void sift_record(struct session *s, uint32_t run);
/* Words that the server says, and the body of an error or notice: in the session's scratch, or what was
 * given. p == NULL: there is no memory. */
struct bytes sift_words(struct session *s, struct bytes words);
struct bytes sift_report(struct session *s, struct bytes body);
/* ---- sift-gather.c: the first of a large message, and each piece that follows. *too_long_out: it cannot be
 * looked through, and nothing of it was delivered. */
enum step sift_gather_begin(struct session *s, const struct pending *p, uint8_t type, struct bytes first);
enum step sift_gather(struct session *s, struct pending *p, struct bytes piece, bool last,
                      bool *too_long_out);
void sift_gather_abandon(struct session *s);
/* A notification's words, sealed. */
enum record_outcome veil_notification(struct session *s, struct bytes channel, struct bytes payload);
/* Whether a RowDescription names a column that is masked: then something came past the masks. */
bool veil_describes_masked(struct session *s, const struct pending *p, struct bytes body);
/* A RowDescription, whole, for the client: where an output is the mask of a column, it is described as that
 * column, as drivers expect that read names of tables and keys from it. What the server says of itself is
 * asked about before (veil_describes_masked). In the session's scratch, or the message itself. */
struct bytes veil_description(struct session *s, const struct pending *p, struct bytes whole);
enum record_outcome recording_aside(struct session *s, enum frame_type type, struct bytes body);
enum record_outcome recording_notice(struct session *s, uint32_t run, struct bytes body,
                                     const struct understood *u);
/* Puts what goes through into client_out, since more comes behind it. */
void session_hold_through(struct session *s);
/* Data of several CopyData messages as one frame: parts[1] to parts[n]; parts[0] is for the number of the
 * run. */
enum { RECORDING_COPY_PARTS = 1024 };
enum record_outcome recording_copy(struct session *s, enum frame_type type, uint32_t run, struct bytes *parts,
                                   size_t n);
/* Tells the surroundings of a refused statement, where its reason is one of those that people want to know
 * of; refused_tell_of: in the refusal's own words. */
void refused_tell(struct session *s, enum refusal_reason reason, struct bytes policy, struct bytes rule,
                  struct bytes message);
void refused_tell_of(struct session *s, const struct refusal *refusal);
/* The rows of a run have all come; what became of it is not known yet. */
void recording_result_end(struct session *s, const struct pending *p);
void recording_complete(struct session *s, struct pending *p, enum run_end how, struct bytes tag);
void recording_report(struct session *s, enum frame_type type, uint32_t run, enum frame_origin origin,
                      struct bytes body, const struct understood *u);
enum record_outcome recording_start(struct session *s);
void recording_rejected(struct session *s, enum refusal_reason reason, struct bytes message,
                        struct bytes detail);
void recording_end(struct session *s, const char *reason);

/* ---- view.c, besides view.h: an answer to an inquiry */
enum step view_on_message(struct session *s, const struct message *m);

/* ---- names.c: what texts do to the session's name space */
bool names_push(struct session *s, struct pending *p, struct understood *u);
/* The statement-th of the text has completed; or everything that is left has not. */
void names_commit(struct session *s, struct pending *p, size_t statement);
void names_revert(struct session *s, struct pending *p);
/* Whether some EXECUTE of the text runs what would have to be approved. */
bool names_are_held(struct session *s, const struct understood *u);
/* Whether every EXECUTE and FETCH of the text names what this session has seen made. */
bool names_are_known(struct session *s, const struct understood *u);

/* ---- detail.c: what stands in a refusal's DETAIL */
struct detail {
    enum refusal_reason reason;
    struct bytes policy, rule, hint; /* policy: empty where none decided */
    const struct bytes *by;          /* who may approve */
    size_t n_by;
    struct bytes request, link; /* of an approval that was asked for; empty: the run is the request */
    struct bytes words;         /* for people instead of rule and policy, or besides; may be empty */
};
/* A sentence, or a line of JSON where the client asked for that; in the session's scratch. */
struct bytes detail_text(struct session *s, const struct detail *detail, uint32_t run);
/* The same where no rule decided: words may be empty. */
struct bytes detail_words(struct session *s, enum refusal_reason reason, struct bytes words,
                          struct bytes hint, uint32_t run);
/* A setting postern.… of the client's: takes note of the one for the form of refusals. */
void detail_choose(struct session *s, struct bytes name, struct bytes value);
#endif
