/* A small strict reader of XML, as far as object storage answers in it: elements, text, the five entities and
 * numbered characters. Comments, CDATA, document types, processing instructions, text between elements and
 * anything behind the root are refused; attributes are passed over. Pure. */
#ifndef POSTERN_STORE_XML_H
#define POSTERN_STORE_XML_H
#include "base/bytes.h"
#include "base/check.h"

enum { XML_DEPTH = 8, XML_PATH = 256, XML_TEXT = 4096 /* of one element */ };

/* path: the elements from the root, "ListBucketResult/Contents/Key", without their prefixes. A leaf comes
 * with its text; an element that holds others comes when it ends, with whole == true and no text. */
struct xml_element {
    const char *path;
    struct bytes text;
    bool whole;
};
/* False: not such XML, and nothing that was visited is to be believed. */
bool xml_read(struct bytes text, void (*visit)(void *context, const struct xml_element *element),
              void *context) MUST_USE;
/* Appends the text with < > & " ' escaped, for what is sent; the ceiling is out's. */
struct buf;
void xml_escape(struct buf *out, struct bytes text);
#endif
