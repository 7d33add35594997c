"""The tick: ring every drain that has due rows. Two clocks at once do no harm."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from store import call_records, call_requests, calls, campaigns, deliveries, imports, promises, targets
from store.database import UNAVAILABLE, Connection
from wiring.deps import Deps, open_deps
from wiring.logging import configure_logging
from wiring.settings import load_settings

logger = structlog.get_logger(__name__)

TICK_SECONDS = 15.0


async def _has_calls_due(connection: Connection, *, now: datetime) -> bool:
    """Say whether the dialer has work: of customers who asked for a call, or of campaigns."""
    return await call_requests.has_due(connection, now=now) or await targets.has_calls_due(connection, now=now)


# Each drain with the look that says whether it has something to do.
_DUE: Mapping[str, Callable[..., Awaitable[bool]]] = {
    "delivery": deliveries.has_due,
    "whatsapp": targets.has_written_due,
    "dialer": _has_calls_due,
    "post_call": calls.has_due,
    "call_summary": call_records.has_summaries_due,
    "scheduling": campaigns.has_planning_due,
    "promise_monitor": promises.has_due,
    "ingest": imports.has_due,
}
_LIFECYCLE_EVERY = timedelta(minutes=1)
_RETENTION_EVERY = timedelta(minutes=10)


class Tick:
    """Rings by what is due: most drains by their rows, the housekeeping drains by the hour hand."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._rung_at: dict[str, datetime] = {}

    async def tick(self) -> list[str]:
        """Ring what is due now; return the names of the jobs rung."""
        now = self._deps.clock.now()
        async with self._deps.database.platform() as connection:
            due = [job for job, has_due in _DUE.items() if await has_due(connection, now=now)]
        for job, every in (("lifecycle", _LIFECYCLE_EVERY), ("retention", _RETENTION_EVERY)):
            last = self._rung_at.get(job)
            if last is None or now - last >= every:
                self._rung_at[job] = now
                due.append(job)
        for job in due:
            await self._deps.queue.ring(job)
        return due


async def run(deps: Deps, *, stop: asyncio.Event) -> None:
    """Tick until stopped."""
    tick = Tick(deps)
    while not stop.is_set():
        try:
            await tick.tick()
        except UNAVAILABLE as error:
            logger.warning("clock.database_unavailable", error=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK_SECONDS)


async def _main() -> None:
    settings = load_settings()
    configure_logging(settings, process="clock")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with open_deps(settings) as deps:
        await run(deps, stop=stop)


def main() -> None:
    """Run the clock process."""
    asyncio.run(_main())
