/* Starting and stopping the keys child. The order in the child is the argument: fork the source reader while
 * there is no key in memory; read or make the keys; become another user; take the table of logins; warm up
 * what libcrypto loads late; and only then shut the door behind and say hello. */
#include "app/keys-child.h"
#include "app/child.h"
#include "app/keys-serve.h"
#include "app/keys-source.h"
#include "app/keys-vault.h"
#include "app/keys-wire.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS_MOST = 256, EXEC_DEADLINE_MS = 10000, HELLO = 13 };

struct keys_child {
    pid_t pid;
    unsigned n_clients; /* without the control socket, which is clients[n_clients] */
    struct keys_client clients[];
};

bool keys_source_is_valid(struct bytes text)
{
    struct bytes what;
    return text.n <= KEYS_SOURCE_MOST && keys_source_parse(text, &what) != KEYS_SOURCE_NONE;
}

/* The environment variables that sources name are the keys child's alone. */
static void wipe_environment(const struct keys_options *o)
{
    struct bytes name;
    for (size_t i = 0; i < o->n_logins; i++)
        if (keys_source_parse(bytes_of(o->logins[i].source), &name) == KEYS_SOURCE_ENV)
            keys_source_wipe_env(name);
    if (o->key_source && keys_source_parse(bytes_of(o->key_source), &name) == KEYS_SOURCE_ENV)
        keys_source_wipe_env(name);
}

/* The reader's process; its socket, or -errno. */
static int start_reader(const struct keys_options *o)
{
    int ends[2];
    int rc = child_socketpair(ends);
    if (rc) return rc;
    pid_t pid = child_fork("postern-source", &ends[1], 1);
    if (pid < 0) return pid;
    if (pid == 0) {
        wipe_environment(o);
        keys_source_serve(ends[1], o->exec_deadline_ms ? o->exec_deadline_ms : EXEC_DEADLINE_MS);
    }
    close(ends[1]);
    return ends[0];
}

/* The key-encryption key's text from its source, with the reader's help where it is a command. */
static int read_key_source(const char *source, int reader, struct secret *kek_out)
{
    struct bytes what;
    uint64_t job;
    int status = -ENOKEY, rc;
    if (!source) return 0;
    enum keys_source_kind kind = keys_source_parse(bytes_of(source), &what);
    if (kind == KEYS_SOURCE_NONE) {
        log_line(LOG_ERROR, "the source of the key-encryption key is malformed");
        return -EINVAL;
    }
    if (kind != KEYS_SOURCE_EXEC) return keys_source_read(kind, what, kek_out);
    rc = keys_source_ask(reader, 0, kind, what);
    struct pollfd fd = { .fd = reader, .events = POLLIN };
    while (rc == 0 && (rc = keys_source_receive(reader, &job, &status, kek_out)) == 0)
        poll(&fd, 1, -1);
    return rc < 0 ? rc : status;
}

static int take_logins(struct keys_desk *desk, const struct keys_login *logins, size_t n)
{
    int rc = 0;
    keys_desk_logins_begin(desk);
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = keys_desk_logins_add(desk, bytes_of(logins[i].id), bytes_of(logins[i].source));
        if (rc) log_line(LOG_ERROR, "a login's source is malformed login=%s", logins[i].id);
    }
    keys_desk_logins_commit(desk);
    return rc;
}

/* Has libcrypto load now what it loads at first use. */
static int warm_up(const struct keys_vault *vault)
{
    uint8_t key[32] = { 0 }, wrapped[60], signature[64];
    char text[PASSWORD_MD5_TEXT];
    struct secret prepared = password_prepare(BYTES_LITERAL("\xC2\xAA"));
    secret_free(&prepared);
    int rc = vault ? keys_vault_wrap(vault, key, wrapped) : 0;
    if (!rc && vault) rc = keys_vault_unwrap(vault, wrapped, key);
    if (!rc && vault) rc = keys_vault_sign(vault, BYTES_LITERAL("x"), signature);
    if (!rc) rc = password_hmac(BYTES_LITERAL("x"), BYTES_LITERAL("x"), (struct bytes){ 0 }, key);
    (void)!password_md5(BYTES_LITERAL("x"), BYTES_LITERAL("x"), key, text);
    return rc;
}

/* Where memory can be locked without end, all of it is: passwords on their way through are then, too. */
static void lock_memory(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
        mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

static int prepare(const struct keys_options *o, int *reader_out, struct keys_vault **vault_out,
                   struct keys_desk **desk_out)
{
    struct secret kek = { 0 };
    int reader = start_reader(o);
    if (reader < 0) return reader;
    *reader_out = reader;
    lock_memory();
    int rc = o->folder ? read_key_source(o->key_source, reader, &kek) : 0;
    if (!rc && o->folder) rc = keys_vault_open(o->folder, o->origin, &kek, vault_out);
    secret_free(&kek);
    if (!rc) rc = child_become(o->uid, o->gid);
    if (rc) return rc;
    *desk_out = keys_desk_new(reader);
    if (!*desk_out) return -ENOMEM;
    rc = take_logins(*desk_out, o->logins, o->n_logins);
    if (!rc) rc = warm_up(*vault_out);
    return rc ? rc : child_confine(CHILD_FILTER_KEYS);
}

_Noreturn static void be_child(const struct keys_options *o, int *clients, size_t n)
{
    struct keys_vault *vault = NULL;
    struct keys_desk *desk = NULL;
    int reader = -1, rc = prepare(o, &reader, &vault, &desk);
    uint8_t hello[HELLO] = { [8] = KEYS_VERB_HELLO };
    uint32_t status = __builtin_bswap32((uint32_t)-rc);
    memcpy(hello + 9, &status, 4);
    (void)!send(clients[n - 1], hello, sizeof hello, MSG_NOSIGNAL);
    if (rc) _exit(1);
    keys_serve(vault, desk, reader, clients, n);
}

/* Waits for the child's first word, which an exec source can delay. */
static int hear_hello(struct keys_child *child)
{
    uint8_t hello[HELLO];
    ssize_t n;
    do
        n = recv(child->clients[child->n_clients].fd, hello, sizeof hello, 0);
    while (n < 0 && errno == EINTR);
    struct cursor in = cursor_over(bytes_slice(bytes_make(hello, n < 0 ? 0 : (size_t)n), 8, HELLO));
    uint8_t verb = cursor_u8(&in);
    uint32_t status = cursor_u32(&in);
    return !cursor_done(&in) || verb != KEYS_VERB_HELLO || status > 4095 ? -EPIPE : -(int)status;
}

int keys_child_start(const struct keys_options *o, struct keys_child **child_out)
{
    int theirs[CLIENTS_MOST + 1], rc = 0;
    size_t n = (size_t)o->n_clients + 1, made = 0;
    CHECK(o->n_clients <= CLIENTS_MOST);
    struct keys_child *child = calloc(1, sizeof *child + n * sizeof *child->clients);
    if (!child) return -ENOMEM;
    child->n_clients = o->n_clients;
    for (size_t i = 0; i < n; i++)
        child->clients[i].fd = -1;
    for (; made < n; made++) {
        int ends[2];
        rc = child_socketpair(ends);
        if (rc) break;
        child->clients[made].fd = ends[0];
        theirs[made] = ends[1];
    }
    if (!rc) child->pid = child_fork("postern-keys", theirs, n);
    if (!rc && child->pid == 0) be_child(o, theirs, n);
    for (size_t i = 0; i < made; i++)
        close(theirs[i]);
    if (!rc && child->pid < 0) rc = child->pid;
    if (!rc) {
        rc = hear_hello(child);
        wipe_environment(o);
    }
    if (rc) {
        log_line(LOG_ERROR, "the keys child did not start reason=%s", strerrorname_np(-rc));
        keys_child_stop(child);
        return rc;
    }
    *child_out = child;
    return 0;
}

void keys_child_stop(struct keys_child *child)
{
    if (!child) return;
    for (unsigned i = 0; i <= child->n_clients; i++)
        if (child->clients[i].fd >= 0) close(child->clients[i].fd);
    while (child->pid > 0 && waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(child);
}

struct keys_client *keys_child_client(struct keys_child *child, unsigned i)
{
    CHECK(i < child->n_clients);
    return &child->clients[i];
}

pid_t keys_child_pid(const struct keys_child *child)
{
    return child->pid;
}

int keys_child_set_logins(struct keys_child *child, const struct keys_login *logins, size_t n_logins)
{
    struct keys_client *control = &child->clients[child->n_clients];
    int rc = keys_client_call(control, KEYS_VERB_LOGINS_BEGIN, (struct bytes){ 0 }, NULL, 0);
    for (size_t i = 0; i < n_logins && rc == 0; i++) {
        struct buf b;
        buf_init(&b, KEYS_PACKET_MOST - 16);
        buf_put_counted(&b, bytes_of(logins[i].id));
        buf_put_counted(&b, bytes_of(logins[i].source));
        rc = b.failed ? -EINVAL : keys_client_call(control, KEYS_VERB_LOGINS_ADD, buf_bytes(&b), NULL, 0);
        buf_free(&b);
    }
    if (rc) return rc;
    return keys_client_call(control, KEYS_VERB_LOGINS_COMMIT, (struct bytes){ 0 }, NULL, 0);
}
