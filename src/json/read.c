/* The depth is measured before jansson recurses, so that its own, much higher limit never matters. */
#include "json/read.h"

/* False: deeper than max. Looks at strings only as far as needed to pass over them: text that is not JSON may
 * be misjudged here, and is refused afterwards. */
static bool json_depth_within(struct bytes text, unsigned max)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max) return false;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return true;
}

enum json_outcome json_read_object(struct bytes text, size_t max_bytes, unsigned max_depth,
                                   json_t **object_out)
{
    *object_out = NULL;
    if (text.n > max_bytes) return JSON_TOO_LONG;
    if (!json_depth_within(text, max_depth)) return JSON_TOO_DEEP;
    if (text.n == 0) return JSON_MALFORMED;
    json_error_t error;
    json_t *value = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(value)) {
        json_decref(value);
        return JSON_MALFORMED;
    }
    *object_out = value;
    return JSON_READ;
}

enum json_member json_member_text(const json_t *object, const char *name, struct bytes *text_out)
{
    *text_out = (struct bytes){ 0 };
    const json_t *member = json_object_get(object, name);
    if (!member) return JSON_MEMBER_ABSENT;
    if (!json_is_string(member)) return JSON_MEMBER_WRONG_TYPE;
    *text_out = bytes_make(json_string_value(member), json_string_length(member));
    return JSON_MEMBER_FOUND;
}
