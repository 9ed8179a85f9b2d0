// pgx v4: named statements in its cache, binary results, batches as pipelines, COPY in binary.
package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
)

const schema = "d_go"

var ctx = context.Background()

func operation(name string) { fmt.Println("--", name) }

func text(v interface{}) string {
	if v == nil {
		return "<nil>"
	}
	switch x := v.(type) {
	case []byte:
		return fmt.Sprintf("bytes:%x", x)
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case string:
		if len(x) > 300 {
			return fmt.Sprintf("text of %d", len(x))
		}
		return x
	}
	if value := reflect.ValueOf(v); value.Kind() == reflect.Ptr && !value.IsNil() {
		return text(value.Elem().Interface())
	}
	return fmt.Sprintf("%+v", v)
}

func show(values ...interface{}) {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = text(v)
	}
	fmt.Println("  ", strings.Join(parts, " "))
}

func failed(err error) bool {
	if err == nil {
		return false
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		show("error", e.Severity, e.Code, e.Message, e.Detail, e.ConstraintName)
	} else {
		show("error", strings.Split(err.Error(), ":")[0])
	}
	return true
}

func run(c *pgx.Conn, sql string, args ...interface{}) {
	rows, err := c.Query(ctx, sql, args...)
	if failed(err) {
		return
	}
	n := 0
	for rows.Next() {
		values, err := rows.Values()
		if failed(err) {
			break
		}
		if n++; n <= 5 {
			show(values...)
		}
	}
	rows.Close()
	if !failed(rows.Err()) {
		show(string(rows.CommandTag()), n)
	}
}

func main() {
	config, err := pgx.ParseConfig(os.ExpandEnv("host=$PGHOST port=$PGPORT dbname=$PGDATABASE user=$PGUSER sslmode=disable"))
	if err != nil {
		panic(err)
	}
	config.Password = os.Getenv("PGPASSWORD")
	config.RuntimeParams["application_name"] = "pgx"
	config.RuntimeParams["options"] = "-c statement_timeout=60s -c search_path=public"
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { show("notice", n.Severity, n.Message) }
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	operation("connect")
	names := []string{"server_version", "client_encoding", "DateStyle", "TimeZone", "IntervalStyle", "application_name",
		"standard_conforming_strings", "integer_datetimes", "is_superuser", "session_authorization"}
	sort.Strings(names)
	for _, name := range names {
		show(name, c.PgConn().ParameterStatus(name))
	}
	var pid uint32
	failed(c.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid))
	show("own pid", pid == c.PgConn().PID())
	operation("simple")
	run(c, "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
	run(c, "CREATE SCHEMA "+schema)
	run(c, "CREATE TABLE "+schema+".t (id int PRIMARY KEY, name text NOT NULL, at timestamptz, data bytea, n numeric(12, 3), tags text[])")
	run(c, "INSERT INTO "+schema+".t (id, name, tags) VALUES (1, 'one', '{a,NULL}'), (2, 'zwölf €', NULL) RETURNING *")
	run(c, "SELECT 1 WHERE false")
	run(c, "")
	run(c, "-- nothing")
	run(c, "DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
	run(c, "SELECT $1::text", pgx.QuerySimpleProtocol(true), "it's\\simple")
	operation("multi")
	results, err := c.PgConn().Exec(ctx, "SELECT 1; SELECT 'two'; SELECT NULL").ReadAll()
	failed(err)
	for _, r := range results {
		show(string(r.CommandTag), len(r.Rows))
	}
	_, err = c.PgConn().Exec(ctx, "INSERT INTO "+schema+".t (id, name) VALUES (3, 'undone'); SELECT 1/0").ReadAll()
	failed(err)
	run(c, "SELECT count(*) FROM "+schema+".t")
	operation("parameters")
	var numeric pgtype.Numeric
	failed(numeric.Set("12345.678900"))
	at := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
	for _, p := range []struct {
		kind  string
		value interface{}
	}{{"bool", true}, {"int2", int16(7)}, {"int4", int32(70000)}, {"int8", int64(7000000000000)}, {"float4", float32(1.5)},
		{"float8", -2.25}, {"numeric", &numeric}, {"text", "ünï"}, {"varchar", "v"}, {"bytea", []byte{0, 255}}, {"date", at},
		{"timestamp", at}, {"timestamptz", at}, {"uuid", "00000000-0000-0000-0000-000000003039"},
		{"json", map[string]int{"a": 1}}, {"jsonb", []interface{}{1, nil}}, {"int4[]", []int32{1, 2}}, {"text[]", []string{"a", "c d"}},
		{"inet", "10.1.2.3/24"}, {"interval", 3 * time.Hour}} {
		run(c, "SELECT $1::"+p.kind, p.value)
		run(c, "SELECT $1::"+p.kind, nil)
	}
	operation("prepared")
	_, err = c.Prepare(ctx, "p", "SELECT $1::int * 2, $2::text")
	failed(err)
	sum := 0
	for i := 0; i < 100; i++ {
		var v int
		var s *string
		failed(c.QueryRow(ctx, "p", i, nil).Scan(&v, &s))
		sum += v
	}
	show(sum)
	failed(c.Deallocate(ctx, "p"))
	operation("batch")
	batch := &pgx.Batch{}
	for i := 100; i < 400; i++ {
		batch.Queue("INSERT INTO "+schema+".t (id, name) VALUES ($1, $2)", i, fmt.Sprint("n", i))
	}
	batch.Queue("SELECT count(*) FROM " + schema + ".t")
	sent := c.SendBatch(ctx, batch)
	for i := 100; i < 400; i++ {
		_, err := sent.Exec()
		failed(err)
	}
	var count int
	failed(sent.QueryRow().Scan(&count))
	show(count)
	failed(sent.Close())
	operation("pipeline")
	batch = &pgx.Batch{}
	batch.Queue("INSERT INTO "+schema+".t (id, name) VALUES ($1, 'lost')", 1000)
	batch.Queue("SELECT 1 / $1::int", 0)
	batch.Queue("INSERT INTO "+schema+".t (id, name) VALUES ($1, 'lost too')", 1001)
	sent = c.SendBatch(ctx, batch)
	for i := 0; i < 3; i++ {
		_, err := sent.Exec()
		failed(err)
	}
	failed(sent.Close())
	run(c, "SELECT count(*) FROM "+schema+".t WHERE id >= 1000")
	operation("copy")
	var rows [][]interface{}
	for i := int32(2000); i < 5000; i++ {
		rows = append(rows, []interface{}{i, fmt.Sprint("copied ", i), at})
	}
	n, err := c.CopyFrom(ctx, pgx.Identifier{schema, "t"}, []string{"id", "name", "at"}, pgx.CopyFromRows(rows))
	failed(err)
	show(n)
	hash := md5.New()
	tag, err := c.PgConn().CopyTo(ctx, hash, "COPY (SELECT id, name, n FROM "+schema+".t ORDER BY id) TO STDOUT")
	failed(err)
	show(string(tag), fmt.Sprintf("%x", hash.Sum(nil)))
	_, err = c.PgConn().CopyFrom(ctx, strings.NewReader("9000\tfine\nbad\n"), "COPY "+schema+".t (id, name) FROM STDIN")
	failed(err)
	_, err = c.PgConn().CopyTo(ctx, io.Discard, "COPY missing TO STDOUT")
	failed(err)
	_, err = c.PgConn().CopyFrom(ctx, bytes.NewReader(nil), "COPY "+schema+".t (id, name) FROM STDIN")
	failed(err)
	operation("cursor")
	tx, err := c.Begin(ctx)
	failed(err)
	_, err = tx.Exec(ctx, "DECLARE cur CURSOR FOR SELECT generate_series(1, 100)")
	failed(err)
	run(c, "FETCH 3 FROM cur")
	run(c, "MOVE 10 IN cur")
	run(c, "FETCH 1 FROM cur")
	failed(tx.Commit(ctx))
	open, err := c.Query(ctx, "SELECT generate_series(1, 100000)")
	failed(err)
	open.Next()
	open.Close()
	show("abandoned", string(open.CommandTag()))
	operation("errors")
	for _, sql := range []string{"SELEC 1", "SELECT * FROM missing", "SELECT 1/0", "INSERT INTO " + schema + ".t (id, name) VALUES (1, 'x')",
		"INSERT INTO " + schema + ".t (id) VALUES (-1)", "SELECT 'x'::int"} {
		run(c, sql)
	}
	run(c, "SELECT $1::int", "abc")
	tx, err = c.Begin(ctx)
	failed(err)
	run(c, "INSERT INTO "+schema+".t (id, name) VALUES (-5, 'kept')")
	nested, err := tx.Begin(ctx)
	failed(err)
	run(c, "INSERT INTO "+schema+".t (id, name) VALUES (-5, 'twice')")
	show(string(c.PgConn().TxStatus()))
	run(c, "SELECT 'refused'")
	failed(nested.Rollback(ctx))
	show(string(c.PgConn().TxStatus()))
	failed(tx.Commit(ctx))
	run(c, "SELECT name FROM "+schema+".t WHERE id = -5")
	operation("big")
	big := strings.Repeat("0123456789abcdef", 65536)
	var back, sum5 string
	failed(c.QueryRow(ctx, "SELECT $1::text, md5($1::text)", big).Scan(&back, &sum5))
	show(back == big, sum5)
	total := 0
	many, err := c.Query(ctx, "SELECT generate_series(1, 100000)")
	failed(err)
	for many.Next() {
		var v int
		failed(many.Scan(&v))
		total += v
	}
	show(total)
	operation("settings")
	run(c, "SHOW statement_timeout")
	run(c, "SET statement_timeout = '5s'")
	run(c, "RESET statement_timeout")
	run(c, "SHOW statement_timeout")
	run(c, "SET application_name = 'renamed'")
	show(c.PgConn().ParameterStatus("application_name"))
	operation("notify")
	run(c, "LISTEN news")
	run(c, "NOTIFY news, 'the payload'")
	wait, stop := context.WithTimeout(ctx, 60*time.Second)
	n2, err := c.WaitForNotification(wait)
	stop()
	if !failed(err) {
		show(n2.Channel, n2.Payload, n2.PID == c.PgConn().PID())
	}
	operation("cancel")
	timer := time.AfterFunc(time.Second, func() { failed(c.PgConn().CancelRequest(ctx)) })
	run(c, "SELECT pg_sleep(30)")
	timer.Stop()
	run(c, "SELECT 'still here'")
	run(c, "DROP SCHEMA "+schema+" CASCADE")
	operation("terminate")
	run(c, "SELECT pg_terminate_backend(pg_backend_pid())")
	show(c.IsClosed())
}
