/* What the gateway itself refuses, and in which words. A refusal is made where its reason is known and
 * travels as the body of an ErrorResponse, ready to be sent in the place of whatever the server will say. */
#ifndef POSTERN_SESSION_REFUSAL_H
#define POSTERN_SESSION_REFUSAL_H
#include "base/buf.h"
#include "base/bytes.h"

enum refusal_reason {
#define REFUSAL(NAME, sqlstate, code) REFUSAL_##NAME,
#include "session/refusal.def"
#undef REFUSAL
};
const char *refusal_sqlstate(enum refusal_reason reason);
const char *refusal_code(enum refusal_reason reason);

struct refusal {
    enum refusal_reason reason;
    size_t n;
    uint8_t body[]; /* n bytes: of an ErrorResponse */
};
/* One allocation, freed with free(); NULL where there is no memory, which the caller answers by closing.
 * severity: "ERROR" or "FATAL". */
struct refusal *refusal_new(enum refusal_reason reason, const char *severity, struct bytes message,
                            struct bytes detail, struct bytes hint);
/* With an SQLSTATE of its own (NULL: the reason's), and of a place in the client's text, in characters from 1
 * (0: none). */
struct refusal *refusal_new_as(enum refusal_reason reason, const char *sqlstate, uint32_t position,
                               struct bytes message, struct bytes detail, struct bytes hint);
static inline struct bytes refusal_body(const struct refusal *refusal)
{
    return bytes_make(refusal->body, refusal->n);
}
#endif
