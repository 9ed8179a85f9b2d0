#include "base/test.h"

#include "app/config.h"
#include "policy/compile.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The smallest configuration; tests put their keys behind it. */
#define LEAST                                                                                                \
    "identity: { oidc: [{ issuer: \"https://i.example.com\", audience: postern }] }\n"                       \
    "connections:\n"                                                                                         \
    "  - { name: orders, target: { host: db }, logins: [{ name: rw, user: u }, { name: ro, user: v }] }\n"

static const struct config *parsed(const char *text, struct yaml_errors *errors)
{
    yaml_errors_init(errors);
    return config_parse(bytes_of(text), BYTES_LITERAL("postern.yaml"), errors);
}

static const struct config *good(const char *text)
{
    struct yaml_errors errors;
    struct buf said;
    buf_init(&said, 65536);
    const struct config *config = parsed(text, &errors);
    yaml_errors_print(&errors, &said);
    if (!config) fail_msg("%.*s", BYTES_FMT(buf_bytes(&said)));
    buf_free(&said);
    yaml_errors_free(&errors);
    return config;
}

static void expect_errors(const char *text, const char *expected)
{
    struct yaml_errors errors;
    struct buf said;
    buf_init(&said, 65536);
    assert_null(parsed(text, &errors));
    yaml_errors_print(&errors, &said);
    buf_put_u8(&said, 0);
    assert_string_equal((const char *)buf_bytes(&said).p, expected);
    buf_free(&said);
    yaml_errors_free(&errors);
}

static void the_least_configuration_has_the_documented_defaults(void **state)
{
    (void)state;
    const struct config *c = good(LEAST);
    assert_int_equal(c->listen.n, 1);
    assert_bytes(c->listen.items[0].host, "127.0.0.1");
    assert_int_equal(c->listen.items[0].port, 6432);
    assert_int_equal(c->admin.listen.items[0].port, 8432);
    assert_bytes(c->data, "/var/lib/postern");
    assert_true(c->workers >= 1);
    assert_bytes(c->identity.oidc.items[0].user_claim, "sub");
    assert_true(c->identity.oidc.items[0].leeway_us == 30000000);
    const struct config_connection *o = &c->connections.items[0];
    assert_int_equal(o->target.tls, CONFIG_TARGET_TLS_VERIFY_FULL);
    assert_int_equal(o->target.port, 5432);
    assert_int_equal(o->logins.items[0].password.source, YAML_SOURCE_NONE);
    assert_false(o->outlives_token || o->accept_risk);
    assert_bytes(c->store.index, "sqlite");
    assert_true(c->limits.statement_bytes == 64 << 20 && c->limits.login_us == 30000000);
    assert_int_equal(policy_snapshot_n(c->policies), 0);
    config_unref(config_ref(c));
    config_unref(c);
}

static void addresses_are_hosts_with_ports_or_sockets(void **state)
{
    (void)state;
    const struct config *c =
        good(LEAST "listen: [\"localhost:1\", \"[::1]:2\", \"127.1.2.3:0\", \"unix:/run/p\"]\n");
    assert_int_equal(c->listen.n, 4);
    assert_bytes(c->listen.items[1].host, "::1");
    assert_int_equal(c->listen.items[1].port, 2);
    assert_bytes(c->listen.items[3].path, "/run/p");
    for (size_t i = 0; i < 4; i++)
        assert_true(c->listen.items[i].local);
    config_unref(c);
    static const char *const wrong[] = { "6432", "localhost", ":1",   "::1:5", "h:65536", "h:-1",
                                         "h:x",  "[::1]",     "[]:1", "a b:1", "unix:x",  "unix:/" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct yaml_errors errors;
        char text[1024];
        snprintf(text, sizeof text, LEAST "listen: [\"%s\"]\n", wrong[i]);
        assert_null(parsed(text, &errors));
        assert_bytes(errors.items[0].text, "an address to listen on is host:port, [host]:port or unix:/path");
        assert_int_equal(errors.items[0].place.column, 10);
        yaml_errors_free(&errors);
    }
}

static void clear_text_is_for_loopback_and_sockets_only(void **state)
{
    (void)state;
    expect_errors(
        LEAST "listen: \"0.0.0.0:1\"\nadmin: { listen: \"10.0.0.1:2\" }\n",
        "postern.yaml:4:9: \"tls\" is needed to listen on more than loopback and Unix sockets: tokens would "
        "travel in clear\n"
        "postern.yaml:5:18: \"url\" is needed to listen on more than loopback and Unix sockets: requests "
        "must "
        "name the server that they are for\n"
        "postern.yaml:5:18: \"tls\" is needed to listen on more than loopback and Unix sockets: tokens would "
        "travel in clear\n");
    config_unref(good(LEAST
                      "admin: { listen: \"10.0.0.1:2\", url: \"https://x\", tls: { certificate: c, key: k } "
                      "}\n"));
    config_unref(good(LEAST "listen: \"*:1\"\ntls: { certificate: c, key: k }\n"));
    expect_errors(LEAST "tls: { certificate: c }\n",
                  "postern.yaml:4:6: TLS needs \"certificate\" and \"key\"\n");
}

static void the_address_for_people_is_a_host_and_nothing_more(void **state)
{
    (void)state;
    static const char *const bad[] = { "ftp://x",     "http://x",    "https://",    "https://x/y",
                                       "https://u@x", "https://x?y", "https://x#y", "x" };
    static const char *const fine[] = { "https://x", "https://x:8443/", "http://127.0.0.1:1",
                                        "http://localhost:1" };
    char text[1024], expected[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "%sadmin: { url: \"%s\" }\n", LEAST, bad[i]);
        snprintf(expected, sizeof expected,
                 "postern.yaml:4:15: \"url\" is https://HOST or https://HOST:PORT (http:// only on "
                 "loopback), without "
                 "a path\n");
        expect_errors(text, expected);
    }
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        snprintf(text, sizeof text, "%sadmin: { url: \"%s\" }\n", LEAST, fine[i]);
        config_unref(good(text));
    }
}

static void a_typing_mistake_is_told_with_what_was_meant(void **state)
{
    (void)state;
    expect_errors(LEAST "lisen: \"127.0.0.1:1\"\n",
                  "postern.yaml:4:1: unknown key \"lisen\"; did you mean \"listen\"?\n");
    expect_errors("listen: 1\nconnections:\n  - nme: x\n    target: { host: h }\n    logins: []\n",
                  "postern.yaml:1:1: the configuration needs \"identity\"\n"
                  "postern.yaml:3:5: unknown key \"nme\"; did you mean \"name\"?\n"
                  "postern.yaml:3:5: a connection needs \"name\"\n"
                  "postern.yaml:5:13: \"logins\" is an empty list\n");
    expect_errors("", "postern.yaml:1:1: the configuration needs \"identity\"\n"
                      "postern.yaml:1:1: the configuration needs \"connections\"\n");
}

#define NO_INDEX                                                                                             \
    "\"index\" is sqlite, or postgres://user@host:port/database (without a password, which is "              \
    "\"postgres.password\")\n"

static void what_is_not_built_yet_is_refused(void **state)
{
    (void)state;
    expect_errors(
        "identity: { oidc: [{ issuer: \"https://i\", audience: a }], saml: [{ name: corp }] }\n"
        "connections: [{ name: a, via: agent, target: { host: h }, logins: [{ name: l, user: u }] }]\n"
        "durability: process\n"
        "store: { index: \"mysql://x\", archive: \"s3://b\" }\n",
        "postern.yaml:1:65: \"saml\" is not supported by this version\n"
        "postern.yaml:2:31: via: agent is not supported by this version; use via: direct\n"
        "postern.yaml:4:17: " NO_INDEX "postern.yaml:4:39: \"archive\" is none, or s3://bucket/prefix\n");
    expect_errors(
        LEAST "durability: power\n",
        "postern.yaml:4:13: durability: power is not supported by this version; use durability: process\n");
}

static void an_index_is_a_file_or_a_url_besides(void **state)
{
    (void)state;
    const struct config *c =
        good(LEAST "store: { index: \"postgres://a%40b@db.example:5433,[::1]/au%2Fdit\", postgres: "
                   "{ password: \"${file:p}\", tls: require, spool: 5000 } }\n");
    const struct config_postgres *p = &c->store.postgres;
    assert_string_equal((const char *)p->hosts.p, "db.example,::1");
    assert_string_equal((const char *)p->ports.p, "5433,5432");
    assert_string_equal((const char *)p->user.p, "a@b");
    assert_string_equal((const char *)p->database.p, "au/dit");
    assert_bytes(p->schema, "postern");
    assert_int_equal(p->spool, 5000);
    config_unref(c);
    c = good(LEAST "store: { index: \"postgresql://u@%2Frun%2Fpostgresql/d\" }\n");
    assert_string_equal((const char *)c->store.postgres.hosts.p, "/run/postgresql");
    assert_int_equal(c->store.postgres.tls, CONFIG_TARGET_TLS_VERIFY_FULL);
    config_unref(c);
    static const char *const bad[] = {
        "postgres://u:secret@h/d", "postgres://h/d",       "postgres://u@h",
        "postgres://u@h/",         "postgres://u@/d",      "postgres://@h/d",
        "postgres://u@h:0/d",      "postgres://u@h:x/d",   "postgres://u@h/d?a=b",
        "postgres://u@h/d/e",      "postgres://u@a%2Cb/d", "postgres://u%0@h/d",
        "postgres://u%0a@h/d",     "postgres://u@h,/d",    "postgres://u@[::1/d",
        "postgres:/u@h/d",         "postgres://u@,h/d",    "sqlite3",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[400];
        snprintf(text, sizeof text, LEAST "store: { index: \"%s\" }\n", bad[i]);
        expect_errors(text, "postern.yaml:4:17: " NO_INDEX);
    }
    expect_errors(LEAST "store: { postgres: { ca: x } }\n",
                  "postern.yaml:4:20: \"postgres\" needs an \"index\": postgres://user@host/database\n");
    expect_errors(
        LEAST "store: { index: \"postgres://u@h/d\", postgres: { tls: disable, ca: x, schema: pg_mine } }\n",
        "postern.yaml:4:67: \"ca\" is only used with tls: verify-full or verify-ca\n"
        "postern.yaml:4:78: \"schema\" has at most 63 bytes, and does not begin with pg_\n");
}

static void an_archive_is_a_bucket_of_a_service_with_keys(void **state)
{
    (void)state;
    const struct config *c = good(
        LEAST "store:\n"
              "  archive: s3://records/gateways/one/\n"
              "  s3: { endpoint: \"https://s3.example.com:9000\", region: eu-1, access_key: \"${env:A}\", "
              "secret_key: \"${file:s}\" }\n"
              "  lock: { mode: compliance, days: 400 }\n"
              "  spool: 1GB\n  segment: 16MB\n  drop_local: true\n");
    assert_bytes(c->store.bucket, "records");
    assert_bytes(c->store.prefix, "gateways/one");
    assert_int_equal(c->store.lock.mode, CONFIG_LOCK_COMPLIANCE);
    assert_int_equal(c->store.spool, 1 << 30);
    config_unref(c);
    expect_errors(LEAST "store: { archive: \"s3://b\" }\n",
                  "postern.yaml:4:19: \"archive\" is none, or s3://bucket/prefix\n");
    expect_errors(LEAST "store: { archive: \"s3://records/a b\" }\n",
                  "postern.yaml:4:19: \"archive\" is none, or s3://bucket/prefix\n");
    expect_errors(
        LEAST "store: { archive: \"s3://records\", spool: 8MB }\n",
        "postern.yaml:4:19: an archive needs \"s3\" with \"endpoint\", \"access_key\" and "
        "\"secret_key\"\n"
        "postern.yaml:4:42: \"spool\" is at least twice \"segment\": one is written while another is "
        "sent\n");
    expect_errors(LEAST "store: { drop_local: true }\n",
                  "postern.yaml:4:8: \"s3\", \"lock\" and \"drop_local\" need an \"archive\"\n");
    expect_errors(LEAST "store: { s3: { endpoint: \"http://s3.example.com\" } }\n",
                  "postern.yaml:4:26: \"endpoint\" is an https:// URL (http:// only on loopback) without a "
                  "path\n");
}

static void who_is_told_has_one_way_and_a_secret(void **state)
{
    (void)state;
    const struct config *c = good(
        LEAST "notify:\n"
              "  - { webhook: \"https://hooks.example.com/x\", secret: \"${file:hook}\", on: [hold, deny] }\n"
              "  - { name: chat, slack: \"${env:SLACK}\", timeout: 2s, retry: 0 }\n"
              "  - { command: [/usr/bin/mail, -s, held] }\n");
    assert_int_equal(c->notify.n, 3);
    assert_int_equal(c->notify.items[0].way, CONFIG_NOTIFY_WEBHOOK);
    assert_int_equal(c->notify.items[0].wants, 1 | 8);
    assert_true(c->notify.items[0].timeout_us == 10000000 && c->notify.items[0].retry_us == 3600000000);
    assert_int_equal(c->notify.items[1].way, CONFIG_NOTIFY_SLACK);
    assert_int_equal(c->notify.items[1].wants, 1 | 2 | 4);
    assert_true(c->notify.items[1].timeout_us == 2000000 && c->notify.items[1].retry_us == 0);
    assert_int_equal(c->notify.items[2].way, CONFIG_NOTIFY_COMMAND);
    assert_int_equal(c->notify.items[2].command.n, 3);
    config_unref(c);
    expect_errors(
        LEAST "notify:\n"
              "  - { webhook: \"http://example.com/x\", secret: \"${file:h}\" }\n"
              "  - { webhook: \"https://a.example\" }\n"
              "  - { name: \"a b\", command: mail, secret: \"${file:h}\" }\n"
              "  - { slack: \"${env:S}\", command: [/bin/true], on: [hold, holds] }\n"
              "  - { on: deny }\n",
        "postern.yaml:5:16: \"webhook\" is an https:// URL (http:// only on loopback), without a user, a "
        "password or a fragment\n"
        "postern.yaml:6:16: a webhook needs a \"secret\", which signs what is sent\n"
        "postern.yaml:7:13: \"name\" is up to 63 letters, digits, '-', '_' and '.'\n"
        "postern.yaml:7:29: \"command\" begins with the absolute path of a program; no shell reads it\n"
        "postern.yaml:7:43: \"secret\" needs \"webhook\"\n"
        "postern.yaml:8:5: each of \"notify\" has one of \"webhook\", \"slack\" and \"command\"\n"
        "postern.yaml:8:59: \"on\" is a list of: hold, decided, ended, deny\n"
        "postern.yaml:9:5: each of \"notify\" has one of \"webhook\", \"slack\" and \"command\"\n");
    expect_errors(
        LEAST "notify: { slack: \"https://hooks.slack.com/services/T0/B0/hunter2\" }\n",
        "postern.yaml:4:18: \"slack\" is ${env:NAME}, ${file:PATH} or ${exec:CMD}, never the secret "
        "itself\n");
    expect_errors(LEAST "notify: [{ name: a, slack: \"${env:S}\" }, { name: a, slack: \"${env:S}\" }]\n",
                  "postern.yaml:4:50: two of \"notify\" are named \"a\"\n");
}

static void streams_go_to_a_file_or_to_syslog(void **state)
{
    (void)state;
    const struct config *c =
        good(LEAST "streams:\n"
                   "  - { name: siem, syslog: \"tcp://[::1]:601\", facility: 13, text: none, lag: 1m }\n"
                   "  - { name: audit, file: /var/log/postern/audit.jsonl }\n"
                   "  - { name: here, syslog: \"unix:/dev/log\", text: full }\n");
    assert_int_equal(c->streams.n, 3);
    assert_int_equal(c->streams.items[0].way, CONFIG_STREAM_TCP);
    assert_true(bytes_is(c->streams.items[0].host, "::1") && c->streams.items[0].port == 601);
    assert_true(c->streams.items[0].facility == 13 && c->streams.items[0].lag_us == 60000000);
    assert_int_equal(c->streams.items[0].text, CONFIG_STREAM_TEXT_NONE);
    assert_int_equal(c->streams.items[1].way, CONFIG_STREAM_FILE);
    assert_true(c->streams.items[1].facility == 16 && c->streams.items[1].lag_us == 300000000);
    assert_int_equal(c->streams.items[1].text, CONFIG_STREAM_TEXT_SHAPE);
    assert_int_equal(c->streams.items[2].way, CONFIG_STREAM_UNIX);
    assert_true(bytes_is(c->streams.items[2].host, "/dev/log"));
    config_unref(c);
}

static void a_stream_that_leads_nowhere_is_refused(void **state)
{
    (void)state;
    expect_errors(
        LEAST "streams:\n"
              "  - { name: a }\n"
              "  - { name: b, file: x }\n"
              "  - { name: ../c, file: /x }\n"
              "  - { name: d, syslog: \"tcp://a\" }\n"
              "  - { name: e, syslog: \"udp://a:0\" }\n"
              "  - { name: f, syslog: \"unix:log\" }\n"
              "  - { name: f, file: /y, syslog: \"tcp://a:1\" }\n",
        "postern.yaml:5:5: each of \"streams\" has one of \"file\" and \"syslog\"\n"
        "postern.yaml:6:22: \"file\" is an absolute path, or \"-\" for standard output\n"
        "postern.yaml:7:13: \"name\" is up to 32 letters, digits, '-' and '_'\n"
        "postern.yaml:8:24: \"syslog\" is udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:/PATH\n"
        "postern.yaml:9:24: \"syslog\" is udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:/PATH\n"
        "postern.yaml:10:24: \"syslog\" is udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:/PATH\n"
        "postern.yaml:11:5: each of \"streams\" has one of \"file\" and \"syslog\"\n");
    expect_errors(LEAST "streams: [{ name: f, file: /x }, { name: f, file: /y }]\n",
                  "postern.yaml:4:42: two of \"streams\" are named \"f\"\n");
}

static void an_anchor_is_a_file_or_a_webhook_with_a_secret(void **state)
{
    (void)state;
    const struct config *c = good(
        LEAST "anchors:\n"
              "  - { name: worm, file: /mnt/worm/kept }\n"
              "  - { webhook: \"https://a.example/x\", secret: \"${file:h}\", every: 10m, timeout: 2s }\n");
    assert_int_equal(c->anchors.n, 2);
    assert_bytes(c->anchors.items[0].file, "/mnt/worm/kept");
    assert_true(c->anchors.items[0].every_us == 60000000 && c->anchors.items[0].timeout_us == 10000000);
    assert_true(c->anchors.items[1].every_us == 600000000 && c->anchors.items[1].timeout_us == 2000000);
    config_unref(c);
    expect_errors(LEAST "anchors:\n"
                        "  - { file: kept }\n"
                        "  - { webhook: \"https://a.example\" }\n"
                        "  - { file: /a, webhook: \"https://a.example\", secret: \"${file:h}\" }\n"
                        "  - { file: /b, secret: \"${file:h}\", name: \"a b\" }\n",
                  "postern.yaml:5:13: \"file\" is an absolute path\n"
                  "postern.yaml:6:16: a webhook needs a \"secret\", which signs what is sent\n"
                  "postern.yaml:7:5: each of \"anchors\" has one of \"file\" and \"webhook\"\n"
                  "postern.yaml:8:25: \"secret\" needs \"webhook\"\n"
                  "postern.yaml:8:44: \"name\" is up to 63 letters, digits, '-', '_' and '.'\n");
    expect_errors(LEAST "anchors: [{ name: a, file: /a }, { name: a, file: /b }]\n",
                  "postern.yaml:4:42: two of \"anchors\" are named \"a\"\n");
}

static void a_secret_in_the_file_is_refused_and_not_repeated(void **state)
{
    (void)state;
    expect_errors(
        "identity: { oidc: { issuer: \"https://i\", audience: a } }\n"
        "connections: [{ name: a, target: { host: h }, logins: [{ name: l, user: u, password: hunter2 }] "
        "}]\n",
        "postern.yaml:2:86: \"password\" is ${env:NAME}, ${file:PATH} or ${exec:CMD}, never the secret "
        "itself\n");
}

static void identity_is_checked(void **state)
{
    (void)state;
    expect_errors(
        "identity:\n  oidc:\n"
        "    - { issuer: \"http://i\", audience: a }\n"
        "    - { issuer: \"http://127.0.0.1.evil.com\", audience: a }\n"
        "    - { issuer: \"https://j\", audience: a, machine_value: x, leeway: 3m }\n"
        "    - { issuer: \"http://localhost:9000/x\", audience: a }\n"
        "connections: [{ name: a, target: { host: h }, logins: [{ name: l, user: u }] }]\n",
        "postern.yaml:3:17: \"issuer\" begins with https:// (http:// only on loopback), or its keys are "
        "pinned with \"jwks\"\n"
        "postern.yaml:4:17: \"issuer\" begins with https:// (http:// only on loopback), or its keys are "
        "pinned with \"jwks\"\n"
        "postern.yaml:5:69: \"leeway\" is a duration like 30s, 15m, 8h or 400d from 0 to 2m\n");
    expect_errors("identity: { oidc: [{ issuer: \"https://j\", audience: a, machine_value: x }, { issuer: "
                  "\"https://j\", audience: b }] }\n"
                  "connections: [{ name: a, target: { host: h }, logins: [{ name: l, user: u }] }]\n",
                  "postern.yaml:1:71: \"machine_value\" needs \"machine_claim\"\n");
    expect_errors("identity: { oidc: [{ issuer: \"https://j\", audience: a }, { issuer: \"https://j\", "
                  "audience: b }] }\n"
                  "connections: [{ name: a, target: { host: h }, logins: [{ name: l, user: u }] }]\n",
                  "postern.yaml:1:68: this issuer is listed twice\n");
}

static void connections_are_checked(void **state)
{
    (void)state;
    expect_errors(
        "identity: { oidc: { issuer: \"https://i\", audience: a } }\n"
        "connections:\n"
        "  - { name: a, target: { host: h, tls: require, ca: c }, logins: [{ name: l, user: u }, { name: l, "
        "user: u }] }\n"
        "  - { name: b, target: { host: 'h i' }, logins: [{ name: l, user: u }],\n"
        "      settings: { 'a b': x, postern.x: y, client_encoding: SQL_ASCII, app.x: '${principal}' } }\n",
        "postern.yaml:3:53: \"ca\" is only used with tls: verify-full or verify-ca\n"
        "postern.yaml:4:32: a host holds no white space\n");
    expect_errors(
        "identity: { oidc: { issuer: \"https://i\", audience: a } }\n"
        "connections:\n"
        "  - { name: a, target: { host: h }, logins: [{ name: l, user: u }, { name: l, user: u }] }\n"
        "  - { name: b, target: { host: h }, logins: [{ name: l, user: u }],\n"
        "      settings: { 'a b': x, postern.x: y, client_encoding: SQL_ASCII, app.x: '${principal}' } }\n",
        "postern.yaml:3:76: two logins are named \"l\"\n"
        "postern.yaml:5:19: this is no name of a setting\n"
        "postern.yaml:5:29: settings under \"postern.\" are the client's, and never reach the server\n"
        "postern.yaml:5:43: \"client_encoding\" is set by the gateway, which cannot read statements "
        "otherwise\n");
    expect_errors(LEAST "  - { name: orders, target: { host: db }, logins: { name: x, user: u } }\n",
                  "postern.yaml:4:13: two connections are named \"orders\"\n");
}

static void policies_must_fit_the_connections(void **state)
{
    (void)state;
    expect_errors(LEAST "policies:\n  - { name: a, who: any, on: { connections: [ordres] } }\n"
                        "  - { name: b, who: any, login: rx }\n"
                        "  - { name: c, who: any, on: { connections: [\"ord*\"] }, login: ro }\n",
                  "postern.yaml:5:45: no connection is named \"ordres\"; did you mean \"orders\"?\n"
                  "postern.yaml:6:33: connection \"orders\" has no login \"rx\"\n");
    expect_errors(LEAST "lisen: x\npolicies:\n  - { name: a, who: any, alow: [] }\n",
                  "postern.yaml:4:1: unknown key \"lisen\"; did you mean \"listen\"?\n"
                  "postern.yaml:6:26: unknown key \"alow\"; did you mean \"allow\"?\n");
}

static void a_database_finds_its_connection(void **state)
{
    (void)state;
    struct bytes database = { 0 };
    const struct config *c =
        good(LEAST "  - { name: all, databases: [\"r_*\", orders], target: { host: db, database: fixed },\n"
                   "      logins: [{ name: x, user: u }] }\n");
    const struct config_connection *orders = &c->connections.items[0], *all = &c->connections.items[1];
    assert_ptr_equal(config_connection_for(c, BYTES_LITERAL("orders"), &database), orders);
    assert_bytes(database, "orders");
    assert_ptr_equal(config_connection_for(c, BYTES_LITERAL("all"), &database), all);
    assert_bytes(database, "fixed");
    assert_ptr_equal(config_connection_for(c, BYTES_LITERAL("r_1"), &database), all);
    assert_bytes(database, "r_1");
    assert_null(config_connection_for(c, BYTES_LITERAL("x"), &database));
    assert_ptr_equal(config_login_named(orders, BYTES_LITERAL("")), &orders->logins.items[0]);
    assert_ptr_equal(config_login_named(orders, BYTES_LITERAL("ro")), &orders->logins.items[1]);
    assert_null(config_login_named(orders, BYTES_LITERAL("zz")));
    config_unref(c);
}

static void placeholders_are_filled_in_once(void **state)
{
    (void)state;
    struct arena a;
    struct principal who = { .user = BYTES_LITERAL("${subject}"), .subject = BYTES_LITERAL("s") };
    arena_init(&a, 4096, 1 << 20);
    assert_bytes(config_setting_expand(BYTES_LITERAL("<${principal}|${subject}|${session}|$|${"), &who,
                                       BYTES_LITERAL("7"), &a),
                 "<${subject}|s|7|$|${");
    assert_bytes(config_setting_expand(BYTES_LITERAL(""), &who, BYTES_LITERAL("7"), &a), "");
    arena_free(&a);
}

static void people_are_users_or_members(void **state)
{
    (void)state;
    struct bytes groups[] = { BYTES_LITERAL("x"), BYTES_LITERAL("dba") };
    struct principal who = { .user = BYTES_LITERAL("u"), .groups = groups, .n_groups = 2 };
    const struct config *c = good(
        LEAST "roles: { admin: { groups: [dba] }, auditor: { users: [u] }, approver: { users: [v] } }\n");
    assert_true(config_people_has(&c->roles.admin, &who));
    assert_true(config_people_has(&c->roles.auditor, &who));
    assert_false(config_people_has(&c->roles.approver, &who));
    config_unref(c);
    expect_errors(LEAST "roles: { admin: {} }\n",
                  "postern.yaml:4:17: a role needs \"users\" or \"groups\"\n");
    c = good(LEAST);
    assert_false(config_people_has(&c->roles.admin, &who));
    config_unref(c);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void the_folder_adds_its_policies(void **state)
{
    (void)state;
    char folder[] = "/tmp/postern-config-XXXXXX", path[4096];
    struct yaml_errors errors;
    struct buf said;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    /* The folder is the configuration's own here: its other files are policies. */
    write_file(folder, "c.yaml", LEAST "data: d\npolicies: [{ name: a, who: any }]\npolicies_folder: p\n");
    yaml_errors_init(&errors);
    assert_null(config_load(path, &errors));
    assert_int_equal(errors.n, 1);
    yaml_errors_free(&errors);
    snprintf(path, sizeof path, "%s/p", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(path, "2.yaml", "- { name: c, who: any }\n- { name: b, who: any }\n");
    write_file(path, "1.yml", "{ name: d, who: any }\n");
    write_file(path, "empty.yaml", "# nothing yet\n");
    write_file(path, "readme.txt", "not a policy: [\n");
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    const struct config *c = config_load(path, &errors);
    assert_non_null(c);
    assert_int_equal(policy_snapshot_n(c->policies), 4);
    snprintf(path, sizeof path, "%s/d", folder);
    assert_bytes(c->data, path);
    config_unref(c);
    snprintf(path, sizeof path, "%s/p", folder);
    write_file(path, "3.yaml", "- name: e\n  who: any\n  login: zz\n");
    snprintf(path, sizeof path, "%s/c.yaml", folder);
    assert_null(config_load(path, &errors));
    buf_init(&said, 4096);
    yaml_errors_print(&errors, &said);
    snprintf(path, sizeof path, "%s/p/3.yaml:3:10: connection \"orders\" has no login \"zz\"\n", folder);
    assert_bytes(buf_bytes(&said), path);
    buf_free(&said);
    yaml_errors_free(&errors);
    static const char *const files[] = { "p/1.yml",      "p/2.yaml",     "p/3.yaml",
                                         "p/empty.yaml", "p/readme.txt", "c.yaml" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    snprintf(path, sizeof path, "%s/p", folder);
    assert_int_equal(rmdir(path) + rmdir(folder), 0);
}

static void the_examples_load(void **state)
{
    (void)state;
    static const char *const names[] = { "dev", "agent", "team" };
    const char *source = getenv("POSTERN_SOURCE");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[4096];
        struct yaml_errors errors;
        yaml_errors_init(&errors);
        snprintf(path, sizeof path, "%s/examples/%s.yaml", source ? source : ".", names[i]);
        const struct config *c = config_load(path, &errors);
        if (!c) fail_msg("%s: %.*s", path, BYTES_FMT(errors.items[0].text));
        assert_true(policy_snapshot_n(c->policies) > 0);
        config_unref(c);
        yaml_errors_free(&errors);
    }
}

static void what_is_printed_loads_the_same(void **state)
{
    (void)state;
    struct buf once, again;
    buf_init(&once, 1 << 20);
    buf_init(&again, 1 << 20);
    const struct config *c = good(
        LEAST "    \n"
              "policies: [{ name: a, who: any, allow: [read] }]\nstore: { key: '${exec:get hunter2}' }\n");
    config_print(c, YAML_PRINT_WHOLE, &once);
    config_unref(c);
    buf_put_u8(&once, 0);
    c = good((const char *)buf_bytes(&once).p);
    config_print(c, YAML_PRINT_WHOLE, &again);
    buf_put_u8(&again, 0);
    assert_string_equal((const char *)buf_bytes(&again).p, (const char *)buf_bytes(&once).p);
    buf_consume(&again, buf_length(&again));
    config_print(c, YAML_PRINT_HIDE, &again);
    assert_true(bytes_find(buf_bytes(&again), BYTES_LITERAL("hunter2")) < 0);
    config_unref(c);
    buf_free(&once);
    buf_free(&again);
}

static void the_defaults_lack_only_what_has_none(void **state)
{
    (void)state;
    struct buf text;
    struct yaml_errors errors;
    buf_init(&text, 1 << 20);
    config_print_defaults(&text);
    buf_put_u8(&text, 0);
    assert_null(parsed((const char *)buf_bytes(&text).p, &errors));
    assert_int_equal(yaml_errors_count(&errors), 2);
    assert_bytes(errors.items[0].text, "the configuration needs \"connections\"");
    assert_bytes(errors.items[1].text, "identity needs \"oidc\"");
    yaml_errors_free(&errors);
    buf_free(&text);
}

static void the_published_schema_is_the_one_of_this_code(void **state)
{
    (void)state;
    char path[4096];
    struct buf schema, published;
    const char *source = getenv("POSTERN_SOURCE");
    snprintf(path, sizeof path, "%s/doc/postern.schema.json", source ? source : ".");
    buf_init(&schema, 1 << 20);
    buf_init(&published, 1 << 20);
    config_print_schema(&schema);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    uint8_t *room = buf_room(&published, 1 << 19);
    assert_non_null(room);
    buf_added(&published, fread(room, 1, 1 << 19, f));
    fclose(f);
    if (!bytes_equal(buf_bytes(&schema), buf_bytes(&published)))
        fail_msg("doc/postern.schema.json is stale: write it anew with postern check --print-schema");
    buf_free(&schema);
    buf_free(&published);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_configuration_has_the_documented_defaults),
        cmocka_unit_test(addresses_are_hosts_with_ports_or_sockets),
        cmocka_unit_test(clear_text_is_for_loopback_and_sockets_only),
        cmocka_unit_test(the_address_for_people_is_a_host_and_nothing_more),
        cmocka_unit_test(a_typing_mistake_is_told_with_what_was_meant),
        cmocka_unit_test(what_is_not_built_yet_is_refused),
        cmocka_unit_test(an_index_is_a_file_or_a_url_besides),
        cmocka_unit_test(an_archive_is_a_bucket_of_a_service_with_keys),
        cmocka_unit_test(who_is_told_has_one_way_and_a_secret),
        cmocka_unit_test(streams_go_to_a_file_or_to_syslog),
        cmocka_unit_test(a_stream_that_leads_nowhere_is_refused),
        cmocka_unit_test(an_anchor_is_a_file_or_a_webhook_with_a_secret),
        cmocka_unit_test(a_secret_in_the_file_is_refused_and_not_repeated),
        cmocka_unit_test(identity_is_checked),
        cmocka_unit_test(connections_are_checked),
        cmocka_unit_test(policies_must_fit_the_connections),
        cmocka_unit_test(a_database_finds_its_connection),
        cmocka_unit_test(placeholders_are_filled_in_once),
        cmocka_unit_test(people_are_users_or_members),
        cmocka_unit_test(the_folder_adds_its_policies),
        cmocka_unit_test(the_examples_load),
        cmocka_unit_test(what_is_printed_loads_the_same),
        cmocka_unit_test(the_defaults_lack_only_what_has_none),
        cmocka_unit_test(the_published_schema_is_the_one_of_this_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
