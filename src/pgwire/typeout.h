/* A value in PostgreSQL's binary format as the text that PostgreSQL itself would print. Pure: it depends on
 * no setting of a session; dates are ISO, intervals in the `postgres` style, times with a zone in UTC, bytea
 * in hexadecimal, floats in their shortest exact form, money with two decimals and a dollar sign.
 * Source: the _send and _out functions of PostgreSQL 15's src/backend/utils/adt. test-typeout.c compares with
 * a real server. */
#ifndef POSTERN_PGWIRE_TYPEOUT_H
#define POSTERN_PGWIRE_TYPEOUT_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

/* The name that people use for a built-in type ("integer", "timestamp with time zone", "text[]"); NULL where
 * it is not one of those that typeout_binary knows. */
const char *typeout_name(uint32_t oid);

/* Whether psql would print the type's values flush right (its numbers). */
bool typeout_is_number(uint32_t oid);

/* Appends the text of a binary value. False: the type is not known here, or the bytes are no value of it;
 * out then holds nothing new. */
bool typeout_binary(uint32_t oid, struct bytes value, struct buf *out) MUST_USE;

/* Always appends something to show: a text value as it is, a binary one by typeout_binary, or, where that
 * says no, as \x and hexadecimal digits. Answers whether it was understood (text always is). */
bool typeout_value(uint32_t oid, bool binary, struct bytes value, struct buf *out);
#endif
