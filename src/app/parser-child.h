/* The parser child: a broker, forked while the gateway has one thread, and behind it the parsers that it
 * forks. The broker never looks at a text: it hands descriptors on, one text to one parser at a time, clients
 * in turn; watches the parser's processor time from outside; kills it when the time is over and forks the
 * next. See doc/children.md. */
#ifndef POSTERN_APP_PARSER_CHILD_H
#define POSTERN_APP_PARSER_CHILD_H
#include "app/parser-client.h"
#include "base/buf.h"
#include <sys/types.h>

/* Appends the encoded facts of a text. Runs in a parser, confined. True: the text holds a secret, of which
 * the grammar may have left copies in memory; the parser ends, and another takes its place. */
typedef bool parser_understand(struct bytes text, struct buf *out);
/* sql_understand and sql_facts_encode. */
parser_understand parser_understand_sql;

struct parser_options {
    parser_understand *understand;
    unsigned n_clients;
    unsigned n_parsers;  /* 0: 1 */
    unsigned cpu_ms;     /* of one text; 0: 2,000 */
    unsigned wall_ms;    /* for a parser that sleeps or was stopped; 0: 30,000 */
    size_t memory_bytes; /* address space of a parser; 0: 2 GiB */
    uid_t uid;           /* as in struct keys_options */
    gid_t gid;
};

struct parser_child;
/* Call before threads start. 0 or -errno, logged. */
int parser_child_start(const struct parser_options *options, struct parser_child **child_out) MUST_USE;
/* Closes all clients, which ends broker and parsers, and waits. */
void parser_child_stop(struct parser_child *child);
struct parser_client *parser_child_client(struct parser_child *child, unsigned i);
pid_t parser_child_pid(const struct parser_child *child);
#endif
