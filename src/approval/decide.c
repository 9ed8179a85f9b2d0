/* Who may decide, and what comes of it. In every doubt two principals are one person, and one person decides
 * once. */
#include "approval/desk-private.h"
#include <stdio.h>

static const struct {
    const char *code, *sentence;
} outcomes[] = {
#define X(NAME, code, sentence) { code, sentence },
    DESK_DECIDES(X)
#undef X
};

const char *desk_decided_code(enum desk_decided decided)
{
    return outcomes[decided].code;
}

const char *desk_decided_sentence(enum desk_decided decided)
{
    return outcomes[decided].sentence;
}

bool desk_decided_is_good(enum desk_decided decided)
{
    return decided == DESK_DECIDED_NOTED || decided == DESK_DECIDED_APPROVED ||
           decided == DESK_DECIDED_DENIED;
}

/* ---- people */

static bool same_name(struct bytes a, struct bytes b)
{
    return a.n && bytes_equal_nocase(a, b);
}

bool desk_is_same(const struct principal *a, const struct principal *b)
{
    bool subject = a->subject.n && bytes_equal(a->issuer, b->issuer) && bytes_equal(a->subject, b->subject);
    return subject || same_name(a->user, b->user);
}

/* What a token says of whom it acts for is a subject or a name, of whichever issuer. */
static bool is_named(const struct principal *who, struct bytes name)
{
    return same_name(name, who->subject) || same_name(name, who->user);
}

static bool acts_for(const struct principal *requester, const struct principal *who)
{
    return is_named(who, requester->on_behalf_of) || is_named(who, requester->actor);
}

static bool gave(const struct desk_decision *d, const struct principal *who)
{
    struct principal before = { .user = d->user, .subject = d->subject, .issuer = d->issuer };
    return desk_is_same(&before, who);
}

static bool in_groups(const struct principal *who, const struct policy_need *need)
{
    for (size_t i = 0; i < who->n_groups; i++)
        for (size_t k = 0; k < need->n_by; k++)
            if (bytes_equal(who->groups[i], need->by[k])) return true;
    return false;
}

static uint32_t missing_of(const struct desk_item *item, size_t need)
{
    uint32_t n = 0, wanted = item->kept->request.needs[need].approvals;
    for (const struct desk_given *given = item->first; given; given = given->next)
        n += given->decision.approve && given->decision.needs >> need & 1;
    return n < wanted ? wanted - n : 0;
}

/* ---- deciding */

struct standing { /* of a person towards a request: bits of its needs */
    uint32_t groups, eligible, fresh;
    bool is_requester, is_acted_for, has_given;
};

static struct standing standing_of(const struct desk_item *item, const struct principal *who)
{
    const struct desk_request *r = &item->kept->request;
    struct standing s = { .is_requester = desk_is_same(&r->principal, who),
                          .is_acted_for = acts_for(&r->principal, who) };
    for (const struct desk_given *given = item->first; given; given = given->next)
        s.has_given |= gave(&given->decision, who);
    for (size_t i = 0; i < r->n_needs; i++) {
        if (!in_groups(who, &r->needs[i])) continue;
        s.groups |= 1u << i;
        if (!r->needs[i].own && (s.is_requester || s.is_acted_for)) continue;
        s.eligible |= 1u << i;
        if (!s.has_given && missing_of(item, i)) s.fresh |= 1u << i;
    }
    return s;
}

static enum desk_decided over(const struct desk_item *item)
{
    switch (item->state) {
    case DESK_EXPIRED: return DESK_DECIDED_EXPIRED;
    case DESK_WITHDRAWN: return DESK_DECIDED_WITHDRAWN;
    case DESK_WAITING:
    case DESK_APPROVED:
    case DESK_USED:
    case DESK_LAPSED:
    case DESK_DENIED:
    case DESK_N_STATES: break;
    }
    return DESK_DECIDED_OVER;
}

/* APPROVED where nothing speaks against an approval. */
static enum desk_decided may_approve(const struct desk_item *item, const struct principal *who,
                                     struct standing *s)
{
    if (who->machine || who->actor.n || who->on_behalf_of.n) return DESK_DECIDED_MACHINE;
    if (item->state != DESK_WAITING) return over(item);
    *s = standing_of(item, who);
    if (s->eligible == 0 && s->is_requester) return DESK_DECIDED_REQUESTER;
    if (s->eligible == 0 && s->groups && s->is_acted_for) return DESK_DECIDED_ACTS_FOR;
    if (s->eligible == 0) return DESK_DECIDED_NOT_IN_GROUPS;
    if (s->has_given) return DESK_DECIDED_TWICE;
    return s->fresh ? DESK_DECIDED_APPROVED : DESK_DECIDED_NOT_IN_GROUPS;
}

/* Whoever may approve at all, may deny; that it is one's own request speaks against an approval only. */
static enum desk_decided may_deny(const struct desk_item *item, const struct principal *who,
                                  struct standing *s)
{
    if (who->machine || who->actor.n || who->on_behalf_of.n) return DESK_DECIDED_MACHINE;
    if (item->state != DESK_WAITING) return over(item);
    *s = standing_of(item, who);
    return s->groups ? DESK_DECIDED_DENIED : DESK_DECIDED_NOT_IN_GROUPS;
}

static bool wants_reason(const struct desk_item *item, uint32_t needs)
{
    for (size_t i = 0; i < item->kept->request.n_needs; i++)
        if (needs >> i & 1 && item->kept->request.needs[i].reason) return true;
    return false;
}

static bool is_satisfied(const struct desk_item *item)
{
    for (size_t i = 0; i < item->kept->request.n_needs; i++)
        if (missing_of(item, i)) return false;
    return true;
}

static bool is_blank(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] > ' ') return false;
    return true;
}

static enum desk_decided decide(struct desk *desk, struct desk_item *item, const struct principal *who,
                                struct desk_decision *d)
{
    struct standing s = { 0 };
    enum desk_decided decided = d->approve ? may_approve(item, who, &s) : may_deny(item, who, &s);
    if (decided != DESK_DECIDED_APPROVED && decided != DESK_DECIDED_DENIED) return decided;
    d->needs = d->approve ? s.fresh : s.groups;
    if (d->approve && is_blank(d->reason) && wants_reason(item, d->needs)) return DESK_DECIDED_NEEDS_REASON;
    if (item->n_given == DESK_DECISIONS) return DESK_DECIDED_FAILED;
    d->at_us = clock_wall_us(desk->options.clock);
    struct desk_given *given = desk_given_new(d);
    if (!given) return DESK_DECIDED_FAILED;
    *item->last = given;
    item->last = &given->next;
    item->n_given++;
    enum desk_state state = !d->approve ? DESK_DENIED : is_satisfied(item) ? DESK_APPROVED : DESK_WAITING;
    desk_item_moves(desk, item, DESK_EVENT_DECIDED, state, NULL, given);
    return state == DESK_WAITING ? DESK_DECIDED_NOTED : decided;
}

enum desk_decided desk_decide(struct desk *desk, struct bytes id, const struct principal *who, bool approve,
                              struct bytes reason, struct bytes via)
{
    struct desk_decision d = { .approve = approve,
                               .issuer = who->issuer,
                               .subject = who->subject,
                               .user = who->user,
                               .reason = reason,
                               .via = via };
    if (reason.n > DESK_REASON) return DESK_DECIDED_TOO_LONG;
    pthread_mutex_lock(&desk->lock);
    desk_look_at_clock(desk);
    struct desk_item *item = desk_item_of(desk, id);
    enum desk_decided decided = item ? decide(desk, item, who, &d) : DESK_DECIDED_NOT_FOUND;
    pthread_mutex_unlock(&desk->lock);
    return decided;
}

enum desk_decided desk_may_decide(struct desk *desk, struct bytes id, const struct principal *who)
{
    struct standing s;
    pthread_mutex_lock(&desk->lock);
    desk_look_at_clock(desk);
    struct desk_item *item = desk_item_of(desk, id);
    enum desk_decided decided = item ? may_approve(item, who, &s) : DESK_DECIDED_NOT_FOUND;
    pthread_mutex_unlock(&desk->lock);
    return decided;
}

/* ---- looking */

static bool copy_decision(const struct desk_decision *from, struct arena *arena, struct desk_decision *to)
{
    *to = *from;
    to->issuer = arena_copy(arena, from->issuer);
    to->subject = arena_copy(arena, from->subject);
    to->user = arena_copy(arena, from->user);
    to->reason = arena_copy(arena, from->reason);
    to->via = arena_copy(arena, from->via);
    return to->issuer.p && to->subject.p && to->user.p && to->reason.p && to->via.p;
}

/* With the lock held. */
static bool copy_entry(const struct desk_item *item, struct arena *arena, struct desk_entry *out)
{
    struct desk_standing *s = &out->standing;
    size_t n_needs = item->kept->request.n_needs, n = 0;
    *out = (struct desk_entry){ .standing = { .state = item->state,
                                              .since_us = item->since_us,
                                              .ends_us = item->ends_us,
                                              .why = arena_copy(arena, bytes_of(item->why)),
                                              .decisions =
                                                  ARENA_ARRAY(arena, struct desk_decision, item->n_given),
                                              .n_decisions = item->n_given,
                                              .missing = ARENA_ARRAY(arena, uint32_t, n_needs),
                                              .serial = item->serial } };
    if (!s->why.p || !s->decisions || !s->missing) return false;
    for (const struct desk_given *given = item->first; given; given = given->next)
        if (!copy_decision(&given->decision, arena, &s->decisions[n++])) return false;
    for (size_t i = 0; i < n_needs; i++)
        s->missing[i] = missing_of(item, i);
    out->request = &desk_kept_hold(item->kept)->request;
    return true;
}

static enum desk_stored stored_of(const struct desk_item *item)
{
    if (!item->kept->request.stays) return DESK_STORE_NEVER;
    if (item->file_failed) return DESK_STORE_FAILED;
    return item->on_file == item->serial ? DESK_STORE_DONE : DESK_STORE_PENDING;
}

bool desk_look(struct desk_ticket *ticket, struct arena *arena, struct desk_entry *entry_out,
               enum desk_stored *stored_out)
{
    pthread_mutex_lock(&ticket->desk->lock);
    desk_look_at_clock(ticket->desk);
    bool good = copy_entry(ticket->item, arena, entry_out);
    *stored_out = stored_of(ticket->item);
    pthread_mutex_unlock(&ticket->desk->lock);
    return good;
}

bool desk_get(struct desk *desk, struct bytes id, struct arena *arena, struct desk_entry *entry_out)
{
    pthread_mutex_lock(&desk->lock);
    desk_look_at_clock(desk);
    struct desk_item *item = desk_item_of(desk, id);
    bool good = item && copy_entry(item, arena, entry_out);
    pthread_mutex_unlock(&desk->lock);
    if (!good) *entry_out = (struct desk_entry){ 0 };
    return good;
}

static bool decides_on(const struct desk_item *item, const struct principal *who)
{
    if (who->machine || who->actor.n || who->on_behalf_of.n) return false;
    struct standing s = standing_of(item, who);
    return s.groups != 0 || s.has_given;
}

static bool passes(const struct desk_item *item, const struct desk_filter *f)
{
    const struct desk_request *r = &item->kept->request;
    if (f->states && !(f->states >> item->state & 1)) return false;
    if (f->session && r->session != f->session) return false;
    if (f->asked_by && !desk_is_same(&r->principal, f->asked_by) && !acts_for(&r->principal, f->asked_by))
        return false;
    return !f->decided_by || decides_on(item, f->decided_by);
}

static bool list(struct desk *desk, const struct desk_filter *filter, struct bytes before, size_t most,
                 struct arena *arena, struct desk_entry *entries, size_t *n_out)
{
    for (struct desk_item *item = desk->newest; item && *n_out < most; item = item->older) {
        struct bytes id = bytes_of(item->kept->request.id);
        if ((before.n && bytes_compare(id, before) >= 0) || !passes(item, filter)) continue;
        if (!copy_entry(item, arena, &entries[*n_out])) return false;
        (*n_out)++;
    }
    return true;
}

bool desk_list(struct desk *desk, const struct desk_filter *filter, struct bytes before, size_t most,
               struct arena *arena, struct desk_entry **entries_out, size_t *n_out)
{
    *n_out = 0;
    *entries_out = ARENA_ARRAY(arena, struct desk_entry, most);
    if (!*entries_out) return false;
    pthread_mutex_lock(&desk->lock);
    desk_look_at_clock(desk);
    bool good = list(desk, filter, before, most, arena, *entries_out, n_out);
    pthread_mutex_unlock(&desk->lock);
    for (size_t i = 0; !good && i < *n_out; i++)
        desk_entry_release(&(*entries_out)[i]);
    if (!good) *n_out = 0;
    return good;
}

void desk_count(struct desk *desk, struct desk_counts *out)
{
    pthread_mutex_lock(&desk->lock);
    desk_look_at_clock(desk);
    *out = desk->counts;
    pthread_mutex_unlock(&desk->lock);
}
