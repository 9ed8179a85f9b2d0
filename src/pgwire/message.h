/* Framing of PostgreSQL's protocol 3 and its message types (PostgreSQL documentation, "Message Formats").
 * A message is a type byte, a length (u32, itself included, the type byte not), and a body. */
#ifndef POSTERN_PGWIRE_MESSAGE_H
#define POSTERN_PGWIRE_MESSAGE_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

/* What a client sends. */
enum {
    MESSAGE_BIND = 'B',
    MESSAGE_CLOSE = 'C',
    MESSAGE_COPY_DATA = 'd',
    MESSAGE_COPY_DONE = 'c',
    MESSAGE_COPY_FAIL = 'f',
    MESSAGE_DESCRIBE = 'D',
    MESSAGE_EXECUTE = 'E',
    MESSAGE_FLUSH = 'H',
    MESSAGE_FUNCTION_CALL = 'F',
    MESSAGE_PARSE = 'P',
    MESSAGE_PASSWORD = 'p',
    MESSAGE_QUERY = 'Q',
    MESSAGE_SYNC = 'S',
    MESSAGE_TERMINATE = 'X',
};
/* What a server sends; CopyData and CopyDone as above. */
enum {
    MESSAGE_AUTHENTICATION = 'R',
    MESSAGE_BACKEND_KEY_DATA = 'K',
    MESSAGE_BIND_COMPLETE = '2',
    MESSAGE_CLOSE_COMPLETE = '3',
    MESSAGE_COMMAND_COMPLETE = 'C',
    MESSAGE_COPY_BOTH_RESPONSE = 'W',
    MESSAGE_COPY_IN_RESPONSE = 'G',
    MESSAGE_COPY_OUT_RESPONSE = 'H',
    MESSAGE_DATA_ROW = 'D',
    MESSAGE_EMPTY_QUERY_RESPONSE = 'I',
    MESSAGE_ERROR_RESPONSE = 'E',
    MESSAGE_FUNCTION_CALL_RESPONSE = 'V',
    MESSAGE_NEGOTIATE_PROTOCOL_VERSION = 'v',
    MESSAGE_NO_DATA = 'n',
    MESSAGE_NOTICE_RESPONSE = 'N',
    MESSAGE_NOTIFICATION_RESPONSE = 'A',
    MESSAGE_PARAMETER_DESCRIPTION = 't',
    MESSAGE_PARAMETER_STATUS = 'S',
    MESSAGE_PARSE_COMPLETE = '1',
    MESSAGE_PORTAL_SUSPENDED = 's',
    MESSAGE_READY_FOR_QUERY = 'Z',
    MESSAGE_ROW_DESCRIPTION = 'T',
};

enum {
    MESSAGE_HEADER = 5, /* type byte and length */
    MESSAGE_SMALL_CEILING =
        10000, /* the body of messages that PostgreSQL calls small (PQ_SMALL_MESSAGE_LIMIT) */
    MESSAGE_LARGE_CEILING = 0x3fffffff - 1 /* and of the others (PQ_LARGE_MESSAGE_LIMIT) */
};

struct message {
    uint8_t type;
    struct bytes body;  /* borrowed from the bytes it was peeked in; shorter than body_length where not all is
                           here yet */
    size_t body_length; /* as declared */
    struct bytes whole; /* header and what is here of the body */
};

/* BAD: a length below 4. MORE: not even the header is here; *out is not set by either. PARTIAL: the type and
 * length are known, the body is not all here. WHOLE: it is. */
enum message_peek { MESSAGE_BAD = 0, MESSAGE_MORE, MESSAGE_PARTIAL, MESSAGE_WHOLE };
static inline enum message_peek message_peek(struct bytes in, struct message *out)
{
    if (in.n < MESSAGE_HEADER) return MESSAGE_MORE;
    uint32_t raw;
    memcpy(&raw, in.p + 1, 4);
    uint32_t length = __builtin_bswap32(raw);
    if (length < 4) return MESSAGE_BAD;
    out->type = in.p[0];
    out->body_length = length - 4u;
    size_t here = in.n - MESSAGE_HEADER < out->body_length ? in.n - MESSAGE_HEADER : out->body_length;
    out->body = bytes_make(in.p + MESSAGE_HEADER, here);
    out->whole = bytes_make(in.p, MESSAGE_HEADER + here);
    return here == out->body_length ? MESSAGE_WHOLE : MESSAGE_PARTIAL;
}

/* Building: begin writes the header, finish sets its length. */
size_t message_begin(struct buf *out, uint8_t type);
void message_finish(struct buf *out, size_t at);
/* A message whose body is at hand. */
void message_put(struct buf *out, uint8_t type, struct bytes body);

/* Bodies, decoded; everything borrowed from the body. False: not of the form that the documentation gives. */
struct message_parse {
    struct bytes name, text;
    struct bytes types; /* n_types × u32 */
    uint16_t n_types;
};
bool message_parse_decode(struct bytes body, struct message_parse *out) MUST_USE;
void message_parse_encode(struct buf *out, struct bytes name, struct bytes text, struct bytes types);

/* The beginning of a Bind message, which may be all of it that is here yet. */
struct message_bind {
    struct bytes portal, statement;
};
bool message_bind_decode_names(struct bytes body_start, struct message_bind *out) MUST_USE;
/* Whether a whole Bind body is well formed to its last byte. */
bool message_bind_check(struct bytes body) MUST_USE;

struct message_execute {
    struct bytes portal;
    uint32_t most_rows; /* 0: all */
};
bool message_execute_decode(struct bytes body, struct message_execute *out) MUST_USE;

/* Describe and Close: 'S'tatement or 'P'ortal, and its name. */
struct message_target {
    uint8_t kind;
    struct bytes name;
};
bool message_target_decode(struct bytes body, struct message_target *out) MUST_USE;
void message_target_encode(struct buf *out, uint8_t type, struct message_target target);
/* A body that is one string with a NUL at its end and none inside (Query, CopyFail, CommandComplete, a
 * password). */
bool message_string_decode(struct bytes body, struct bytes *out) MUST_USE;

/* The number of columns of a RowDescription; false where the body is malformed. */
bool message_row_description_check(struct bytes body, uint16_t *n_columns_out) MUST_USE;
/* Whether a DataRow's fields fill the body exactly, with lengths of -1 or more. */
bool message_data_row_check(struct bytes body) MUST_USE;
/* CopyInResponse and CopyOutResponse. */
bool message_copy_response_check(struct bytes body) MUST_USE;
#endif
