#include "record/publish-tables.h"

#define I(name)                                                                                              \
    {                                                                                                        \
        name, PUBLISH_INT                                                                                    \
    }
#define T(name)                                                                                              \
    {                                                                                                        \
        name, PUBLISH_TEXT                                                                                   \
    }
#define B(name)                                                                                              \
    {                                                                                                        \
        name, PUBLISH_BOOL                                                                                   \
    }

static const struct publish_column shape[] = { I("id"), T("text"), T("tags"), T("effects"), T("relations") };
static const struct publish_column relation[] = { I("id"), T("name") };
static const struct publish_column shape_relation[] = { I("relation"), I("shape") };
static const struct publish_column session[] = {
    I("id"),           T("principal"),   T("subject"),    T("issuer"),  T("groups"), B("machine"),
    T("on_behalf_of"), T("connection"),  T("database"),   T("login"),   T("client"), T("application"),
    T("policies"),     T("policy_hash"), T("task"),       T("agent"),   T("reason"), I("started_us"),
    I("last_us"),      I("ended_us"),    I("statements"), I("refused"), I("errors"), I("rows"),
};
static const struct publish_column execution[] = {
    I("session"),    I("shape"),     I("minute"), T("decision"), T("policy"),         T("rule"),
    I("n"),          I("errors"),    I("rows"),   I("us"),       I("first_sequence"), I("last_sequence"),
    I("longest_us"), I("most_rows"),
};
static const struct publish_column failure[] = {
    I("session"), I("sequence"), I("time_us"), I("shape"), I("origin"), T("sqlstate"),
};
static const struct publish_column rejection[] = {
    I("session"), I("sequence"), I("time_us"), T("reason"), T("sqlstate"), T("principal"), T("client"),
};
static const struct publish_column seen[] = {
    I("session"), I("shape"), I("minute"), T("relation"),       T("column"),
    T("state"),   I("n"),     I("rows"),   I("first_sequence"), I("last_sequence"),
};
static const struct publish_column approval[] = {
    T("request"), I("session"), T("principal"), T("on_behalf_of"), T("connection"),
    T("rule"),    T("state"),   I("asked_us"),  I("state_us"),     I("rows"),
};
static const struct publish_column approval_decision[] = {
    T("request"), T("issuer"), T("subject"), T("decision"), T("user"), T("via"), I("time_us"),
};
static const struct publish_column gateway_event[] = {
    I("id"),     I("time_us"), T("event"), T("user"),    T("subject"),
    T("issuer"), T("client"),  T("hash"),  I("session"), T("detail"),
};
static const struct publish_column gap[] = { I("session"), I("sequence"), I("time_us"), T("what") };
static const struct publish_column tombstone[] = { I("session"), I("erased_us"), I("erasure") };
static const struct publish_column erasure[] = {
    I("number"), I("time_us"), T("who"), T("reason"), T("how"), I("sessions"),
};

#define N(columns) sizeof columns / sizeof columns[0]
#define TABLE(name, n_keys, n_unit)                                                                          \
    {                                                                                                        \
#name, name, N(name), n_keys, n_unit, PUBLISH_NO_TIME, 0, NULL                                       \
    }
#define PARTED(name, n_keys, n_unit, time, column)                                                           \
    {                                                                                                        \
#name, name, N(name), n_keys, n_unit, time, column, NULL                                             \
    }
const struct publish_table publish_tables[] = {
    TABLE(shape, 1, 1),
    TABLE(relation, 1, 1),
    TABLE(shape_relation, 2, 2),
    PARTED(session, 1, 1, PUBLISH_MICROSECONDS, 17),
    PARTED(execution, 6, 3, PUBLISH_MINUTES, 2),
    PARTED(failure, 2, 2, PUBLISH_MICROSECONDS, 2),
    PARTED(rejection, 2, 2, PUBLISH_MICROSECONDS, 2),
    { "seen", seen, N(seen), 6, 3, PUBLISH_MINUTES, 2, "session, shape, minute" },
    TABLE(approval, 1, 1),
    TABLE(approval_decision, 4, 1),
    PARTED(gateway_event, 1, 1, PUBLISH_MICROSECONDS, 1),
    PARTED(gap, 2, 2, PUBLISH_MICROSECONDS, 2),
    TABLE(tombstone, 1, 1),
    TABLE(erasure, 1, 1),
};
const size_t publish_n_tables = sizeof publish_tables / sizeof publish_tables[0];
