/*
 * gzip by zlib, zstd by libzstd: streams. Both are C; what they allocate goes with the memory
 * context, also after an error.
 */
#include "functions/archive/file.hpp"

#include <zlib.h>
#include <zstd.h>

namespace sambapos::archive
{

struct Codec
{
	Compression compression;
	const char *path; /* of a file that is read */
	bool is_complete;
	z_stream gzip;
	ZSTD_CCtx *compressing;
	ZSTD_DCtx *decompressing;
	char *output; /* of a compressor */
	MemoryContextCallback cleanup;
};

/* zlib's window bits with 16 added: the format of gzip, and no other. */
constexpr int gzip_window = MAX_WBITS + 16;

static void *
gzip_allocate(void *, unsigned items, unsigned size)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, static_cast<Size>(items) * size,
									  MCXT_ALLOC_NO_OOM);
}

static void
gzip_free(void *, void *pointer)
{
	pfree(pointer);
}

static void
free_zstd(void *argument)
{
	auto *codec = static_cast<Codec *>(argument);

	ZSTD_freeCCtx(codec->compressing);
	ZSTD_freeDCtx(codec->decompressing);
	codec->compressing = nullptr;
	codec->decompressing = nullptr;
}

static Codec *
make(Compression compression)
{
	auto *codec = static_cast<Codec *>(palloc0(sizeof(Codec)));

	codec->compression = compression;
	codec->gzip.zalloc = gzip_allocate;
	codec->gzip.zfree = gzip_free;
	codec->cleanup.func = free_zstd;
	codec->cleanup.arg = codec;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &codec->cleanup);
	return codec;
}

[[noreturn]] static void
raise_no_memory()
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

Codec *
compressor(Compression compression)
{
	Codec *codec = make(compression);

	codec->output = static_cast<char *>(palloc(chunk));
	if (compression == Compression::gzip)
	{
		if (deflateInit2(&codec->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, 8,
						 Z_DEFAULT_STRATEGY) != Z_OK)
			raise_no_memory();
	}
	else if (compression == Compression::zstd)
	{
		codec->compressing = ZSTD_createCCtx();
		if (codec->compressing == nullptr)
			raise_no_memory();
		ZSTD_CCtx_setParameter(codec->compressing, ZSTD_c_checksumFlag, 1);
	}
	return codec;
}

static void
gzip_compress(Codec *codec, Span input, bool is_end, Take take, void *context)
{
	z_stream *stream = &codec->gzip;
	int result;

	stream->next_in = reinterpret_cast<Bytef *>(const_cast<char *>(input.data));
	stream->avail_in = static_cast<uInt>(input.length);
	do
	{
		stream->next_out = reinterpret_cast<Bytef *>(codec->output);
		stream->avail_out = chunk;
		result = deflate(stream, is_end ? Z_FINISH : Z_NO_FLUSH);
		if (result == Z_STREAM_ERROR)
			elog(ERROR, "could not compress: %s", stream->msg != nullptr ? stream->msg : "zlib");
		take(context, codec->output, chunk - stream->avail_out);
	} while (stream->avail_out == 0 || (is_end && result != Z_STREAM_END));
}

static void
zstd_compress(Codec *codec, Span input, bool is_end, Take take, void *context)
{
	ZSTD_inBuffer in = {input.data, input.length, 0};
	size_t rest;

	do
	{
		ZSTD_outBuffer out = {codec->output, chunk, 0};

		rest = ZSTD_compressStream2(codec->compressing, &out, &in,
									is_end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(rest))
			elog(ERROR, "could not compress: %s", ZSTD_getErrorName(rest));
		take(context, codec->output, out.pos);
	} while (is_end ? rest != 0 : in.pos < in.size);
}

void
compress(Codec *codec, Span input, bool is_end, Take take, void *context)
{
	switch (codec->compression)
	{
		case Compression::none: take(context, input.data, input.length); break;
		case Compression::gzip: gzip_compress(codec, input, is_end, take, context); break;
		case Compression::zstd: zstd_compress(codec, input, is_end, take, context); break;
	}
}

Codec *
decompressor(Compression compression, const char *path)
{
	Codec *codec = make(compression);

	codec->path = path;
	codec->is_complete = compression == Compression::none;
	if (compression == Compression::gzip && inflateInit2(&codec->gzip, gzip_window) != Z_OK)
		raise_no_memory();
	if (compression == Compression::zstd)
	{
		codec->decompressing = ZSTD_createDCtx();
		if (codec->decompressing == nullptr)
			raise_no_memory();
	}
	return codec;
}

static size_t
gzip_decompress(Codec *codec, Span *input, char *output, size_t room)
{
	z_stream *stream = &codec->gzip;
	int result;

	stream->next_in = reinterpret_cast<Bytef *>(const_cast<char *>(input->data));
	stream->avail_in = static_cast<uInt>(input->length);
	stream->next_out = reinterpret_cast<Bytef *>(output);
	stream->avail_out = static_cast<uInt>(room);
	result = inflate(stream, Z_NO_FLUSH);
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		raise_damaged(codec->path, stream->msg != nullptr ? stream->msg : "it is not gzip");
	codec->is_complete = result == Z_STREAM_END;
	*input = {reinterpret_cast<const char *>(stream->next_in), stream->avail_in};
	return room - stream->avail_out;
}

static size_t
zstd_decompress(Codec *codec, Span *input, char *output, size_t room)
{
	ZSTD_inBuffer in = {input->data, input->length, 0};
	ZSTD_outBuffer out = {output, room, 0};
	size_t rest = ZSTD_decompressStream(codec->decompressing, &out, &in);

	if (ZSTD_isError(rest))
		raise_damaged(codec->path, ZSTD_getErrorName(rest));
	codec->is_complete = rest == 0;
	*input = {input->data + in.pos, in.size - in.pos};
	return out.pos;
}

size_t
decompress(Codec *codec, Span *input, char *output, size_t room)
{
	size_t length = std::min(input->length, room);

	if (codec->compression != Compression::none && codec->is_complete && input->length > 0)
		raise_damaged(codec->path, "something stands behind its end");
	switch (codec->compression)
	{
		case Compression::gzip: return gzip_decompress(codec, input, output, room);
		case Compression::zstd: return zstd_decompress(codec, input, output, room);
		case Compression::none: break;
	}
	memcpy(output, input->data, length);
	*input = {input->data + length, input->length - length};
	return length;
}

bool
is_complete(const Codec *codec)
{
	return codec->is_complete;
}

/* What zlib holds goes with the memory context. */
void
release(Codec *codec)
{
	free_zstd(codec);
}

} // namespace sambapos::archive
