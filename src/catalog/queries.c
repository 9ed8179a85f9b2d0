/* What is asked of the server. Each kind of row once, as a macro of the condition that narrows it: a load
 * takes all, an overlay what its session alone sees. What a load leaves out: temporary relations and what
 * belongs to them, since they are some session's own. */
#include "catalog/queries.h"
#include "catalog/load.h"

#define EQ                      " OPERATOR(pg_catalog.=) "
#define NE                      " OPERATOR(pg_catalog.<>) "
#define GT                      " OPERATOR(pg_catalog.>) "
#define GE                      " OPERATOR(pg_catalog.>=) "
#define LE                      " OPERATOR(pg_catalog.<=) "
#define CAT                     " OPERATOR(pg_catalog.||) "
#define FROM                    " FROM pg_catalog."
#define JOIN                    " JOIN pg_catalog."
#define TEXT                    "::pg_catalog.text"
#define TEXTS                   "::pg_catalog.text, "
#define FLAG(condition, letter) "CASE WHEN " condition " THEN '" letter "' ELSE '' END"

/* The namespaces that are nobody's temporary ones; a load's condition on whatever has a namespace. */
#define LASTING(column)                                                                                      \
    "NOT (" column EQ "ANY (SELECT n.oid" FROM "pg_namespace n WHERE pg_catalog.starts_with(n.nspname" TEXT  \
    ", 'pg_temp_') OR pg_catalog.starts_with(n.nspname" TEXT ", 'pg_toast_temp_')))"
#define LASTING_RELATION(column)                                                                             \
    "NOT (" column EQ "ANY (SELECT l.oid" FROM "pg_class l WHERE l.relpersistence" EQ "'t'))"

/* What hangs on the relation, on the type of its row or on arrays of them, and is no view, constraint or
 * index: functions (1255), policies (3256) of others, casts (2605), operators (2617), domains (1247), and the
 * defaults (2604) that take their numbers from a sequence, also from one that belongs to the relation. A load
 * alone asks: what a session hangs onto something itself is its own doing. */
#define HANGS(class, object, less)                                                                           \
    "EXISTS (SELECT 1" FROM                                                                                  \
    "pg_depend y WHERE y.refclassid" EQ class " AND y.refobjid" EQ object " AND y.deptype" EQ                \
                                              "'n' AND (y.classid" EQ "ANY (ARRAY[1255, 2605, 2617, " less   \
                                              "]::pg_catalog.oid[]) OR y.classid" EQ                         \
                                              "3256 AND NOT EXISTS (SELECT 1" FROM                           \
                                              "pg_policy o WHERE o.oid" EQ "y.objid AND o.polrelid" EQ       \
                                              "c.oid)))"
#define ENTANGLED                                                                                            \
    "(" HANGS("1259", "c.oid",                                                                               \
              "CASE WHEN c.relkind" EQ                                                                       \
              "'S' THEN 2604 ELSE 1247 END") " OR c.reltype" NE                                              \
                                             "0 AND (" HANGS("1247", "c.reltype", "1247") " OR " HANGS(      \
                                                 "1247",                                                     \
                                                 "(SELECT t.typarray" FROM "pg_type t WHERE t.oid" EQ        \
                                                 "c.reltype)",                                               \
                                                 "1247") ") OR "                                             \
                                                         "EXISTS (SELECT 1" FROM "pg_depend q" JOIN          \
                                                         "pg_depend y ON y.refclassid" EQ                    \
                                                         "1259 AND y.refobjid" EQ "q.objid AND y.classid" EQ \
                                                         "2604 AND y.deptype" EQ "'n'" JOIN                  \
                                                         "pg_attrdef f ON f.oid" EQ                          \
                                                         "y.objid WHERE q.refclassid" EQ                     \
                                                         "1259 AND q.refobjid" EQ "c.oid AND q.classid" EQ   \
                                                         "1259 AND f.adrelid" NE "c.oid))"

#define RELATIONS(more, condition)                                                                           \
    "SELECT 'R', c.oid" TEXTS "n.nspname" TEXTS "c.relname" TEXTS                                            \
    "c.relkind" TEXTS FLAG("c.relpersistence" EQ "'t'", "t") CAT FLAG("c.relrowsecurity", "s") more          \
        ", c.reltype" TEXTS "c.relnatts" TEXTS "CASE WHEN c.relkind" EQ                                      \
        "ANY (ARRAY['i', 'I']::pg_catalog.\"char\"[]) THEN (SELECT x.indrelid" FROM                          \
        "pg_index x WHERE x.indexrelid" EQ "c.oid) ELSE c.reltoastrelid END" TEXT FROM "pg_class c" JOIN     \
        "pg_namespace n ON n.oid" EQ "c.relnamespace WHERE " condition
#define COLUMNS(condition)                                                                                   \
    "SELECT 'C', a.attrelid" TEXTS "a.attnum" TEXTS "a.attname" TEXTS "a.atttypid" TEXTS                     \
    "a.atttypmod" TEXTS FLAG("a.attnotnull", "n") CAT FLAG("a.attgenerated" NE "''", "g") CAT FLAG(          \
        "(a.attrelid, a.attnum)" EQ "ANY (SELECT k.conrelid, u" FROM                                         \
        "pg_constraint k, pg_catalog.unnest(k.conkey) u WHERE k.contype" EQ "'p' AND NOT k.condeferrable)",  \
        "k") CAT FLAG("(a.attrelid, a.attnum)" EQ "ANY (SELECT x.indrelid, x.indkey[0]" FROM                 \
                      "pg_index x WHERE x.indisunique AND x.indimmediate AND x.indisvalid AND "              \
                      "x.indnkeyatts" EQ "1 AND x.indpred IS NULL)",                                         \
                      "u") FROM "pg_attribute a WHERE a.attnum" GT "0 AND NOT a.attisdropped AND " condition
#define TAGS(condition)                                                                                      \
    "SELECT 'T', d.objoid" TEXTS "d.objsubid" TEXTS "d.description" FROM                                     \
    "pg_description d WHERE d.classoid" EQ "1259 AND d.objsubid" GT "0"                                      \
    " AND pg_catalog.strpos(d.description, 'postern:')" GT "0 AND " condition
/* An element of a true array only: what subscripts as an array does, and is stored like one. */
#define TYPES(condition)                                                                                     \
    "SELECT 'Y', t.oid" TEXTS "n.nspname" TEXTS "t.typname" TEXTS "t.typtype" TEXTS "t.typrelid" TEXTS       \
    "t.typbasetype" TEXTS "CASE WHEN t.typlen" EQ "-1 AND t.typstorage" NE                                   \
    "'p' THEN t.typelem ELSE 0 END" TEXTS "CASE WHEN n.oid" EQ                                               \
    "11 THEN pg_catalog.format_type(t.oid, NULL) ELSE "                                                      \
    "pg_catalog.quote_ident(n.nspname)" CAT "'.'" CAT "pg_catalog.quote_ident(t.typname) END" FROM           \
    "pg_type t" JOIN "pg_namespace n ON n.oid" EQ "t.typnamespace WHERE " condition
#define DOMAINS(condition)                                                                                   \
    "SELECT 'D', k.contypid" TEXTS "k.conbin" TEXT FROM "pg_constraint k WHERE k.contypid" NE                \
    "0 AND k.contype" EQ "'c' AND " condition
#define FUNCTIONS(condition)                                                                                 \
    "SELECT 'F', p.oid" TEXTS "n.nspname" TEXTS "p.proname" TEXTS "p.prokind" TEXTS                          \
    "p.provolatile" TEXTS FLAG("p.prosecdef", "d")                                                           \
        CAT FLAG("p.proretset", "s") ", p.prorettype" TEXTS "p.proargtypes" TEXTS "p.proallargtypes" TEXTS   \
                                     "p.proargmodes" TEXTS                                                   \
                                     "CASE WHEN p.proargmodes IS NOT NULL THEN p.proargnames" TEXT           \
                                     " END" FROM "pg_proc p" JOIN "pg_namespace n ON n.oid" EQ               \
                                     "p.pronamespace WHERE " condition
#define OPERATORS(condition)                                                                                 \
    "SELECT 'O', o.oid" TEXTS "n.nspname" TEXTS "o.oprname" TEXTS "o.oprleft" TEXTS "o.oprright" TEXTS       \
    "o.oprcode::pg_catalog.oid" TEXT FROM "pg_operator o" JOIN "pg_namespace n ON n.oid" EQ                  \
    "o.oprnamespace WHERE " condition
#define CASTS(condition)                                                                                     \
    "SELECT 'K', x.oid" TEXTS "x.castsource" TEXTS "x.casttarget" TEXTS "x.castfunc" TEXT FROM               \
    "pg_cast x WHERE x.oid" GE "12000 AND " condition
/* Members of extensions: pg_depend by its index on what is referenced (3079 is pg_extension). */
#define EXTENSIONS(condition)                                                                                \
    "SELECT 'E', e.classid" TEXTS "e.objid" TEXTS "x.extname" TEXT FROM "pg_depend e" JOIN                   \
    "pg_extension x ON x.oid" EQ "e.refobjid WHERE e.refclassid" EQ "3079 AND e.deptype" EQ                  \
    "'e' AND e.classid" EQ "ANY (ARRAY[1247, 1255, 2605, 2617]::pg_catalog.oid[]) AND " condition
#define INHERITS(condition)                                                                                  \
    "SELECT 'I', i.inhrelid" TEXTS "i.inhparent" TEXT FROM "pg_inherits i WHERE " condition
#define FOREIGN_KEYS(condition)                                                                              \
    "SELECT 'X', k.conrelid" TEXTS "k.confrelid" TEXTS "k.confdeltype" TEXTS "k.confupdtype" TEXT FROM       \
    "pg_constraint k WHERE k.contype" EQ "'f' AND " condition
/* A user's trigger, or its copy on a partition, which some servers call internal. 1250 and 1644 to 1655 are
 * the functions of the server's own triggers, for unique and foreign keys. */
#define TRIGGERS(condition)                                                                                  \
    "SELECT 'G', g.tgrelid" TEXTS FLAG("pg_catalog.bool_or(g.tgdeferrable)", "d") FROM                       \
        "pg_trigger g WHERE (NOT g.tgisinternal OR g.tgparentid" NE "0 AND g.tgfoid" NE                      \
        "1250 AND NOT (g.tgfoid" GE "1644 AND g.tgfoid" LE "1655)) AND " condition " GROUP BY g.tgrelid"
/* Expressions that run as rows are read (r) or written, of which something was not made by initdb. */
#define SOMEBODYS(tree)                                                                                      \
    tree TEXT " OPERATOR(pg_catalog.~) ':(funcid|opno|opnos .o|aggfnoid|winfnoid|resulttype) "               \
              "?[^)]*[0-9]{5}'"
#define HIDDEN                                                                                               \
    "SELECT 'U', p.polrelid" TEXTS "'r', p.polqual" TEXT FROM "pg_policy p WHERE " SOMEBODYS(                \
        "p.polqual") " UNION ALL SELECT 'U', p.polrelid" TEXTS "'', p.polwithcheck" TEXT                     \
        FROM "pg_policy p WHERE " SOMEBODYS(                                                                 \
            "p.polwithcheck") " UNION ALL SELECT 'U', d.adrelid" TEXTS "'', d.adbin" TEXT                    \
            FROM "pg_attrdef d WHERE " SOMEBODYS(                                                            \
                "d.adbin") " UNION ALL SELECT 'U', k.conrelid" TEXTS "'', k.conbin" TEXT FROM                \
                           "pg_constraint k WHERE k.conrelid" NE "0 AND " SOMEBODYS(                         \
                               "k.conbin") " UNION ALL SELECT 'U', x.indrelid" TEXTS "'', x.indexprs" TEXT   \
                               FROM "pg_index x WHERE " SOMEBODYS(                                           \
                                   "x.indexprs") " UNION ALL SELECT 'U', x.indrelid" TEXTS                   \
                                                 "'', x.indpred" TEXT FROM "pg_index x WHERE " SOMEBODYS(    \
                                                     "x.indpred") " UNION ALL SELECT 'U', t.partrelid" TEXTS \
                                                                  "'', t.partexprs" TEXT FROM                \
                                                                  "pg_partitioned_table t WHERE " SOMEBODYS( \
                                                                      "t.partexprs")
#define RULES(condition)                                                                                     \
    "SELECT 'W', w.ev_class" TEXTS "w.ev_type" TEXTS "w.ev_qual" TEXTS "w.ev_action" TEXT FROM               \
    "pg_rewrite w WHERE " condition

/* The snapshot comes along: a session whose own snapshot reaches less far must not put its rows over ours. */
static const char *const load_queries[] = {
    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "SET LOCAL search_path TO pg_catalog, pg_temp",
    "SET LOCAL jit TO off",
    "SET LOCAL quote_all_identifiers TO off",
    "SELECT 'H', pg_catalog.current_setting('server_version_num'), "
    "pg_catalog.pg_current_snapshot()" TEXT,
    RELATIONS(CAT FLAG(ENTANGLED, "e"), LASTING("c.relnamespace")),
    COLUMNS(LASTING_RELATION("a.attrelid")),
    TAGS("true"),
    TYPES(LASTING("t.typnamespace")),
    DOMAINS("true"),
    FUNCTIONS(LASTING("p.pronamespace")),
    OPERATORS(LASTING("o.oprnamespace")),
    CASTS("true"),
    EXTENSIONS("true"),
    INHERITS("true"),
    FOREIGN_KEYS("true"),
    TRIGGERS("true"),
    HIDDEN,
    RULES(LASTING_RELATION("w.ev_class")),
    "COMMIT",
};
enum { N_LOAD_QUERIES = sizeof load_queries / sizeof *load_queries };

const char *catalog_load_query(const struct catalog_load *load, size_t index)
{
    (void)load;
    return index < N_LOAD_QUERIES ? load_queries[index] : NULL;
}

unsigned catalog_row_width(char letter)
{
    switch ((enum catalog_row)letter) {
#define CATALOG_ROW(letter_, NAME, n)                                                                        \
    case CATALOG_ROW_##NAME: return n;
        CATALOG_ROWS(CATALOG_ROW)
#undef CATALOG_ROW
    }
    return 0;
}

/* What a session sees besides. Its temporary schema is asked by number. What its open transaction wrote bears
 * a transaction id that is its own or of one of its subtransactions, and these are never older than its own:
 * so whatever is as new as that is taken, and what others wrote since comes along, which is as true. Nothing
 * is read where there is neither a temporary schema nor a transaction id. */
#define HAS_TEMP        "(SELECT pg_catalog.pg_my_temp_schema())" NE "0"
#define IS_TEMP(column) HAS_TEMP " AND " column EQ "(SELECT pg_catalog.pg_my_temp_schema())"
#define HAS_XID         "(SELECT pg_catalog.pg_current_xact_id_if_assigned()) IS NOT NULL"
#define IS_NEW(row)                                                                                          \
    HAS_XID " AND pg_catalog.age(" row ".xmin)" LE                                                           \
            "(SELECT pg_catalog.age(pg_catalog.xid(pg_catalog.pg_current_xact_id_if_assigned())))"
/* In a schema that the transaction made or renamed. */
#define IN_NEW_SCHEMA(column)                                                                                \
    HAS_XID " AND " column EQ "ANY (SELECT s.oid" FROM "pg_namespace s WHERE " IS_NEW("s") ")"
#define OWN(row, schema)    "((" IS_TEMP(schema) ") OR (" IS_NEW(row) ") OR (" IN_NEW_SCHEMA(schema) "))"
#define ANY_OF(column, set) column EQ "ANY (SELECT m.oid FROM " set " m)"
#define GATE                "(" HAS_TEMP " OR " HAS_XID ") AND "

/* Relations of which any row in any catalogue is the session's own. */
#define OWN_RELATIONS                                                                                        \
    "SELECT c.oid" FROM "pg_class c WHERE " GATE                                                             \
        OWN("c", "c.relnamespace") " UNION SELECT a.attrelid" FROM "pg_attribute a WHERE " IS_NEW(           \
            "a") " UNION SELECT i.inhrelid" FROM                                                             \
                 "pg_inherits i WHERE " IS_NEW(                                                              \
                     "i") " UNION SELECT i.inhparent" FROM                                                   \
                          "pg_inherits i WHERE " IS_NEW(                                                     \
                              "i") " UNION SELECT k.conrelid" FROM "pg_constraint k WHERE k.contype" EQ      \
                                   "'f' AND " IS_NEW(                                                        \
                                       "k") " UNION SELECT k.confrelid" FROM                                 \
                                            "pg_constraint k WHERE k.contype" EQ "'f' AND " IS_NEW(          \
                                                "k") " UNION SELECT g.tgrelid" FROM                          \
                                                     "pg_trigger g WHERE " IS_NEW(                           \
                                                         "g") " UNION SELECT w.ev_class" FROM                \
                                                              "pg_rewrite w WHERE " IS_NEW(                  \
                                                                  "w") " UNION SELECT d.objoid" FROM         \
                                                                       "pg_description d WHERE "             \
                                                                       "d.classoid" EQ                       \
                                                                       "1259 AND " IS_NEW("d")
#define OWN_TYPES                                                                                            \
    "SELECT t.oid" FROM                                                                                      \
    "pg_type t WHERE " GATE OWN("t", "t.typnamespace") " UNION SELECT k.contypid" FROM                       \
                                                       "pg_constraint k WHERE k.contypid" NE                 \
                                                       "0 AND " IS_NEW("k")
#define ALIVE(letter, table)                                                                                 \
    "SELECT 'A', '" letter "', pg_catalog.string_agg(x.oid" TEXT ", ',')" FROM table " x WHERE " HAS_XID     \
    " AND x.oid" GE "12000 HAVING " HAS_XID

#define AND_PADDED(padding, query) " UNION ALL SELECT q.*" padding " FROM (" query ") q"
#define SESSION                                                                                              \
    "SELECT 'S', COALESCE((SELECT n.nspname" TEXT FROM "pg_namespace n WHERE n.oid" EQ                       \
    "pg_catalog.pg_my_temp_schema()), ''), "                                                                 \
    "CASE WHEN pg_catalog.pg_current_xact_id_if_assigned() IS NULL THEN 'f' ELSE 't' END, "                  \
    "pg_catalog.pg_current_snapshot()" TEXT ", NULL::pg_catalog.text, NULL::pg_catalog.text, "               \
    "NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.text, "           \
    "NULL::pg_catalog.text, NULL::pg_catalog.text" AND_PADDED(                                               \
        X8 X2, "SELECT 'P', p::pg_catalog.text FROM "                                                        \
               "pg_catalog.unnest(pg_catalog.current_schemas(true)) p")
#define X2 ", NULL, NULL"
#define X3 X2 ", NULL"
#define X5 X3 X2
#define X7 X5 X2
#define X8 X5 X3
#define X9 X7 X2

const char *const catalog_probe_query = SESSION;
const char *const catalog_overlay_query =
    "WITH own AS MATERIALIZED (" OWN_RELATIONS "), own_types AS MATERIALIZED (" OWN_TYPES
    ") " SESSION AND_PADDED(X3, RELATIONS("", ANY_OF("c.oid", "own")))
        AND_PADDED(X5, COLUMNS(ANY_OF("a.attrelid", "own"))) AND_PADDED(X8, TAGS(ANY_OF("d.objoid", "own")))
            AND_PADDED(X3, TYPES(ANY_OF("t.oid", "own_types")))
                AND_PADDED(X9, DOMAINS(ANY_OF("k.contypid", "own_types")))
                    AND_PADDED("", FUNCTIONS(GATE OWN("p", "p.pronamespace")))
                        AND_PADDED(X5, OPERATORS(GATE OWN("o", "o.oprnamespace")))
                            AND_PADDED(X7, CASTS(IS_NEW("x"))) AND_PADDED(X8, EXTENSIONS(IS_NEW("e")))
                                AND_PADDED(X9, INHERITS("(" ANY_OF("i.inhrelid", "own") " OR " ANY_OF(
                                                   "i.inhparent", "own") ")"))
                                    AND_PADDED(X7, FOREIGN_KEYS("(" ANY_OF("k.conrelid", "own") " OR " ANY_OF(
                                                       "k.confrelid", "own") ")"))
                                        AND_PADDED(X9, TRIGGERS(ANY_OF("g.tgrelid", "own")))
                                            AND_PADDED(X7, RULES(ANY_OF("w.ev_class", "own")))
                                                AND_PADDED(X9, ALIVE("R", "pg_class"))
                                                    AND_PADDED(X9, ALIVE("Y", "pg_type"))
                                                        AND_PADDED(X9, ALIVE("F", "pg_proc"))
                                                            AND_PADDED(X9, ALIVE("O", "pg_operator"))
                                                                AND_PADDED(X9, ALIVE("K", "pg_cast"));

/* A row that changes is a new row, whose xmin is the transaction that wrote it: of each catalogue, how many
 * rows there are, and the sum of a hash of what a row is about and its xmin. Two transactions never write the
 * same, and what is hashed to 64 bits does not cancel out. Updates in place (VACUUM, ANALYZE, CREATE INDEX)
 * keep the xmin. Of pg_class, columns are hashed that a load reads: others change with each TRUNCATE, REINDEX
 * or REFRESH. Temporary relations come and go by the second and are left out. */
#define COUNTED(hash, table, condition)                                                                      \
    "(SELECT pg_catalog.count(*)" TEXT CAT "'/'" CAT "COALESCE(pg_catalog.sum(" hash ")" TEXT                \
    ", '') FROM pg_catalog." table " WHERE " condition ")"
#define WRITTEN(key, row) "pg_catalog.hashtextextended(" row ".xmin" TEXT ", " key ")"
#define BOTH(high, low)   "(" high "::bigint OPERATOR(pg_catalog.<<) 32) OPERATOR(pg_catalog.+) " low "::bigint"
#define COUNTED_OIDS(row, table, condition)                                                                  \
    CAT "':'" CAT COUNTED(WRITTEN(row ".oid::bigint", row), table " " row, condition)
const char *const catalog_epoch_query = "SELECT " COUNTED(
    "pg_catalog.hash_record_extended(ROW(c.oid, c.relname, c.relnamespace, c.relkind, c.reltype, c.relnatts, "
    "c.relrowsecurity, c.reltoastrelid), 0)",
    "pg_class c", "c.relpersistence" NE "'t'") CAT
    "':'" CAT COUNTED(WRITTEN(BOTH("a.attrelid", "a.attnum"), "a"), "pg_attribute a",
                      "a.attnum" GT "0 AND " LASTING_RELATION("a.attrelid")) CAT
    "':'" CAT COUNTED(WRITTEN(BOTH("i.inhrelid", "i.inhparent"), "i"), "pg_inherits i",
                      LASTING_RELATION("i.inhrelid")) CAT
    "':'" CAT COUNTED(WRITTEN(BOTH("d.objoid", "d.objsubid"), "d"), "pg_description d",
                      "d.classoid" EQ "1259 AND d.objsubid" GT "0 AND " LASTING_RELATION("d.objoid")) CAT
    "':'" CAT COUNTED(WRITTEN(BOTH("e.objid", "e.refobjid"), "e"), "pg_depend e",
                      "e.refclassid" EQ "3079 AND e.deptype" EQ "'e'")
        COUNTED_OIDS("n", "pg_namespace", LASTING("n.oid")) COUNTED_OIDS(
            "t", "pg_type", LASTING("t.typnamespace")) COUNTED_OIDS("p", "pg_proc", LASTING("p.pronamespace"))
            COUNTED_OIDS("o", "pg_operator", LASTING("o.oprnamespace")) COUNTED_OIDS("x", "pg_cast", "true")
                COUNTED_OIDS("k", "pg_constraint",
                             "k.contype" EQ
                             "ANY (ARRAY['c', 'f', 'p']::pg_catalog.\"char\"[]) AND " LASTING_RELATION(
                                 "k.conrelid")) COUNTED_OIDS("g", "pg_trigger", LASTING_RELATION("g.tgrelid"))
                    COUNTED_OIDS("w", "pg_rewrite", LASTING_RELATION("w.ev_class"));

const char *const catalog_pulse_query = "SELECT pg_catalog.pg_current_snapshot()" TEXT;
