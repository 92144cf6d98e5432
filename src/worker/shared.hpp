/*
 * What the processes of the worker share: who is there (posts), and which site was looked at when
 * (turns). Both are in shared memory, so there are none unless the library was preloaded: then
 * everything else works, and nobody is woken.
 *
 * shared.cpp   the memory; turns taken and given back; waking
 * launcher.cpp one process a cluster: starts and ends the others
 * worker.cpp   some processes a database: look at sites, and sync them
 * settings.cpp settings, and what _PG_init has to do
 */
#pragma once

#include "bridge/pg.hpp"

namespace sambapos::worker
{

/* ---- settings ---- */

extern char *databases;
extern int per_database;

/* Called by _PG_init. */
void init();

/* ---- posts: a process of ours each ---- */

enum class Outcome
{
	none,        /* it was ended, or has failed: start another one after a pause */
	found_role,  /* it has found out as whom to run, and left that in the post */
	nothing_here /* no extension or no site here: look again some time later */
};

struct Post
{
	Oid database; /* invalid: the post is free */
	Oid role;     /* whose rights the process has; invalid: the one that finds out */
	pid_t pid;    /* 0: not started yet, or ended */
	Latch *latch;
	int sites; /* how many it has seen */
	Outcome outcome;
	bool forgotten; /* its launcher has gone: the process frees the post itself */
};

/* For the launcher. post_reserve: -1 if there is none. Looking at a post gives a copy. */
void posts_inherit();
int post_reserve(Oid database, Oid role);
void post_free(int post);
Post post_look(int post);

/* For the process at a post: true if it may go on (it was not taken away before it came). */
bool post_enter(int post);
void post_report(int post, Outcome outcome, Oid role);
void post_report_sites(int post, int sites);

int post_count();

/* ---- turns: a site each ---- */

struct Site
{
	int id;
	char name[NAMEDATALEN];
	bool is_wanted; /* a run was asked for, or is due, since wanted_at */
	TimestampTz wanted_at;
};

struct Turn
{
	Oid database; /* invalid: unused */
	int site;
	int post; /* that has it in hand, or had it last */
	bool in_hand;
	TimestampTz started_at;
	TimestampTz ended_at;
	TimestampTz next_at;
	int failures; /* in a row */
};

/* The index of the site whose turn it is for this post, which then has it in hand; -1: none yet,
 * and *wait milliseconds until there may be one. */
int turn_take(int post, Oid database, const Site *sites, int count, long *wait);

/* Gives a site back that was in hand, and whose till was left a while ago. Returns how often in a
 * row it has failed. */
int turn_give_back(int post, Oid database, int site, bool failed, TimestampTz left_till_at);

void turns_visit(Oid database, void (*visit)(const Turn *, pid_t, void *), void *context);

/* At the commit of this transaction the workers of this database stop sleeping. */
void wake_at_commit();

} // namespace sambapos::worker
