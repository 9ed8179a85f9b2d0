/* Patterns with * (any run, the empty one too) and ? (any one character of UTF-8). */
#ifndef POSTERN_POLICY_GLOB_H
#define POSTERN_POLICY_GLOB_H
#include "base/bytes.h"

/* Whether the whole text matches; takes pattern.n × text.n steps at most. */
bool policy_glob(struct bytes pattern, struct bytes text);
#endif
