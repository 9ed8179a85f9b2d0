/* Card numbers, IBANs and e-mail addresses, found by what a value looks like, wherever it comes from. Pure. A
 * finding is a guess: it hides what was put into the wrong column, and does not stand for masks, since
 * whoever writes the statement can write a value so that it looks like nothing (doc/masking.md).
 *
 *   card    13 to 19 digits, a blank or hyphen at most between two, the first of them 2 to 6, by Luhn's sum
 *   iban    two letters, two digits, 11 to 30 letters and digits, grouped or not, by ISO 7064's mod 97
 *   e-mail  a word, @, and a name with a dot in it
 *
 * Source: ISO/IEC 7812-1 annex B, ISO 13616-1, ISO/IEC 7064. */
#ifndef POSTERN_MASK_VALUES_H
#define POSTERN_MASK_VALUES_H
#include "base/bytes.h"

enum values_kind { VALUES_CARD = 1, VALUES_IBAN = 2, VALUES_EMAIL = 4 };
struct values_found {
    uint32_t kind; /* 0: nothing */
    size_t at, n;
};
/* The first at or behind `from`, of the kinds that are asked for. The work is a constant for each byte. */
struct values_found values_find(struct bytes text, uint32_t kinds, size_t from);

/* Letters and digits of all that is found become stars, in place: the length stays, and so does what stands
 * between groups. Gives back the kinds that were found. */
uint32_t values_redact(uint8_t *text, size_t n, uint32_t kinds);
#endif
