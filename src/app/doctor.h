/* Looking at a database for what would undermine the gate: what the gateway's role there has besides what its
 * work needs. A check is a row of doctor-checks.def: a query whose rows are findings, and the SQL that mends
 * each. doctor-visit.h asks; here is what comes of the answers. doc/doctor.md tells it all. */
#ifndef POSTERN_APP_DOCTOR_H
#define POSTERN_APP_DOCTOR_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "policy/policy.h"

/* CRITICAL: a statement that reaches the server can leave everything behind that the gate watches. WARNING: a
 * wall behind the gate is missing. NOTE: one more that could stand there. The first two weigh: the exit code
 * is 1. */
enum doctor_severity { DOCTOR_CRITICAL = 0, DOCTOR_WARNING, DOCTOR_NOTE, DOCTOR_N_SEVERITIES };
const char *doctor_severity_name(enum doctor_severity severity);

/* Where what mends is written. */
enum doctor_place { DOCTOR_SQL = 0, DOCTOR_HBA /* pg_hba.conf */, DOCTOR_CONFIG /* the gateway's */ };

enum doctor_flag {
    DOCTOR_OF_SUPERUSER = 1, /* it is looked at also where the role is a superuser, who may do the rest */
    DOCTOR_IF_REGARDED = 2,  /* stands where a policy trusts the code, or lets it be called by name. The last
                                two columns are its signature and extension, as the catalogue writes them */
    DOCTOR_UNLESS_HARMLESS = 4, /* falls where the extension, the last column, is of the harmless ones */
    DOCTOR_IF_COUNTED = 8,      /* stands where a policy needs changed rows to be counted */
    DOCTOR_IF_MASKED = 16,   /* stands where a policy masks the column. The last four columns are its schema,
                                relation, name and tags, as the catalogue writes them */
    DOCTOR_IF_STORED = 32,   /* with IF_MASKED: and lets it be written */
    DOCTOR_IF_MASKS = 64,    /* it is looked at where a policy masks anything */
    DOCTOR_IF_UNREAD = 128,  /* with IF_MASKED: and no policy lets anybody see it, or a part of it */
    DOCTOR_UNLESS_BOTH = 256 /* with IF_MASKED: falls where another column is masked too, which the four
                                columns before the last four are */
};

struct doctor_check {
    const char *id;
    enum doctor_severity severity;
    unsigned flags;
    int since; /* server_version_num; 0: every version */
    unsigned n_columns;
    const char *what, *why; /* whole sentences; they hold for each row */
    const char *query;      /* what stands behind `WITH …`: see doctor_query */
    const char *object;     /* a template (doctor-fill.h): what was found */
    const char *as;         /* who can mend it: "a superuser" */
    enum doctor_place place;
    const char *mend; /* a template */
};
extern const struct doctor_check doctor_checks[];
extern const size_t doctor_n_checks;

/* How the server let the role in. */
enum doctor_login { DOCTOR_LOGIN_UNASKED = 0, DOCTOR_LOGIN_MD5, DOCTOR_LOGIN_SCRAM };

/* What is known before the checks. Names are SQL, quoted by the server where they need it. */
struct doctor_facts {
    struct bytes connection, login; /* as the configuration has them */
    const struct policy_snapshot *policies;
    struct bytes address; /* of the server */
    enum doctor_login how;
    int version; /* server_version_num */
    bool superuser, owner_exists;
    struct bytes version_text, role, database;
    struct bytes owner; /* a role that may own what the gateway's should not; it need not be there yet */
};
enum { DOCTOR_FACTS = 7 };
extern const char doctor_facts_query[];

struct doctor_finding {
    struct doctor_finding *next;
    const struct doctor_check *check;
    struct bytes object;
    struct bytes mend; /* n == 0: there is a name in it that cannot be written safely */
    bool wants_owner;  /* the mend speaks of facts.owner */
};
struct doctor_problem {
    struct doctor_problem *next;
    const struct doctor_check *check; /* NULL: nothing could be looked at */
    struct bytes text;
};
/* One database, seen with one login. */
struct doctor_report {
    struct doctor_report *next;
    struct arena arena;
    struct doctor_facts facts;
    struct doctor_finding *findings; /* by severity, then in the order of the checks */
    struct doctor_finding **last_finding[DOCTOR_N_SEVERITIES]; /* where the next of its severity goes */
    struct doctor_problem *problems, **last_problem;
    size_t n_found[DOCTOR_N_SEVERITIES], n_looked, n_problems;
    size_t n_of_check; /* findings of the check at work */
};
enum { DOCTOR_FINDINGS_OF_CHECK = 10000 };

/* NULL: no memory. connection and login are borrowed. */
struct doctor_report *doctor_report_new(struct bytes connection, struct bytes login,
                                        const struct policy_snapshot *policies);
void doctor_report_free(struct doctor_report *report);
/* check may be NULL. */
void doctor_report_problem(struct doctor_report *report, const struct doctor_check *check, struct bytes text);
/* The one row of doctor_facts_query. False: it is none. */
bool doctor_report_facts(struct doctor_report *report, const struct bytes *values, size_t n) MUST_USE;
/* Whether the check says anything about this database. */
bool doctor_check_applies(const struct doctor_check *check, const struct doctor_facts *facts);
/* The check's whole query. */
void doctor_query(const struct doctor_check *check, const struct doctor_facts *facts, struct buf *out);
/* A row of it. False: it has another shape than the check says, or there is no room for more. */
bool doctor_report_row(struct doctor_report *report, const struct doctor_check *check,
                       const struct bytes *values, size_t n) MUST_USE;
#endif
