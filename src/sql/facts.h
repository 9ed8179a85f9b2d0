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
 * relations. For DROP, ALTER and the like: the object, where it is a relation; in a view, a type that is made
 * stands here too. In a view, one without a name is what only the server knows (the sequence of a nextval,
 * what a CASCADE takes along), or with a schema any of that one: any relation for a denial, none for an allow
 * that names some. */
struct sql_relation {
    struct bytes database, schema, name;
    uint32_t access; /* the effects on this relation: EFFECT_READ, …_UPDATE, …_SCHEMA_DROP, … */
    bool whereless;  /* an UPDATE or DELETE of it has no WHERE, or one that is trivially true */
    /* The rest only where the text was understood in a view of the catalogue (sql_understand_in). */
    bool resolved; /* schema and name are what the server will take */
    bool made;     /* an earlier statement of the same text creates it: its columns are not known */
    /* The text does not name it: it is touched through a view, as a partition, child or parent, by a foreign
     * key's action, by a rule. Denials and holds speak of it; it needs no allow of its own. */
    bool through;
    /* It, or a column of it, gets another name or schema: rules that speak of it by its name would not see it
     * any more, whatever effects they are about. The new name stands as a relation of its own. */
    bool renamed, columns_renamed;
    uint32_t oid; /* 0: made, or not resolved */
};
/* Code of the server's that is not PostgreSQL's own, as the catalogue names it: "public.f(integer)". */
struct sql_code {
    struct bytes signature, extension; /* extension: that owns it; empty: none */
};
struct sql_function {
    struct bytes schema, name;
    /* Only in a view: whatever the name could call besides pg_catalog's own. With none, the call is
     * PostgreSQL's and forwarded so that it stays that (sql_edit). Operators, casts and domains' checks are
     * listed alike. Whether all of it is trusted is for the policy to say: if not, the statement bears
     * EFFECT_PROCEDURE. */
    const struct sql_code *codes;
    size_t n_codes;
};
/* Code that a statement makes, changes or gives a name to. schema empty: any; name empty: any of that schema;
 * a cast has neither. */
struct sql_made_code {
    bool any, cast; /* there is such */
    struct bytes schema, name;
};
/* A column that a statement touches, and how. Every use that cannot be told is all of them. */
enum sql_use {
    SQL_USE_OUTPUT = 1, /* its value can be in what the client is sent: results, COPY, RETURNING */
    SQL_USE_PREDICATE =
        2, /* it decides which rows, how many, in which order or groups: WHERE, ON, USING, GROUP,
              HAVING, ORDER, DISTINCT, LIMIT, window frames, ON CONFLICT, set operations */
    SQL_USE_WRITTEN = 4, /* assigned, inserted, deleted with its row */
    SQL_USE_STORED = 8,  /* its value flows into what is written */
    SQL_USE_RANKED = 16  /* a window is ordered by it; with SQL_USE_PREDICATE */
};
struct sql_column {
    uint32_t relation; /* index into the statement's relations */
    struct bytes name; /* "*": the whole row, or a relation whose columns are not known */
    int16_t attribute; /* attnum; 0 for "*" */
    uint32_t uses;
    uint8_t masked; /* for who asks: bits of enum sql_masked (sql/masking.h); 0: it is clear */
};
/* One column of what the statement returns. */
struct sql_output {
    struct bytes name;
    const uint32_t *columns; /* indices into the statement's columns: what its value is made of, through every
                                depth, down to relations that hold rows (views are looked through) */
    size_t n_columns;
    bool opaque; /* and of something that cannot be told besides: a function's answer */
    bool plain;  /* it is exactly the one column, unchanged */
};
/* Text that goes to the server in front of byte `at` of the client's, and in the place of `remove` bytes of
 * it (nearly always none): what leaves a name nothing to resolve, and what masks.
 */
struct sql_edit {
    uint32_t at;
    struct bytes insert;
    uint32_t remove;
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
    bool cascades;       /* DROP … CASCADE: what is dropped takes others with it */
    struct bytes inner; /* PREPARE: the text of the statement that it prepares */
    /* The rest only where it was understood in a view. */
    bool in_view;
    struct bytes unresolved; /* a name that the view does not have, as written: nothing is to be forwarded
                                (42P01, 42883 … as the server would say, in unresolved_code and
                                unresolved_says); empty: none */
    const char *unresolved_code;
    struct bytes unresolved_says; /* "relation \"x\" does not exist" */
    int64_t unresolved_at;        /* where it stands, in bytes of the whole text; -1: not known. Where
                                     unresolved_code        is NULL, nothing */
    /* Its command tag may not count every row that it changes: a CTE, a trigger, a rule, a foreign key's
     * action writes too. */
    bool writes_beside;
    /* It may set off what runs at COMMIT only: a trigger that can be deferred. late_triggers: there are such
     * in the database, so that code which it calls may set them off as well. */
    bool writes_late, late_triggers;
    /* Code of the database's owner runs as it reads or writes: row security, defaults, checks, a view's
     * query. No rule speaks of it; what it changes counts where changed rows are limited. */
    bool runs_unseen;
    bool writes_foreign; /* it may change rows of a foreign table, which stand on another server */
    struct sql_made_code made_code;
    struct sql_column *columns;
    size_t n_columns;
    struct sql_output
        *outputs; /* empty where it returns none, or where their number is not known: outputs_open then */
    size_t n_outputs;
    bool outputs_open;
    /* Only where masks apply (sql_understand_masked). */
    bool masks; /* it names a relation with masked columns */
    /* What of it cannot be sent with masks: a sentence, and a hint. Nothing is to be forwarded then. */
    struct bytes unmaskable, unmaskable_hint;
};

struct sql_facts {
    struct sql_statement *statements;
    size_t n_statements;    /* 0 for white space and comments */
    bool holds_secret;      /* some literal is a password: record sql_redact's text instead */
    struct sql_edit *edits; /* in order of place; none: the text goes as it is */
    size_t n_edits;
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
/* The same in a view of the catalogue: names resolved as the server's session would resolve them, what hangs
 * on them followed, every column's way traced. view == NULL: as sql_understand. */
struct catalog_view;
enum sql_outcome sql_understand_in(struct bytes text, const struct catalog_view *view, struct arena *arena,
                                   const struct sql_facts **facts_out) MUST_USE;
/* The same for a text whose parameters have been given types, as Parse has them: u32 each, in network order,
 * 0 for none. The code of those that are not PostgreSQL's own is the statement's. */
enum sql_outcome sql_understand_typed(struct bytes text, const struct catalog_view *view, struct bytes types,
                                      struct arena *arena, const struct sql_facts **facts_out) MUST_USE;
/* The same for somebody from whom columns are masked (sql/masking.h): edits put a sub-select that masks in
 * the place of each relation that is read. masking == NULL: as sql_understand_typed. A view is needed. */
struct sql_masking;
enum sql_outcome sql_understand_masked(struct bytes text, const struct catalog_view *view, struct bytes types,
                                       const struct sql_masking *masking, struct arena *arena,
                                       const struct sql_facts **facts_out) MUST_USE;
/* Only the pre-scan of sql_understand: cheap, linear, safe on any bytes. HOSTILE or UNDERSTOOD (which then
 * means: may be parsed). */
enum sql_outcome sql_prescan(struct bytes text, struct arena *arena, struct bytes *error_out) MUST_USE;
enum {
    SQL_INLINE_BYTES = 16384, /* longer texts are parsed in the parser child */
    SQL_INLINE_VIEW_BYTES =
        4096, /* and shorter ones in a view: resolving can take the square of their length */
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

/* The text with the same literals (and comments) filled with stars, every byte else where it was: what is
 * found of it holds for the text, and no password comes near the grammar. The arena has the secrets then, and
 * should be wiped. p == NULL where the arena is full. */
struct bytes sql_mask(struct bytes text, struct arena *arena) MUST_USE;

/* Whether the text could hold a password at all: quick, and true of every text from which sql_redact cuts
 * something. */
bool sql_may_hold_secret(struct bytes text);

/* SQLCommenter (key='url-encoded value', …) in the text's comments: calls visit for each pair, decoded. */
void sql_comment_claims(struct bytes text, struct arena *arena,
                        void (*visit)(void *context, struct bytes key, struct bytes value), void *context);
#endif
