/* The table of checks, and the words that its queries share. The own client asks with search_path =
 * pg_catalog in a session that has no temporary objects, so that every bare name is PostgreSQL's own. */
#include "app/doctor.h"

/* Objects whose schema, n, is nobody's temporary one and none of the server's. */
#define LASTING             "n.nspname !~ '^pg_(temp|toast)' AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
#define NAMED(schema, name) "quote_ident(" schema ".nspname) || '.' || quote_ident(" name ")"
#define ARGUMENTS                                                                                            \
    "coalesce((SELECT string_agg(format_type(u.t, NULL), ', ' ORDER BY u.i) FROM unnest(p.proargtypes) "     \
    "WITH ORDINALITY u(t, i)), '')"
/* A routine p of schema n, for people and SQL; and as the catalogue and policies write it. */
#define ROUTINE   NAMED("n", "p.proname") " || '(' || " ARGUMENTS " || ')'"
#define SIGNATURE "n.nspname || '.' || p.proname || '(' || " ARGUMENTS " || ')'"
/* What gives an owner o back what it needs of a routine that is given away, where PUBLIC does not have it. */
#define KEEPS_EXECUTE                                                                                        \
    "CASE WHEN EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) ka WHERE "    \
    "ka.grantee = 0) THEN '' ELSE ' GRANT EXECUTE ON ROUTINE ' || " ROUTINE                                  \
    " || ' TO ' || o.name || ';' END"
#define OPERATOR_SIGNATURE                                                                                   \
    "qn.nspname || '.' || q.oprname || '(' || CASE WHEN q.oprleft = 0 THEN 'NONE' ELSE "                     \
    "format_type(q.oprleft, NULL) END || ', ' || format_type(q.oprright, NULL) || ')'"
#define EXTENSION(class, object)                                                                             \
    "coalesce((SELECT ex.extname::text FROM pg_depend ed JOIN pg_extension ex ON ex.oid = ed.refobjid "      \
    "WHERE ed.refclassid = 3079 AND ed.deptype = 'e' AND ed.classid = " class " AND ed.objid = " object      \
                                                                              "), '')"
/* An acl that is NULL is the default of its kind (acldefault's letters). */
#define GRANTED(kind, acl, owner)                                                                            \
    "CROSS JOIN LATERAL aclexplode(coalesce(" acl ", acldefault('" kind "', " owner "))) a JOIN hands h ON " \
    "h.oid = a.grantee AND a.grantee <> " owner
/* A superuser's REVOKE is the owner's: what another granted has to be taken as that one. */
#define REVOKED(owner)                                                                                       \
    "h.who, CASE WHEN a.grantor <> " owner " THEN 'SET ROLE ' || quote_ident(pg_get_userbyid(a.grantor)) "   \
    "|| '; ' ELSE '' END, CASE WHEN a.is_grantable THEN ' CASCADE;' ELSE ';' END || CASE WHEN a.grantor "    \
    "<> " owner " THEN ' RESET ROLE;' ELSE '' END"
/* Not what initdb (or an extension) gave. */
#define BEYOND_INIT(class, object, column)                                                                   \
    "NOT EXISTS (SELECT FROM pg_init_privs ip CROSS JOIN LATERAL aclexplode(ip.initprivs) ia WHERE "         \
    "ip.classoid = " class " AND ip.objoid = " object " AND ip.objsubid = " column                           \
                           " AND ia.grantee = a.grantee AND ia.privilege_type = a.privilege_type)"
/* From 16 on a membership belongs to who granted it. */
#define GRANTED_BY                                                                                           \
    "CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' GRANTED BY ' || "                 \
    "quote_ident(pg_get_userbyid(m.grantor)) ELSE '' END"
/* SECURITY DEFINER routines p of r in n that the role may call, and that do not run as it anyway. */
#define DEFINERS_FROM                                                                                        \
    "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner"
#define DEFINERS_WHERE                                                                                       \
    " WHERE p.prosecdef AND p.oid >= 16384 AND " LASTING " AND NOT EXISTS (SELECT FROM owners o WHERE "      \
    "o.oid = p.proowner) AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', "             \
    "p.proowner))) a JOIN hands h ON h.oid = a.grantee)"
#define DEFINERS " " DEFINERS_FROM DEFINERS_WHERE
/* Of a column t of relation c in n, what a policy's masks are asked about: the last four columns. */
#define COLUMN_ASKED(n, c, t)                                                                                \
    n ".nspname, " c ".relname, " t ".attname, coalesce(substring(col_description(" c ".oid, " t ".attnum) " \
      "FROM 'postern: *([^ ,]+(?: *, *[^ ,]+)*)'), '')"
#define MASKED_COLUMN COLUMN_ASKED("n", "c", "t")
/* Whether the index i of c reads t in an expression or its WHERE. */
#define INDEX_READS                                                                                          \
    "EXISTS (SELECT FROM pg_depend id WHERE id.classid = 1259 AND id.objid = i.indexrelid AND "              \
    "id.refclassid = 1259 AND id.refobjid = c.oid AND id.refobjsubid = t.attnum)"
#define REACHING      "'dblink', 'adminpack', 'pg_surgery'"
#define LOGIN_IS(how) "(SELECT f.login FROM facts f) = '" how "'"

/* What every query begins with; the login is filled in. */
static const char shared[] =
    "WITH facts AS (SELECT '%s'::text AS login), "
    "me AS (SELECT r.*, quote_ident(r.rolname) AS who FROM pg_roles r WHERE r.rolname = session_user), "
    "mine AS MATERIALIZED (SELECT r.oid, r.rolname FROM pg_roles r WHERE pg_has_role(session_user, r.oid, "
    "'MEMBER')), "
    "owners AS MATERIALIZED (SELECT m.oid, quote_ident(m.rolname) AS name FROM mine m WHERE m.rolname !~ "
    "'^pg_'), "
    "hands AS MATERIALIZED (SELECT o.oid, o.name AS who FROM owners o UNION ALL SELECT 0, 'PUBLIC'), "
    "leads AS (SELECT r.*, quote_ident(d.rolname) AS through, " GRANTED_BY " AS by FROM me JOIN "
    "pg_auth_members m ON m.member = me.oid JOIN pg_roles d ON d.oid = m.roleid JOIN pg_roles r ON r.oid = "
    "d.oid OR (NOT d.rolsuper AND pg_has_role(d.oid, r.oid, 'MEMBER'))), "
    "set_for_role AS (SELECT CASE WHEN z.setrole = 0 AND z.setdatabase = 0 THEN 'ALTER ROLE ALL' WHEN "
    "z.setrole = 0 THEN 'ALTER DATABASE ' || quote_ident(current_database()) ELSE 'ALTER ROLE ' || me.who "
    "|| CASE WHEN z.setdatabase = 0 THEN '' ELSE ' IN DATABASE ' || quote_ident(current_database()) END END "
    "AS scope, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value FROM me, "
    "pg_db_role_setting z LEFT JOIN pg_database b ON b.oid = z.setdatabase, unnest(z.setconfig) c WHERE "
    "z.setrole IN (0, me.oid) AND (z.setdatabase = 0 OR b.datname = current_database())) ";

void doctor_query(const struct doctor_check *check, const struct doctor_facts *facts, struct buf *out)
{
    static const char *const logins[] = {
        [DOCTOR_LOGIN_UNASKED] = "unasked", [DOCTOR_LOGIN_MD5] = "md5", [DOCTOR_LOGIN_SCRAM] = "scram"
    };
    const char *place = strstr(shared, "%s");
    buf_append(out, bytes_make(shared, (size_t)(place - shared)));
    buf_append_text(out, logins[facts->how]);
    buf_append_text(out, place + 2);
    buf_append_text(out, check->query);
}

/* The owner: a name after the role's that is free, or a role already that the gateway's cannot become. */
const char doctor_facts_query[] =
    "SELECT current_setting('server_version_num'), current_setting('server_version'), "
    "quote_ident(session_user), me.rolsuper::text, quote_ident(current_database()), quote_ident(o.name), "
    "(r.oid IS NOT NULL)::text FROM pg_roles me, LATERAL (SELECT left(me.rolname, 55) || '_owner' || k AS "
    "name, k FROM unnest(ARRAY['', '2', '3', '4']) k) o LEFT JOIN pg_roles r ON r.rolname = o.name WHERE "
    "me.rolname = session_user AND (r.oid IS NULL OR me.rolsuper OR NOT pg_has_role(me.oid, r.oid, "
    "'MEMBER')) ORDER BY o.k LIMIT 1";

const struct doctor_check doctor_checks[] = {
#define DOCTOR_CHECK(id, severity, flags, since, n_columns, what, why, query, object, as, place, mend)       \
    { id, DOCTOR_##severity, flags, since, n_columns, what, why, query, object, as, DOCTOR_##place, mend },
#include "app/doctor-checks.def"
#undef DOCTOR_CHECK
};
const size_t doctor_n_checks = sizeof doctor_checks / sizeof *doctor_checks;

const char *doctor_severity_name(enum doctor_severity severity)
{
    static const char *const names[] = { "critical", "warning", "note" };
    CHECK((size_t)severity < sizeof names / sizeof *names);
    return names[severity];
}
