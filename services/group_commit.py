"""Do together what is asked for at the same moment: under load one transaction serves many."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from uuid import UUID

Item = TypeVar("Item")
Result = TypeVar("Result")

_WRITERS = 2  # of each key
_CROWD = 25  # waiting, and the second writer begins: a first one that is held up does not hold up everybody
# After a batch, for those right behind it, until they are a crowd: a transaction of the gate costs much more than one
# more contact in it.
_GATHER_SECONDS = 0.1


class GroupCommit(Generic[Item, Result]):
    """One alone is done at once; those that come meanwhile, or right behind it, go together.

    `commit` gives one result for each item, in their order. What it raises, all of its items raise.
    """

    def __init__(
        self, commit: Callable[[UUID, Sequence[Item]], Awaitable[Sequence[Result]]], *, most: int = 100
    ) -> None:
        self._commit = commit
        self._most = most
        self._waiting: defaultdict[UUID, list[tuple[Item, asyncio.Future[Result]]]] = defaultdict(list)
        self._writers: defaultdict[UUID, int] = defaultdict(int)
        self._gathering: dict[UUID, asyncio.Event] = {}  # a writer that waits for a crowd
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, key: UUID, item: Item) -> Result:
        """Have it done with the others of its key."""
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[key].append((item, done))
        is_crowd = len(self._waiting[key]) >= _CROWD
        if is_crowd and key in self._gathering:
            self._gathering[key].set()
        elif not self._writers[key] or (self._writers[key] < _WRITERS and is_crowd):
            self._writers[key] += 1
            task = asyncio.create_task(self._write(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await done

    async def _write(self, key: UUID) -> None:
        try:
            while batch := self._take(key):
                await self._write_batch(key, batch)
                if not await self._gather(key):
                    return
        finally:
            self._writers[key] -= 1
            if not self._writers[key]:
                self._writers.pop(key)
                self._waiting.pop(key, None)

    async def _gather(self, key: UUID) -> bool:
        """Wait a moment for others unless a crowd is there; False when another writer waits for them already."""
        if len(self._waiting[key]) >= _CROWD:
            return True
        if key in self._gathering:
            return False
        self._gathering[key] = asyncio.Event()
        try:
            async with asyncio.timeout(_GATHER_SECONDS):
                await self._gathering[key].wait()
        except TimeoutError:
            pass
        finally:
            del self._gathering[key]
        return True

    def _take(self, key: UUID) -> list[tuple[Item, asyncio.Future[Result]]]:
        live = [entry for entry in self._waiting[key] if not entry[1].done()]
        self._waiting[key] = live[self._most :]
        return live[: self._most]

    async def _write_batch(self, key: UUID, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        results: Sequence[Result] = ()
        failure: Exception | None = None
        try:
            results = await self._commit(key, [item for item, _ in batch])
        except Exception as error:
            failure = error
        for place, (_, done) in enumerate(batch):
            if done.done():
                continue
            if failure is not None:
                done.set_exception(failure)
            else:
                done.set_result(results[place])
