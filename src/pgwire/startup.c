/* The untyped first packet. Source: PostgreSQL documentation, "Message Formats", and the server's own limits.
 */
#include "pgwire/startup.h"
#include "base/cursor.h"

enum { CODE_CANCEL = 80877102, CODE_SSL = 80877103, CODE_GSSENC = 80877104 };

static bool decode_parameters(struct cursor *c, struct arena *arena, struct startup *out)
{
    out->parameters = ARENA_ARRAY(arena, struct startup_parameter, STARTUP_PARAMETERS);
    if (!out->parameters) return false;
    for (;;) {
        struct bytes name = cursor_cstring(c);
        if (c->failed) return false;
        if (name.n == 0) return cursor_done(c);
        struct bytes value = cursor_cstring(c);
        if (c->failed || out->n_parameters == STARTUP_PARAMETERS) return false;
        for (size_t i = 0; i < out->n_parameters; i++)
            if (bytes_equal(out->parameters[i].name, name)) out->duplicate = true;
        out->parameters[out->n_parameters++] = (struct startup_parameter){ name, value };
    }
}

enum startup_kind startup_decode(struct bytes in, struct arena *arena, struct startup *out)
{
    *out = (struct startup){ 0 };
    struct cursor c = cursor_over(in);
    if (in.n < 4) return STARTUP_MORE;
    uint32_t length = cursor_u32(&c);
    if (length < 8 || length > STARTUP_CEILING) return STARTUP_BAD;
    if (in.n < length) return STARTUP_MORE;
    out->length = length;
    c.end = in.p + length;
    out->version = cursor_u32(&c);
    switch (out->version) {
    case CODE_SSL: return cursor_done(&c) ? STARTUP_SSL : STARTUP_BAD;
    case CODE_GSSENC: return cursor_done(&c) ? STARTUP_GSSENC : STARTUP_BAD;
    case CODE_CANCEL:
        out->cancel_pid = (int32_t)cursor_u32(&c);
        out->cancel_key = cursor_take(&c, cursor_left(&c));
        if (c.failed || out->cancel_key.n < 4 || out->cancel_key.n > 256)
            out->cancel_key = (struct bytes){ 0 };
        return STARTUP_CANCEL; /* one that makes no sense is met with the same silence as a wrong key */
    default:
        if (out->version >> 16 != 3) return STARTUP_VERSION;
        return decode_parameters(&c, arena, out) ? STARTUP_SESSION : STARTUP_BAD;
    }
}

struct bytes startup_get(const struct startup *s, const char *name)
{
    for (size_t i = 0; i < s->n_parameters; i++)
        if (bytes_is(s->parameters[i].name, name)) return s->parameters[i].value;
    return (struct bytes){ 0 };
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word, unescaped; p == NULL at the end or where the arena is full. */
static struct bytes next_word(struct bytes options, size_t *at, struct arena *arena)
{
    while (*at < options.n && is_space(options.p[*at]))
        (*at)++;
    if (*at == options.n) return (struct bytes){ 0 };
    uint8_t *word = arena_alloc(arena, options.n - *at + 1);
    size_t n = 0;
    while (word && *at < options.n && !is_space(options.p[*at])) {
        if (options.p[*at] == '\\' && ++*at == options.n) break;
        word[n++] = options.p[(*at)++];
    }
    return bytes_make(word, n);
}

/* NAME=VALUE; dashes in NAME are underscores, as PostgreSQL's ParseLongOption has it. */
static bool split_setting(struct bytes word, struct arena *arena, struct startup_parameter *out)
{
    ptrdiff_t equals = bytes_find(word, BYTES_LITERAL("="));
    if (equals <= 0) return false;
    out->name = arena_copy(arena, bytes_slice(word, 0, (size_t)equals));
    out->value = bytes_slice(word, (size_t)equals + 1, word.n);
    if (!out->name.p) return false;
    for (size_t i = 0; i < out->name.n; i++)
        if (out->name.p[i] == '-') ((uint8_t *)out->name.p)[i] = '_';
    return true;
}

bool startup_options_split(struct bytes options, struct arena *arena, struct startup_parameter **out,
                           size_t *n_out)
{
    *n_out = 0;
    *out = ARENA_ARRAY(arena, struct startup_parameter, STARTUP_PARAMETERS);
    if (!*out) return false;
    for (size_t at = 0;;) {
        struct bytes word = next_word(options, &at, arena);
        if (!word.p) return at == options.n;
        if (bytes_is(word, "-c"))
            word = next_word(options, &at, arena);
        else if (bytes_starts_with(word, "-c") || bytes_starts_with(word, "--"))
            word = bytes_slice(word, 2, word.n);
        else
            return false;
        if (*n_out == STARTUP_PARAMETERS || !word.p || !split_setting(word, arena, &(*out)[*n_out]))
            return false;
        ++*n_out;
    }
}

static void put_escaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\' || is_space(text.p[i])) buf_put_u8(out, '\\');
        buf_put_u8(out, text.p[i]);
    }
}

void startup_options_add(struct buf *options, struct bytes name, struct bytes value)
{
    buf_append_text(options, buf_length(options) ? " -c " : "-c ");
    put_escaped(options, name);
    buf_put_u8(options, '=');
    put_escaped(options, value);
}

void startup_encode(struct buf *out, const struct startup_parameter *parameters, size_t n)
{
    size_t at = buf_length(out);
    buf_put_u32(out, 0);
    buf_put_u32(out, STARTUP_VERSION_3_0);
    for (size_t i = 0; i < n; i++) {
        buf_put_cstring(out, parameters[i].name);
        buf_put_cstring(out, parameters[i].value);
    }
    buf_put_u8(out, 0);
    buf_patch_u32(out, at, (uint32_t)(buf_length(out) - at));
}

void startup_encode_ssl_request(struct buf *out)
{
    buf_put_u32(out, 8);
    buf_put_u32(out, CODE_SSL);
}

void startup_encode_cancel(struct buf *out, int32_t pid, struct bytes key)
{
    buf_put_u32(out, (uint32_t)(12 + key.n));
    buf_put_u32(out, CODE_CANCEL);
    buf_put_u32(out, (uint32_t)pid);
    buf_append(out, key);
}
