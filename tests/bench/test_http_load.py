"""The load generator sends whole requests, keeps its connections, and does not hide a refusal."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bench.ground import BenchBroken
from bench.http_load import flood, prepare, steady


@dataclass
class Server:
    port: int = 0
    connections: int = 0
    bodies: Counter[bytes] = field(default_factory=Counter)


@asynccontextmanager
async def serving(status: str = "200 OK") -> AsyncIterator[Server]:
    """Answer every request of kept connections, the body in two pieces."""
    server = Server()

    handlers: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        handlers.append(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                server.bodies[await reader.readexactly(length)] += 1
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nno".encode())
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(b"ne")
        except asyncio.IncompleteReadError:
            writer.close()
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
        await asyncio.gather(*(task for task in handlers if task is not None))


async def test_flood_posts_everything_once_over_kept_connections() -> None:
    async with serving() as server:
        requests = [prepare("/x", f"body {at}".encode(), {"X-Signature": "s"}) for at in range(60)]
        assert await flood(server.port, requests, connections=5) > 0
    assert server.connections == 5
    assert server.bodies == Counter({f"body {at}".encode(): 1 for at in range(60)})


async def test_steady_gives_a_latency_for_each_request() -> None:
    async with serving() as server:
        requests = [prepare("/x", b"body", {}) for _ in range(20)]
        latencies = await steady(server.port, requests, per_second=2000, connections=2)
    assert len(latencies) == 20
    assert all(latency > 0 for latency in latencies)


async def test_a_refusal_breaks_the_bench() -> None:
    async with serving("503 Service Unavailable") as server:
        with pytest.raises(BenchBroken, match="503"):
            await flood(server.port, [prepare("/x", b"body", {})], connections=1)
