/*
 * The memory that the processes of the worker share, under one lock.
 *
 * * A site is in one hand at a time, and is looked at once a second, measured from the beginning of
 *   the last time, but never sooner than a pause as long as the till was visited: it is busy with
 *   us half of the time at most, or pauses ten seconds. After a failure: two seconds, four ... a
 *   minute.
 * * A site goes to whom had it last, since that one has a connection to its till; only if it keeps
 *   waiting another one takes it.
 * * A run that is wanted (asked for, or due) since the last look began does not wait for that;
 * after a failure only if it is wanted since then.
 */
#include "worker/shared.hpp"
#include "worker/start.hpp"

namespace sambapos::worker
{

constexpr int64 milliseconds = 1000; /* in microseconds */
constexpr int64 pace = 1000 * milliseconds;
constexpr int64 longest_pause = 10 * pace;
constexpr int64 longest_pause_after_failure = 60 * pace;
constexpr int64 patience = 500 * milliseconds;
constexpr int turn_count = 1024;

struct Shared
{
	LWLock *lock;
	Turn turns[turn_count];
	Post posts[FLEXIBLE_ARRAY_MEMBER];
};

static Shared *shared = nullptr;

/* ---- the memory ---- */

static shmem_request_hook_type next_request_hook = nullptr;
static shmem_startup_hook_type next_startup_hook = nullptr;
static constexpr const char *memory_name = "sambapos_fdw worker";

int
post_count()
{
	return max_worker_processes;
}

static Size
shared_size()
{
	return offsetof(Shared, posts) + mul_size(sizeof(Post), static_cast<Size>(post_count()));
}

static void
request_memory()
{
	if (next_request_hook != nullptr)
		next_request_hook();
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche(memory_name, 1);
}

/* Also after a crash, when all processes start again: then nobody is there any more. */
static void
find_memory()
{
	bool found;

	if (next_startup_hook != nullptr)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = static_cast<Shared *>(ShmemInitStruct(memory_name, shared_size(), &found));
	if (!found)
	{
		std::memset(static_cast<void *>(shared), 0, shared_size());
		shared->lock = &GetNamedLWLockTranche(memory_name)->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
shared_request()
{
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = find_memory;
}

/* Nothing between these two may raise. */
static void
lock(LWLockMode mode)
{
	LWLockAcquire(shared->lock, mode);
}

static void
unlock()
{
	LWLockRelease(shared->lock);
}

/* ---- posts ---- */

static void
clear(Post *post)
{
	*post = Post{};
}

/* A launcher that follows another one: who still works was told to end, and frees the post. */
void
posts_inherit()
{
	lock(LW_EXCLUSIVE);
	for (int i = 0; i < post_count(); i++)
	{
		Post *post = &shared->posts[i];

		if (post->pid == 0)
			clear(post);
		else
			post->forgotten = true;
	}
	unlock();
}

int
post_reserve(Oid database, Oid role)
{
	int found = -1;

	lock(LW_EXCLUSIVE);
	for (int i = 0; i < post_count() && found < 0; i++)
		if (!OidIsValid(shared->posts[i].database))
			found = i;
	if (found >= 0)
	{
		clear(&shared->posts[found]);
		shared->posts[found].database = database;
		shared->posts[found].role = role;
	}
	unlock();
	return found;
}

void
post_free(int post)
{
	lock(LW_EXCLUSIVE);
	clear(&shared->posts[post]);
	unlock();
}

Post
post_look(int post)
{
	Post copy;

	lock(LW_SHARED);
	copy = shared->posts[post];
	unlock();
	return copy;
}

/* What it had in hand goes to the next one. */
static void
leave(int, Datum argument)
{
	int index = DatumGetInt32(argument);
	Post *post = &shared->posts[index];

	lock(LW_EXCLUSIVE);
	for (Turn &turn : shared->turns)
		if (turn.in_hand && turn.post == index)
			turn.in_hand = false;
	post->pid = 0;
	post->latch = nullptr;
	if (post->forgotten)
		clear(post);
	unlock();
}

bool
post_enter(int index)
{
	Post *post = &shared->posts[index];
	bool welcome;

	lock(LW_EXCLUSIVE);
	welcome = OidIsValid(post->database) && post->pid == 0;
	if (welcome)
	{
		post->pid = MyProcPid;
		post->latch = MyLatch;
	}
	unlock();
	if (welcome)
		before_shmem_exit(leave, Int32GetDatum(index));
	return welcome;
}

void
post_report(int post, Outcome outcome, Oid role)
{
	lock(LW_EXCLUSIVE);
	shared->posts[post].outcome = outcome;
	shared->posts[post].role = role;
	unlock();
}

void
post_report_sites(int post, int sites)
{
	lock(LW_EXCLUSIVE);
	shared->posts[post].sites = sites;
	unlock();
}

/* ---- turns ---- */

static Turn *
find_turn(Oid database, int site)
{
	for (Turn &turn : shared->turns)
		if (turn.database == database && turn.site == site)
			return &turn;
	return nullptr;
}

/* One that is unused, else the one that nobody has had for longest: if there are more sites than
 * turns, it has waited its second. */
static Turn *
make_turn(Oid database, int site)
{
	Turn *made = nullptr;

	for (Turn &turn : shared->turns)
	{
		if (!turn.in_hand && (made == nullptr || turn.ended_at < made->ended_at))
			made = &turn;
	}
	*made = Turn{};
	made->database = database;
	made->site = site;
	return made;
}

/* From when on a post may take a site. */
static TimestampTz
begins_at(const Turn *turn, const Site *site, int post)
{
	TimestampTz at;

	if (turn == nullptr)
		return site->is_wanted ? site->wanted_at : 0;
	at = turn->next_at;
	if (site->is_wanted &&
		site->wanted_at > (turn->failures > 0 ? turn->ended_at : turn->started_at))
		at = site->wanted_at;
	if (turn->post != post && shared->posts[turn->post].pid != 0 &&
		shared->posts[turn->post].database == turn->database)
		at += patience;
	return at;
}

/* What is wanted goes first, in the order given (the most urgent first); else who waits longest. */
static int
choose(int post, Oid database, const Site *sites, int count, TimestampTz now, TimestampTz *earliest)
{
	int chosen = -1;
	TimestampTz since = 0;

	for (int i = 0; i < count; i++)
	{
		const Turn *turn = find_turn(database, sites[i].id);
		TimestampTz at;

		if (turn != nullptr && turn->in_hand)
			continue;
		at = begins_at(turn, &sites[i], post);
		*earliest = std::min(*earliest, at);
		if (at > now)
			continue;
		if (sites[i].is_wanted)
			return i;
		if (chosen < 0 || at < since)
		{
			chosen = i;
			since = at;
		}
	}
	return chosen;
}

int
turn_take(int post, Oid database, const Site *sites, int count, long *wait)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz earliest = now + pace;
	int chosen;

	lock(LW_EXCLUSIVE);
	chosen = choose(post, database, sites, count, now, &earliest);
	if (chosen >= 0)
	{
		Turn *turn = find_turn(database, sites[chosen].id);

		if (turn == nullptr)
			turn = make_turn(database, sites[chosen].id);
		turn->post = post;
		turn->in_hand = true;
		turn->started_at = now;
	}
	unlock();
	*wait = std::max(1L, static_cast<long>((earliest - now) / milliseconds));
	return chosen;
}

/* The till has its rest from the moment it was left, while what was read is written here. */
static int64
pause_after(const Turn *turn, TimestampTz left_till_at)
{
	int64 visit = left_till_at - turn->started_at;
	int64 rested = turn->ended_at - left_till_at;
	int64 took = visit + rested;

	if (turn->failures > 0)
		return std::min(longest_pause_after_failure, pace << std::min(turn->failures, 6));
	return std::clamp(std::max(pace - took, visit - rested), int64{0}, longest_pause);
}

int
turn_give_back(int post, Oid database, int site, bool failed, TimestampTz left_till_at)
{
	TimestampTz now = GetCurrentTimestamp();
	int failures = 0;
	Turn *turn;

	lock(LW_EXCLUSIVE);
	turn = find_turn(database, site);
	if (turn != nullptr && turn->post == post)
	{
		turn->in_hand = false;
		turn->ended_at = now;
		turn->failures = failures = failed ? std::min(turn->failures + 1, 1000) : 0;
		turn->next_at = now + pause_after(turn, left_till_at);
	}
	unlock();
	return failures;
}

void
turns_visit(Oid database, void (*visit)(const Turn *, pid_t, void *), void *context)
{
	for (int i = 0; shared != nullptr && i < turn_count; i++)
	{
		Turn turn;
		pid_t pid;

		lock(LW_SHARED);
		turn = shared->turns[i];
		pid = shared->posts[turn.post].database == database ? shared->posts[turn.post].pid : 0;
		unlock();
		if (turn.database == database)
			visit(&turn, pid, context);
	}
}

/* ---- waking ---- */

static bool wake_wanted = false;

/* When the transaction is visible to others. Nothing in here may fail: it is committed. */
static void
wake(XactEvent event, void *)
{
	if (!wake_wanted || event == XACT_EVENT_PRE_COMMIT)
		return;
	wake_wanted = false;
	if (event != XACT_EVENT_COMMIT)
		return;
	lock(LW_SHARED);
	for (int i = 0; i < post_count(); i++)
		if (shared->posts[i].database == MyDatabaseId && shared->posts[i].latch != nullptr)
			SetLatch(shared->posts[i].latch);
	unlock();
}

void
wake_at_commit()
{
	static bool registered = false;

	if (shared == nullptr)
		return;
	if (!registered)
		RegisterXactCallback(wake, nullptr);
	registered = true;
	wake_wanted = true;
}

} // namespace sambapos::worker
