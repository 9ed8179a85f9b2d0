#include "base/test.h"

#include "app/keys-child.h"
#include "app/keys-wire.h"
#include "base/codec.h"
#include "pgwire/scram.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* No request comes near the first; the second is for a source that must be given up. */
enum { LONG_MS = 300000, SHORT_MS = 300 };

struct place {
    char folder[64], file[128], source[160];
};

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->folder, sizeof p->folder, "/tmp/postern-keys-XXXXXX");
    if (!mkdtemp(p->folder)) return -1;
    snprintf(p->file, sizeof p->file, "%s/password", p->folder);
    snprintf(p->source, sizeof p->source, "${file:%s}", p->file);
    write_file(p->file, "pencil\n");
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    static const char *const names[] = { "kek", "log.key", "log.pub", "password", "kek.txt", "fifo" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%s", p->folder, names[i]);
        unlink(path);
    }
    int rc = rmdir(p->folder);
    free(p);
    return rc;
}

static struct keys_child *start_for(const struct place *p, const struct keys_login *logins, size_t n,
                                    unsigned exec_deadline_ms)
{
    struct keys_options o = { .folder = p->folder,
                              .origin = "postern.test/log",
                              .logins = logins,
                              .n_logins = n,
                              .n_clients = 2,
                              .exec_deadline_ms = exec_deadline_ms };
    struct keys_child *child = NULL;
    assert_int_equal(keys_child_start(&o, &child), 0);
    return child;
}

static struct keys_child *start(const struct place *p, const struct keys_login *logins, size_t n)
{
    return start_for(p, logins, n, LONG_MS);
}

static struct keys_reply wait_reply(struct keys_client *c)
{
    struct keys_reply r = { 0 };
    struct pollfd fd = { .fd = keys_client_fd(c), .events = POLLIN };
    enum keys_receive got;
    while ((got = keys_client_receive(c, &r)) == KEYS_NOTHING)
        assert_int_equal(poll(&fd, 1, LONG_MS), 1);
    if (got == KEYS_LOST) r.status = -EPIPE;
    return r;
}

static const char message[] = "n=,r=abc,r=abcdef,s=c2FsdA==,i=4096,c=biws,r=abcdef";

static struct keys_reply scram(struct keys_client *c, const char *login, uint32_t iterations)
{
    assert_int_equal(
        keys_client_send_scram(c, bytes_of(login), bytes_of("salt"), iterations, bytes_of(message), 7), 0);
    return wait_reply(c);
}

/* Whether the reply proves that `password` was used. */
static bool proves(const struct keys_reply *r, const char *password, uint32_t iterations)
{
    struct password_stretch s;
    struct password_keys keys;
    uint8_t proof[32], signature[32];
    assert_int_equal(password_stretch_begin(&s, bytes_of(password), bytes_of("salt"), iterations), 0);
    assert_int_equal(password_stretch_step(&s, iterations), 1);
    assert_int_equal(password_stretch_keys(&s, &keys), 0);
    password_stretch_end(&s);
    assert_int_equal(password_prove(&keys, bytes_of(message), proof, signature), 0);
    return r->status == 0 && memcmp(proof, r->proof, 32) == 0 &&
           memcmp(signature, r->server_signature, 32) == 0;
}

static bool signature_holds(const uint8_t public_key[32], struct bytes text, const uint8_t signature[64])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, signature, 64, text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

static void the_first_start_makes_private_keys_that_later_starts_use(void **state)
{
    struct place *p = *state;
    struct keys_child *child = start(p, NULL, 0);
    struct record_keys keys;
    uint8_t key[32] = "thirty-two bytes of a data key!", wrapped[60], other[60], back[32], signature[64],
            first[32];
    assert_int_equal(keys_client_record_keys(keys_child_client(child, 0), &keys), 0);
    assert_int_equal(keys.wrap(keys.context, key, wrapped), 0);
    assert_int_equal(keys.wrap(keys.context, key, other), 0);
    assert_memory_not_equal(wrapped, other, 60);
    assert_int_equal(keys.sign(keys.context, bytes_of("a checkpoint"), signature), 0);
    assert_true(signature_holds(keys.public_key, bytes_of("a checkpoint"), signature));
    assert_false(signature_holds(keys.public_key, bytes_of("A checkpoint"), signature));
    memcpy(first, keys.public_key, 32);
    keys_child_stop(child);

    static const char *const files[] = { "kek", "log.key" };
    char path[200], text[300] = { 0 };
    for (size_t i = 0; i < 2; i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", p->folder, files[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    child = start(p, NULL, 0);
    assert_int_equal(keys_client_record_keys(keys_child_client(child, 1), &keys), 0);
    assert_memory_equal(first, keys.public_key, 32);
    assert_int_equal(keys.unwrap(keys.context, wrapped, back), 0);
    assert_memory_equal(key, back, 32);
    for (size_t i = 0; i < 60; i++) {
        wrapped[i] ^= 1;
        assert_int_equal(keys.unwrap(keys.context, wrapped, back), -EBADMSG);
        wrapped[i] ^= 1;
    }
    keys_child_stop(child);

    /* log.pub is a C2SP verifier key: the name, four bytes of hash, and 1 with the public key. */
    snprintf(path, sizeof path, "%s/log.pub", p->folder);
    FILE *f = fopen(path, "r");
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_true(strncmp(text, "postern.test/log+", 17) == 0 && text[25] == '+');
    struct buf b;
    buf_init(&b, 200);
    assert_true(codec_unbase64(CODEC_BASE64, bytes_make(text + 26, strlen(text) - 27), &b));
    assert_int_equal(buf_length(&b), 33);
    assert_int_equal(buf_bytes(&b).p[0], 1);
    assert_memory_equal(buf_bytes(&b).p + 1, first, 32);
    buf_free(&b);
}

static int try_start(const struct place *p, const char *origin, const char *key_source)
{
    struct keys_options o = {
        .folder = p->folder, .origin = origin, .key_source = key_source, .n_clients = 1
    };
    struct keys_child *child = NULL;
    int rc = keys_child_start(&o, &child);
    if (rc == 0) keys_child_stop(child);
    return rc;
}

static void keys_that_do_not_fit_refuse_the_start(void **state)
{
    struct place *p = *state;
    char path[200];
    assert_int_equal(try_start(p, "bad origin", NULL), -EINVAL);
    assert_int_equal(try_start(p, "", NULL), -EINVAL);
    assert_int_equal(try_start(p, "postern.test/log", "plain text"), -EINVAL);
    assert_int_equal(try_start(p, "postern.test/log", "${file:/nonexistent}"), -ENOKEY);
    assert_int_equal(try_start(p, "postern.test/log", p->source), -EINVAL); /* "pencil" is no key */
    assert_int_equal(try_start(p, "postern.test/log", NULL), 0);
    assert_int_equal(try_start(p, "another.test/log", NULL), -EINVAL);
    snprintf(path, sizeof path, "%s/log.key", p->folder);
    chmod(path, 0640);
    assert_int_equal(try_start(p, "postern.test/log", NULL), -EPERM);
    chmod(path, 0600);
    snprintf(path, sizeof path, "%s/kek", p->folder);
    unlink(path);
    assert_int_equal(try_start(p, "postern.test/log", NULL), -ENOKEY); /* lost, not new */
    assert_int_equal(access(path, F_OK), -1);
}

static void the_key_encryption_key_comes_from_file_environment_or_command(void **state)
{
    struct place *p = *state;
    static const char hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    static const char b64[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    char path[200], file[220], command[400];
    snprintf(path, sizeof path, "%s/kek.txt", p->folder);
    snprintf(file, sizeof file, "${file:%s}", path);
    snprintf(command, sizeof command, "${exec:echo %s}", b64);
    write_file(path, hex);
    setenv("POSTERN_TEST_KEK", b64, 1);
    const char *sources[] = { file, "${env:POSTERN_TEST_KEK}", command };
    uint8_t key[32] = { 9 }, wrapped[60], back[32];
    for (size_t i = 0; i < 3; i++) {
        struct keys_options o = { .folder = p->folder,
                                  .origin = "postern.test/log",
                                  .key_source = sources[i],
                                  .n_clients = 1,
                                  .exec_deadline_ms = LONG_MS };
        struct keys_child *child = NULL;
        assert_int_equal(keys_child_start(&o, &child), 0);
        struct keys_client *c = keys_child_client(child, 0);
        if (i == 0) assert_int_equal(keys_client_wrap(c, key, wrapped), 0);
        assert_int_equal(keys_client_unwrap(c, wrapped, back), 0);
        assert_memory_equal(key, back, 32);
        keys_child_stop(child);
    }
    assert_null(getenv("POSTERN_TEST_KEK"));
    snprintf(path, sizeof path, "%s/kek", p->folder);
    assert_int_equal(access(path, F_OK), -1);
}

static void passwords_are_read_again_for_each_login(void **state)
{
    struct place *p = *state;
    setenv("POSTERN_TEST_PASSWORD", "from the environment", 1);
    struct keys_login logins[] = { { "orders/rw", p->source },
                                   { "orders/env", "${env:POSTERN_TEST_PASSWORD}" },
                                   { "orders/exec", "${exec:printf '%s\\n' \"a b\"; echo noise >&2}" },
                                   { "orders/none", "${file:/nonexistent}" },
                                   { "orders/fails", "${exec:echo secret; exit 3}" },
                                   { "orders/silent", "${exec:true}" },
                                   { "orders/fifo", "${file:/dev/zero}" } };
    struct keys_child *child = start(p, logins, sizeof logins / sizeof *logins);
    struct keys_client *c = keys_child_client(child, 0);
    struct keys_reply r = scram(c, "orders/rw", 4096);
    assert_int_equal(r.request, 7);
    assert_true(proves(&r, "pencil", 4096));
    r = scram(c, "orders/rw", 4096);
    assert_true(proves(&r, "pencil", 4096));
    write_file(p->file, "rotated");
    r = scram(c, "orders/rw", 4096);
    assert_true(proves(&r, "rotated", 4096));
    write_file(p->file, "u\xCC\x88\r\n");
    r = scram(c, "orders/rw", 100);
    assert_true(proves(&r, "\xC3\xBC", 100));
    r = scram(c, "orders/env", 10);
    assert_true(proves(&r, "from the environment", 10));
    assert_null(getenv("POSTERN_TEST_PASSWORD"));
    r = scram(c, "orders/exec", 10);
    assert_true(proves(&r, "a b", 10));
    static const char *const without[] = { "orders/none", "orders/fails", "orders/silent", "orders/fifo" };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(scram(c, without[i], 10).status, -ENOKEY);
    assert_int_equal(scram(c, "orders/other", 10).status, -ENOENT);
    assert_int_equal(scram(c, "orders/rw", SCRAM_ITERATIONS_MOST + 1).status, -EINVAL);
    assert_int_equal(scram(c, "orders/rw", 0).status, -EINVAL);

    write_file(p->file, "secret");
    assert_int_equal(
        keys_client_send_md5(c, bytes_of("orders/rw"), bytes_of("alice"), (const uint8_t *)"\1\2\3\4", 9), 0);
    r = wait_reply(c);
    char expected[PASSWORD_MD5_TEXT];
    assert_int_equal(
        password_md5(bytes_of("secret"), bytes_of("alice"), (const uint8_t *)"\1\2\3\4", expected), 0);
    assert_string_equal(r.md5, expected);
    keys_child_stop(child);
}

static void a_command_that_does_not_end_is_given_up(void **state)
{
    struct place *p = *state;
    struct keys_login logins[] = { { "orders/slow", "${exec:exec sleep 3600}" } };
    struct keys_child *child = start_for(p, logins, 1, SHORT_MS);
    assert_int_equal(scram(keys_child_client(child, 0), "orders/slow", 10).status, -ETIMEDOUT);
    keys_child_stop(child);
}

static void the_table_of_logins_can_be_replaced_whole(void **state)
{
    struct place *p = *state;
    struct keys_login one[] = { { "a/rw", p->source } },
                      two[] = { { "b/rw", p->source }, { "b/ro", p->source } };
    struct keys_login bad[] = { { "c/rw", p->source }, { "c/ro", "no source" } };
    struct keys_child *child = start(p, one, 1);
    struct keys_client *c = keys_child_client(child, 0);
    assert_int_equal(scram(c, "a/rw", 1).status, 0);
    assert_int_equal(keys_child_set_logins(child, bad, 2), -EINVAL);
    assert_int_equal(scram(c, "a/rw", 1).status, 0);
    assert_int_equal(keys_child_set_logins(child, two, 2), 0);
    assert_int_equal(scram(c, "a/rw", 1).status, -ENOENT);
    assert_int_equal(scram(c, "b/ro", 1).status, 0);
    keys_child_stop(child);
}

/* Waits for the command `cat FIFO` to have begun, and lets it end with a password. */
static void feed_fifo(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("pencil\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void a_slow_source_holds_up_neither_signatures_nor_other_logins(void **state)
{
    struct place *p = *state;
    char fifo[200], slow[240];
    snprintf(fifo, sizeof fifo, "%s/fifo", p->folder);
    snprintf(slow, sizeof slow, "${exec:exec cat %s}", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    struct keys_login logins[] = { { "a/slow", slow }, { "a/rw", p->source } };
    struct keys_child *child = start(p, logins, 2);
    struct keys_client *worker = keys_child_client(child, 0), *sequencer = keys_child_client(child, 1);
    uint8_t signature[64];
    assert_int_equal(
        keys_client_send_scram(worker, bytes_of("a/slow"), bytes_of("salt"), 10, bytes_of(message), 1), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(keys_client_sign(sequencer, bytes_of("x"), signature), 0);
    struct keys_reply r = scram(worker, "a/rw", 4096);
    assert_int_equal(r.request, 7);
    assert_true(proves(&r, "pencil", 4096));
    feed_fifo(fifo);
    r = wait_reply(worker);
    assert_int_equal(r.request, 1);
    assert_true(proves(&r, "pencil", 10));
    keys_child_stop(child);
}

static void a_long_stretch_holds_up_neither_signatures_nor_other_logins(void **state)
{
    struct place *p = *state;
    struct keys_login logins[] = { { "a/rw", p->source } };
    struct keys_child *child = start(p, logins, 1);
    struct keys_client *worker = keys_child_client(child, 0), *sequencer = keys_child_client(child, 1);
    struct keys_reply r;
    uint8_t signature[64];
    bool by_login = false, by_signature = false;
    /* The stretch may be over before what is to overtake it has come, where a process was paused; not each
     * time. */
    for (int i = 0; i < 30 && !by_login; i++) {
        assert_int_equal(
            keys_client_send_scram(worker, bytes_of("a/rw"), bytes_of("salt"), 1000000, bytes_of(message), 1),
            0);
        assert_int_equal(
            keys_client_send_scram(worker, bytes_of("a/rw"), bytes_of("salt"), 4096, bytes_of(message), 2),
            0);
        by_login = wait_reply(worker).request == 2;
        assert_int_equal(wait_reply(worker).request, by_login ? 1 : 2);
    }
    for (int i = 0; i < 30 && !by_signature; i++) {
        assert_int_equal(
            keys_client_send_scram(worker, bytes_of("a/rw"), bytes_of("salt"), 1000000, bytes_of(message), 3),
            0);
        assert_int_equal(keys_client_sign(sequencer, bytes_of("x"), signature), 0);
        by_signature = keys_client_receive(worker, &r) == KEYS_NOTHING;
        if (by_signature) r = wait_reply(worker);
        assert_int_equal(r.request, 3);
    }
    assert_true(by_login && by_signature);
    keys_child_stop(child);
}

static void a_child_without_a_folder_answers_logins_and_makes_no_key(void **state)
{
    struct place *p = *state;
    struct keys_login logins[] = { { "a/rw", p->source } };
    struct keys_options o = { .logins = logins, .n_logins = 1, .n_clients = 1 };
    struct keys_child *child = NULL;
    uint8_t key[32] = { 1 }, wrapped[60];
    assert_int_equal(keys_child_start(&o, &child), 0);
    struct keys_client *c = keys_child_client(child, 0);
    assert_int_equal(keys_client_send_scram(c, bytes_of("a/rw"), bytes_of("salt"), 5, bytes_of("message"), 1),
                     0);
    struct keys_reply r = wait_reply(c);
    assert_int_equal(r.status, 0);
    assert_true(r.request == 1);
    assert_int_equal(keys_client_wrap(c, key, wrapped), -EPIPE); /* it has none, and ends */
    keys_child_stop(child);
}

static void requests_past_the_ceiling_wait_and_none_is_lost(void **state)
{
    struct place *p = *state;
    struct keys_login logins[] = { { "a/rw", p->source } };
    struct keys_child *child = start(p, logins, 1);
    struct keys_client *c = keys_child_client(child, 0);
    uint64_t sent = 0, got = 0, seen = 0;
    while (got < 200) {
        int rc = sent < 200 ? keys_client_send_scram(c, bytes_of("a/rw"), bytes_of("salt"), 5,
                                                     bytes_of(message), sent + 1)
                            : -EAGAIN;
        if (rc == 0) {
            sent++;
            continue;
        }
        assert_int_equal(rc, -EAGAIN);
        assert_true(sent - got <= KEYS_OUTSTANDING_MOST);
        struct keys_reply r = wait_reply(c);
        assert_int_equal(r.status, 0);
        seen += r.request;
        got++;
    }
    assert_int_equal(seen, 200 * 201 / 2);
    keys_child_stop(child);
}

static void a_killed_child_is_noticed_at_once(void **state)
{
    struct place *p = *state;
    struct keys_login logins[] = { { "a/slow", "${exec:exec sleep 3600}" } };
    struct keys_child *child = start(p, logins, 1);
    struct keys_client *worker = keys_child_client(child, 0), *sequencer = keys_child_client(child, 1);
    uint8_t signature[64];
    assert_int_equal(
        keys_client_send_scram(worker, bytes_of("a/slow"), bytes_of("salt"), 10, bytes_of(message), 1), 0);
    assert_int_equal(kill(keys_child_pid(child), SIGKILL), 0);
    struct pollfd fd = { .fd = keys_client_fd(worker), .events = POLLIN };
    struct keys_reply r;
    assert_int_equal(poll(&fd, 1, LONG_MS), 1);
    assert_int_equal(keys_client_receive(worker, &r), KEYS_LOST);
    assert_int_equal(keys_client_sign(sequencer, bytes_of("x"), signature), -EPIPE);
    assert_int_equal(keys_client_sign(sequencer, bytes_of("x"), signature), -EPIPE);
    assert_int_equal(
        keys_client_send_scram(worker, bytes_of("a/slow"), bytes_of("salt"), 10, bytes_of(message), 1),
        -EPIPE);
    keys_child_stop(child);
}

static void a_malformed_request_ends_the_child(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *packet;
        size_t n;
    } bad[] = {
        { "x", 1 },
        { "\0\0\0\0\0\0\0\1\0", 9 },                  /* no such verb */
        { "\0\0\0\0\0\0\0\1\1", 9 },                  /* hello is the child's */
        { "\0\0\0\0\0\0\0\1\3short", 14 },            /* wrap */
        { "\0\0\0\0\0\0\0\1\6\xff\xff\xff\xff", 13 }, /* a login longer than its packet */
        { "\0\0\0\0\0\0\0\1\10", 9 },                 /* control on a worker's socket */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct keys_child *child = start(p, NULL, 0);
        struct keys_client *c = keys_child_client(child, 0);
        uint8_t signature[64];
        assert_int_equal(write(c->fd, bad[i].packet, bad[i].n), bad[i].n);
        int how = 0;
        assert_int_equal(waitpid(keys_child_pid(child), &how, 0), keys_child_pid(child));
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 3);
        assert_int_equal(keys_client_sign(keys_child_client(child, 1), bytes_of("x"), signature), -EPIPE);
        keys_child_stop(child);
    }
}

/* What the program started as "gateway FOLDER" does: logs in with a password from a file and one from the
 * environment, wraps and signs, says so on its output, and waits. */
static int be_gateway(const char *folder)
{
    struct place p = { 0 };
    snprintf(p.folder, sizeof p.folder, "%s", folder);
    snprintf(p.source, sizeof p.source, "${file:%s/password}", folder);
    struct keys_login logins[] = { { "a/file", p.source }, { "a/env", "${env:POSTERN_TEST_PASSWORD}" } };
    struct keys_child *child = start(&p, logins, 2);
    struct keys_client *c = keys_child_client(child, 0);
    uint8_t key[32] = { 1 }, wrapped[60], signature[64];
    char byte;
    bool ok = scram(c, "a/file", 4096).status == 0 && scram(c, "a/env", 4096).status == 0 &&
              keys_client_wrap(c, key, wrapped) == 0 && keys_client_sign(c, bytes_of("x"), signature) == 0;
    if (write(1, ok ? "y" : "n", 1) != 1) return 1;
    ssize_t n = read(0, &byte, 1);
    keys_child_stop(child);
    return n < 0;
}

/* How often the needle stands in the writable memory of a process. */
static size_t count_in_memory(pid_t pid, struct bytes needle)
{
    char path[64], line[512];
    size_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int memory = open(path, O_RDONLY);
    assert_true(maps && memory >= 0);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w' ||
            to - from > 256UL << 20)
            continue;
        uint8_t *copy = malloc(to - from);
        ssize_t n = pread(memory, copy, to - from, (off_t)from);
        for (struct bytes b = bytes_make(copy, n > 0 ? (size_t)n : 0); b.n >= needle.n;) {
            ptrdiff_t at = bytes_find(b, needle);
            if (at < 0) break;
            found++;
            b = bytes_slice(b, (size_t)at + 1, b.n);
        }
        free(copy);
    }
    close(memory);
    fclose(maps);
    return found;
}

static size_t read_whole(const char *path, char *out, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, out, room - 1);
    if (fd >= 0) close(fd);
    out[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static void the_gateway_s_memory_and_environment_hold_no_secret(void **state)
{
    struct place *p = *state;
    char environment[100] = "POSTERN_TEST_PASSWORD=env-secret-2f5d81c0",
         marker[] = "POSTERN_TEST_MARK=visible-7741", path[128], text[4096];
    char *const envp[] = { marker, environment, NULL };
    char *const argv[] = { (char *)"test", (char *)"gateway", p->folder, NULL };
    int in[2], out[2];
    assert_int_equal(pipe(in) | pipe(out), 0);
    write_file(p->file, "file-secret-93ab17e4\n");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        execve("/proc/self/exe", argv, envp);
        _exit(127);
    }
    close(out[1]);
    close(in[0]);
    char said = 0;
    assert_int_equal(read(out[0], &said, 1), 1);
    assert_int_equal(said, 'y');

    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    size_t n = read_whole(path, text, sizeof text);
    assert_true(bytes_find(bytes_make(text, n), bytes_of("visible-7741")) >= 0);
    assert_true(bytes_find(bytes_make(text, n), bytes_of("env-secret")) < 0);

    struct buf raw;
    buf_init(&raw, 4096);
    snprintf(path, sizeof path, "%s/kek", p->folder);
    n = read_whole(path, text, sizeof text);
    assert_int_equal(n, 65);
    assert_true(codec_unhex(bytes_make(text, 64), &raw));
    assert_true(count_in_memory(pid, bytes_of("visible-7741")) > 0);
/* A sanitizer's runtime keeps a copy of the environment of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUNTIME_COPIES_ENVIRONMENT 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define RUNTIME_COPIES_ENVIRONMENT 1
#endif
#endif
#ifndef RUNTIME_COPIES_ENVIRONMENT
    assert_int_equal(count_in_memory(pid, bytes_of("env-secret-2f5d81c0")), 0);
#endif
    assert_int_equal(count_in_memory(pid, bytes_of("file-secret-93ab17e4")), 0);
    assert_int_equal(count_in_memory(pid, bytes_make(text, 64)), 0);
    assert_int_equal(count_in_memory(pid, buf_bytes(&raw)), 0);
    buf_consume(&raw, buf_length(&raw));
    snprintf(path, sizeof path, "%s/log.key", p->folder);
    n = read_whole(path, text, sizeof text);
    const char *seed =
        text + strlen("PRIVATE+KEY+postern.test/log+") + 9; /* base64: it may hold a "+" itself */
    assert_int_equal(strlen(seed), 45);
    assert_int_equal(count_in_memory(pid, bytes_make(seed, 44)), 0);
    assert_true(codec_unbase64(CODEC_BASE64, bytes_make(seed, 44), &raw));
    assert_int_equal(count_in_memory(pid, bytes_slice(buf_bytes(&raw), 1, 32)), 0);
    buf_free(&raw);

    close(in[1]);
    int how;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_int_equal(how, 0);
    close(out[0]);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "gateway") == 0) return be_gateway(argv[2]);
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        IN_PLACE(the_first_start_makes_private_keys_that_later_starts_use),
        IN_PLACE(keys_that_do_not_fit_refuse_the_start),
        IN_PLACE(the_key_encryption_key_comes_from_file_environment_or_command),
        IN_PLACE(passwords_are_read_again_for_each_login),
        IN_PLACE(a_command_that_does_not_end_is_given_up),
        IN_PLACE(the_table_of_logins_can_be_replaced_whole),
        IN_PLACE(a_slow_source_holds_up_neither_signatures_nor_other_logins),
        IN_PLACE(a_long_stretch_holds_up_neither_signatures_nor_other_logins),
        IN_PLACE(a_child_without_a_folder_answers_logins_and_makes_no_key),
        IN_PLACE(requests_past_the_ceiling_wait_and_none_is_lost),
        IN_PLACE(a_killed_child_is_noticed_at_once),
        IN_PLACE(a_malformed_request_ends_the_child),
        IN_PLACE(the_gateway_s_memory_and_environment_hold_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
