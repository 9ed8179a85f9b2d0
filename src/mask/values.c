/* See values.h. At each byte that can begin a finding, at most so many bytes are looked at as the longest one
 * has; of findings that begin at the same place the longest counts. */
#include "mask/values.h"

enum { CARD_LEAST = 13, CARD_MOST = 19, IBAN_LEAST = 15, IBAN_MOST = 34, EMAIL_MOST = 254 };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(uint8_t c)
{
    return is_digit(c) || is_letter(c);
}

static bool is_separator(uint8_t c)
{
    return c == ' ' || c == '-';
}

/* Of a number that is read from its front: both sums, of which the length decides at the end. */
struct luhn {
    unsigned even, odd, n;
};

static void luhn_add(struct luhn *l, unsigned digit)
{
    unsigned twice = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    l->even += l->n % 2 == 0 ? twice : digit;
    l->odd += l->n % 2 == 0 ? digit : twice;
    l->n++;
}

static bool luhn_holds(const struct luhn *l)
{
    return (l->n % 2 == 0 ? l->even : l->odd) % 10 == 0;
}

/* How long a card number at the place is; 0: there is none. */
static size_t card_at(struct bytes text, size_t at)
{
    struct luhn sum = { 0 };
    size_t longest = 0;
    if (text.p[at] < '2' || text.p[at] > '6' || (at > 0 && is_digit(text.p[at - 1]))) return 0;
    for (size_t i = at; i < text.n && sum.n <= CARD_MOST; i++) {
        if (is_separator(text.p[i]) && i + 1 < text.n && is_digit(text.p[i + 1])) continue;
        if (!is_digit(text.p[i])) break;
        luhn_add(&sum, text.p[i] - '0');
        bool ends = i + 1 == text.n || !is_digit(text.p[i + 1]);
        if (ends && sum.n >= CARD_LEAST && sum.n <= CARD_MOST && luhn_holds(&sum)) longest = i + 1 - at;
    }
    return longest;
}

static unsigned mod97_add(unsigned rest, uint8_t c)
{
    if (is_digit(c)) return (rest * 10 + (c - '0')) % 97;
    return (rest * 100 + ((c | 0x20u) - 'a' + 10)) % 97;
}

static size_t iban_at(struct bytes text, size_t at)
{
    size_t longest = 0, n = 0;
    unsigned rest = 0; /* of what stands behind the first four, which go to the end */
    uint8_t head[4];
    if (!is_letter(text.p[at]) || (at > 0 && is_word(text.p[at - 1]))) return 0;
    for (size_t i = at; i < text.n && n < IBAN_MOST; i++) {
        uint8_t c = text.p[i];
        if (n >= 4 && is_separator(c) && i + 1 < text.n && is_word(text.p[i + 1])) continue;
        if (n < 4 ? (n < 2 ? !is_letter(c) : !is_digit(c)) : !is_word(c)) break;
        if (n < 4)
            head[n] = c;
        else
            rest = mod97_add(rest, c);
        n++;
        if (n < IBAN_LEAST || (i + 1 < text.n && is_word(text.p[i + 1]))) continue;
        unsigned whole = rest;
        for (size_t k = 0; k < 4; k++)
            whole = mod97_add(whole, head[k]);
        if (whole == 1) longest = i + 1 - at;
    }
    return longest;
}

static bool is_local(uint8_t c)
{
    return is_word(c) || c >= 0x80 || (c && strchr(".!#$%&'*+/=?^_`{|}~-", c));
}

/* A domain at the front: labels of letters, digits and hyphens, two at least. */
static size_t domain_length(struct bytes text)
{
    size_t n = 0, whole = 0;
    bool dot = false;
    while (n < text.n && n < EMAIL_MOST) {
        size_t start = n;
        while (n < text.n && n < EMAIL_MOST && (is_word(text.p[n]) || text.p[n] >= 0x80 || text.p[n] == '-'))
            n++;
        if (n == start) break;
        if (dot) whole = n;
        if (n == text.n || text.p[n] != '.') break;
        dot = true;
        n++;
    }
    return whole;
}

/* Whether the word at the place goes on to an @ that makes an address of it. */
static size_t email_at(struct bytes text, size_t at)
{
    size_t i = at;
    if (!is_local(text.p[at])) return 0;
    /* Inside a longer word it was looked at before, unless that was too long for an address. */
    if (at > 0 && is_local(text.p[at - 1]) && (at < EMAIL_MOST || at % EMAIL_MOST)) return 0;
    while (i < text.n && is_local(text.p[i]) && i - at < 2 * (size_t)EMAIL_MOST)
        i++;
    if (i == text.n || text.p[i] != '@') return 0;
    size_t domain = domain_length(bytes_slice(text, i + 1, text.n));
    return domain ? i + 1 + domain - at : 0;
}

struct values_found values_find(struct bytes text, uint32_t kinds, size_t from)
{
    static const struct {
        uint32_t kind;
        size_t (*at)(struct bytes text, size_t at);
    } finders[] = { { VALUES_CARD, card_at }, { VALUES_IBAN, iban_at }, { VALUES_EMAIL, email_at } };
    for (size_t at = from; at < text.n; at++) {
        struct values_found longest = { 0 };
        for (size_t i = 0; i < sizeof finders / sizeof *finders; i++) {
            size_t n = kinds & finders[i].kind ? finders[i].at(text, at) : 0;
            if (n > longest.n) longest = (struct values_found){ finders[i].kind, at, n };
        }
        if (longest.kind) return longest;
    }
    return (struct values_found){ 0 };
}

uint32_t values_redact(uint8_t *text, size_t n, uint32_t kinds)
{
    struct bytes whole = bytes_make(text, n);
    uint32_t found = 0;
    /* The next one is looked for before this one's last byte, which it may hang on, is a star. */
    for (struct values_found f = values_find(whole, kinds, 0), next; f.kind; f = next) {
        next = values_find(whole, kinds, f.at + f.n);
        for (size_t i = f.at; i < f.at + f.n; i++)
            if (is_word(text[i]) || text[i] >= 0x80) text[i] = '*';
        found |= f.kind;
    }
    return found;
}
