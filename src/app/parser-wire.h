/* Between client, broker and parser: one packet a text, one a result. All are one program in one version, so
 * these are plain structs; the receiver checks lengths and ranges, since a parser may have been taken over.
 * The packet carries the memfd that holds the text, and into which, behind the text, the parser writes the
 * encoded facts. Private to parser-*.c. */
#ifndef POSTERN_APP_PARSER_WIRE_H
#define POSTERN_APP_PARSER_WIRE_H
#include "app/parser-child.h"

struct parser_request {
    uint64_t number;  /* the client's own */
    uint64_t n_bytes; /* of text */
};
struct parser_result {
    uint64_t number;
    uint64_t outcome; /* enum parser_outcome */
    uint64_t n_facts; /* bytes behind the text */
    uint64_t leaves;  /* 1: the parser ends behind this result */
};

struct parser_client *parser_client_new(int socket);
void parser_client_free(struct parser_client *c);

struct parser_limits {
    unsigned cpu_ms, wall_ms;
    size_t memory_bytes;
};
/* Serves the clients' sockets until all are gone. */
_Noreturn void parser_broker_serve(const struct parser_options *options, const int *clients,
                                   size_t n_clients);
/* A parser's life: confines itself, then text after text, until the broker is gone. */
_Noreturn void parser_work(parser_understand *understand, size_t memory_bytes, int broker);

/* Sends n bytes and (where fd >= 0) a descriptor; 0 or -errno; never waits. */
int parser_send(int socket, const void *packet, size_t n, int fd) MUST_USE;
/* Receives exactly n bytes and (where fd_out != NULL) at most one descriptor, -1 where none came: 1; 0: none
 * there; -errno: the end, or a packet of another length. flags: MSG_DONTWAIT or 0. */
int parser_receive(int socket, void *packet, size_t n, int *fd_out, int flags) MUST_USE;
#endif
