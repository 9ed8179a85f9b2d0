// pgjdbc: named statements after five uses, fetch sizes by portal, batches, CopyManager, notifications.
import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;

public class Operations {
    static final String S = "d_java";
    static Connection c;

    static void operation(String name) {
        System.out.println("-- " + name);
    }

    static String text(Object value) throws SQLException {
        if (value instanceof byte[]) return "bytes:" + HexFormat.of().formatHex((byte[]) value);
        if (value instanceof java.sql.Array) return Arrays.deepToString((Object[]) ((java.sql.Array) value).getArray());
        String s = String.valueOf(value);
        return s.length() > 300 ? "text of " + s.length() : s;
    }

    static void show(Object... values) throws SQLException {
        StringBuilder line = new StringBuilder("  ");
        for (Object v : values) line.append(' ').append(text(v));
        System.out.println(line);
    }

    static void error(SQLException e) throws SQLException {
        for (; e != null; e = e.getNextException())
            show("error", e.getSQLState(), e.getMessage().replace('\n', '/'));
    }

    interface Work {
        void run() throws Exception;
    }

    static void attempt(Work work) throws Exception {
        try {
            work.run();
        } catch (SQLException e) {
            error(e);
        }
    }

    static void rows(ResultSet r) throws SQLException {
        ResultSetMetaData meta = r.getMetaData();
        StringBuilder head = new StringBuilder();
        for (int i = 1; i <= meta.getColumnCount(); i++) head.append(meta.getColumnName(i)).append(':').append(meta.getColumnTypeName(i)).append(' ');
        show("columns", head);
        int n = 0;
        while (r.next()) {
            if (n++ >= 5) continue;
            Object[] values = new Object[meta.getColumnCount()];
            for (int i = 0; i < values.length; i++) values[i] = r.getObject(i + 1);
            show(values);
        }
        show("rows", n);
    }

    static void run(String sql) throws Exception {
        attempt(() -> {
            try (Statement s = c.createStatement()) {
                boolean result = s.execute(sql);
                while (result || s.getUpdateCount() >= 0) {
                    if (result) rows(s.getResultSet());
                    else show("count", s.getUpdateCount());
                    result = s.getMoreResults();
                }
                for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) show("warning", w.getSQLState(), w.getMessage());
            }
        });
    }

    static void prepared(String sql, Object... values) throws Exception {
        attempt(() -> {
            try (PreparedStatement p = c.prepareStatement(sql)) {
                for (int i = 0; i < values.length; i++) p.setObject(i + 1, values[i]);
                if (p.execute()) rows(p.getResultSet());
                else show("count", p.getUpdateCount());
            }
        });
    }

    static Connection connect() throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        properties.setProperty("ApplicationName", "pgjdbc");
        properties.setProperty("sslmode", "disable");
        properties.setProperty("options", "-c statement_timeout=60s");
        return DriverManager.getConnection("jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/"
            + System.getenv("PGDATABASE"), properties);
    }

    public static void main(String[] args) throws Exception {
        c = connect();
        PGConnection pg = c.unwrap(PGConnection.class);
        operation("connect");
        for (Map.Entry<String, String> e : new TreeMap<>(pg.getParameterStatuses()).entrySet()) show(e.getKey(), e.getValue());
        DatabaseMetaData meta = c.getMetaData();
        show(meta.getDatabaseProductVersion(), c.isValid(5), c.getSchema());
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT pg_backend_pid()")) {
            r.next();
            show("own pid", r.getInt(1) == pg.getBackendPID());
        }
        operation("simple");
        run("DROP SCHEMA IF EXISTS " + S + " CASCADE");
        run("CREATE SCHEMA " + S);
        run("CREATE TABLE " + S + ".t (id int PRIMARY KEY, name text NOT NULL, at timestamptz, data bytea, n numeric(12, 3), tags text[])");
        run("INSERT INTO " + S + ".t (id, name, tags) VALUES (1, 'one', '{a,NULL}'), (2, 'zw\u00f6lf \u20ac', NULL) RETURNING *");
        run("SELECT 1 WHERE false");
        run("");
        run("-- nothing");
        run("DO $$ BEGIN RAISE NOTICE 'hello'; RAISE WARNING 'careful'; END $$");
        rows(meta.getColumns(null, S, "t", null));
        rows(meta.getPrimaryKeys(null, S, "t"));
        operation("multi");
        run("SELECT 1 AS a; SELECT 'two' AS b; INSERT INTO " + S + ".t (id, name) VALUES (3, 'three')");
        run("INSERT INTO " + S + ".t (id, name) VALUES (4, 'undone'); SELECT 1/0; SELECT 2");
        run("SELECT count(*) FROM " + S + ".t");
        operation("parameters");
        Object[] values = { true, (short) 7, 70000, 7000000000000L, 1.5f, -2.25, new BigDecimal("12345.678900"), "\u00fcn\u00ef", new byte[] { 0, -1 },
            LocalDate.of(2024, 2, 29), LocalTime.of(1, 2, 3), LocalDateTime.of(2024, 2, 29, 1, 2, 3), OffsetDateTime.of(2024, 2, 29, 1, 2, 3, 0, ZoneOffset.UTC),
            new UUID(1, 2) };
        String[] types = { "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "bytea", "date", "time", "timestamp", "timestamptz", "uuid" };
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < types.length; i++) {
                String sql = "SELECT ?::" + types[i] + " AS v";
                // From the fifth use on the driver names its statement and asks for binary results.
                try (PreparedStatement p = c.prepareStatement(sql)) {
                    for (int use = 0; use < 7; use++) {
                        if (round == 0) p.setObject(1, values[i]);
                        else p.setNull(1, Types.NULL);
                        try (ResultSet r = p.executeQuery()) {
                            r.next();
                            if (use == 0 || use == 6) show(types[i], r.getObject(1));
                        }
                    }
                }
            }
        prepared("SELECT ? AS a, ? AS b", c.createArrayOf("int4", new Object[] { 1, null, 3 }), c.createArrayOf("text", new Object[] { "a", null, "c d" }));
        operation("prepared");
        try (PreparedStatement p = c.prepareStatement("SELECT ?::int * 2")) {
            long sum = 0;
            for (int i = 0; i < 100; i++) {
                p.setInt(1, i);
                try (ResultSet r = p.executeQuery()) {
                    r.next();
                    sum += r.getInt(1);
                }
            }
            show(sum);
        }
        operation("batch");
        c.setAutoCommit(false);
        try (PreparedStatement p = c.prepareStatement("INSERT INTO " + S + ".t (id, name) VALUES (?, ?)")) {
            for (int i = 100; i < 1100; i++) {
                p.setInt(1, i);
                p.setString(2, "n" + i);
                p.addBatch();
            }
            show(Arrays.stream(p.executeBatch()).sum());
            c.commit();
            for (int i = 1098; i < 1103; i++) {
                p.setInt(1, i);
                p.setString(2, "again");
                p.addBatch();
            }
            try {
                p.executeBatch();
            } catch (BatchUpdateException e) {
                show(e.getUpdateCounts().length);
                error(e);
            }
            c.rollback();
        }
        try (PreparedStatement p = c.prepareStatement("INSERT INTO " + S + ".t (id, name) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            p.setInt(1, 2000);
            p.setString(2, "keys");
            show(p.executeUpdate());
            rows(p.getGeneratedKeys());
        }
        c.commit();
        c.setAutoCommit(true);
        run("SELECT count(*), sum(id) FROM " + S + ".t");
        operation("copy");
        CopyManager copy = pg.getCopyAPI();
        StringBuilder data = new StringBuilder();
        for (int i = 3000; i < 8000; i++) data.append(i).append("\tcopied ").append(i).append('\n');
        show(copy.copyIn("COPY " + S + ".t (id, name) FROM STDIN", new StringReader(data.toString())));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        show(copy.copyOut("COPY (SELECT id, name FROM " + S + ".t ORDER BY id) TO STDOUT (FORMAT csv)", out), out.size());
        out.reset();
        show(copy.copyOut("COPY " + S + ".t TO STDOUT (FORMAT binary)", out), out.size());
        attempt(() -> copy.copyIn("COPY " + S + ".t (id, name) FROM STDIN", new StringReader("bad\tline\n")));
        run("SELECT count(*) FROM " + S + ".t");
        operation("cursor");
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
            s.setFetchSize(50);
            try (ResultSet r = s.executeQuery("SELECT i FROM generate_series(1, 1000) i")) {
                long sum = 0;
                while (r.next()) sum += r.getInt(1);
                show(sum);
            }
            try (ResultSet r = s.executeQuery("SELECT i FROM generate_series(1, 1000) i")) {
                r.next();
                show("abandoned at", r.getInt(1));
            }
            s.setMaxRows(7);
            rows(s.executeQuery("SELECT i FROM generate_series(1, 1000) i"));
        }
        c.commit();
        operation("errors");
        c.setAutoCommit(true);
        for (String sql : new String[] { "SELEC 1", "SELECT * FROM missing", "SELECT 1/0", "INSERT INTO " + S + ".t (id, name) VALUES (1, 'x')",
            "INSERT INTO " + S + ".t (id) VALUES (-1)", "SELECT 'x'::int" })
            run(sql);
        prepared("SELECT ?::int", "abc");
        c.setAutoCommit(false);
        run("INSERT INTO " + S + ".t (id, name) VALUES (-5, 'kept')");
        Savepoint savepoint = c.setSavepoint("s");
        run("INSERT INTO " + S + ".t (id, name) VALUES (-5, 'twice')");
        run("SELECT 'refused'");
        c.rollback(savepoint);
        run("INSERT INTO " + S + ".t (id, name) VALUES (-6, 'after')");
        c.commit();
        run("SELECT 1/0");
        c.rollback();
        c.setReadOnly(true);
        run("DELETE FROM " + S + ".t");
        c.rollback();
        c.setReadOnly(false);
        c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        run("SHOW transaction_isolation");
        c.commit();
        c.setAutoCommit(true);
        run("SELECT id, name FROM " + S + ".t WHERE id < 0 ORDER BY id");
        operation("big");
        String big = "0123456789abcdef".repeat(65536);
        try (PreparedStatement p = c.prepareStatement("SELECT ?::text, md5(?::text)")) {
            p.setString(1, big);
            p.setString(2, big);
            try (ResultSet r = p.executeQuery()) {
                r.next();
                show(r.getString(1).equals(big), r.getString(2));
            }
        }
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT generate_series(1, 100000)")) {
            long sum = 0;
            while (r.next()) sum += r.getInt(1);
            show(sum);
        }
        operation("settings");
        run("SHOW statement_timeout");
        run("SET statement_timeout = '5s'");
        run("RESET statement_timeout");
        run("SHOW statement_timeout");
        c.setSchema(S);
        run("SHOW search_path");
        c.setClientInfo("ApplicationName", "renamed");
        show(pg.getParameterStatus("application_name"));
        operation("notify");
        run("LISTEN news");
        run("NOTIFY news, 'the payload'");
        PGNotification[] notifications = pg.getNotifications(60000);
        for (PGNotification n : notifications) show(n.getName(), n.getParameter(), n.getPID() == pg.getBackendPID());
        operation("cancel");
        try (Statement s = c.createStatement()) {
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(1000);
                    s.cancel();
                } catch (Exception e) {
                    System.out.println("   cancel failed: " + e.getMessage());
                }
            });
            canceller.start();
            attempt(() -> s.execute("SELECT pg_sleep(30)"));
            canceller.join();
        }
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            attempt(() -> s.execute("SELECT pg_sleep(30)"));
        }
        run("SELECT 'still here'");
        run("DROP SCHEMA " + S + " CASCADE");
        operation("terminate");
        run("SELECT pg_terminate_backend(pg_backend_pid())");
        show(c.isValid(2), c.isClosed());
    }
}
