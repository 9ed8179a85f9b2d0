/* Card numbers, IBANs, e-mail addresses and US social security numbers, found by what a value looks like,
 * wherever it comes from. Pure. A finding is a guess: it hides what was put into the wrong column, and does
 * not stand for masks of columns, since whoever writes the statement can write a value so that it looks like
 * nothing (doc/masking.md).
 *
 *   card    13 to 19 digits, the first of them 2 to 6, by Luhn's sum; a blank or hyphen at most between two
 *           groups of at least three; no fraction of a number
 *   iban    a country, two digits, and as many letters and digits as that country's have, grouped or not, by
 *           ISO 7064's mod 97
 *   e-mail  a word, @, and a name with a dot in it
 *   us ssn  three digits, two and four with hyphens between, no part of a longer number; the first not 000,
 *           666 or from 900 on, the others not all zeros
 *
 * Source: ISO/IEC 7812-1 annex B, ISO 13616-1, ISO/IEC 7064, 20 CFR 422.103. */
#ifndef POSTERN_MASK_VALUES_H
#define POSTERN_MASK_VALUES_H
#include "base/bytes.h"

enum values_kind { VALUES_CARD = 1, VALUES_IBAN = 2, VALUES_EMAIL = 4, VALUES_US_SSN = 8 };
struct values_found {
    uint32_t kind; /* 0: nothing */
    size_t at, n;
};
/* A walk from one finding to the next; they do not overlap. The work is a constant for each byte. */
struct values_walk {
    struct bytes text;
    uint32_t kinds;
    size_t from;
    struct values_found email; /* the next one; kind 0: there is none */
};
struct values_walk values_begin(struct bytes text, uint32_t kinds);
struct values_found values_next(struct values_walk *walk);

/* Whether there can be any, as text or as hexadecimal digits: false at once for most values that hold none.
 */
static inline bool values_may_hold(struct bytes text, uint32_t kinds)
{
    if (text.n >= 12 || (text.n == 11 && kinds & VALUES_US_SSN)) return kinds != 0;
    return (kinds & VALUES_EMAIL) && text.n >= 5 && memchr(text.p, '@', text.n);
}

/* Letters and digits of all that is found become stars, in place, and of what only then looks like a finding:
 * the length stays, and so does what stands between groups. Gives back the kinds that were found. */
uint32_t values_redact(uint8_t *text, size_t n, uint32_t kinds);
#endif
