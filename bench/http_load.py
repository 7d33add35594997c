"""A small HTTP/1.1 load generator: prepared requests over kept connections, so that the client costs little."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import cast

from bench.ground import BenchBroken

_TIMEOUT_SECONDS = 60.0


def prepare(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Write a POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class _Wire(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answered: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(rest) < content_length(head):
            return
        self._buffer = b""
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(int(head[9:12]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(BenchBroken("the server closed a connection"))

    async def post(self, request: bytes) -> None:
        """Send it and wait for the answer; anything but 200 breaks the bench."""
        assert self._transport is not None  # noqa: S101 - made before it is given out
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        status = await self._answered
        if status != 200:
            raise BenchBroken(f"the server answered {status}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _connect(port: int, connections: int) -> list[_Wire]:
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(_Wire, "127.0.0.1", port) for _ in range(connections)]
    return [wire for _, wire in made]


async def flood(port: int, requests: Sequence[bytes], *, connections: int) -> float:
    """Post everything as fast as the connections allow; give the seconds it took."""
    wires = await _connect(port, connections)
    waiting = deque(requests)

    async def work(wire: _Wire) -> None:
        while waiting:
            await wire.post(waiting.popleft())

    try:
        started = time.perf_counter()
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await asyncio.gather(*(work(wire) for wire in wires))
        return time.perf_counter() - started
    finally:
        for wire in wires:
            wire.close()


async def steady(port: int, requests: Sequence[bytes], *, per_second: float, connections: int) -> list[float]:
    """Post at a fixed rate; give each request's seconds from the instant it was due, waiting for a wire included."""
    wires = await _connect(port, connections)
    free: asyncio.Queue[_Wire] = asyncio.Queue()
    for wire in wires:
        free.put_nowait(wire)
    latencies: list[float] = []

    async def post_at(due: float, request: bytes) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        wire = await free.get()
        await wire.post(request)
        latencies.append(time.perf_counter() - due)
        free.put_nowait(wire)

    try:
        begin = time.perf_counter() + 0.05
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await asyncio.gather(*(post_at(begin + at / per_second, item) for at, item in enumerate(requests)))
        return latencies
    finally:
        for wire in wires:
            wire.close()
