/* The operational log: lines on standard error for the operator, one event a line, `key=value` behind it. It
 * is not the record: no statement, value, token or password is ever written here. Thread-safe; a line is one
 * write. */
#ifndef POSTERN_BASE_LOG_H
#define POSTERN_BASE_LOG_H
#include "base/check.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
/* Lines above this level are dropped; LOG_INFO from the start. Set once, before threads start. */
void log_set_level(enum log_level level);
/* Control bytes in the message come out as \xHH. Longer than 2,000 bytes is cut with "…". */
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
#endif
