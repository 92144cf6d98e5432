/*
 * Files of archives, compressed or not: written once and never over another one, read as a stream.
 *
 * file.cpp: who may, which paths. codec.cpp: gzip and zstd. stream.cpp: bytes from and to the disk.
 * made.cpp takes half an export away. write.cpp and read.cpp are what SQL calls.
 */
#pragma once

#include "bridge/pg.hpp"

struct pg_cryptohash_ctx;

namespace sambapos::archive
{

enum class Compression
{
	none,
	gzip,
	zstd
};

constexpr size_t chunk = 65536;

Compression compression_named(const char *name);

/* Raise 42501 unless the role may, 22023 unless the path can be one of a file of ours. The path
 * comes back in one form. */
char *path_to_read(const text *path);
char *path_to_write(const text *path);

/* A path as an error shows it, whoever has written the manifest. */
const char *shown(const char *path);

[[noreturn]] void raise_damaged(const char *path, const char *what);

/* ---- compressing and its reverse; one of each a file ---- */

struct Codec;

struct Span
{
	const char *data;
	size_t length;
};

using Take = void (*)(void *context, const char *data, size_t length);

Codec *compressor(Compression compression);
/* Hands on what is ready; at the end all of it. */
void compress(Codec *codec, Span input, bool is_end, Take take, void *context);

Codec *decompressor(Compression compression, const char *path);
/* Takes bytes from input and writes at most so many; returns how many it wrote. */
size_t decompress(Codec *codec, Span *input, char *output, size_t room);
/* True if the stream has come to its end, as it must have at the end of the file. */
bool is_complete(const Codec *codec);

void release(Codec *codec);

/* ---- what was made, to be taken away when an export fails ---- */

void made_enter(const char *path);

/* ---- a file that is written ---- */

struct Digest
{
	int64 bytes;
	char sha256[65];
};

struct Sink;

Sink *sink_open(const char *path, Compression compression);
void sink_put(Sink *sink, const char *data, size_t length);
/* On disk, with the folder's entry, when this returns. */
Digest sink_close(Sink *sink);

/* ---- a file that is read ---- */

struct Source;

Source *source_open(const char *path, Compression compression);
/* Up to the line's end, which is not part of it; false at the end of the file. */
bool source_line(Source *source, StringInfo line);
/* What is left, no more than so many bytes. */
void source_rest(Source *source, StringInfo rest, size_t most);
void source_close(Source *source);

/* Of the file as it is on disk; false: there is none. */
bool digest_of(const char *path, Digest *digest);

} // namespace sambapos::archive
