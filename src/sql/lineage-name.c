/* What an output is called that has no alias: the column's or the function's last name, else a word for the
 * construct (parse_target.c of the server, FigureColname). An empty name: it cannot be told. */
#include "sql/lineage.h"

/* How much a name is worth: a CASE or a cast takes a better one from inside. */
enum worth { NOTHING, CONSTRUCT, NAME };

static enum worth name_of(const Node *node, struct bytes *out, int depth);

static enum worth say(const char *word, struct bytes *out)
{
    *out = bytes_of(word);
    return NAME;
}

static struct bytes last_string(const List *list)
{
    for (int i = tree_length(list); i > 0; i--) {
        const char *text = tree_string(tree_item(list, i - 1));
        if (text) return bytes_of(text);
    }
    return (struct bytes){ 0 };
}

static enum worth name_of_cast(const TypeCast *cast, struct bytes *out, int depth)
{
    enum worth worth = name_of(cast->arg, out, depth);
    if (worth > CONSTRUCT || !cast->typeName) return worth;
    *out = last_string(cast->typeName->names);
    return CONSTRUCT;
}

static enum worth name_of_case(const CaseExpr *expression, struct bytes *out, int depth)
{
    enum worth worth = name_of((const Node *)expression->defresult, out, depth);
    if (worth > CONSTRUCT) return worth;
    *out = BYTES_LITERAL("case");
    return CONSTRUCT;
}

static enum worth name_of_sub_select(const SubLink *link, struct bytes *out, int depth)
{
    if (link->subLinkType == EXISTS_SUBLINK) return say("exists", out);
    if (link->subLinkType == ARRAY_SUBLINK) return say("array", out);
    if (link->subLinkType != EXPR_SUBLINK && link->subLinkType != MULTIEXPR_SUBLINK) return NOTHING;
    if (!link->subselect || tree_tag(link->subselect) != T_SelectStmt) return NOTHING;
    const SelectStmt *s = (const SelectStmt *)link->subselect;
    while (s->larg)
        s = s->larg;
    if (s->valuesLists) return say("column1", out);
    const ResTarget *first = tree_length(s->targetList) ? tree_item(s->targetList, 0) : NULL;
    if (!first) return NOTHING;
    if (first->name) return say(first->name, out);
    *out = lineage_is_star(first->val) ? (struct bytes){ 0 } : BYTES_LITERAL("?column?");
    name_of(first->val, out, depth);
    return NAME;
}

static enum worth name_of_value_function(const SQLValueFunction *function, struct bytes *out)
{
    static const struct {
        SQLValueFunctionOp op;
        const char *name;
    } names[] = { { SVFOP_CURRENT_DATE, "current_date" },
                  { SVFOP_CURRENT_TIME, "current_time" },
                  { SVFOP_CURRENT_TIME_N, "current_time" },
                  { SVFOP_CURRENT_TIMESTAMP, "current_timestamp" },
                  { SVFOP_CURRENT_TIMESTAMP_N, "current_timestamp" },
                  { SVFOP_LOCALTIME, "localtime" },
                  { SVFOP_LOCALTIME_N, "localtime" },
                  { SVFOP_LOCALTIMESTAMP, "localtimestamp" },
                  { SVFOP_LOCALTIMESTAMP_N, "localtimestamp" },
                  { SVFOP_CURRENT_ROLE, "current_role" },
                  { SVFOP_CURRENT_USER, "current_user" },
                  { SVFOP_USER, "user" },
                  { SVFOP_SESSION_USER, "session_user" },
                  { SVFOP_CURRENT_CATALOG, "current_catalog" },
                  { SVFOP_CURRENT_SCHEMA, "current_schema" } };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (names[i].op == function->op) return say(names[i].name, out);
    return NOTHING;
}

static enum worth name_of_xml(const XmlExpr *xml, struct bytes *out)
{
    switch (xml->op) {
    case IS_XMLCONCAT: return say("xmlconcat", out);
    case IS_XMLELEMENT: return say("xmlelement", out);
    case IS_XMLFOREST: return say("xmlforest", out);
    case IS_XMLPARSE: return say("xmlparse", out);
    case IS_XMLPI: return say("xmlpi", out);
    case IS_XMLROOT: return say("xmlroot", out);
    case IS_XMLSERIALIZE: return say("xmlserialize", out);
    case IS_DOCUMENT: return NOTHING;
    }
    return NOTHING;
}

static enum worth name_of_indirection(const A_Indirection *indirection, struct bytes *out, int depth)
{
    struct bytes last = last_string(indirection->indirection);
    if (!last.p) return name_of(indirection->arg, out, depth);
    *out = last;
    return NAME;
}

static enum worth name_of(const Node *node, struct bytes *out, int depth)
{
    if (!node || depth++ >= LINEAGE_DEPTH) return NOTHING;
    switch (tree_tag(node)) {
    case T_ColumnRef: {
        struct bytes last = last_string(((const ColumnRef *)node)->fields);
        if (last.p) *out = last;
        return last.p ? NAME : NOTHING;
    }
    case T_FuncCall: *out = last_string(((const FuncCall *)node)->funcname); return NAME;
    case T_A_Indirection: return name_of_indirection((const A_Indirection *)node, out, depth);
    case T_A_Expr: return ((const A_Expr *)node)->kind == AEXPR_NULLIF ? say("nullif", out) : NOTHING;
    case T_TypeCast: return name_of_cast((const TypeCast *)node, out, depth);
    case T_CollateClause: return name_of(((const CollateClause *)node)->arg, out, depth);
    case T_GroupingFunc: return say("grouping", out);
    case T_SubLink: return name_of_sub_select((const SubLink *)node, out, depth);
    case T_CaseExpr: return name_of_case((const CaseExpr *)node, out, depth);
    case T_A_ArrayExpr: return say("array", out);
    case T_RowExpr: return say("row", out);
    case T_CoalesceExpr: return say("coalesce", out);
    case T_MinMaxExpr: return say(((const MinMaxExpr *)node)->op == IS_GREATEST ? "greatest" : "least", out);
    case T_SQLValueFunction: return name_of_value_function((const SQLValueFunction *)node, out);
    case T_XmlExpr: return name_of_xml((const XmlExpr *)node, out);
    case T_XmlSerialize: return say("xmlserialize", out);
    default: return NOTHING;
    }
}

struct bytes lineage_name(const Node *node)
{
    struct bytes name = BYTES_LITERAL("?column?");
    name_of(node, &name, 0);
    return name;
}
