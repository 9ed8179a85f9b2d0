/* A cursor over the text, a path that grows and shrinks, and the text of the innermost element. */
#include "store/xml.h"
#include "base/buf.h"

struct reader {
    const uint8_t *p, *end;
    char path[XML_PATH];
    size_t n_path;
    size_t starts[XML_DEPTH]; /* where each open element's name begins in path */
    bool parent[XML_DEPTH];   /* it held an element */
    int depth;
    uint8_t text[XML_TEXT];
    size_t n_text;
    void (*visit)(void *context, const struct xml_element *element);
    void *context;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end && is_space(*r->p))
        r->p++;
}

static bool take(struct reader *r, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, text, n) != 0) return false;
    r->p += n;
    return true;
}

static struct bytes read_name(struct reader *r)
{
    const uint8_t *from = r->p;
    while (r->p < r->end && is_name(*r->p))
        r->p++;
    return bytes_make(from, (size_t)(r->p - from));
}

/* The part behind a namespace's prefix. */
static struct bytes local_name(struct bytes name)
{
    const uint8_t *colon = name.n ? memchr(name.p, ':', name.n) : NULL;
    return colon ? bytes_slice(name, (size_t)(colon - name.p) + 1, name.n) : name;
}

static bool skip_attributes(struct reader *r)
{
    for (;;) {
        const uint8_t *before = r->p;
        skip_space(r);
        if (r->p == r->end || *r->p == '>' || *r->p == '/' || *r->p == '?') return true;
        if (r->p == before || !read_name(r).n) return false;
        skip_space(r);
        if (!take(r, "=")) return false;
        skip_space(r);
        if (r->p == r->end || (*r->p != '"' && *r->p != '\'')) return false;
        uint8_t quote = *r->p++;
        while (r->p < r->end && *r->p != quote) {
            if (*r->p == '<' || *r->p == '&') return false;
            r->p++;
        }
        if (r->p++ >= r->end) return false;
    }
}

static bool put(struct reader *r, const uint8_t *p, size_t n)
{
    if (n > sizeof r->text - r->n_text) return false;
    memcpy(r->text + r->n_text, p, n);
    r->n_text += n;
    return true;
}

static bool put_character(struct reader *r, uint32_t c)
{
    uint8_t out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || c == 0xFFFE || c == 0xFFFF) return false;
    if (c < ' ' && c != '\t' && c != '\n' && c != '\r') return false;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (uint8_t)(n == 1 ? c : (0xF00U >> n & 0xFF) | c);
    return put(r, out, n);
}

/* Behind the '&'. */
static bool read_entity(struct reader *r)
{
    static const struct {
        const char *name;
        uint8_t c;
    } named[] = { { "lt;", '<' }, { "gt;", '>' }, { "amp;", '&' }, { "quot;", '"' }, { "apos;", '\'' } };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (take(r, named[i].name)) return put(r, &named[i].c, 1);
    if (!take(r, "#")) return false;
    bool hex = take(r, "x");
    uint32_t value = 0;
    int n = 0;
    for (; r->p < r->end && *r->p != ';'; r->p++, n++) {
        uint8_t c = *r->p;
        uint32_t digit = 99;
        if (c >= '0' && c <= '9') digit = c - (uint32_t)'0';
        if (hex && c >= 'a' && c <= 'f') digit = c - (uint32_t)'a' + 10;
        if (hex && c >= 'A' && c <= 'F') digit = c - (uint32_t)'A' + 10;
        if (digit == 99 || n == 8) return false;
        value = value * (hex ? 16 : 10) + digit;
    }
    return n > 0 && take(r, ";") && put_character(r, value);
}

/* Up to the next '<'. */
static bool read_text(struct reader *r)
{
    while (r->p < r->end && *r->p != '<') {
        uint8_t c = *r->p++;
        if (c == '&') {
            if (!read_entity(r)) return false;
        } else {
            if ((c < ' ' && !is_space(c)) || c == 0x7F || !put(r, &c, 1)) return false;
        }
    }
    return true;
}

static bool text_is_space(const struct reader *r)
{
    for (size_t i = 0; i < r->n_text; i++)
        if (!is_space(r->text[i])) return false;
    return true;
}

static bool open_element(struct reader *r, struct bytes name)
{
    name = local_name(name);
    size_t slash = r->depth > 0;
    if (!name.n || r->depth == XML_DEPTH || name.n + slash + 1 > sizeof r->path - r->n_path) return false;
    if (r->depth > 0) {
        if (!text_is_space(r)) return false;
        r->parent[r->depth - 1] = true;
        r->path[r->n_path++] = '/';
    }
    r->starts[r->depth] = r->n_path;
    r->parent[r->depth++] = false;
    memcpy(r->path + r->n_path, name.p, name.n);
    r->n_path += name.n;
    r->path[r->n_path] = 0;
    r->n_text = 0;
    return true;
}

static bool close_element(struct reader *r, struct bytes name)
{
    if (r->depth == 0) return false;
    r->depth--;
    size_t at = r->starts[r->depth];
    if (name.p && !bytes_equal(local_name(name), bytes_make(r->path + at, r->n_path - at))) return false;
    bool whole = r->parent[r->depth];
    if (whole && !text_is_space(r)) return false;
    struct xml_element element = { r->path, bytes_make(r->text, whole ? 0 : r->n_text), whole };
    r->visit(r->context, &element);
    r->n_path = at ? at - 1 : 0;
    r->path[r->n_path] = 0;
    r->n_text = 0;
    return true;
}

/* Behind a '<'. */
static bool read_tag(struct reader *r)
{
    if (take(r, "/")) {
        struct bytes name = read_name(r);
        skip_space(r);
        return name.n && take(r, ">") && close_element(r, name);
    }
    struct bytes name = read_name(r);
    if (!open_element(r, name) || !skip_attributes(r)) return false;
    if (take(r, "/>")) return close_element(r, (struct bytes){ 0 });
    return take(r, ">");
}

bool xml_read(struct bytes text, void (*visit)(void *context, const struct xml_element *element),
              void *context)
{
    struct reader r = { .visit = visit, .context = context };
    if (!text.n || !bytes_is_utf8(text)) return false;
    r.p = text.p;
    r.end = text.p + text.n;
    skip_space(&r);
    if (take(&r, "<?xml")) {
        if (!skip_attributes(&r) || !take(&r, "?>")) return false;
        skip_space(&r);
    }
    do {
        if (!take(&r, "<") || !read_tag(&r)) return false;
        if (r.depth > 0 && !read_text(&r)) return false;
    } while (r.depth > 0);
    skip_space(&r);
    return r.p == r.end;
}

void xml_escape(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        switch (text.p[i]) {
        case '<': buf_append_text(out, "&lt;"); break;
        case '>': buf_append_text(out, "&gt;"); break;
        case '&': buf_append_text(out, "&amp;"); break;
        case '"': buf_append_text(out, "&quot;"); break;
        case '\'': buf_append_text(out, "&apos;"); break;
        default: buf_put_u8(out, text.p[i]);
        }
    }
}
