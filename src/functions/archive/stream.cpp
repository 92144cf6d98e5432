/*
 * Files as streams: buffered, compressed, and their SHA-256 computed on the way. A file that is
 * there already is never written over; one that is read may be anybody's.
 */
#include "functions/archive/file.hpp"

namespace sambapos::archive
{

struct Sink
{
	const char *path;
	int descriptor;
	Codec *codec;
	pg_cryptohash_ctx *hash;
	int64 bytes;
	char *waiting; /* before it is compressed */
	size_t length;
};

[[noreturn]] static void
raise_io(const char *deed, const char *path)
{
	ereport(ERROR,
			(errcode_for_file_access(), errmsg("could not %s file \"%s\": %m", deed, shown(path))));
}

static pg_cryptohash_ctx *
hash_begin()
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	if (hash == nullptr || pg_cryptohash_init(hash) < 0)
		elog(ERROR, "could not begin a SHA-256");
	return hash;
}

static void
hash_add(pg_cryptohash_ctx *hash, const char *data, size_t length)
{
	if (pg_cryptohash_update(hash, reinterpret_cast<const uint8 *>(data), length) < 0)
		elog(ERROR, "could not compute a SHA-256");
}

static void
hash_end(pg_cryptohash_ctx *hash, char *hexadecimal)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];

	if (pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute a SHA-256");
	pg_cryptohash_free(hash);
	hex_encode(reinterpret_cast<const char *>(digest), sizeof(digest), hexadecimal);
	hexadecimal[2 * sizeof(digest)] = '\0';
}

Sink *
sink_open(const char *path, Compression compression)
{
	auto *sink = static_cast<Sink *>(palloc0(sizeof(Sink)));

	sink->path = path;
	sink->descriptor =
		OpenTransientFilePerm(path, O_WRONLY | O_CREAT | O_EXCL | PG_BINARY, pg_file_create_mode);
	if (sink->descriptor < 0)
		raise_io("create", path);
	made_enter(path);
	sink->codec = compressor(compression);
	sink->hash = hash_begin();
	sink->waiting = static_cast<char *>(palloc(chunk));
	return sink;
}

static void
write_out(void *context, const char *data, size_t length)
{
	auto *sink = static_cast<Sink *>(context);

	hash_add(sink->hash, data, length);
	sink->bytes += static_cast<int64>(length);
	while (length > 0)
	{
		ssize_t written;

		errno = 0;
		written = write(sink->descriptor, data, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			errno = errno != 0 ? errno : ENOSPC;
			raise_io("write to", sink->path);
		}
		data += written;
		length -= static_cast<size_t>(written);
	}
}

static void
flush(Sink *sink, bool is_end)
{
	CHECK_FOR_INTERRUPTS();
	compress(sink->codec, {sink->waiting, sink->length}, is_end, write_out, sink);
	sink->length = 0;
}

void
sink_put(Sink *sink, const char *data, size_t length)
{
	while (length > 0)
	{
		size_t part = std::min(length, chunk - sink->length);

		memcpy(sink->waiting + sink->length, data, part);
		sink->length += part;
		data += part;
		length -= part;
		if (sink->length == chunk)
			flush(sink, false);
	}
}

Digest
sink_close(Sink *sink)
{
	Digest digest;
	char *folder = pstrdup(sink->path);

	flush(sink, true);
	release(sink->codec);
	if (pg_fsync(sink->descriptor) != 0)
		raise_io("fsync", sink->path);
	if (CloseTransientFile(sink->descriptor) != 0)
		raise_io("close", sink->path);
	get_parent_directory(folder);
	fsync_fname(folder, true);
	hash_end(sink->hash, digest.sha256);
	digest.bytes = sink->bytes;
	return digest;
}

/* It may be a pipe by now, or a folder. */
static int
open_to_read(const char *path)
{
	int descriptor = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	struct stat status;

	if (descriptor < 0)
	{
		if (errno == ENOENT)
			return -1;
		raise_io("open", path);
	}
	if (fstat(descriptor, &status) != 0)
		raise_io("stat", path);
	if (!S_ISREG(status.st_mode))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a regular file", shown(path))));
	return descriptor;
}

static size_t
read_chunk(int descriptor, const char *path, char *buffer)
{
	ssize_t length = read(descriptor, buffer, chunk);

	CHECK_FOR_INTERRUPTS();
	if (length < 0)
		raise_io("read", path);
	return static_cast<size_t>(length);
}

bool
digest_of(const char *path, Digest *digest)
{
	int descriptor = open_to_read(path);
	auto *buffer = static_cast<char *>(palloc(chunk));
	pg_cryptohash_ctx *hash;
	size_t length;

	if (descriptor < 0)
		return false;
	hash = hash_begin();
	digest->bytes = 0;
	while ((length = read_chunk(descriptor, path, buffer)) > 0)
	{
		hash_add(hash, buffer, length);
		digest->bytes += static_cast<int64>(length);
	}
	hash_end(hash, digest->sha256);
	CloseTransientFile(descriptor);
	return true;
}

/* ---- reading ---- */

struct Source
{
	const char *path;
	int descriptor;
	Codec *codec;
	char *file; /* as it is on disk */
	Span unread;
	char *plain;
	size_t position;
	size_t length;
	bool is_over; /* the file is */
};

Source *
source_open(const char *path, Compression compression)
{
	auto *source = static_cast<Source *>(palloc0(sizeof(Source)));

	source->path = path;
	source->descriptor = open_to_read(path);
	if (source->descriptor < 0)
	{
		errno = ENOENT;
		raise_io("open", path);
	}
	source->codec = decompressor(compression, path);
	source->file = static_cast<char *>(palloc(chunk));
	source->plain = static_cast<char *>(palloc(chunk));
	return source;
}

/* Some more plain bytes; false: there are none. */
static bool
refill(Source *source)
{
	source->position = 0;
	source->length = 0;
	while (source->length == 0)
	{
		if (source->unread.length == 0 && !source->is_over)
		{
			source->unread = {source->file,
							  read_chunk(source->descriptor, source->path, source->file)};
			source->is_over = source->unread.length == 0;
		}
		if (source->is_over && is_complete(source->codec))
			return false;
		source->length = decompress(source->codec, &source->unread, source->plain, chunk);
		if (source->length == 0 && source->is_over && !is_complete(source->codec))
			raise_damaged(source->path, "it ends too early");
	}
	return true;
}

bool
source_line(Source *source, StringInfo line)
{
	resetStringInfo(line);
	while (source->position < source->length || refill(source))
	{
		const char *rest = source->plain + source->position;
		size_t length = source->length - source->position;
		const void *end = memchr(rest, '\n', length);
		size_t taken =
			end != nullptr ? static_cast<size_t>(static_cast<const char *>(end) - rest) : length;

		appendBinaryStringInfo(line, rest, static_cast<int>(taken));
		source->position += taken + (end != nullptr ? 1 : 0);
		if (end != nullptr)
			return true;
	}
	if (line->len > 0)
		raise_damaged(source->path, "its last line has no end");
	return false;
}

void
source_rest(Source *source, StringInfo rest, size_t most)
{
	while (source->position < source->length || refill(source))
	{
		appendBinaryStringInfo(rest, source->plain + source->position,
							   static_cast<int>(source->length - source->position));
		source->position = source->length;
		if (static_cast<size_t>(rest->len) > most)
			raise_damaged(source->path, "it is too large");
	}
}

void
source_close(Source *source)
{
	release(source->codec);
	CloseTransientFile(source->descriptor);
}

} // namespace sambapos::archive
