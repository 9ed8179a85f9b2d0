/* Tokens are what the server's pg_strtok takes for them: parentheses and braces stand for themselves,
 * anything else ends at a blank or one of those, and a backslash takes the next byte along. */
#include "catalog/node-tree.h"

enum token_kind { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_BRACE, TOKEN_UNBRACE, TOKEN_WORD, TOKEN_BROKEN };
struct lexer {
    struct bytes text;
    size_t at;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

static bool ends_word(uint8_t c)
{
    return is_blank(c) || c == '(' || c == ')' || c == '{' || c == '}';
}

static enum token_kind next_word(struct lexer *l, struct bytes *out)
{
    size_t start = l->at;
    while (l->at < l->text.n && !ends_word(l->text.p[l->at])) {
        if (l->text.p[l->at] == '\\' && l->at + 1 == l->text.n) return TOKEN_BROKEN;
        l->at += l->text.p[l->at] == '\\' ? 2 : 1;
    }
    *out = bytes_slice(l->text, start, l->at - start);
    return TOKEN_WORD;
}

static enum token_kind next_token(struct lexer *l, struct bytes *out)
{
    while (l->at < l->text.n && is_blank(l->text.p[l->at]))
        l->at++;
    if (l->at == l->text.n) return TOKEN_END;
    switch (l->text.p[l->at]) {
    case '(': l->at++; return TOKEN_OPEN;
    case ')': l->at++; return TOKEN_CLOSE;
    case '{': l->at++; return TOKEN_BRACE;
    case '}': l->at++; return TOKEN_UNBRACE;
    }
    return next_word(l, out);
}

/* Behind "[": up to "]". The bytes of a constant are one atom, however many they are. */
static bool skip_bytes(struct lexer *l, struct bytes *word)
{
    size_t start = (size_t)(word->p - l->text.p);
    struct bytes token;
    for (;;) {
        if (next_token(l, &token) != TOKEN_WORD) return false;
        if (bytes_is(token, "]")) break;
    }
    *word = bytes_slice(l->text, start, l->at - start);
    return true;
}

/* What is open, innermost last: where the next value goes, and for an object the field that it is of. */
struct level {
    struct node *node;
    const struct node **tail;
    struct bytes field;
    bool has_value; /* the field has one: each has, so what follows its name is one, whatever it looks like */
};
struct parser {
    struct lexer lexer;
    struct arena *arena;
    size_t depth;
    struct level levels[NODE_TREE_DEPTH + 1]; /* the first holds the root */
};

static struct node *add(struct parser *p, enum node_kind kind, struct bytes text)
{
    struct level *level = &p->levels[p->depth];
    struct node *node = ARENA_NEW(p->arena, struct node);
    bool in_object = level->node && level->node->kind == NODE_OBJECT;
    if (!node || (in_object && !level->field.n)) return NULL;
    *node = (struct node){ .kind = kind, .text = text, .field = level->field };
    *level->tail = node;
    level->tail = &node->next;
    level->has_value = true;
    return node;
}

static bool open_level(struct parser *p, enum node_kind kind, struct bytes label)
{
    if (p->depth == NODE_TREE_DEPTH) return false;
    struct node *node = add(p, kind, label);
    if (!node) return false;
    p->levels[++p->depth] = (struct level){ .node = node, .tail = &node->first };
    return true;
}

static bool close_level(struct parser *p, enum node_kind kind)
{
    struct level *level = &p->levels[p->depth];
    if (p->depth == 0 || level->node->kind != kind) return false;
    if (level->field.n && !level->has_value) return false;
    p->depth--;
    return true;
}

static bool on_word(struct parser *p, struct bytes word)
{
    struct level *level = &p->levels[p->depth];
    bool in_object = level->node && level->node->kind == NODE_OBJECT;
    if (in_object && (!level->field.n || level->has_value) && word.p[0] == ':' && word.n > 1) {
        level->field = bytes_slice(word, 1, word.n);
        level->has_value = false;
        return true;
    }
    if (bytes_is(word, "<>")) return add(p, NODE_NULL, word) != NULL;
    /* Elsewhere it is somebody's name. */
    if (bytes_is(word, "[") && bytes_is(level->field, "constvalue") && !skip_bytes(&p->lexer, &word))
        return false;
    return add(p, NODE_ATOM, word) != NULL;
}

static bool on_token(struct parser *p, enum token_kind token, struct bytes word)
{
    struct bytes label;
    switch (token) {
    case TOKEN_OPEN: return open_level(p, NODE_LIST, (struct bytes){ 0 });
    case TOKEN_CLOSE: return close_level(p, NODE_LIST);
    case TOKEN_BRACE: return next_token(&p->lexer, &label) == TOKEN_WORD && open_level(p, NODE_OBJECT, label);
    case TOKEN_UNBRACE: return close_level(p, NODE_OBJECT);
    case TOKEN_WORD: return on_word(p, word);
    case TOKEN_END:
    case TOKEN_BROKEN: break;
    }
    return false;
}

bool node_tree_parse(struct bytes text, struct arena *arena, const struct node **root_out)
{
    if (text.n > NODE_TREE_BYTES) return false;
    struct parser *p = ARENA_NEW(arena, struct parser);
    if (!p) return false;
    *root_out = NULL;
    p->lexer.text = text;
    p->arena = arena;
    p->levels[0].tail = root_out;
    for (;;) {
        struct bytes word = { 0 };
        enum token_kind token = next_token(&p->lexer, &word);
        if (token == TOKEN_END) break;
        if (!on_token(p, token, word)) return false;
    }
    return p->depth == 0 && *root_out && !(*root_out)->next;
}

bool node_is(const struct node *node, const char *label)
{
    return node && node->kind == NODE_OBJECT && bytes_is(node->text, label);
}

const struct node *node_field(const struct node *object, const char *name)
{
    if (!object || object->kind != NODE_OBJECT) return NULL;
    for (const struct node *n = object->first; n; n = n->next)
        if (bytes_is(n->field, name)) return n;
    return NULL;
}

bool node_number(const struct node *object, const char *name, int64_t *out)
{
    const struct node *n = node_field(object, name);
    return n && n->kind == NODE_ATOM && bytes_to_int64(n->text, out);
}

bool node_true(const struct node *object, const char *name)
{
    const struct node *n = node_field(object, name);
    return n && n->kind == NODE_ATOM && bytes_is(n->text, "true");
}

void node_print(const struct node *node, struct buf *out)
{
    if (node->kind == NODE_ATOM || node->kind == NODE_NULL) {
        buf_append(out, node->text);
        return;
    }
    buf_append_text(out, node->kind == NODE_LIST ? "(" : "{");
    buf_append(out, node->text);
    struct bytes field = { 0 };
    for (const struct node *n = node->first; n; n = n->next) {
        if (n != node->first || node->kind == NODE_OBJECT) buf_append_text(out, " ");
        if (node->kind == NODE_OBJECT && n->field.p != field.p)
            buf_printf(out, ":%.*s ", BYTES_FMT(n->field));
        field = n->field;
        node_print(n, out);
    }
    buf_append_text(out, node->kind == NODE_LIST ? ")" : "}");
}
