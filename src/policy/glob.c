/* The usual matcher that goes back to the last star only: earlier stars never need to be tried again. */
#include "policy/glob.h"

/* The length of the character that begins at i, whose bytes were not necessarily checked. */
static size_t character(struct bytes text, size_t i)
{
    size_t n = 1;
    while (i + n < text.n && (text.p[i + n] & 0xc0) == 0x80)
        n++;
    return n;
}

bool policy_glob(struct bytes pattern, struct bytes text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.n && pattern.p[p] == '?') {
            p++;
            t += character(text, t);
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}
