/* See values.h. At each byte that can begin a finding, at most so many bytes are looked at as the longest one
 * has; of findings that begin at the same place the longest counts. Addresses are looked for from their @. */
#include "mask/values.h"

enum { CARD_LEAST = 13, CARD_MOST = 19, CARD_GROUP = 3, EMAIL_MOST = 254, REDACT_ROUNDS = 8 };

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

/* Whether what stands in front belongs to it. In binary a length does not: its upper bytes are zero. */
static bool goes_on_from(struct bytes text, size_t at, bool (*of)(uint8_t c))
{
    if (at == 0 || !of(text.p[at - 1])) return false;
    return at < 4 || text.p[at - 4] || text.p[at - 3];
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

static bool is_fraction(struct bytes text, size_t at)
{
    return at >= 2 && text.p[at - 1] == '.' && is_digit(text.p[at - 2]);
}

/* How long a card number at the place is; 0: there is none. */
static size_t card_at(struct bytes text, size_t at)
{
    struct luhn sum = { 0 };
    size_t longest = 0;
    unsigned group = 0;
    if (goes_on_from(text, at, is_digit) || is_fraction(text, at)) return 0;
    for (size_t i = at; i < text.n && sum.n <= CARD_MOST; i++) {
        if (is_separator(text.p[i]) && group >= CARD_GROUP && i + 1 < text.n && is_digit(text.p[i + 1])) {
            group = 0;
            continue;
        }
        if (!is_digit(text.p[i])) break;
        luhn_add(&sum, text.p[i] - '0');
        group++;
        bool ends = group >= CARD_GROUP && (i + 1 == text.n || !is_digit(text.p[i + 1]));
        if (ends && sum.n >= CARD_LEAST && sum.n <= CARD_MOST && luhn_holds(&sum)) longest = i + 1 - at;
    }
    return longest;
}

/* Countries and how long their numbers are: the registry of ISO 13616, and what is used besides. */
static const char ibans[] =
    "AD24AE23AL28AO25AT20AZ28BA20BE16BF28BG22BH22BI27BJ28BR29BY28CF27CG27CH21CI28CM27CR22CV25CY28CZ24DE22DJ27"
    "DK18DO28DZ26EE20EG29ES24FI18FK18FO18FR27GA27GB22GE22GI23GL18GQ27GR27GT28GW25HN28HR21HU28IE22IL23IQ23IR26"
    "IS26IT27JO30KM27KW30KZ20LB28LC32LI21LT20LU20LV21LY25MA28MC27MD24ME22MG27MK19ML28MN20MR27MT31MU30MZ25NE28"
    "NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SN28SO23ST25SV28TD27TG28TL23"
    "TN24TR26UA29VA22VG24XK20YE30";

static size_t iban_length(uint8_t first, uint8_t second)
{
    for (size_t i = 0; i + 4 < sizeof ibans; i += 4)
        if (ibans[i] == (first & ~0x20) && ibans[i + 1] == (second & ~0x20))
            return (size_t)(ibans[i + 2] - '0') * 10 + (size_t)(ibans[i + 3] - '0');
    return 0;
}

static unsigned mod97_add(unsigned rest, uint8_t c)
{
    if (is_digit(c)) return (rest * 10 + (c - '0')) % 97;
    return (rest * 100 + ((c | 0x20u) - 'a' + 10)) % 97;
}

static size_t iban_at(struct bytes text, size_t at)
{
    const uint8_t *p = text.p + at;
    if (text.n - at < 15 || !is_letter(p[1]) || !is_digit(p[2]) || !is_digit(p[3])) return 0;
    size_t length = iban_length(p[0], p[1]), n = 4, i = at + 4;
    unsigned rest = 0; /* of what stands behind the first four, which go to the end */
    if (!length || goes_on_from(text, at, is_word)) return 0;
    for (; i < text.n && n < length; i++) {
        if (is_separator(text.p[i]) && i + 1 < text.n && is_word(text.p[i + 1])) continue;
        if (!is_word(text.p[i])) return 0;
        rest = mod97_add(rest, text.p[i]);
        n++;
    }
    if (n < length || (i < text.n && is_word(text.p[i]))) return 0;
    for (size_t k = 0; k < 4; k++)
        rest = mod97_add(rest, p[k]);
    return rest == 1 ? i - at : 0;
}

/* How long a US social security number at the place is; 0: there is none. */
static size_t ssn_at(struct bytes text, size_t at)
{
    enum { LENGTH = 11 };
    static const char form[LENGTH + 1] = "ddd-dd-dddd";
    const uint8_t *p = text.p + at;
    if (text.n - at < LENGTH || p[3] != '-') return 0;
    for (size_t i = 0; i < LENGTH; i++)
        if (form[i] == '-' ? p[i] != '-' : !is_digit(p[i])) return 0;
    if (memcmp(p, "000", 3) == 0 || memcmp(p, "666", 3) == 0 || p[0] == '9') return 0;
    if (memcmp(p + 4, "00", 2) == 0 || memcmp(p + 7, "0000", 4) == 0) return 0;
    if (goes_on_from(text, at, is_digit) || (at >= 2 && p[-1] == '-' && is_digit(p[-2]))) return 0;
    size_t behind = at + LENGTH;
    if (behind < text.n && text.p[behind] == '-') behind++;
    return behind < text.n && is_digit(text.p[behind]) ? 0 : LENGTH;
}

/* What stands around values in arrays, rows, URLs and JSON does not count to them. */
static bool is_local(uint8_t c)
{
    return is_word(c) || c >= 0x80 || (c && strchr("._%+-'~", c));
}

/* A domain at the front: labels of letters, digits and hyphens that begin with no hyphen, two at least. */
static size_t domain_length(struct bytes text)
{
    size_t n = 0, whole = 0;
    bool dot = false;
    while (n < text.n && n < EMAIL_MOST) {
        size_t start = n;
        while (n < text.n && n < EMAIL_MOST && (is_word(text.p[n]) || text.p[n] >= 0x80 || text.p[n] == '-'))
            n++;
        if (n == start || text.p[start] == '-') break;
        if (dot) whole = n;
        if (n == text.n || text.p[n] != '.') break;
        dot = true;
        n++;
    }
    return whole;
}

/* The first address that begins at or behind `from`. */
static struct values_found email_next(struct bytes text, size_t from)
{
    for (size_t i = from; i < text.n; i++) {
        const uint8_t *p = memchr(text.p + i, '@', text.n - i);
        if (!p) break;
        i = (size_t)(p - text.p);
        size_t domain = domain_length(bytes_slice(text, i + 1, text.n)), at = i;
        while (domain && at > from && is_local(text.p[at - 1]) && i - at < 2 * (size_t)EMAIL_MOST)
            at--;
        if (domain && at < i) return (struct values_found){ VALUES_EMAIL, at, i + 1 + domain - at };
    }
    return (struct values_found){ 0, text.n, 0 };
}

struct values_walk values_begin(struct bytes text, uint32_t kinds)
{
    struct values_walk walk = { .text = text, .kinds = kinds, .email = { 0, text.n, 0 } };
    if (!values_may_hold(text, kinds)) walk.from = text.n;
    if (kinds & VALUES_EMAIL) walk.email = email_next(text, 0);
    return walk;
}

struct values_found values_next(struct values_walk *w)
{
    struct bytes text = w->text;
    if (w->email.kind && w->email.at < w->from) w->email = email_next(text, w->from);
    struct values_found found = w->email;
    bool numbers = w->kinds & (VALUES_CARD | VALUES_IBAN | VALUES_US_SSN);
    for (size_t at = w->from; numbers && at <= w->email.at && at < text.n; at++) {
        uint8_t c = text.p[at];
        size_t n = 0;
        uint32_t kind = 0;
        /* Most bytes end here: a letter begins an IBAN only where the second next one is a digit. */
        if (c >= '2' && c <= '6' && (w->kinds & VALUES_CARD))
            n = card_at(text, at), kind = VALUES_CARD;
        else if (c >= 'A' && at + 2 < text.n && is_digit(text.p[at + 2]) && is_letter(c) &&
                 (w->kinds & VALUES_IBAN))
            n = iban_at(text, at), kind = VALUES_IBAN;
        if (!n && is_digit(c) && (w->kinds & VALUES_US_SSN)) n = ssn_at(text, at), kind = VALUES_US_SSN;
        if (!n || (at == found.at && n < found.n)) continue;
        found = (struct values_found){ kind, at, n };
        break;
    }
    w->from = found.kind ? found.at + found.n : text.n;
    return found.kind ? found : (struct values_found){ 0 };
}

uint32_t values_redact(uint8_t *text, size_t n, uint32_t kinds)
{
    uint32_t found = 0;
    for (int round = 0; round <= REDACT_ROUNDS; round++) {
        struct values_walk walk = values_begin(bytes_make(text, n), kinds);
        /* The next one is looked for before this one's last byte, which it may hang on, is a star. */
        struct values_found f = values_next(&walk), next;
        if (!f.kind) break;
        for (; f.kind; f = next) {
            next = values_next(&walk);
            found |= f.kind;
            for (size_t i = f.at; i < f.at + f.n; i++)
                if (is_word(text[i]) || text[i] >= 0x80) text[i] = '*';
        }
        /* Who builds texts that look like values again and again gets none of it. */
        for (size_t i = 0; round == REDACT_ROUNDS && i < n; i++)
            if (is_word(text[i]) || text[i] >= 0x80) text[i] = '*';
    }
    return found;
}
