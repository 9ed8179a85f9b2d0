/* One value of a shape's field, from its node: the part of reading that knows the types of single values. */
#ifndef POSTERN_YAML_VALUE_H
#define POSTERN_YAML_VALUE_H
#include "yaml/shape.h"

/* Fills the member of a field whose type is no object. False: errors has what is wrong. */
bool yaml_value_read(struct yaml_reader *reader, const struct yaml_field *field, const struct yaml_node *node,
                     void *member) MUST_USE;
/* What a value of this field looks like: "a whole number from 1 to 65535". */
void yaml_value_describe(const struct yaml_field *field, struct buf *out);
#endif
