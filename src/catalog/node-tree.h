/* The server's trees in text form (pg_node_tree: pg_rewrite.ev_action, pg_constraint.conbin), parsed as what
 * they are: tokens, lists and objects with fields (PostgreSQL's nodes/outfuncs.c writes them). What the
 * objects mean is for others. The text comes from a server that may be hostile: size and depth have ceilings,
 * and nothing here recurses but node_print. */
#ifndef POSTERN_CATALOG_NODE_TREE_H
#define POSTERN_CATALOG_NODE_TREE_H
#include "base/arena.h"
#include "base/buf.h"

enum {
    NODE_TREE_BYTES = 8 << 20,
    NODE_TREE_DEPTH = 600 /* of lists and objects within each other */
};
enum node_kind {
    NODE_NULL,  /* <> */
    NODE_ATOM,  /* a token, or the bytes of a constant: "[ 16 0 0 0 ]" */
    NODE_LIST,  /* (…), of the letter too that tells what is in it: (i 1 2), (o 16384), (b 8 9) */
    NODE_OBJECT /* {LABEL :field value …} */
};
struct node {
    enum node_kind kind;
    struct bytes text;  /* an atom's token as it is written, an object's label */
    struct bytes field; /* where it is a value of an object: the field's name; a field may have several */
    const struct node *first, *next; /* what is in it; what stands beside it */
};

/* The nodes are in the arena and point into the text. False: malformed, too large, too deep, or the arena is
 * full. */
bool node_tree_parse(struct bytes text, struct arena *arena, const struct node **root_out) MUST_USE;
bool node_is(const struct node *node, const char *label);
/* The first value of an object's field; NULL where the object has no such field, or is none. */
const struct node *node_field(const struct node *object, const char *name);
/* False: no such field, or no whole number. */
bool node_number(const struct node *object, const char *name, int64_t *out) MUST_USE;
/* Whether the field is there and "true". */
bool node_true(const struct node *object, const char *name);
/* Writes the text of a tree, blanks where they have to be. */
void node_print(const struct node *node, struct buf *out);
#endif
