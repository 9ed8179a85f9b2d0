/* Running a recorded session again against a database, and telling where it comes out otherwise:
 *
 *     rerun_read ─▶ the session as steps ─▶ rerun_play ─▶ for each statement rerun_differ ─▶ a form prints
 *
 * A step is a message that the client sent. What had an outcome of its own, or could have, is a run: a Query,
 * a Parse, a Bind, an Execute, a function call. A run has two outcomes: the recorded one, and the one of now.
 * Everything that was read lives in the script's arena; what comes now, until the run was shown. */
#ifndef POSTERN_CLI_RERUN_H
#define POSTERN_CLI_RERUN_H
#include "base/arena.h"
#include "base/map.h"
#include "cli/evidence.h"
#include "record/transcript.h"

enum { RERUN_COLUMNS = 1664 /* that a row can have */ };

/* Bytes in pieces, as they came. */
struct rerun_chunks {
    struct bytes *items;
    size_t n, size;
};

/* What ended with one command tag. Rows are bodies of DataRow messages. */
struct rerun_result {
    struct bytes description; /* the body of RowDescription; p == NULL: not known, or there was none */
    struct rerun_chunks rows, copy_in, copy_out;
    uint64_t n_rows; /* as counted, whether they are there or not */
    uint64_t us;
    bool ended;
    enum run_end how;
    struct bytes tag;
    bool has_digest, cut;
    uint8_t digest[32];
    const struct transcript_text *of; /* EXECUTE, FETCH: whose rows they are */
    struct bytes of_text;
};

struct rerun_outcome {
    struct rerun_result *results;
    size_t n, size;
    bool has_error;
    struct bytes sqlstate, message;
    bool veiled;     /* the words were withheld from the client: only the SQLSTATE can be compared */
    bool by_gateway; /* the error is the gateway's own */
};

/* Why a run is not run again. In its place the server gets a text that no grammar takes, so that the
 * transaction is in the state that it was in. */
enum rerun_left_out {
    RERUN_RUNS = 0,
    RERUN_REFUSED,  /* the gateway refused it */
    RERUN_UNDONE,   /* it ran, and was undone before anything could be committed */
    RERUN_STOPPED,  /* the gateway, or somebody's cancel request, ended it while it ran */
    RERUN_UNKNOWN,  /* its text or its message is not in the record */
    RERUN_SECRET,   /* its text held a password, which is not in the record */
    RERUN_NO_DATA,  /* COPY FROM STDIN, and its data is not in the record */
    RERUN_SKIPPED,  /* now: an error came before it in its batch */
    RERUN_LOST_NOW, /* now: the connection is gone */
    RERUN_NOT_LEFT_OUT
};
const char *rerun_left_out_says(enum rerun_left_out why);

enum rerun_kind { RERUN_QUERY, RERUN_PARSE, RERUN_BIND, RERUN_EXECUTE, RERUN_CALL };
struct rerun_run {
    enum rerun_kind kind;
    uint32_t sequence; /* of its frame; 0: there is none (what was refused before it was recorded) */
    int64_t offset_us;
    struct bytes text, sent; /* the client's; what went to the server, where that was another */
    struct bytes decision, policy, rule, effects, relations, tags;
    const struct rerun_run *bind; /* of an Execute; NULL: not known */
    const struct transcript_value *parameters;
    size_t n_parameters;
    enum rerun_left_out left_out, left_out_now;
    struct rerun_outcome then, now;
    uint64_t us_now;
    uint8_t masked[RERUN_COLUMNS / 8]; /* columns of the result in which values were masked by their looks */
    bool copy_masked;
};

enum rerun_step_kind { RERUN_STEP_RUN, RERUN_STEP_CLOSE, RERUN_STEP_SYNC, RERUN_STEP_POISON };
struct rerun_step {
    enum rerun_step_kind kind;
    struct rerun_run *run; /* STEP_RUN */
    struct bytes body;     /* of the client's message, but for Query and Parse; of Parse, its types */
    struct bytes name;     /* of Parse; the portal of Execute */
    uint32_t most_rows;
};

/* The session as it is in the record. */
struct rerun_script {
    struct arena arena;
    uint64_t session;
    struct bytes principal, connection, database, login, application;
    struct {
        struct bytes name, value;
    } settings[64];
    size_t n_settings;
    bool marks_syncs; /* else Syncs are guessed: behind each Execute whose outcome was awaited */
    bool whole;       /* its end is in the record */
    struct rerun_step *steps;
    size_t n_steps, steps_size;
    uint64_t n_damaged;
};
/* Reads it all. False: said why. rerun_script_free in any case. */
bool rerun_read(const struct cli_call *call, struct evidence *e, uint64_t session,
                struct rerun_script *script) MUST_USE;
void rerun_script_free(struct rerun_script *script);

/* ---- building outcomes; false: no memory */
bool rerun_chunk_add(struct arena *arena, struct rerun_chunks *chunks, struct bytes copy_of) MUST_USE;
/* The result that is open; begins one where the last has ended. NULL: no memory. */
struct rerun_result *rerun_result_open(struct arena *arena, struct rerun_outcome *outcome) MUST_USE;
bool rerun_error_set(struct arena *arena, struct rerun_outcome *outcome, struct bytes sqlstate,
                     struct bytes message) MUST_USE;

/* ---- playing */
struct rerun_server;
struct rerun_player {
    struct rerun_server *server;
    struct arena arena; /* of what comes now; reset behind each run that was shown */
    /* Each run, in order, when both of its outcomes are known. False: no more. */
    bool (*on_run)(void *context, struct rerun_run *run);
    void *context;
};
enum rerun_played { RERUN_BROKEN = 0 /* no memory: nothing more can be compared */, RERUN_ENDED };
enum rerun_played rerun_play(struct rerun_player *player, const struct rerun_script *script) MUST_USE;
#endif
