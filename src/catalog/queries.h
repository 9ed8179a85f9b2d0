/* The SQL that asks for rows, and what kinds of rows there are: each begins with one letter, which tells what
 * the rest is. A load sends one query a kind; the overlay's one query unites them all, padded to
 * CATALOG_ROW_WIDTH values. Every name in it is qualified, operators too: a session's search_path and
 * whatever objects it can make have no say in them. */
#ifndef POSTERN_CATALOG_QUERIES_H
#define POSTERN_CATALOG_QUERIES_H

enum { CATALOG_ROW_WIDTH = 12 };
/* CATALOG_ROW(letter, NAME, values): with how many values, the letter among them. */
#define CATALOG_ROWS(CATALOG_ROW)                                                                            \
    CATALOG_ROW('H', HEAD, 3) /* version number, snapshot */                                                 \
    CATALOG_ROW(                                                                                             \
        'R', RELATION,                                                                                       \
        9) /* oid, schema, name, kind, flags, row type, columns, toast relation (of an index: its table) */  \
    CATALOG_ROW('C', COLUMN, 7)    /* relation, number, name, type, typmod, flags */                         \
    CATALOG_ROW('T', TAGS, 4)      /* relation, number, comment */                                           \
    CATALOG_ROW('Y', TYPE, 9)      /* oid, schema, name, kind, relation, base, element, as format_type has   \
                                      it */                                                                  \
    CATALOG_ROW('D', DOMAIN, 3)    /* type, expression of a check */                                         \
    CATALOG_ROW('F', FUNCTION, 12) /* oid, schema, name, kind, volatility, flags, returns, argument types;   \
                                      all types, modes and names as arrays */                                \
    CATALOG_ROW('O', OPERATOR, 7)  /* oid, schema, name, left, right, function */                            \
    CATALOG_ROW('K', CAST, 5)      /* oid, from, to, function */                                             \
    CATALOG_ROW('E', EXTENSION, 4) /* catalogue, oid of a member, name of the extension */                   \
    CATALOG_ROW('I', INHERITS, 3)  /* child, parent */                                                       \
    CATALOG_ROW('X', FOREIGN, 5)   /* referencing, referenced, on delete, on update */                       \
    CATALOG_ROW('G', TRIGGER, 3)   /* relation, flags */                                                     \
    CATALOG_ROW('U', HIDDEN, 4)    /* relation, flags, an expression that runs unseen */                     \
    CATALOG_ROW('W', RULE, 5)      /* relation, event, condition, action */                                  \
    CATALOG_ROW('P', PATH, 2)      /* schema; in order */                                                    \
    CATALOG_ROW('S', SESSION, 4)   /* temporary schema, whether its transaction has begun to write,          \
                                      snapshot */                                                            \
    CATALOG_ROW('A', ALIVE, 3)     /* letter, oids of all that are there, comma-separated */

enum catalog_row {
#define CATALOG_ROW(letter, NAME, n) CATALOG_ROW_##NAME = letter,
    CATALOG_ROWS(CATALOG_ROW)
#undef CATALOG_ROW
};
/* 0: no such kind. */
unsigned catalog_row_width(char letter);
#endif
