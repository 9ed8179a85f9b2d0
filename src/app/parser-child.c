/* Starting and stopping the parser child. The broker is forked while the gateway has one thread and little in
 * its memory; every parser is forked from it, so that a fresh parser knows nothing of any session. */
#include "app/parser-child.h"
#include "app/child.h"
#include "app/parser-wire.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS_MOST = 256 };

struct parser_child {
    pid_t pid;
    unsigned n_clients;
    struct parser_client *clients[];
};

_Noreturn static void be_child(const struct parser_options *o, int *clients)
{
    int rc = child_become(o->uid, o->gid);
    if (!rc) rc = child_confine(CHILD_FILTER_BROKER);
    struct parser_result hello = { .outcome = PARSER_ANSWERED };
    if (!rc) rc = parser_send(clients[0], &hello, sizeof hello, -1);
    if (rc) {
        log_line(LOG_ERROR, "the parser child cannot be confined reason=%s", strerrorname_np(-rc));
        _exit(2);
    }
    parser_broker_serve(o, clients, o->n_clients);
}

/* The broker says on its first socket that it is confined. 0, or -EPIPE: it ended. */
static int hear_hello(int socket)
{
    struct parser_result hello;
    int rc;
    do
        rc = parser_receive(socket, &hello, sizeof hello, NULL, 0);
    while (rc == 0);
    return rc == 1 && hello.number == 0 && hello.outcome == PARSER_ANSWERED ? 0 : -EPIPE;
}

int parser_child_start(const struct parser_options *o, struct parser_child **child_out)
{
    int theirs[CLIENTS_MOST], ours[CLIENTS_MOST], rc = 0;
    size_t made = 0;
    CHECK(o->n_clients >= 1 && o->n_clients <= CLIENTS_MOST && o->understand);
    struct parser_child *child = calloc(1, sizeof *child + o->n_clients * sizeof *child->clients);
    if (!child) return -ENOMEM;
    child->n_clients = o->n_clients;
    for (; made < o->n_clients; made++) {
        int ends[2];
        rc = child_socketpair(ends);
        if (rc) break;
        ours[made] = ends[0];
        theirs[made] = ends[1];
    }
    if (!rc) child->pid = child_fork("postern-broker", theirs, made);
    if (!rc && child->pid == 0) be_child(o, theirs);
    if (!rc && child->pid < 0) rc = child->pid;
    for (size_t i = 0; i < made; i++)
        close(theirs[i]);
    if (!rc) rc = hear_hello(ours[0]);
    for (size_t i = 0; i < made; i++) {
        child->clients[i] = parser_client_new(ours[i]);
        if (!child->clients[i]) rc = rc ? rc : -ENOMEM;
    }
    if (rc) {
        log_line(LOG_ERROR, "the parser child did not start reason=%s", strerrorname_np(-rc));
        parser_child_stop(child);
        return rc;
    }
    *child_out = child;
    return 0;
}

void parser_child_stop(struct parser_child *child)
{
    if (!child) return;
    for (unsigned i = 0; i < child->n_clients; i++)
        parser_client_free(child->clients[i]);
    while (child->pid > 0 && waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(child);
}

struct parser_client *parser_child_client(struct parser_child *child, unsigned i)
{
    CHECK(i < child->n_clients);
    return child->clients[i];
}

pid_t parser_child_pid(const struct parser_child *child)
{
    return child->pid;
}
