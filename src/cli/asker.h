/* Asking policies without a gateway: what a text of SQL is, and what would be judged of it for somebody. */
#ifndef POSTERN_CLI_ASKER_H
#define POSTERN_CLI_ASKER_H
#include "cli/command.h"
#include "policy/compile.h"
#include "sql/facts.h"

/* The policies of files, folders or configurations (policy/files.h). NULL: what is wrong was said on standard
 * error. The caller holds one reference. */
const struct policy_snapshot *asker_policies(const struct cli_call *call, const char *const *paths,
                                             size_t n) MUST_USE;
/* The path that --policies names, else the configuration's. */
const char *asker_path(const struct cli_call *call);

/* Who asks, as people write it. */
struct asker_who {
    struct bytes user, connection, database; /* database: empty: the connection's name */
    struct bytes groups;                     /* comma-separated */
    struct bytes claims;                     /* JSON, or "name=value, name=value"; empty: none */
    bool machine;
};
struct asker {
    const struct policy_snapshot *snapshot;
    const struct catalog_view *view; /* NULL: names are judged as they are written */
    struct arena session, statement;
    const struct policy_ruleset *ruleset; /* NULL: no policy lets them in */
};
/* The snapshot is borrowed. */
void asker_init(struct asker *a, const struct policy_snapshot *snapshot, const struct catalog_view *view);
void asker_free(struct asker *a);
/* False: there is no memory, or the claims are none that can be read. */
bool asker_session(struct asker *a, const struct asker_who *who) MUST_USE;

struct asker_answer {
    enum sql_outcome outcome;
    const struct sql_facts *facts; /* NULL where there is no memory */
    struct policy_verdict verdict;
    size_t index;      /* of the statement that decided */
    struct bytes sent; /* where columns are masked, and it is allowed: what goes to the server; else empty */
    bool unresolved;   /* it names what the catalogue does not have: no policy was asked */
};
/* Needs a ruleset. What is in the answer lives until the next call. */
void asker_judge(struct asker *a, struct bytes sql, struct asker_answer *answer_out);
/* "allow", "deny", "hold", "observed". */
const char *asker_decision(const struct policy_verdict *verdict);
#endif
