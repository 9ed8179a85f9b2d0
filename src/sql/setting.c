/* SET, RESET and their kin: which parameter, to which value, and what that means for the session. */
#include "sql/walk.h"

#include "base/buf.h"

void setting_note(struct walk *walk, struct bytes name, struct bytes value)
{
    switch (sql_setting_kind(name, value)) {
    case SQL_SETTING_HARMLESS: return;
    case SQL_SETTING_PINNED: walk->statement->pinned_setting = true; break;
    case SQL_SETTING_PRIVILEGE: walk_effect(walk, EFFECT_PRIVILEGE); return;
    /* Only SET itself is kept by the gateway: a set_config would be forwarded. */
    case SQL_SETTING_CONTEXT:
    case SQL_SETTING_OTHER: break;
    }
    walk_effect(walk, EFFECT_SESSION);
}

/* One argument of SET as text; p == NULL where it is none that SET takes. */
static struct bytes argument_text(struct walk *walk, const Node *node)
{
    if (tree_tag(node) == T_TypeCast) node = ((const TypeCast *)node)->arg; /* TIME ZONE INTERVAL '…' */
    if (!node || tree_tag(node) != T_A_Const) return (struct bytes){ 0 };
    const A_Const *constant = (const A_Const *)node;
    if (constant->isnull) return (struct bytes){ 0 };
    switch (constant->val.node.type) {
    case T_String: return walk_text(walk, constant->val.sval.sval);
    case T_Float: return walk_text(walk, constant->val.fval.fval);
    case T_Integer: {
        struct bytes text = arena_printf(walk->arena, "%d", constant->val.ival.ival);
        if (!text.p) walk->trouble = WALK_FULL;
        return text;
    }
    case T_Boolean: return constant->val.boolval.boolval ? BYTES_LITERAL("on") : BYTES_LITERAL("off");
    default: return (struct bytes){ 0 };
    }
}

/* All of them, joined; p == NULL where one is none. */
static struct bytes value_text(struct walk *walk, const List *args)
{
    int n = tree_length(args);
    if (n == 1) return argument_text(walk, tree_item(args, 0));
    struct buf joined;
    struct bytes all = { 0 };
    bool whole = true;
    buf_init(&joined, 2 * SQL_TEXT_CEILING);
    for (int i = 0; i < n && whole && !walk->trouble; i++) {
        struct bytes one = argument_text(walk, tree_item(args, i));
        if (!one.p) whole = false;
        if (i > 0) buf_append_text(&joined, ", ");
        buf_append(&joined, one);
    }
    if (whole && n > 0) {
        all = joined.failed ? all : arena_copy(walk->arena, buf_bytes(&joined));
        if (!all.p) walk->trouble = WALK_FULL;
    }
    buf_free(&joined);
    return all;
}

static struct bytes lower_text(struct walk *walk, const char *text)
{
    struct bytes b = bytes_of(text);
    uint8_t *copy = arena_alloc(walk->arena, b.n + 1);
    if (!copy) {
        walk->trouble = WALK_FULL;
        return (struct bytes){ 0 };
    }
    for (size_t i = 0; i < b.n; i++)
        copy[i] = b.p[i] >= 'A' && b.p[i] <= 'Z' ? (uint8_t)(b.p[i] + 32) : b.p[i];
    return bytes_make(copy, b.n);
}

/* What a SET that is a statement of its own does. A harmless one is as free as transaction control. */
static void note_own(struct walk *walk, struct bytes name, struct bytes value, enum sql_action action)
{
    struct sql_statement *s = walk->statement;
    s->action = action;
    s->subject = name;
    s->value = value;
    s->setting = sql_setting_kind(name, value);
    if (s->setting == SQL_SETTING_HARMLESS || s->setting == SQL_SETTING_CONTEXT) {
        walk_effect(walk, EFFECT_TRANSACTION);
        return;
    }
    setting_note(walk, name, value);
}

void setting_visit(struct walk *walk, const VariableSetStmt *set, bool own)
{
    struct bytes name = set->name ? lower_text(walk, set->name) : (struct bytes){ 0 };
    struct bytes value = { 0 };
    if (walk->trouble) return;
    switch (set->kind) {
    case VAR_SET_MULTI: /* SET TRANSACTION, SET SESSION CHARACTERISTICS, SET TRANSACTION SNAPSHOT */
        walk_effect(walk, EFFECT_TRANSACTION);
        return;
    case VAR_RESET_ALL:
        walk_effect(walk, EFFECT_SESSION);
        if (own) walk->statement->action = SQL_ACTION_RESET;
        return;
    case VAR_SET_VALUE:
        value = value_text(walk, set->args);
        if (own)
            note_own(walk, name, value, SQL_ACTION_SET);
        else
            setting_note(walk, name, value);
        return;
    case VAR_SET_DEFAULT:
    case VAR_SET_CURRENT:
    case VAR_RESET:
        if (own)
            note_own(walk, name, value, SQL_ACTION_RESET);
        else
            setting_note(walk, name, value);
        return;
    }
    walk_effect(walk, EFFECT_UNKNOWN);
}
