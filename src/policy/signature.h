/* Code as the catalogue names it ("public.f(integer, text)", "public.=(public.citext, public.citext)",
 * "public.mail" for a type's own, "(text AS public.citext)" for a cast), and patterns over it: "public.f"
 * (every f), "public.f(integer)", "public.*". Only src/policy includes this. */
#ifndef POSTERN_POLICY_SIGNATURE_H
#define POSTERN_POLICY_SIGNATURE_H
#include "policy/pattern.h"

/* A signature's parts, pointing into it. The catalogue writes names without quotes: false where a dot or
 * parenthesis more would leave open where the schema or the name ends, and for a cast, which has no name. */
struct policy_code_name {
    struct bytes schema, name;
    struct bytes arguments; /* with their parentheses; empty: a type's own code */
};
bool policy_code_name(struct bytes signature, struct policy_code_name *name_out);

struct policy_signature {
    struct bytes cast;          /* "(text AS public.citext)", whole; else empty, and: */
    struct policy_pattern name; /* of two parts */
    struct bytes arguments;     /* with their parentheses, as the catalogue spells types; empty: any */
};
struct policy_signatures {
    struct policy_signature *items;
    size_t n;
};
/* NULL: *signature_out is the pattern; else why it is none, as the end of a sentence. */
const char *policy_signature_parse(struct bytes text, struct arena *arena,
                                   struct policy_signature *signature_out) MUST_USE;
bool policy_signatures_match(const struct policy_signatures *patterns, struct bytes signature);
#endif
