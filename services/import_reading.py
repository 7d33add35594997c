"""The lines of a debtors' file in batches, each read in a thread while the one before is stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

from services.target_files import Layout, ReadLine, TargetFile, open_target_file

BATCH_LINES = 2_000
_SCANNED_LINES = 20_000  # between two looks at the lease


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines to store together, and the line after them."""

    lines: list[ReadLine]
    next_line: int
    is_last: bool


@asynccontextmanager
async def opened_in_thread(file: BinaryIO) -> AsyncIterator[TargetFile]:
    """Open a file in a thread: to look through a spreadsheet takes a while."""
    stack = ExitStack()
    try:
        yield await asyncio.to_thread(stack.enter_context, open_target_file(file))
    finally:
        await asyncio.to_thread(stack.close)


class Batches:
    """The lines of a file in portions. Blocking: each is read in a thread while the one before is stored."""

    def __init__(self, opened: TargetFile, layout: Layout, first_line: int) -> None:
        self._lines = opened.lines(layout, first_line=first_line)
        self._next_line = first_line

    def next(self) -> Batch:
        """Read on until a batch is full, or for a while: what is skipped takes time too. Raises FileRefused."""
        read: list[ReadLine] = []
        for _ in range(_SCANNED_LINES):
            line = next(self._lines, None)
            if line is None:
                return Batch(read, self._next_line, is_last=True)
            if isinstance(line, ReadLine):
                read.append(line)
            self._next_line = max(self._next_line, (line.number if isinstance(line, ReadLine) else line) + 1)
            if len(read) >= BATCH_LINES:
                break
        return Batch(read, self._next_line, is_last=False)


class ReadAhead:
    """Reads the next batch while the caller stores the last one."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._ahead = self._start()

    def _start(self) -> "asyncio.Task[Batch]":
        return asyncio.create_task(asyncio.to_thread(self._batches.next))

    async def next(self) -> Batch:
        """Give the next batch. Raises FileRefused."""
        batch = await asyncio.shield(self._ahead)
        if not batch.is_last:
            self._ahead = self._start()
        return batch

    async def close(self) -> None:
        """Wait for the thread: the file must stay open as long as it reads."""
        await asyncio.wait({self._ahead})
        if not self._ahead.cancelled():
            self._ahead.exception()
