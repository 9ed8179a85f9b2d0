/* The tags are those of the tables that sql makes them from, and the ones that it works out. */
#include "policy/tags.h"
#include "policy/glob.h"

static const char *const utilities[] = {
#define UTILITY(T, tag, effects) tag,
#include "sql/utility.def"
#undef UTILITY
};
static const char *const objects[] = {
#define OBJECT(TYPE, words, how) words,
#include "sql/objects.def"
#undef OBJECT
};
static const char *const others[] = {
    "SELECT",
    "SELECT INTO",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "BEGIN",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "SET",
    "RESET",
    "GRANT",
    "REVOKE",
    "DISCARD ALL",
    "DISCARD PLANS",
    "DISCARD TEMP",
    "DISCARD SEQUENCES",
    "CLOSE CURSOR",
    "CLOSE CURSOR ALL",
    "DEALLOCATE",
    "DEALLOCATE ALL",
    "FETCH",
    "MOVE",
    "VACUUM",
    "ANALYZE",
    "CREATE PROCEDURE",
    "CREATE FUNCTION",
    "CREATE TABLE AS",
    "CREATE MATERIALIZED VIEW",
    "COMMIT PREPARED",
    "ROLLBACK PREPARED",
    "PREPARE TRANSACTION",
};

bool policy_tag_matches(struct bytes pattern, struct bytes tag)
{
    if (policy_glob(pattern, tag)) return true;
    for (size_t i = 0; i < tag.n; i++)
        if (tag.p[i] == ' ' && policy_glob(pattern, bytes_slice(tag, 0, i))) return true;
    return false;
}

/* A tag that ends in a space goes on with an object's words. */
static bool utility_matches(struct bytes pattern, const char *tag)
{
    char whole[96];
    size_t n = strlen(tag);
    if (n == 0 || tag[n - 1] != ' ') return n && policy_tag_matches(pattern, bytes_of(tag));
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        size_t more = strlen(objects[i]);
        if (n + more > sizeof whole) continue;
        memcpy(whole, tag, n);
        memcpy(whole + n, objects[i], more);
        if (policy_tag_matches(pattern, bytes_make(whole, n + more))) return true;
    }
    return false;
}

bool policy_tag_exists(struct bytes pattern)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (policy_tag_matches(pattern, bytes_of(others[i]))) return true;
    for (size_t i = 0; i < sizeof utilities / sizeof *utilities; i++)
        if (utility_matches(pattern, utilities[i])) return true;
    return false;
}
