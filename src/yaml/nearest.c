/* Edit distance with swaps of neighbours (optimal string alignment), over short words only. */
#include "yaml/errors.h"

enum { NEAREST_WORD_CEILING = 40 };

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static unsigned distance(struct bytes a, struct bytes b)
{
    unsigned rows[3][NEAREST_WORD_CEILING + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    for (unsigned j = 0; j <= b.n; j++)
        last[j] = before[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        now[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            now[j] = smallest(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a.p[i - 1] != b.p[j - 1]));
            bool swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
            if (swapped && before[j - 2] + 1 < now[j]) now[j] = before[j - 2] + 1;
        }
        unsigned *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b.n];
}

const char *yaml_nearest(struct bytes word, const char *const *names, size_t n)
{
    const char *best = NULL;
    unsigned best_distance = 0;
    if (word.n == 0 || word.n > NEAREST_WORD_CEILING) return NULL;
    for (size_t i = 0; i < n; i++) {
        struct bytes name = bytes_of(names[i]);
        if (name.n > NEAREST_WORD_CEILING) continue;
        unsigned d = distance(word, name);
        /* A third of the word may be wrong; of a short one, a letter. */
        unsigned near = (unsigned)(name.n > word.n ? name.n : word.n) / 3;
        if (d > (near ? near : 1) || d >= name.n) continue;
        if (!best || d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
