/*
 * Loaded before everything else, behind the address sanitizer itself: its first malloc() starts the
 * sanitizer. Otherwise that would happen inside the first library whose constructor allocates, and
 * PostgreSQL has one (libp11-kit) that does so while glibc holds a lock which the sanitizer's start
 * needs: postgres then hangs before main().
 */
#include <cstdlib>

static void *volatile first;

__attribute__((constructor)) static void
start_the_sanitizer()
{
	first = malloc(1);
	free(first);
}
