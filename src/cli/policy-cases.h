/* Files of cases for policies: who sends which text, and what is expected of it. */
#ifndef POSTERN_CLI_POLICY_CASES_H
#define POSTERN_CLI_POLICY_CASES_H
#include "cli/asker.h"
#include "yaml/shape.h"

enum case_expect {
    CASE_ALLOW = 0,
    CASE_DENY,
    CASE_HOLD,
    CASE_OBSERVED, /* allowed, and enforcing would not have */
    CASE_NOBODY    /* no policy lets them in */
};
enum case_machine { CASE_MACHINE_EITHER = 0, CASE_MACHINE_TRUE, CASE_MACHINE_FALSE };
/* Fields that a case may leave to the file's defaults. */
struct case_who {
    const struct yaml_node *at;
    struct bytes as, on, database;
    struct yaml_texts groups;
    struct yaml_map claims;
    enum case_machine machine;
};
struct case_text {
    const struct yaml_node *at;
    struct bytes name;
    struct bytes as, on, database;
    struct yaml_texts groups;
    struct yaml_map claims;
    enum case_machine machine;
    struct yaml_texts sql;
    enum case_expect expect;
    struct bytes policy, rule;         /* exactly; empty: any */
    struct bytes message, hint, would; /* contained */
    struct yaml_texts effects;         /* those of the text, all of them; none: any */
    int64_t up_to;                     /* rows that need no approval; 0: not compared */
};
struct case_file {
    const struct yaml_node *at;
    struct yaml_texts policies; /* paths, from the file's folder */
    struct bytes catalog;       /* likewise; empty: none */
    struct case_who defaults;
    struct {
        struct case_text *items;
        size_t n;
    } cases;
};
extern const struct yaml_shape case_file_shape;
#endif
