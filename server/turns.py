"""Keep this process's turn runner going: what ends it is logged, and it starts again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from graphs.engine import open_runner
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0


@dataclass(slots=True)
class RunnerState:
    """Whether turns are run here. `is_wanted` is False in a process that only takes webhooks in."""

    is_wanted: bool
    is_alive: bool = False
    restarts: int = 0


async def keep_running(deps: Deps, state: RunnerState) -> None:
    """Run turns until cancelled. A runner that fails is opened anew after a pause that grows."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            async with open_runner(deps) as runner:
                state.is_alive = True
                started = asyncio.get_running_loop().time()
                try:
                    await runner.run()
                finally:
                    state.is_alive = False
                    if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE_SECONDS:
                        pause = _FIRST_PAUSE_SECONDS
            logger.error("runner.ended")
        except Exception:
            logger.exception("runner.died", restarts=state.restarts)
        state.restarts += 1
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def running_turns(deps: Deps, state: RunnerState) -> AsyncIterator[None]:
    """Run turns beside the block; at its end running turns are given back."""
    if not state.is_wanted:
        yield
        return
    task = asyncio.create_task(keep_running(deps, state))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
