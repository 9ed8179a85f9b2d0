"""Definitions that hold data, and the ways to read them: for masking.py."""

SECRETS = ("078-05-1120", "4111111111111111", "DE89370400440532013000", "someone@leak.example", "+1-202-555-0143")
MADE = """
CREATE SCHEMA defined;
GRANT USAGE ON SCHEMA defined TO app;
CREATE FUNCTION defined.f(a text DEFAULT 'someone@leak.example') RETURNS text LANGUAGE sql AS $$SELECT 'api-key-078-05-1120'$$;
CREATE FUNCTION defined.g() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT '4111 1111 1111 1111' || '078-05-1120'; END;
CREATE FUNCTION defined.h() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE DOMAIN defined.d AS text DEFAULT '078-05-1120' CHECK (VALUE <> 'DE89370400440532013000');
CREATE TABLE defined.t (a text DEFAULT '078-05-1120' CHECK (a <> '4111111111111111'), c defined.d,
    b text GENERATED ALWAYS AS (a || '+1-202-555-0143') STORED);
CREATE VIEW defined.v AS SELECT '078-05-1120'::text AS x, date '2024-01-01' AS y, 1000000 + 12345678 AS z;
CREATE MATERIALIZED VIEW defined.m AS SELECT 'someone@leak.example'::text AS x;
CREATE INDEX i ON defined.t (a, (a || '078-05-1120')) WHERE a <> '+1-202-555-0143';
CREATE TABLE defined.parts (s text) PARTITION BY LIST (s);
CREATE TABLE defined.part PARTITION OF defined.parts FOR VALUES IN ('078-05-1120');
CREATE TABLE defined.by (s text) PARTITION BY LIST ((s || '078-05-1120'));
CREATE TABLE defined.days (s date) PARTITION BY RANGE (s);
CREATE TABLE defined.days_2024 PARTITION OF defined.days FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TRIGGER x BEFORE UPDATE ON defined.t FOR EACH ROW WHEN (NEW.a <> '078-05-1120') EXECUTE FUNCTION defined.h('4111-1111-1111-1111');
CREATE RULE r AS ON DELETE TO defined.t WHERE old.a = '078-05-1120' DO ALSO SELECT 'someone@leak.example';
CREATE POLICY p ON defined.t USING (a <> '078-05-1120') WITH CHECK (a <> '4111111111111111');
CREATE STATISTICS defined.s ON (a || '078-05-1120'), (a || 'x') FROM defined.t;
CREATE AGGREGATE defined.joined (text) (SFUNC = textcat, STYPE = text, INITCOND = '078-05-1120');
COMMENT ON TABLE defined.t IS 'see 078-05-1120'; COMMENT ON COLUMN defined.t.a IS 'see someone@leak.example';
COMMENT ON DATABASE one IS 'see 078-05-1120';
GRANT SELECT ON ALL TABLES IN SCHEMA defined TO app; GRANT INSERT ON defined.t TO app;
CREATE TABLE defined.u AS SELECT 1 AS id; ALTER TABLE defined.u ADD COLUMN late text DEFAULT 'LEFT';
ALTER TABLE defined.t OWNER TO app; ALTER STATISTICS defined.s OWNER TO app; ALTER FUNCTION defined.f OWNER TO app;
ALTER DOMAIN defined.d OWNER TO app;
INSERT INTO defined.t (a) VALUES ('1'), ('2'); ANALYZE defined.t;
"""
# What each asks for holds something that is hidden.
HIDDEN = """
SELECT pg_get_viewdef('defined.v'::regclass), definition FROM pg_views WHERE viewname = 'v'
SELECT definition FROM pg_catalog.pg_matviews
SELECT pg_catalog.pg_get_viewdef('defined.v'::regclass, true)
SELECT length(x.pg_get_viewdef) AS n, x.* FROM (SELECT pg_get_viewdef('defined.v'::regclass)) x
SELECT upper(substr(pg_get_viewdef(oid), 1)) || '' FROM pg_class WHERE relname = 'm'
SELECT min(pg_get_viewdef(oid)) FROM pg_class WHERE relname = 'v' GROUP BY pg_get_viewdef(oid)
SELECT pg_get_viewdef(max(oid)) AS d FROM pg_class WHERE relname = 'v'
SELECT pg_get_viewdef /* so */ ( oid ) FROM pg_class WHERE relname = 'v' ORDER BY 1
WITH x AS (SELECT pg_get_viewdef(oid, 4) AS d FROM pg_class WHERE relname = 'v') SELECT d::varchar FROM x WHERE d ~ 'SELECT'
SELECT CASE WHEN true THEN pg_get_expr(relpartbound, oid) END FROM pg_class WHERE relname = 'part'
SELECT pg_get_partition_constraintdef(oid) FROM pg_class WHERE relname = 'part'
SELECT pg_get_partkeydef(oid) FROM pg_class WHERE relname = 'by'
SELECT prosrc FROM pg_proc WHERE proname = 'f' AND pronamespace = 'defined'::regnamespace
SELECT p.xmin IS NULL AS no, proname, prosrc FROM pg_proc p WHERE proname = 'f' AND pronamespace = 'defined'::regnamespace
SELECT p FROM pg_proc p WHERE proname = 'f' AND pronamespace = 'defined'::regnamespace
SELECT pg_get_functiondef('defined.f'::regproc), pg_get_function_arguments('defined.f'::regproc)
SELECT pg_get_function_arg_default('defined.f'::regproc, 1)
SELECT pg_get_function_sqlbody('defined.g'::regproc)
SELECT pg_get_functiondef('defined.g'::regproc)
SELECT routine_definition FROM information_schema.routines WHERE routine_name = 'f'
SELECT parameter_default FROM information_schema.parameters WHERE specific_schema = 'defined' AND parameter_default IS NOT NULL
SELECT column_name, column_default, generation_expression FROM information_schema.columns WHERE table_name = 't' AND table_schema = 'defined'
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'defined.t'::regclass
SELECT typdefault FROM pg_type WHERE typname = 'd'
SELECT pg_get_expr(typdefaultbin, 0) FROM pg_type WHERE typname = 'd'
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = 'defined.d'::regtype
SELECT domain_default FROM information_schema.domains
SELECT check_clause FROM information_schema.check_constraints WHERE constraint_schema = 'defined' AND check_clause ~ 'VALUE'
SELECT pg_get_constraintdef(oid), pg_get_expr(conbin, conrelid) FROM pg_constraint WHERE conrelid = 'defined.t'::regclass
SELECT pg_get_indexdef('defined.i'::regclass), pg_get_indexdef('defined.i'::regclass, 2, true), indexdef FROM pg_indexes WHERE indexname = 'i'
SELECT pg_get_expr(indpred, indrelid), pg_get_expr(indexprs, indrelid) FROM pg_index WHERE indexrelid = 'defined.i'::regclass
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'defined.t'::regclass
SELECT pg_get_ruledef(oid, true) FROM pg_rewrite WHERE ev_class = 'defined.t'::regclass
SELECT definition FROM pg_rules WHERE tablename = 't'
SELECT qual, with_check FROM pg_policies
SELECT pg_get_expr(polqual, polrelid) FROM pg_policy
SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxname = 's'
SELECT exprs FROM pg_stats_ext WHERE statistics_name = 's'
SELECT expr FROM pg_stats_ext_exprs WHERE statistics_name = 's' AND expr ~ '[*]'
SELECT agginitval FROM pg_aggregate WHERE aggfnoid = 'defined.joined'::regproc
SELECT obj_description('defined.t'::regclass), description FROM pg_description WHERE objoid = 'defined.t'::regclass AND objsubid = 0
SELECT col_description('defined.t'::regclass, 1), shobj_description(d.oid, 'pg_database') FROM pg_database d WHERE datname = 'one'
SELECT tableoid, description FROM pg_shdescription WHERE description ~ 'see'
PREPARE p(oid) AS SELECT pg_get_viewdef($1); EXECUTE p('defined.v'::regclass); DEALLOCATE p
COPY (SELECT pg_get_viewdef('defined.v'::regclass)) TO STDOUT
SELECT pg_get_viewdef('defined.v'::regclass) UNION SELECT string_agg(pg_get_viewdef('defined.m'::regclass), ',')
""".strip().splitlines()
# These are refused, or have nothing to show.
REFUSED = """
SELECT * FROM pg_get_viewdef('defined.v'::regclass)
SELECT x FROM ROWS FROM (pg_get_viewdef('defined.v'::regclass), generate_series(1, 2)) AS t(x, y)
SELECT pg_get_statisticsobjdef_expressions(oid) FROM pg_statistic_ext WHERE stxname = 's'
EXECUTE nothing(pg_get_viewdef('defined.v'::regclass))
""".strip().splitlines()
# What looks like no data stays as it is.
SHOWN = (
    ("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'days_2024'", "FROM ('2024-01-01') TO ('2025-01-01')"),
    ("SELECT pg_get_viewdef('defined.v'::regclass)", "1000000 + 12345678"),
    ("SELECT pg_get_viewdef('defined.v'::regclass)", "'2024-01-01'::date"),
    ("SELECT attmissingval FROM pg_attribute WHERE attrelid = 'defined.u'::regclass AND attname = 'late'", None),
    ("SELECT atthasmissing, attname FROM pg_attribute WHERE attrelid = 'defined.u'::regclass AND attname = 'late'", "t"),
)
