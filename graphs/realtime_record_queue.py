"""What stays of a Realtime call, written behind its back: the talk never waits for the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from channels.openai_realtime import Tokens
from domain.evidence import Finding
from graphs.realtime_dialogue import Said
from graphs.realtime_parts import Record

logger = structlog.get_logger(__name__)


class RecordQueue:
    """Puts one thing after the other into the record, in the order in which they are told."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._writes: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()

    def keep(self, said: Sequence[Said]) -> None:
        """Have utterances written."""
        if said:
            self._writes.put_nowait(partial(self._record.keep, said))

    def used(self, tokens: Tokens) -> None:
        """Have it written what one answer took."""
        self._writes.put_nowait(partial(self._record.used, tokens))

    def found(self, findings: Sequence[Finding]) -> None:
        """Have it written that an answer was cut."""
        self._writes.put_nowait(partial(self._record.found, tuple(findings)))

    async def write(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            write = await self._writes.get()
            try:
                await write()
            except Exception as error:  # what cannot be written must not end the call
                logger.error("realtime.record_failed", error=type(error).__name__)
            finally:
                self._writes.task_done()

    async def finish(self, writer: asyncio.Task[None], *, within: float) -> None:
        """Let `writer`, which runs `write`, come to the end of what is told by now, then stop it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._writes.join()
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
