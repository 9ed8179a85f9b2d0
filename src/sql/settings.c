/* How a setting is judged: settings.def, and what a pinned value may be written like. */
#include "sql/facts.h"
#include "sql/safe.h"

#include <stdlib.h>

struct entry {
    const char *name;
    enum sql_setting kind;
    const char *pinned;
};
static const struct entry entries[] = {
#define SETTING(name, kind, pinned) { name, SQL_SETTING_##kind, pinned },
#include "sql/settings.def"
#undef SETTING
};

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static int compare(const void *key, const void *element)
{
    const struct bytes *name = key;
    const char *entry = ((const struct entry *)element)->name;
    for (size_t i = 0; i < name->n; i++) {
        int difference = lower(name->p[i]) - (uint8_t)entry[i];
        if (difference != 0) return difference; /* the entry's NUL included */
    }
    return entry[name->n] ? -1 : 0;
}

/* Whether value is what the server takes for true or for false: any start of the word that is no start of the
 * other (config.sgml, "Parameter Names and Values"). */
static bool is_boolean(struct bytes value, const char *on)
{
    static const struct {
        const char *word, *means;
        size_t least;
    } words[] = { { "true", "on", 1 },   { "yes", "on", 1 }, { "on", "on", 2 },   { "1", "on", 1 },
                  { "false", "off", 1 }, { "no", "off", 1 }, { "off", "off", 2 }, { "0", "off", 1 } };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (value.n >= words[i].least && value.n <= strlen(words[i].word) &&
            strcmp(words[i].means, on) == 0 && bytes_equal_nocase(value, bytes_make(words[i].word, value.n)))
            return true;
    return false;
}

/* Encoding names are compared without case and without anything that is no letter or digit. */
static bool is_utf8_name(struct bytes value)
{
    char name[8];
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = lower(value.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            if (c >= 0x80) return false;
            continue;
        }
        if (n == sizeof(name)) return false;
        name[n++] = (char)c;
    }
    return bytes_is(bytes_make(name, n), "utf8") || bytes_is(bytes_make(name, n), "unicode");
}

enum sql_setting sql_setting_kind(struct bytes name, struct bytes value)
{
    if (name.n > 8 && bytes_equal_nocase(bytes_slice(name, 0, 8), BYTES_LITERAL("postern.")))
        return SQL_SETTING_CONTEXT;
    const struct entry *e =
        bsearch(&name, entries, sizeof(entries) / sizeof(*entries), sizeof(*entries), compare);
    if (!e) return SQL_SETTING_OTHER;
    if (e->kind != SQL_SETTING_PINNED || !value.p) return e->kind;
    bool as_pinned = strcmp(e->pinned, "UTF8") == 0 ? is_utf8_name(value) : is_boolean(value, e->pinned);
    return as_pinned ? SQL_SETTING_HARMLESS : SQL_SETTING_PINNED;
}
