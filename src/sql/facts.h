/* What a text of SQL is and touches: facts, from PostgreSQL's own grammar. Pure: bytes in, structs out.
 * Everything that sql_understand returns lives in the arena that it was given, and points into no memory of
 * libpg_query.
 *
 * Facts err on the safe side: what cannot be told is EFFECT_UNKNOWN, a function that no list names is
 * EFFECT_PROCEDURE, and a name without a schema is given without one. */
#ifndef POSTERN_SQL_FACTS_H
#define POSTERN_SQL_FACTS_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"

enum sql_effect {
#define EFFECT(bit, NAME, name, what) EFFECT_##NAME = 1u << (bit),
#include "sql/effects.def"
#undef EFFECT
};
enum {
    SQL_N_EFFECTS = 19,
    EFFECT_SCHEMA = EFFECT_SCHEMA_CREATE | EFFECT_SCHEMA_ALTER | EFFECT_SCHEMA_DROP,
    EFFECT_ALL_BUT_UNKNOWN = EFFECT_UNKNOWN - 1
};
/* "schema.drop" for one bit. */
const char *sql_effect_name(uint32_t bit);
/* One name to its bits ("schema" is three, "all" is every one but unknown); 0 for a name that is none. */
uint32_t sql_effect_parse(struct bytes name);

/* A relation as the text names it; schema and database are empty where the text gives none. CTE names are not
 * relations. For DROP, ALTER and the like: the object, where it is a relation. */
struct sql_relation {
    struct bytes database, schema, name;
    uint32_t access; /* the effects on this relation: EFFECT_READ, …_UPDATE, …_SCHEMA_DROP, … */
    bool whereless;  /* an UPDATE or DELETE of it has no WHERE, or one that is trivially true */
};
struct sql_function {
    struct bytes schema, name;
};

/* Of the UPDATE and DELETE anywhere in a statement, the worst. Trivially true: a constant, or an expression
 * of constants and of a column compared with itself that sql can see through. */
enum sql_where {
    SQL_WHERE_NONE = 0 /* no UPDATE or DELETE */,
    SQL_WHERE_PRESENT,
    SQL_WHERE_TRIVIAL,
    SQL_WHERE_MISSING
};

/* What a statement does to the session's own state, as far as the gateway keeps track of it. */
enum sql_action {
    SQL_ACTION_NONE = 0,
    SQL_ACTION_BEGIN,
    SQL_ACTION_COMMIT,
    SQL_ACTION_ROLLBACK,
    SQL_ACTION_SAVEPOINT, /* savepoint, release, rollback to */
    SQL_ACTION_TWO_PHASE, /* prepare transaction, commit or rollback prepared */
    SQL_ACTION_SET,       /* subject: the parameter in lower case; value; SET LOCAL too */
    SQL_ACTION_RESET,     /* subject: the parameter; empty for RESET ALL */
    SQL_ACTION_SHOW,      /* subject */
    SQL_ACTION_PREPARE,   /* subject: the statement's name; inner: what it will do, also added to the outer
                             effects */
    SQL_ACTION_EXECUTE,   /* subject: the name. Its effects are not known here: the session adds those of what
                             was prepared */
    SQL_ACTION_DEALLOCATE, /* subject; empty for ALL */
    SQL_ACTION_DECLARE,    /* subject: the cursor; its query's effects are the statement's */
    SQL_ACTION_FETCH,      /* subject: the cursor; MOVE too */
    SQL_ACTION_CLOSE,      /* subject; empty for ALL */
    SQL_ACTION_DISCARD,    /* subject: "all", "plans", "sequences", "temp" */
    SQL_ACTION_LISTEN,
    SQL_ACTION_UNLISTEN,
    SQL_ACTION_NOTIFY,
    SQL_ACTION_COPY_IN,
    SQL_ACTION_COPY_OUT, /* from STDIN, to STDOUT */
};

/* How a setting that a SET (or a set_config with constant arguments, or a start-up parameter) names is
 * judged. */
enum sql_setting {
    SQL_SETTING_OTHER = 0, /* EFFECT_SESSION */
    SQL_SETTING_HARMLESS,  /* always allowed (DateStyle, TimeZone, search_path, statement_timeout,
                              application_name …) */
    SQL_SETTING_CONTEXT,   /* postern.*: kept by the gateway, never forwarded */
    SQL_SETTING_PINNED,   /* standard_conforming_strings, client_encoding …: only the value that the gateway
                             pins; with it, harmless */
    SQL_SETTING_PRIVILEGE /* role, session_authorization, session_replication_role …: EFFECT_PRIVILEGE */
};
/* value may be empty (p == NULL) where it is not known: then PINNED is answered for any pinned name. For a
 * pinned name with its pinned value the answer is SQL_SETTING_HARMLESS. Names in any case. */
enum sql_setting sql_setting_kind(struct bytes name, struct bytes value);

struct sql_statement {
    struct bytes text; /* its part of the whole text, without the semicolon; points into what was given */
    struct bytes tag;  /* "SELECT", "DROP TABLE", "CREATE INDEX": the command tag's words, which `statements:`
                          patterns match */
    uint32_t effects;  /* everything it may do, at any depth; 0 only for an empty statement */
    enum sql_where where;
    uint32_t whereless; /* which of EFFECT_UPDATE and EFFECT_DELETE lack a WHERE or have a trivial one */
    struct sql_relation *relations;
    size_t n_relations;
    struct sql_function *functions;
    size_t n_functions;
    enum sql_action action;
    struct bytes subject,
        value; /* see enum sql_action; value: SET's text value, list members joined with ", " */
    enum sql_setting setting; /* for SET and RESET */
    bool pinned_setting; /* somewhere (SET, set_config, ALTER ROLE … SET, CREATE FUNCTION … SET) it would move
                            a pinned setting */
    struct bytes inner; /* PREPARE: the text of the statement that it prepares */
};

struct sql_facts {
    struct sql_statement *statements;
    size_t n_statements; /* 0 for white space and comments */
    bool holds_secret;   /* some literal is a password: record sql_redact's text instead */
    /* Where the grammar rejected the text: its message, and the place in bytes from 0 (-1: not known). */
    struct bytes error;
    int64_t error_at;
};

/* UNKNOWN: PostgreSQL 15's grammar rejects the text (error says why); effects are EFFECT_UNKNOWN. HOSTILE:
 * the pre-scan or a ceiling stopped it before or while it was parsed (error says what): it is refused to
 * everybody, since nobody can say what a server makes of it. */
enum sql_outcome { SQL_HOSTILE = 0, SQL_UNKNOWN, SQL_UNDERSTOOD };
/* *facts_out is never NULL unless the arena is full, which is SQL_HOSTILE with *facts_out == NULL. */
enum sql_outcome sql_understand(struct bytes text, struct arena *arena,
                                const struct sql_facts **facts_out) MUST_USE;
/* Only the pre-scan of sql_understand: cheap, linear, safe on any bytes. HOSTILE or UNDERSTOOD (which then
 * means: may be parsed). */
enum sql_outcome sql_prescan(struct bytes text, struct arena *arena, struct bytes *error_out) MUST_USE;
enum {
    SQL_INLINE_BYTES = 16384, /* longer texts are parsed in the parser child */
    SQL_TEXT_CEILING = 64 << 20,
    SQL_DEPTH_CEILING = 2000, /* of nodes within nodes */
    SQL_NAMES_CEILING = 2000, /* different relations, or functions, of one statement */
    SQL_STATEMENTS_CEILING = 10000
};

/* Facts over a pipe, from the parser child; statement texts are sent as offsets into the text that both sides
 * have. */
void sql_facts_encode(struct bytes text, enum sql_outcome outcome, const struct sql_facts *facts,
                      struct buf *out);
/* Decodes what a child sent, trusting nothing in it: HOSTILE where it is malformed. */
enum sql_outcome sql_facts_decode(struct bytes text, struct bytes encoded, struct arena *arena,
                                  const struct sql_facts **facts_out) MUST_USE;

/* The text with every literal cut out ("?"), white space and comments folded: equal for statements of one
 * shape. Works by token, also on text that does not parse; p == NULL where the arena is full. */
struct bytes sql_shape(struct bytes text, struct arena *arena) MUST_USE;
/* A template: a text with its plain literals cut out and everything else as it is, so that what is understood
 * of one text holds for every text of the template. Takes only what can be known to be so by token: one
 * SELECT, INSERT, UPDATE or DELETE without comments, its literals plain numbers and plain strings, and those
 * behind a WHERE of UPDATE and DELETE compared with a column (whether a condition is trivial must not hang on
 * a literal). False: not such a text; SQL_TEMPLATE_BYTES or longer is none. out has room for text.n bytes;
 * *n_literals_out may be 0. */
enum { SQL_TEMPLATE_BYTES = 4096 };
bool sql_template(struct bytes text, uint8_t *out, size_t *n_out, size_t *n_literals_out) MUST_USE;
/* Whether the facts of a text that sql_template took are those of its template: nothing in them can have come
 * from a literal. */
bool sql_facts_fit_template(const struct sql_facts *facts);
/* The text with password literals replaced by '***'; works by token, also on text that does not parse.
 * secrets_out gets the literals' contents, so that they can be cut from error texts as well. p == NULL where
 * the arena is full. */
struct bytes sql_redact(struct bytes text, struct arena *arena, struct bytes **secrets_out,
                        size_t *n_secrets_out) MUST_USE;

/* Whether the text could hold a password at all: quick, and true of every text from which sql_redact cuts
 * something. */
bool sql_may_hold_secret(struct bytes text);

/* SQLCommenter (key='url-encoded value', …) in the text's comments: calls visit for each pair, decoded. */
void sql_comment_claims(struct bytes text, struct arena *arena,
                        void (*visit)(void *context, struct bytes key, struct bytes value), void *context);
#endif
