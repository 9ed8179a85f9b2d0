/* The demo is a user of the program like any other: it makes a folder, starts a PostgreSQL, an issuer and
 * `postern gateway`, lets an agent work through it (demo-play.c), and then asks `postern sessions` and
 * `postern audit` what happened. Everything it starts, it ends. */
#include "app/demo.h"
#include "app/demo-private.h"
#include "app/demo-text.h"
#include "app/run.h"
#include "base/clock.h"
#include "identity/demo-issuer.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = DEMO_PATH };

bool demo_failed(const char *what, int status)
{
    fprintf(stderr, "demo: %s failed (%s%d)\n", what, status < 0 ? "error " : "status ",
            status < 0 ? -status : status);
    return false;
}

void demo_headline(const char *text)
{
    bool colour = isatty(1) && !getenv("NO_COLOR");
    printf("\n%s── %s ──%s\n", colour ? "\033[1m" : "", text, colour ? "\033[0m" : "");
    fflush(stdout);
}

/* ---- the folder */

static bool write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    size_t n = strlen(text);
    bool good = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    if (fd >= 0) close(fd);
    return good;
}

char *demo_path(struct demo *d, const char *name)
{
    return (char *)arena_printf(&d->arena, "%s/%s", d->folder, name).p;
}

static bool find_postgres(struct demo *d)
{
    if (d->options->bin_dir) {
        char initdb[PATH + 16];
        snprintf(d->bin, sizeof d->bin, "%s", d->options->bin_dir);
        snprintf(initdb, sizeof initdb, "%s/initdb", d->bin);
        if (access(initdb, X_OK) == 0) return true;
        fprintf(stderr, "demo: %s: %s\n", initdb, strerror(errno));
        return false;
    }
    DIR *dir = opendir("/usr/lib/postgresql");
    long newest = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        long version = strtol(entry->d_name, NULL, 10);
        char program[PATH];
        snprintf(program, sizeof program, "/usr/lib/postgresql/%ld/bin/initdb", version);
        if (version > newest && access(program, X_OK) == 0) newest = version;
    }
    if (dir) closedir(dir);
    if (newest) snprintf(d->bin, sizeof d->bin, "/usr/lib/postgresql/%ld/bin", newest);
    if (!newest)
        fprintf(stderr, "demo: no PostgreSQL server below /usr/lib/postgresql; `make demo` installs one, or "
                        "name its programs with --bin-dir\n");
    return newest != 0;
}

static bool make_folder(struct demo *d)
{
    uint8_t random[16];
    snprintf(d->folder, sizeof d->folder, "/tmp/postern-demo-XXXXXX");
    if (!mkdtemp(d->folder) || getrandom(random, sizeof random, 0) != sizeof random)
        return demo_failed("making a folder", -errno);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(d->password + 2 * i, 3, "%02x", random[i]);
    ssize_t n = readlink("/proc/self/exe", d->self, sizeof d->self - 1);
    d->self[n > 0 ? n : 0] = 0;
    chmod(d->folder, 0711);
    struct passwd *postgres = geteuid() == 0 ? getpwnam("postgres") : NULL;
    d->user = postgres ? "postgres" : NULL;
    if (mkdir(demo_path(d, "pg"), 0711) ||
        (postgres && chown(demo_path(d, "pg"), postgres->pw_uid, postgres->pw_gid)))
        return demo_failed("making a folder", -errno);
    return write_file(demo_path(d, "orders.password"), d->password, 0600) ||
           demo_failed("writing the password file", -errno);
}

/* ---- the database */

static bool run_as_postgres(struct demo *d, const char *what, const char *const *argv, const char *input)
{
    struct buf output;
    const char *environment[] = { "PGCONNECT_TIMEOUT=10", NULL };
    buf_init(&output, 1 << 20);
    struct run run = { .argv = argv,
                       .environment = environment,
                       .input = input,
                       .user = d->user,
                       .directory = demo_path(d, "pg"),
                       .output = &output };
    int status = run_wait(&run);
    if (status) fprintf(stderr, "%.*s", BYTES_FMT(buf_bytes(&output)));
    buf_free(&output);
    return status == 0 || demo_failed(what, status);
}

static bool load(struct demo *d, const char *database, const char *sql)
{
    const char *argv[] = {
        "psql",     "-X", "-q",     "-v", "ON_ERROR_STOP=1", "-h", demo_path(d, "pg"), "-U",
        "postgres", "-d", database, NULL
    };
    return run_as_postgres(d, "loading the sample data", argv, sql);
}

static bool wait_for_postgres(struct demo *d)
{
    const char *argv[] = { demo_path(d, "pg/../bin-isready"), NULL };
    argv[0] = (const char *)arena_printf(&d->arena, "%s/pg_isready", d->bin).p;
    const char *full[] = { argv[0], "-q", "-h", demo_path(d, "pg"), NULL };
    for (int i = 0; i < 2400; i++) {
        struct run run = { .argv = full };
        if (run_wait(&run) == 0) return true;
        usleep(50000);
    }
    return demo_failed("starting PostgreSQL", -ETIMEDOUT);
}

static bool start_postgres(struct demo *d)
{
    const char *initdb = (const char *)arena_printf(&d->arena, "%s/initdb", d->bin).p,
               *postgres = (const char *)arena_printf(&d->arena, "%s/postgres", d->bin).p;
    const char *init[] = { initdb,       "-D",        demo_path(d, "pg/data"), "-U", "postgres", "-E", "UTF8",
                           "--locale=C", "--no-sync", "--auth=trust",          NULL };
    if (!run_as_postgres(d, "initdb", init, NULL)) return false;
    /* Only the superuser is trusted, over a socket that nobody else reaches; the agent's role needs its
     * password. */
    if (!write_file(demo_path(d, "hba"), "local all postgres trust\nlocal all all scram-sha-256\n", 0644))
        return demo_failed("writing pg_hba.conf", -errno);
    const char *hba = (const char *)arena_printf(&d->arena, "hba_file=%s/hba", d->folder).p,
               *sockets = (const char *)arena_printf(&d->arena, "unix_socket_directories=%s/pg", d->folder).p;
    const char *argv[] = { postgres,    "-D",        demo_path(d, "pg/data"),
                           "-c",        hba,         "-c",
                           sockets,     "-c",        "listen_addresses=",
                           "-c",        "port=5432", "-c",
                           "fsync=off", "-c",        "unix_socket_permissions=0777",
                           NULL };
    struct run run = {
        .argv = argv, .user = d->user, .directory = demo_path(d, "pg"), .log = demo_path(d, "postgres.log")
    };
    d->postgres = run_start(&run);
    if (d->postgres < 0) return demo_failed("starting PostgreSQL", d->postgres);
    const char *roles = (const char *)arena_printf(&d->arena, demo_roles_format, d->password).p;
    return wait_for_postgres(d) && load(d, "postgres", roles) && load(d, "orders", demo_sample_data);
}

/* ---- the gateway */

static bool start_gateway(struct demo *d)
{
    int ready[2];
    char line[64];
    if (demo_issuer_new(BYTES_LITERAL("postern"), &d->issuer))
        return demo_failed("starting the issuer", -errno);
    const char *config =
        (const char *)arena_printf(&d->arena, demo_config_format, d->folder,
                                   (const char *)demo_issuer_url(d->issuer).p, demo_path(d, "pg"), d->folder)
            .p;
    if (!write_file(demo_path(d, "postern.yaml"), config, 0600) || pipe(ready))
        return demo_failed("writing the configuration", -errno);
    fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    const char *fd = (const char *)arena_printf(&d->arena, "%d", ready[1]).p;
    const char *argv[] = { d->self,      "gateway", "--config", demo_path(d, "postern.yaml"),
                           "--ready-fd", fd,        NULL };
    struct run run = { .argv = argv, .log = demo_path(d, "gateway.log") };
    d->gateway = run_start(&run);
    close(ready[1]);
    ssize_t n = d->gateway > 0 ? read(ready[0], line, sizeof line - 1) : -1;
    close(ready[0]);
    line[n > 0 ? n : 0] = 0;
    char *colon = strrchr(line, ':'), *end = colon ? strchr(colon, '\n') : NULL;
    if (!end) {
        fprintf(stderr, "demo: the gateway did not start; its words are in %s/gateway.log\n", d->folder);
        return false;
    }
    *end = 0;
    snprintf(d->port, sizeof d->port, "%s", colon + 1);
    return true;
}

/* ---- what is left of it */

/* The sessions' ids, newest first, as `sessions list --json` gives them. */
static size_t list_sessions(struct demo *d, char ids[8][14])
{
    struct buf output;
    buf_init(&output, 1 << 20);
    const char *argv[] = { d->self, "sessions", "list", "--json", "--data", demo_path(d, "data"), NULL };
    struct run run = { .argv = argv, .output = &output };
    size_t n = 0;
    int status = run_wait(&run);
    struct bytes text = buf_bytes(&output), mark = BYTES_LITERAL("\"session\":\"");
    for (ptrdiff_t at; status == 0 && n < 8 && (at = bytes_find(text, mark)) >= 0; n++) {
        text = bytes_slice(text, (size_t)at + mark.n, text.n);
        memcpy(ids[n], text.p, 13);
        ids[n][13] = 0;
    }
    buf_free(&output);
    return n;
}

static bool look_back(struct demo *d)
{
    char ids[8][14];
    demo_headline("postern sessions list");
    if (!demo_ask(d, NULL, "sessions list", (const char *[]){ "sessions", "list", NULL })) return false;
    size_t n = list_sessions(d, ids);
    if (n < 2) return demo_failed("finding the sessions", (int)n);
    while (n-- > 0) { /* the oldest first */
        char title[160];
        snprintf(title, sizeof title, "postern sessions replay %s", ids[n]);
        demo_headline(title);
        if (!demo_ask(d, NULL, "sessions replay", (const char *[]){ "sessions", "replay", ids[n], NULL }))
            return false;
    }
    demo_headline("postern audit verify");
    return demo_ask(d, NULL, "audit verify", (const char *[]){ "audit", "verify", NULL });
}

/* ---- the end */

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void clean_up(struct demo *d, bool good)
{
    if (d->gateway > 0) run_stop(d->gateway, SIGTERM);
    if (d->postgres > 0) run_stop(d->postgres, SIGQUIT);
    demo_issuer_free(d->issuer);
    if (d->folder[0] && (d->options->keep || !good))
        printf("\nThe demo's folder is kept: %s\n", d->folder);
    else if (d->folder[0])
        nftw(d->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(&d->arena);
}

static void say_next(void)
{
    demo_headline("What to try next");
    printf("  postern demo --keep             leaves the folder, so that you can look at the files\n"
           "  postern sessions replay --help  with its own timing, as JSON, as a script for psql\n"
           "  postern audit search WORDS      finds statements in all sessions\n"
           "  examples/                       configurations to start from; doc/policy.md says what rules "
           "can do\n");
}

int demo_run(const struct demo_options *options)
{
    struct demo d = { .options = options };
    arena_init(&d.arena, 4096, 16 << 20);
    demo_headline("Setting up: a PostgreSQL, an identity provider, postern in between");
    bool good = find_postgres(&d) && make_folder(&d) && start_postgres(&d) && start_gateway(&d);
    if (good)
        printf("postern listens on 127.0.0.1:%s; the agent knows a token, the gateway's keys process knows "
               "the database password.\n",
               d.port);
    good = good && demo_play(&d);
    /* The gateway ends first, so that the log is sealed to its last statement. */
    if (good && d.gateway > 0) {
        int status = run_stop(d.gateway, SIGTERM);
        d.gateway = 0;
        good = status == 0 || demo_failed("the gateway", status);
    }
    good = good && look_back(&d);
    if (good) say_next();
    clean_up(&d, good);
    return good ? 0 : 2;
}
