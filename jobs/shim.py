"""The one place where a sync RQ job meets async code: one event loop and one `Deps` for the life of a worker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from wiring.deps import Deps, open_deps
from wiring.settings import load_settings

logger = structlog.get_logger(__name__)

Drain = Callable[[Deps], Awaitable[int]]


class WorkerLoop:
    """The worker's event loop and its Deps. HTTP clients belong to one loop, so the loop is kept (stack 3)."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack: AsyncExitStack | None = None
        self._deps: Deps | None = None

    def run(self, drain: Drain) -> int:
        """Run one drain to its end."""
        return self._runner.run(self._drain(drain))

    async def _drain(self, drain: Drain) -> int:
        if self._deps is None:
            stack = AsyncExitStack()
            self._deps = await stack.enter_async_context(open_deps(load_settings()))
            self._stack = stack
        return await drain(self._deps)

    def close(self) -> None:
        if self._stack is not None:
            self._runner.run(self._stack.aclose())
        self._runner.close()


_loop: WorkerLoop | None = None


def run_drain(drain: Drain) -> int:
    """Run a drain in this process's loop; log how much it did. Errors go to RQ, the rows stay due."""
    global _loop
    if _loop is None:
        _loop = WorkerLoop()
    handled = _loop.run(drain)
    if handled:
        logger.info("job.drained", job=drain.__module__, handled=handled)
    return handled


def close() -> None:
    """Close what the drains of this process opened."""
    global _loop
    if _loop is not None:
        _loop.close()
        _loop = None
