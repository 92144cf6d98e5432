/*
 * The table of options: every option there is, where it belongs and what it may hold. The validator
 * (validator.cpp) and the reader (values.cpp) both go by it.
 */
#pragma once

#include "fdw/fdw.hpp"

namespace sambapos::fdw
{

/* A name or password in a TDS login packet has at most 128 characters; DB-Library counts bytes. */
constexpr int login_text_length = 128;

enum class OptionKind
{
	text,    /* not empty, at most `maximum` bytes if that isn't 0 */
	name,    /* the same; said of names */
	secret,  /* never shown; may be empty */
	path,    /* an absolute path of a file; superusers only */
	boolean, /* true, false, on, off, yes, no, 1, 0 */
	integer, /* minimum to maximum */
	number,  /* not negative, finite */
	choice   /* one of `choices` */
};

struct OptionRule
{
	const char *name;
	Oid catalog; /* the kind of object it belongs to */
	OptionKind kind;
	int minimum;
	int maximum;
	const char *choices; /* separated by ", ", in the order of the enumeration they stand for */
};

/* The rule of an option of one kind of object; null if there is none. */
const OptionRule *find_option(const char *name, Oid catalog);

/* The position of a value among the rule's choices; -1 if it isn't one of them. */
int choice_index(const OptionRule *rule, const char *value);

} // namespace sambapos::fdw
