/* The first packet of a connection, which has no type byte: StartupMessage, SSLRequest, GSSENCRequest,
 * CancelRequest. */
#ifndef POSTERN_PGWIRE_STARTUP_H
#define POSTERN_PGWIRE_STARTUP_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"

enum {
    STARTUP_CEILING = 10000,  /* MAX_STARTUP_PACKET_LENGTH */
    STARTUP_PARAMETERS = 200, /* ours: more are refused */
    STARTUP_VERSION_3_0 = 3 << 16,
};

enum startup_kind {
    STARTUP_BAD = 0, /* a length out of 8..10000, or a body of the wrong form */
    STARTUP_MORE,    /* not all here yet */
    STARTUP_SSL,
    STARTUP_GSSENC,
    STARTUP_CANCEL,
    STARTUP_SESSION,
    STARTUP_VERSION, /* a major version other than 3 */
};
struct startup_parameter {
    struct bytes name, value;
};
struct startup {
    size_t length; /* of the packet */
    uint32_t version;
    struct startup_parameter *parameters; /* in the order they came; a name stands once */
    size_t n_parameters;
    bool duplicate; /* some name came twice: the server would take the last one; refuse */
    int32_t cancel_pid;
    struct bytes cancel_key; /* 4 to 256 bytes */
};
/* Parameters are in the arena and borrow from `in`. A full arena is STARTUP_BAD. */
enum startup_kind startup_decode(struct bytes in, struct arena *arena, struct startup *out) MUST_USE;
/* The value of a parameter; p == NULL where it was not given. */
struct bytes startup_get(const struct startup *s, const char *name);

/* Splits `options` as a server would: words at white space, a backslash before a character takes it as it is.
 * Understood are -c NAME=VALUE, -cNAME=VALUE and --NAME=VALUE (a '-' in NAME is '_'); anything else is false.
 */
bool startup_options_split(struct bytes options, struct arena *arena, struct startup_parameter **out,
                           size_t *n_out) MUST_USE;
/* Appends " -c name=value" to an options text, with what needs it escaped. */
void startup_options_add(struct buf *options, struct bytes name, struct bytes value);

void startup_encode(struct buf *out, const struct startup_parameter *parameters, size_t n);
void startup_encode_ssl_request(struct buf *out);
void startup_encode_cancel(struct buf *out, int32_t pid, struct bytes key);
#endif
