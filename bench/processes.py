"""Start the bench's server processes and wait until they answer."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from bench.ground import BenchBroken
from wiring.processes import ManagedProcess
from wiring.settings import Settings

_START_SECONDS = 60.0


@asynccontextmanager
async def serving(
    app: str, settings: Settings, *, port: int, folder: Path, arguments: Sequence[str] = ()
) -> AsyncIterator[int]:
    """Run one of `bench.apps` in a process of its own until the block ends; give its port."""
    log_path = folder / f"{app}.log"
    process = ManagedProcess(
        name=app,
        argv=(sys.executable, "-m", "bench.apps", app, "--port", str(port), *arguments),
        env=settings.child_environment(),
        log_path=log_path,
    )
    process.start()
    try:
        await _wait_until_healthy(process, port, log_path)
        yield port
    finally:
        await asyncio.to_thread(process.stop)


async def _wait_until_healthy(process: ManagedProcess, port: int, log_path: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
        while time.monotonic() < deadline and process.is_running():
            try:
                if (await client.get(f"http://127.0.0.1:{port}/health")).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.2)
    tail = (await asyncio.to_thread(log_path.read_text, "utf-8", "replace"))[-2000:]
    raise BenchBroken(f"the server process {process.name} did not start:\n{tail}")
