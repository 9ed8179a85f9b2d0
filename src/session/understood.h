/* A text that was understood and judged, ready to be used again: facts, verdict, what goes into the record,
 * what goes to the server. Kept by text within one ruleset, so that a statement which comes again costs a
 * look-up. One cache a worker, without locks. */
#ifndef POSTERN_SESSION_UNDERSTOOD_H
#define POSTERN_SESSION_UNDERSTOOD_H
#include "base/arena.h"
#include "base/buf.h"
#include "catalog/catalog.h"
#include "mask/mask.h"
#include "policy/policy.h"
#include "session/refusal.h"
#include "session/target.h"
#include "sql/facts.h"

/* What decides whether a text changed too much, where its policies limit that. BY_TAG: its command tag, since
 * the view of the catalogue knows that nothing else is written. BY_COUNT: the server's own count. BY_NAME: it
 * runs what was prepared or declared, which decides. */
enum understood_limited { LIMITED_NOT = 0, LIMITED_BY_TAG, LIMITED_BY_COUNT, LIMITED_BY_NAME };

struct understood {
    struct understood *next; /* in its slot of the cache */
    uint64_t hash, ruleset;  /* of the text; of what judges it: ruleset, and settings that are closed */
    uint64_t serial;         /* never used twice in a process: what sessions remember instead of a pointer */
    unsigned n_pins;
    bool cached, recently_used;
    struct bytes judged; /* what the facts point into: the text, or it with its secrets filled with stars */
    bool is_template;    /* stands for every text of its template (sql_template): `text` is only the first of
                            them */
    struct bytes text;
    struct bytes types; /* of parameters, where Parse gives one that is not PostgreSQL's own: never kept */
    bool masks;         /* columns are masked: the text that goes to the server is one that masks */
    struct sql_masking masking; /* only until it is parsed: borrows the ruleset */
    enum sql_outcome outcome;
    const struct sql_facts *facts;
    bool refused; /* some statement of it is */
    bool held;    /* it may run once people have approved it: the verdict's needs */
    enum refusal_reason reason;
    struct policy_verdict verdict; /* of the statement that decided */
    bool has_context;              /* some statement is SET postern.… */
    bool has_names; /* PREPARE, EXECUTE, DECLARE, FETCH, DEALLOCATE, CLOSE, DISCARD: the session's name space
                       is involved */
    uint32_t n_copies_in; /* how many of its statements are COPY … FROM STDIN */
    enum understood_limited limited;
    enum understood_limited limited_inside; /* what decides on what it prepares or declares */
    uint32_t effects; /* of all its statements; EFFECT_UNKNOWN where it was not understood */
    bool may_return_rows;
    /* What it does to a session's view (view.h): it may change what names mean; what others see; it ends the
     * transaction, and what was done in it. nameless: it names nothing that a catalogue would tell of. */
    bool moves_view, moves_schema, ends_transaction, nameless;
    bool late; /* the server looks its names up as it runs, and not when it is prepared or bound */
    const struct sql_statement *unresolved; /* the first that names what the view does not have; NULL: none */
    uint64_t view;                          /* the key of the view that it was understood in; 0: in none */
    struct bytes described; /* a row description of its answer that in this view names no masked column */
    struct bytes forward; /* the text that goes to the server instead of `text`; p == NULL: the text itself */
    struct bytes key;     /* what it is kept under: the text, or its template */
    struct bytes recorded_text; /* the text without its secrets */
    struct bytes edits;         /* FRAME_TEXT's field of that name, for this very text; may be empty */
    struct bytes record;        /* the other fields of FRAME_TEXT */
    uint16_t n_record;          /* how many they are */
    struct bytes
        *secrets; /* literals that were cut out of the record, and must be cut out of recorded errors */
    size_t n_secrets;
    struct arena arena;
};

/* Whether a statement of this verdict must be counted. */
static inline bool policy_verdict_counts_rows(const struct policy_verdict *v)
{
    return v->limits.affected_rows || v->limits.budget.affected_rows || v->limit_is_hold;
}

struct understood_cache;
/* bytes: what all entries may hold together. NULL: no memory. */
struct understood_cache *understood_cache_new(size_t entries, size_t bytes, uint64_t seed);
void understood_cache_free(struct understood_cache *cache);
/* A number that the cache gives nobody else. */
uint64_t understood_cache_serial(struct understood_cache *cache);

/* The judge's view of a session. */
struct understood_context {
    const struct policy_ruleset *ruleset;
    const struct target *target;
    const struct catalog_view *view; /* NULL: without */
    uint64_t view_key;               /* the same for views in which every text means the same; 0: none */
    /* As Parse gives them, where one of them is not PostgreSQL's own (understood_types): what they bring
     * along belongs to the text, and what is found is kept for nobody else. */
    struct bytes types;
};
/* types, or nothing where all of them are PostgreSQL's own. */
struct bytes understood_types(struct bytes types);

/* One that was understood before, pinned: this text, or (is_template) one that differs from it in plain
 * literals only. NULL: not there. */
struct understood *understood_find(struct understood_cache *cache, const struct understood_context *context,
                                   struct bytes text) MUST_USE;
/* Understands and judges here and now, pinned. NULL: no memory. understood_make_from takes the facts that the
 * parser child found (sql_facts_encode) for a text that is too long to parse on a loop. */
struct understood *understood_make(struct understood_cache *cache, const struct understood_context *context,
                                   struct bytes text) MUST_USE;
/* The same in three steps, of which the middle one, the grammar, may run on another thread (the view stays as
 * it is until then). end takes u over; NULL: no memory. */
struct understood *understood_begin(struct understood_cache *cache, const struct understood_context *context,
                                    struct bytes text) MUST_USE;
void understood_parse(struct understood *u, const struct catalog_view *view);
struct understood *understood_end(struct understood_cache *cache, const struct understood_context *context,
                                  struct understood *u) MUST_USE;
/* In the place of end: nobody wants it any more. */
void understood_drop(struct understood *u);
struct understood *understood_make_from(struct understood_cache *cache,
                                        const struct understood_context *context, struct bytes text,
                                        struct bytes encoded_facts) MUST_USE;
/* For a template with edits: the text, which is of the template, with the edits at their places in it. False:
 * it is to be understood by itself. */
bool understood_forward(const struct understood *u, struct bytes text, struct buf *out) MUST_USE;
/* The field "edits" of FRAME_TEXT for that text; empty: nothing is edited, or what is found no room. In the
 * arena, or the field itself. */
struct bytes understood_edits(const struct understood *u, struct bytes text, struct arena *arena);
/* A place in bytes of the text that was understood (-1: none), in characters from 1 of that text or another
 * one of its template; 0: none. */
uint32_t understood_place(const struct understood *u, struct bytes text, int64_t at);
/* An ErrorResponse's body, with the place that it names (P) counted in the client's text: the first text or
 * another one of the template; text.p == NULL: the text is not
 * known, and the place is left out. In the arena, or the body itself where there is nothing to change. */
struct bytes understood_place_back(const struct understood *u, struct bytes text, struct bytes body,
                                   struct arena *arena);
/* Keeps the row description, where it is a short one. */
void understood_keep_description(struct understood_cache *cache, struct understood *u, struct bytes body);
static inline bool understood_has_edits(const struct understood *u)
{
    return u->facts && u->facts->n_edits > 0;
}
static inline struct understood *understood_pin(struct understood *u)
{
    u->n_pins++;
    return u;
}
void understood_unpin(struct understood_cache *cache, struct understood *u);
#endif
