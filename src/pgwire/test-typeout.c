/* Tests of typeout: thousands of random values (the same in each run), their binary form and their text both
 * made by a real server (scripts/with-postgres), and what must hold for bytes that no server sends. */
#include "base/codec.h"
#include "base/test.h"
#include "pgwire/typeout.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each query yields rows of one value v; the driver adds its OID, its binary form and its text. */
#define VALUES(type, send, expression)                                                                       \
    "SELECT '" type "'::regtype::oid, encode(" send                                                          \
    "(v),'hex'), encode(convert_to(format('%s',v),'UTF8'),'hex') "                                           \
    "FROM (SELECT (" expression ")::" type " AS v FROM generate_series(0,399) i) t WHERE v IS NOT NULL;\n"

static const char script[] =
    "SET client_min_messages = warning; SET timezone = 'UTC'; DO 'BEGIN PERFORM setseed(0.5); END';\n"
    "CREATE FUNCTION pg_temp.words(int) RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT coalesce(string_agg("
    "(array['a','B','\"','\\','{','}',',',' ','NULL','é','漢','(',')','[',E'\\t',E'\\n','''','x;y','😀'])"
    "[1+floor(random()*19)::int + 0*$1],''),'') FROM generate_series(1,floor(random()*6)::int) $$;\n"
    "CREATE TYPE pair AS (a int, b text, c timestamp);\n" /* clang-format off */
    VALUES("bool", "boolsend", "random() < 0.5")
    VALUES("int2", "int2send", "floor(random()*65536)-32768")
    VALUES("int4", "int4send", "floor(random()*4294967296)-2147483648")
    VALUES("int8", "int8send", "floor((random()-0.5)*18446744073709551000::numeric)")
    VALUES("oid", "oidsend", "floor(random()*4294967296)::int8")
    VALUES("float4", "float4send", "(random()-0.5)*10::float8^(floor(random()*70)-35)")
    VALUES("float4", "float4send", "CASE WHEN i < 250 THEN 2::float8^(i-125) ELSE i*1000 END")
    VALUES("float4", "float4send", "(array['NaN','Infinity','-Infinity','-0','0','1e5','1e6','1e-4','1e-5','3.4028235e38','1e-45'])[1+i%11]")
    VALUES("float8", "float8send", "(random()-0.5)*10::float8^(floor(random()*600)-300)")
    VALUES("float8", "float8send", "(random()-0.5)*10::float8^(floor(random()*20)-5)")
    VALUES("float8", "float8send", "CASE WHEN i < 398 THEN 2::float8^(i*5-1000) ELSE 0.1+0.2 END")
    VALUES("float8", "float8send", "(array['NaN','Infinity','-Infinity','-0','0','1e14','1e15','123456789012345678','1e-4','1e-5','5e-324','1.7976931348623157e308','9007199254740993'])[1+i%13]")
    VALUES("numeric", "numeric_send", "((random()-0.5)::numeric * 10::numeric^(floor(random()*60)::int-30))")
    VALUES("numeric", "numeric_send", "round((random()-0.5)::numeric * 10::numeric^(i%40), i%23)")
    VALUES("numeric", "numeric_send", "(array['NaN','Infinity','-Infinity','0','0.00','-0.0001','10000','100000000','1e100','1e-100','12345678.9'])[1+i%11]")
    VALUES("money", "cash_send", "((random()-0.5)*10::numeric^(i%16))::numeric")
    VALUES("text", "textsend", "pg_temp.words(i)")
    VALUES("varchar", "varcharsend", "pg_temp.words(i)")
    VALUES("bpchar", "bpcharsend", "pg_temp.words(i)::char(12)")
    VALUES("name", "namesend", "pg_temp.words(i)")
    VALUES("\"char\"", "charsend", "CASE WHEN i = 0 THEN '' WHEN i < 127 THEN chr(i) ELSE E'\\\\'||(i/64%2+2)||(i/8%8)||(i%8) END")
    VALUES("bytea", "byteasend", "decode(substr(md5(i::text),1,(i%16)*2),'hex')")
    VALUES("uuid", "uuid_send", "md5(random()::text)")
    VALUES("json", "json_send", "json_build_object('k', pg_temp.words(i), 'n', i)")
    VALUES("jsonb", "jsonb_send", "jsonb_build_object('k', pg_temp.words(i), 'n', array[i,null])")
    VALUES("date", "date_send", "'2000-01-01'::date + (floor((random()-0.5)*1400000)::int)")
    VALUES("date", "date_send", "(array['infinity','-infinity','0001-01-01','0001-12-31 BC','0005-02-29 BC','4713-11-24 BC','5874897-12-31','2000-02-29','1900-03-01','1969-12-31'])[1+i%10]")
    VALUES("time", "time_send", "'00:00'::time + random()*'24h'::interval")
    VALUES("time", "time_send", "(array['00:00','24:00','12:00:00.1','12:00:00.000001','23:59:59.999999','01:02:03.500'])[1+i%6]")
    VALUES("timetz", "timetz_send", "(time '00:00' + random()*'24h'::interval)::text || (array['+00','-05','+05:30','-15:59:59','+14:59:01'])[1+i%5]")
    VALUES("timestamp", "timestamp_send", "'2000-01-01'::timestamp + (random()-0.5)*'9000 years'::interval")
    VALUES("timestamp", "timestamp_send", "(array['infinity','-infinity','4713-11-24 00:00 BC','294276-12-31 23:59:59.999999','0001-01-01','0001-12-31 23:59:59.9 BC','1969-12-31 23:59:59.999999'])[1+i%7]")
    VALUES("timestamptz", "timestamptz_send", "'2000-01-01'::timestamptz + (random()-0.5)*'9000 years'::interval")
    VALUES("interval", "interval_send", "make_interval(months => floor((random()-0.5)*60)::int*(i%2), days => floor((random()-0.5)*60)::int*(i/2%2), secs => (random()-0.5)*1000000*(i/4%2))")
    VALUES("interval", "interval_send", "(array['0','1 mon','-1 mon 1 day','1 year -1 day 00:00:01','-00:00:00.5','25:00','-1 year -1 mon -1 day -00:00:01','178000000 years','1 day -00:00:00.000001','2562047788:00:54.775807'])[1+i%10]")
    VALUES("inet", "inet_send", "((i*7)%256)||'.'||((i*13)%256)||'.0.'||(i%256)||(array['','/8','/32','/31','/0'])[1+i%5]")
    VALUES("inet", "inet_send", "(array['::','::1','1::','::2','::1.2.3.4','::ffff:1.2.3.4','1:0:0:2::3','1:0:2:3:4:5:6:7','fe80::1/64','::/0','0:0:1::','2001:db8::ff00:42:8329','0:0:0:0:0:0:1:0','0:0:0:0:0:0:0:12ab','0:0:0:0:0:ffff:0:1'])[1+i%15]")
    VALUES("cidr", "cidr_send", "(array['10.0.0.0/8','0.0.0.0/0','1.2.3.4/32','192.168.0.0/16','::/0','2001:db8::/32','::ffff:1.2.3.0/120','fe80::/10'])[1+i%8]")
    VALUES("macaddr", "macaddr_send", "substr(md5(i::text),1,12)")
    VALUES("macaddr8", "macaddr8_send", "substr(md5(i::text),1,16)")
    VALUES("varbit", "varbit_send", "(substr((i*7919)::bit(24)::text,1,i%24))")
    VALUES("bit(13)", "bit_send", "(i*7919)::bit(13)")
    VALUES("point", "point_send", "point(random()*100, (random()-0.5)*1e20)")
    VALUES("lseg", "lseg_send", "lseg(point(i,0.5), point(-i,1e30))")
    VALUES("box", "box_send", "box(point(i,0.5), point(-i,3))")
    VALUES("circle", "circle_send", "circle(point(i,0.5), i+0.25)")
    VALUES("tid", "tidsend", "'('||i*1000||','||i||')'")
    VALUES("pg_lsn", "pg_lsn_send", "upper(to_hex(i*1000)||'/'||to_hex(i*99999))")
    VALUES("xid8", "xid8send", "(i::numeric*1e16)::text")
    VALUES("int2vector", "int2vectorsend", "i||' '||(-i)||' 7'")
    VALUES("oidvector", "oidvectorsend", "CASE WHEN i = 0 THEN '' ELSE i||' 7' END")
    VALUES("text[]", "array_send", "CASE WHEN i = 0 THEN '{}' ELSE array[pg_temp.words(i), NULL, pg_temp.words(i+1), 'null'] END")
    VALUES("int4[]", "array_send", "CASE i%3 WHEN 0 THEN array[i,-i] WHEN 1 THEN array[array[i,NULL],array[1,2]] ELSE ('[-1:1]={1,'||i||',3}')::int[] END")
    VALUES("timestamptz[]", "array_send", "array['2000-01-01'::timestamptz + (random()-0.5)*'9000 years'::interval, 'infinity']")
    VALUES("numeric[]", "array_send", "array[[[1.50],[random()::numeric]],[[i],[NULL]]]")
    VALUES("box[]", "array_send", "array[box(point(i,0.5), point(-i,3)), box(point(i,9), point(-i,3))]")
    VALUES("jsonb[]", "array_send", "array[jsonb_build_object('k', pg_temp.words(i))]")
    VALUES("bytea[]", "array_send", "array[''::bytea, decode(md5(i::text),'hex')]")
    VALUES("money[]", "array_send", "array[i*1000.5::numeric::money, NULL]")
    VALUES("int4range", "range_send", "CASE i%4 WHEN 0 THEN 'empty' WHEN 1 THEN '(,5)' WHEN 2 THEN '[1,)' ELSE '[1,'||i||']' END")
    VALUES("tstzrange", "range_send", "tstzrange('2000-01-01', '2000-01-01'::timestamptz + random()*'9 years'::interval, '[]')")
    VALUES("numrange", "range_send", "numrange(i, i+random()::numeric, '(]')")
    "SELECT 2249, encode(record_send(v),'hex'), encode(convert_to(format('%s',v),'UTF8'),'hex') FROM (SELECT ROW(i, pg_temp.words(i), NULL::int, "
    "'2000-01-01'::timestamp + random()*'9 years'::interval, array[i,2], ROW(i,''))  AS v FROM generate_series(0,399) i) t;\n";
/* clang-format on */

/* Runs the script and yields what psql printed, in memory that the caller frees. */
static char *ask_server(size_t *n_out)
{
    char path[] = "/tmp/postern-typeout.XXXXXX", program[4096];
    const char *source = getenv("POSTERN_SOURCE");
    int in = mkstemp(path), pipe_ends[2];
    assert_true(in >= 0 && source && pipe(pipe_ends) == 0);
    assert_int_equal(write(in, script, sizeof script - 1), sizeof script - 1);
    lseek(in, 0, SEEK_SET);
    unlink(path);
    snprintf(program, sizeof program, "%s/scripts/with-postgres", source);
    pid_t child = fork();
    if (child == 0) {
        dup2(in, 0);
        dup2(pipe_ends[1], 1);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        execl(program, program, "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", (char *)NULL);
        _exit(127);
    }
    close(in);
    close(pipe_ends[1]);
    char *text = NULL;
    size_t n = 0;
    for (ssize_t got = 1; got > 0; n += (size_t)got) {
        text = realloc(text, n + 65537);
        assert_non_null(text);
        got = read(pipe_ends[0], text + n, 65536);
        assert_true(got >= 0);
    }
    close(pipe_ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    text[n] = 0;
    *n_out = n;
    return text;
}

static unsigned long check_line(char *line, struct buf *binary, struct buf *expected, struct buf *actual)
{
    char *first = strchr(line, '|'), *second = first ? strchr(first + 1, '|') : NULL;
    assert_non_null(second);
    unsigned long oid = strtoul(line, NULL, 10);
    assert_true(codec_unhex(bytes_make(first + 1, (size_t)(second - first - 1)), binary));
    assert_true(codec_unhex(bytes_of(second + 1), expected));
    bool known = typeout_binary((uint32_t)oid, buf_bytes(binary), actual);
    if (!known || !bytes_equal(buf_bytes(actual), buf_bytes(expected)))
        fail_msg("type %lu (%s), binary %.*s: \"%.*s\", but the server says \"%.*s\"", oid,
                 typeout_name((uint32_t)oid), (int)(second - first - 1), first + 1,
                 BYTES_FMT(buf_bytes(actual)), BYTES_FMT(buf_bytes(expected)));
    /* No shorter piece of it may be read past its end, or change what was there. */
    for (size_t n = 0; n < buf_length(binary) && n < 24; n++) {
        size_t before = buf_length(actual);
        if (!typeout_binary((uint32_t)oid, bytes_slice(buf_bytes(binary), 0, n), actual))
            assert_int_equal(buf_length(actual), before);
    }
    return oid;
}

static void test_server(void **state)
{
    (void)state;
    size_t n, n_lines = 0, n_types = 0;
    unsigned long last = 0;
    char *text = ask_server(&n);
    struct buf binary, expected, actual;
    buf_init(&binary, 1 << 20);
    buf_init(&expected, 1 << 20);
    buf_init(&actual, 1 << 20);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        unsigned long oid = check_line(line, &binary, &expected, &actual);
        n_lines++;
        if (oid != last) n_types++;
        last = oid;
        buf_consume(&binary, buf_length(&binary));
        buf_consume(&expected, buf_length(&expected));
        buf_consume(&actual, buf_length(&actual));
    }
    assert_true(n_lines > 20000);
    assert_true(n_types > 45);
    buf_free(&binary);
    buf_free(&expected);
    buf_free(&actual);
    free(text);
}

static void test_unknown(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    buf_append_text(&out, "before ");
    assert_false(typeout_binary(16385, BYTES_LITERAL("\x01\xff"), &out));
    assert_bytes(buf_bytes(&out), "before ");
    assert_false(typeout_value(16385, true, BYTES_LITERAL("\x01\xff"), &out));
    assert_true(typeout_value(16385, false, BYTES_LITERAL(" as is"), &out));
    assert_bytes(buf_bytes(&out), "before \\x01ff as is");
    buf_free(&out);
}

static void test_malformed(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    assert_false(typeout_binary(23, BYTES_LITERAL("\0\0\0"), &out));
    assert_false(typeout_binary(23, BYTES_LITERAL("\0\0\0\0\0"), &out));
    /* An array that claims four thousand million elements. */
    assert_false(
        typeout_binary(1007, BYTES_LITERAL("\0\0\0\1\0\0\0\0\0\0\0\x17\xff\xff\xff\xff\0\0\0\1"), &out));
    /* A numeric that claims sixty thousand digits behind the point. */
    assert_false(typeout_binary(1700, BYTES_LITERAL("\0\0\0\0\0\0\xff\xff"), &out));
    assert_int_equal(buf_length(&out), 0);
    buf_free(&out);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(typeout_name(1184), "timestamp with time zone");
    assert_string_equal(typeout_name(1007), "integer[]");
    assert_null(typeout_name(0));
    assert_true(typeout_is_number(1700) && !typeout_is_number(25) && !typeout_is_number(1007));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "every value prints as the server prints it", test_server, NULL, NULL, NULL },
        { "a type that is not known is shown in hexadecimal", test_unknown, NULL, NULL, NULL },
        { "bytes that no server sends are refused and leave nothing", test_malformed, NULL, NULL, NULL },
        { "types have the names that people use", test_names, NULL, NULL, NULL },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
