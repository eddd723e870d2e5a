"""Answers that are sent piece by piece, by a server of either kind."""

from collections.abc import AsyncIterator, Generator
from typing import Any, BinaryIO

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpRequest, StreamingHttpResponse

CHUNK = 1 << 16
"""Bytes of a download that are in memory at once."""

Chunks = Generator[Any, None, None]


class AsyncChunks:
    """A generator that is asked for each piece in the thread of the request.

    Django would collect all pieces of a plain generator in memory before it sends the first one
    under ASGI.
    """

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks
        self.close = chunks.close
        """What Django calls when the answer has ended, however it did."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (chunk := await sync_to_async(self.get_next)()) is not None:
            yield chunk

    def get_next(self) -> Any:
        # With a default: a coroutine may not raise the StopIteration of a generator that ends.
        return next(self.chunks, None)


def suit(request: HttpRequest, chunks: Chunks) -> Any:
    """Return the pieces as the server of this request takes them."""
    return AsyncChunks(chunks) if isinstance(request, ASGIRequest) else chunks


def stream(request: HttpRequest, chunks: Chunks) -> StreamingHttpResponse:
    """Return an HTML page that is sent as it comes.

    Where the browser goes away, the generator is closed.
    """
    response = StreamingHttpResponse(suit(request, chunks))
    # nginx collects an answer before it passes it on, unless it is told not to
    # (https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering). GZipMiddleware
    # compresses one in blocks, unless it has an encoding already.
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Content-Encoding"] = "identity"
    return response


def send_file(request: HttpRequest, file: BinaryIO, name: str) -> FileResponse:
    """Return a download of an open file, which is closed at its end."""
    response = FileResponse(file, as_attachment=True, filename=name)
    response.streaming_content = suit(request, read_chunks(file))
    return response


def read_chunks(file: BinaryIO) -> Chunks:
    while chunk := file.read(CHUNK):
        yield chunk
