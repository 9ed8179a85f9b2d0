/* Requests and decisions in memory of their own, and as bytes. One list of fields serves both ways: a copy is
 * what comes back of what was written, so that whatever the file would lose is lost in every test. */
#include "approval/desk-private.h"
#include "base/cursor.h"
#include "crypto/hash.h"
#include <stdlib.h>

enum {
    VERSION = 1,
    BODY_CEILING = DESK_TEXT + (1 << 20), /* text and parameters, and what is said of them */
    ARENA_CHUNK = 4096,
    LIST_CEILING = 65535 + 1
};

/* Fields go out to a buffer, or come in from a cursor to an arena. */
struct pass {
    struct buf *out;
    struct cursor in;
    struct arena *arena;
    bool failed;
};

static void pass_u64(struct pass *p, uint64_t *value)
{
    if (p->out)
        buf_put_u64(p->out, *value);
    else
        *value = cursor_u64(&p->in);
}

static void pass_i64(struct pass *p, int64_t *value)
{
    uint64_t raw = (uint64_t)*value;
    pass_u64(p, &raw);
    *value = (int64_t)raw;
}

static void pass_u32(struct pass *p, uint32_t *value)
{
    if (p->out)
        buf_put_u32(p->out, *value);
    else
        *value = cursor_u32(&p->in);
}

static void pass_bool(struct pass *p, bool *value)
{
    if (p->out) {
        buf_put_u8(p->out, *value);
        return;
    }
    uint8_t raw = cursor_u8(&p->in);
    if (raw > 1) p->failed = true;
    *value = raw == 1;
}

/* Nothing and an empty text are two things. */
static void pass_bytes(struct pass *p, struct bytes *value)
{
    if (p->out) {
        buf_put_u8(p->out, value->p != NULL);
        buf_put_counted(p->out, *value);
        return;
    }
    uint8_t there = cursor_u8(&p->in);
    struct bytes in = cursor_counted(&p->in);
    if (there > 1 || (!there && in.n)) p->failed = true;
    *value = there && !p->in.failed ? arena_copy(p->arena, in) : (struct bytes){ 0 };
    if (there && !value->p) p->failed = true;
}

static void *pass_list(struct pass *p, void *items, size_t *n, size_t size)
{
    uint32_t count = (uint32_t)*n;
    if (*n >= LIST_CEILING) p->failed = true;
    pass_u32(p, &count);
    if (p->out) return items;
    if (p->in.failed || count >= LIST_CEILING) {
        p->failed = true;
        count = 0;
    }
    items = arena_alloc_array(p->arena, count, size);
    if (!items) p->failed = true;
    *n = items ? count : 0;
    return items;
}

static void pass_texts(struct pass *p, struct bytes **items, size_t *n)
{
    *items = pass_list(p, *items, n, sizeof **items);
    for (size_t i = 0; i < *n; i++)
        pass_bytes(p, &(*items)[i]);
}

static void pass_principal(struct pass *p, struct principal *who)
{
    pass_bytes(p, &who->user);
    pass_bytes(p, &who->subject);
    pass_bytes(p, &who->issuer);
    pass_texts(p, &who->groups, &who->n_groups);
    pass_bool(p, &who->machine);
    pass_bytes(p, &who->on_behalf_of);
    pass_bytes(p, &who->actor);
}

static void pass_needs(struct pass *p, struct desk_request *r)
{
    r->needs = pass_list(p, r->needs, &r->n_needs, sizeof *r->needs);
    for (size_t i = 0; i < r->n_needs; i++) {
        struct policy_need *need = &r->needs[i];
        pass_bytes(p, &need->policy);
        pass_bytes(p, &need->rule);
        pass_texts(p, &need->by, &need->n_by);
        pass_u32(p, &need->approvals);
        pass_bool(p, &need->reason);
        pass_bool(p, &need->own);
        pass_i64(p, &need->expires_us);
        pass_i64(p, &need->window_us);
        pass_i64(p, &need->in_transaction_us);
        pass_bool(p, &need->unless);
        pass_u64(p, &need->rows);
    }
}

static void pass_parameters(struct pass *p, struct desk_request *r)
{
    r->parameters = pass_list(p, r->parameters, &r->n_parameters, sizeof *r->parameters);
    for (size_t i = 0; i < r->n_parameters; i++) {
        struct desk_parameter *parameter = &r->parameters[i];
        pass_u32(p, &parameter->type);
        pass_bool(p, &parameter->is_null);
        pass_bool(p, &parameter->is_binary);
        pass_bytes(p, &parameter->value);
        pass_bytes(p, &parameter->text);
    }
}

static void pass_facts(struct pass *p, struct desk_request *r)
{
    uint32_t where = (uint32_t)r->where;
    pass_bytes(p, &r->tags);
    pass_bytes(p, &r->effects);
    r->relations = pass_list(p, r->relations, &r->n_relations, sizeof *r->relations);
    for (size_t i = 0; i < r->n_relations; i++) {
        struct desk_relation *relation = &r->relations[i];
        pass_bytes(p, &relation->schema);
        pass_bytes(p, &relation->name);
        pass_u32(p, &relation->access);
        pass_bool(p, &relation->whereless);
        pass_bool(p, &relation->through);
    }
    pass_u32(p, &where);
    if (where > SQL_WHERE_MISSING) p->failed = true;
    r->where = (enum sql_where)where;
    pass_bool(p, &r->counted);
    pass_u64(p, &r->rows);
    pass_bytes(p, &r->not_counted);
    pass_texts(p, &r->not_undone, &r->n_not_undone);
}

static void pass_fixed(struct pass *p, void *to, size_t n)
{
    if (p->out) {
        buf_append(p->out, bytes_make(to, n));
        return;
    }
    struct bytes in = cursor_take(&p->in, n);
    if (in.n == n && n) memcpy(to, in.p, n);
}

static void pass_request(struct pass *p, struct desk_request *r)
{
    pass_fixed(p, r->id, sizeof r->id);
    r->id[DESK_ID - 1] = 0;
    pass_i64(p, &r->asked_us);
    pass_i64(p, &r->expires_us);
    pass_i64(p, &r->window_us);
    pass_bool(p, &r->stays);
    pass_u64(p, &r->session);
    pass_u32(p, &r->run);
    pass_bytes(p, &r->replaces);
    pass_bytes(p, &r->because);
    pass_principal(p, &r->principal);
    r->claims = pass_list(p, r->claims, &r->n_claims, sizeof *r->claims);
    for (size_t i = 0; i < r->n_claims; i++) {
        pass_bytes(p, &r->claims[i].name);
        pass_bytes(p, &r->claims[i].value);
    }
    pass_bytes(p, &r->connection);
    pass_bytes(p, &r->database);
    pass_bytes(p, &r->login);
    pass_bytes(p, &r->search_path);
    pass_bytes(p, &r->text);
    pass_bytes(p, &r->beside);
    pass_parameters(p, r);
    pass_facts(p, r);
    pass_needs(p, r);
    pass_bytes(p, &r->message);
    pass_bytes(p, &r->policy_hash);
    pass_fixed(p, r->digest, sizeof r->digest);
}

static void pass_decision(struct pass *p, struct desk_decision *d)
{
    pass_bool(p, &d->approve);
    pass_i64(p, &d->at_us);
    pass_bytes(p, &d->issuer);
    pass_bytes(p, &d->subject);
    pass_bytes(p, &d->user);
    pass_bytes(p, &d->reason);
    pass_bytes(p, &d->via);
    pass_u32(p, &d->needs);
}

/* ---- requests */

struct desk_kept *desk_kept_of(const struct desk_request *request)
{
    return (struct desk_kept *)((char *)(uintptr_t)request - offsetof(struct desk_kept, request));
}

struct desk_kept *desk_kept_hold(struct desk_kept *kept)
{
    atomic_fetch_add(&kept->n_holders, 1);
    return kept;
}

void desk_kept_release(struct desk_kept *kept)
{
    if (!kept || atomic_fetch_sub(&kept->n_holders, 1) != 1) return;
    arena_wipe(&kept->arena);
    arena_free(&kept->arena);
    free(kept);
}

void desk_entry_release(struct desk_entry *entry)
{
    if (entry->request) desk_kept_release(desk_kept_of(entry->request));
    entry->request = NULL;
}

static struct desk_kept *kept_read(struct pass *p)
{
    struct desk_kept *kept = calloc(1, sizeof *kept);
    if (!kept) return NULL;
    kept->n_holders = 1;
    arena_init(&kept->arena, ARENA_CHUNK, 4 * BODY_CEILING);
    p->arena = &kept->arena;
    pass_request(p, &kept->request);
    kept->bytes = sizeof *kept + kept->arena.used;
    if (!p->failed && !p->in.failed) return kept;
    desk_kept_release(kept);
    return NULL;
}

struct desk_kept *desk_kept_new(const struct desk_request *request)
{
    struct buf body;
    struct desk_request copy = *request;
    buf_init(&body, BODY_CEILING);
    struct pass out = { .out = &body };
    pass_request(&out, &copy);
    struct desk_kept *kept = NULL;
    if (!out.failed && !body.failed) {
        struct pass in = { .in = cursor_over(buf_bytes(&body)) };
        kept = kept_read(&in);
    }
    buf_consume(&body, buf_length(&body));
    buf_wipe(&body);
    buf_free(&body);
    return kept;
}

/* ---- decisions */

static struct desk_given *given_empty(void)
{
    struct desk_given *given = calloc(1, sizeof *given);
    if (!given) return NULL;
    given->n_holders = 1;
    arena_init(&given->arena, 1024, 64 * 1024);
    return given;
}

struct desk_given *desk_given_new(const struct desk_decision *decision)
{
    struct buf body;
    struct desk_decision copy = *decision;
    struct desk_given *given = given_empty();
    if (!given) return NULL;
    buf_init(&body, 64 * 1024);
    struct pass out = { .out = &body };
    pass_decision(&out, &copy);
    struct pass in = { .in = cursor_over(buf_bytes(&body)), .arena = &given->arena };
    pass_decision(&in, &given->decision);
    if (out.failed || body.failed || in.failed || in.in.failed) {
        desk_given_release(given);
        given = NULL;
    }
    buf_free(&body);
    return given;
}

void desk_given_release(struct desk_given *given)
{
    if (!given || atomic_fetch_sub(&given->n_holders, 1) != 1) return;
    arena_free(&given->arena);
    free(given);
}

/* ---- items, for the file */

void desk_item_encode(const struct desk_item *item, struct buf *out)
{
    struct pass p = { .out = out };
    uint32_t version = VERSION, state = (uint32_t)item->state, n = (uint32_t)item->n_given;
    int64_t since_us = item->since_us, ends_us = item->ends_us;
    struct bytes why = bytes_of(item->why);
    struct desk_request copy = item->kept->request;
    pass_u32(&p, &version);
    pass_request(&p, &copy);
    pass_u32(&p, &state);
    pass_i64(&p, &since_us);
    pass_i64(&p, &ends_us);
    pass_bytes(&p, &why);
    pass_u32(&p, &n);
    for (struct desk_given *given = item->first; given; given = given->next)
        pass_decision(&p, &given->decision);
    if (p.failed) out->failed = true;
}

static bool read_decisions(struct pass *p, struct desk_item *item, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct desk_given *given = given_empty();
        if (!given) return false;
        p->arena = &given->arena;
        pass_decision(p, &given->decision);
        *item->last = given;
        item->last = &given->next;
        item->n_given++;
        if (p->failed || p->in.failed) return false;
    }
    return true;
}

struct desk_item *desk_item_decode(struct bytes in)
{
    struct pass p = { .in = cursor_over(in) };
    uint32_t version = 0, state = 0, n = 0;
    struct bytes why = { 0 };
    struct desk_item *item = calloc(1, sizeof *item);
    if (!item) return NULL;
    item->n_holders = 1;
    item->last = &item->first;
    pass_u32(&p, &version);
    if (version == VERSION) item->kept = kept_read(&p);
    if (item->kept) {
        struct arena scratch;
        arena_init(&scratch, 1024, 64 * 1024);
        p.arena = &scratch;
        pass_u32(&p, &state);
        pass_i64(&p, &item->since_us);
        pass_i64(&p, &item->ends_us);
        pass_bytes(&p, &why);
        pass_u32(&p, &n);
        if (why.n && why.n < DESK_WHY) memcpy(item->why, why.p, why.n);
        arena_free(&scratch);
    }
    bool good = item->kept && !p.failed && !p.in.failed && why.n < DESK_WHY && state < DESK_N_STATES &&
                n <= DESK_DECISIONS && read_decisions(&p, item, n) && cursor_done(&p.in);
    item->state = (enum desk_state)state;
    if (good) return item;
    desk_item_free(item);
    return NULL;
}

void desk_item_free(struct desk_item *item)
{
    while (item->first) {
        struct desk_given *given = item->first;
        item->first = given->next;
        desk_given_release(given);
    }
    desk_kept_release(item->kept);
    free(item);
}

/* ---- what an approval binds */

void desk_digest(const struct desk_request *request, struct bytes versions, uint8_t out[DESK_DIGEST])
{
    struct buf body;
    struct desk_request copy = *request;
    struct principal who = request->principal;
    uint32_t n_needs = (uint32_t)request->n_needs;
    buf_init(&body, BODY_CEILING + versions.n);
    struct pass p = { .out = &body };
    buf_append_text(&body, "postern approval 1");
    /* Not the groups: they may come and go with each token, and the policies have looked at them. */
    pass_bytes(&p, &who.user);
    pass_bytes(&p, &who.subject);
    pass_bytes(&p, &who.issuer);
    pass_bytes(&p, &who.on_behalf_of);
    pass_bytes(&p, &who.actor);
    pass_bytes(&p, &copy.connection);
    pass_bytes(&p, &copy.database);
    pass_bytes(&p, &copy.login);
    pass_bytes(&p, &copy.search_path);
    pass_bytes(&p, &copy.text);
    pass_bytes(&p, &copy.beside);
    pass_u32(&p, &(uint32_t){ (uint32_t)copy.n_parameters });
    for (size_t i = 0; i < copy.n_parameters; i++) {
        struct desk_parameter parameter = copy.parameters[i];
        pass_u32(&p, &parameter.type);
        pass_bool(&p, &parameter.is_null);
        pass_bool(&p, &parameter.is_binary);
        pass_bytes(&p, &parameter.value);
    }
    pass_u32(&p, &n_needs);
    for (size_t i = 0; i < copy.n_needs; i++) {
        pass_bytes(&p, &copy.needs[i].policy);
        pass_bytes(&p, &copy.needs[i].rule);
    }
    pass_bool(&p, &copy.counted);
    pass_bytes(&p, &copy.policy_hash);
    pass_bytes(&p, &versions);
    CHECK(!body.failed && !p.failed);
    sha256_once(buf_bytes(&body), out);
    buf_consume(&body, buf_length(&body));
    buf_wipe(&body);
    buf_free(&body);
}
