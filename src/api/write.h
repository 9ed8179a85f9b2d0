/* What several resources write and ask in the same way. */
#ifndef POSTERN_API_WRITE_H
#define POSTERN_API_WRITE_H
#include "api/call.h"

void api_write_session(struct json_writer *w, const struct api_call *call, const struct index_session *s);
struct desk_entry;
void api_write_approval(struct json_writer *w, const struct api_call *call, const struct desk_entry *entry);
bool api_may_see_approval(const struct api_call *call, const struct desk_entry *entry);

enum { API_WORDS_MOST = 16 };
/* "delete \"from orders\" x*" as words and phrases. */
size_t api_words(struct bytes text, struct bytes *words, size_t most);
/* What lists are asked for, from the query. Those who are neither auditors nor admins find their own alone.
 */
struct api_found {
    struct index_find find;
    struct index_place from;
    struct index_owner owner;
    struct bytes words[API_WORDS_MOST];
};
bool api_find(struct api_call *call, struct api_found *out) MUST_USE;
#endif
