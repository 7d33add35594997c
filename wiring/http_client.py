"""The HTTP client of a process: httpx's interface over aiohttp's connections, for hundreds of exchanges at once.

httpx's own pool looks at all of its connections, some against all others, twice for every request. With a hundred
under way that costs several times what the exchange itself does (`make bench`, P4).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from urllib.request import getproxies

import aiohttp
import httpx
from yarl import URL

_PROXIED = ("http", "https", "all")
# Shorter than any server keeps a silent connection: one that it is just closing would take a message nobody reads.
_KEEP_ALIVE_SECONDS = 4.0
_UNSENDABLE = re.compile(r"[\r\n\0]")
# All headers are the caller's: httpx writes those that are due.
_OURS_ALONE = ("User-Agent", "Content-Type", "Accept", "Accept-Encoding")
# The first that fits. Only what is raised before a connection stands may say that nothing was sent.
_ERRORS: MappingProxyType[type[Exception], type[httpx.TransportError]] = MappingProxyType({
    aiohttp.ConnectionTimeoutError: httpx.ConnectTimeout,
    aiohttp.ServerTimeoutError: httpx.ReadTimeout,
    aiohttp.ClientConnectorError: httpx.ConnectError,
    aiohttp.InvalidURL: httpx.UnsupportedProtocol,
    aiohttp.NonHttpUrlClientError: httpx.UnsupportedProtocol,
    aiohttp.ServerDisconnectedError: httpx.RemoteProtocolError,
    aiohttp.ClientResponseError: httpx.RemoteProtocolError,
    aiohttp.ClientPayloadError: httpx.RemoteProtocolError,
    aiohttp.ClientError: httpx.ReadError,
    TimeoutError: httpx.ReadTimeout,
    OSError: httpx.ReadError,
})  # fmt: skip


def make_http(*, timeout: httpx.Timeout, max_connections: int) -> httpx.AsyncClient:
    """Make the client of a process. Behind a proxy, as the environment names it, the connections are httpx's own."""
    if any(scheme in getproxies() for scheme in _PROXIED):
        return httpx.AsyncClient(timeout=timeout, limits=httpx.Limits(max_connections=max_connections))
    return httpx.AsyncClient(timeout=timeout, transport=AiohttpTransport(max_connections=max_connections))


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Exchange over aiohttp; raises what httpx's own transport raises."""

    def __init__(self, *, max_connections: int) -> None:
        self._max_connections = max_connections
        self._trusted = httpx.create_ssl_context()
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and give the answer with its body still to be read."""
        headers = request.headers.multi_items()
        if any(_UNSENDABLE.search(value) for _, value in headers):
            raise httpx.LocalProtocolError("a header with a line break")
        body = await request.aread()
        timeout, longest = _timeout(request)
        with _as_httpx():
            async with asyncio.timeout(longest):
                answer = await self._open_session().request(
                    request.method, URL(str(request.url), encoded=True), headers=headers, data=body or None,
                    allow_redirects=False, timeout=timeout,
                )  # fmt: skip
        reason = (answer.reason or "").encode("ascii", "ignore")
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=_Body(answer),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": reason},
        )  # fmt: skip

    def _open_session(self) -> aiohttp.ClientSession:
        """Open it in the loop that it is used in."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._max_connections, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=self._trusted
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
                skip_auto_headers=_OURS_ALONE,
            )  # fmt: skip
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


class _Body(httpx.AsyncByteStream):
    """What an answer brings; a connection whose body was not read to its end is not used again."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for piece in self._answer.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        self._answer.close()


def _timeout(request: httpx.Request) -> tuple[aiohttp.ClientTimeout, float | None]:
    """Give the limits, and the longest that all of them together let pass until the answer begins.

    aiohttp's `connect` is the wait for a free connection and for a new one, both together. After an interim answer
    (1xx) it forgets about `sock_read`.
    """
    given: dict[str, float | None] = request.extensions.get("timeout", {})
    connect, pool, read, write = (given.get(name) for name in ("connect", "pool", "read", "write"))
    both = None if connect is None or pool is None else connect + pool
    longest = None if both is None or read is None or write is None else both + write + read
    return aiohttp.ClientTimeout(connect=both, sock_connect=connect, sock_read=read), longest


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        kind = next(kind for known, kind in _ERRORS.items() if isinstance(error, known))
        raise kind(str(error)) from error
