"""Store the messages that come in at the same moment together: under load one transaction serves many webhooks."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from store.database import RETRYABLE, UNAVAILABLE
from store.inbox import NewInbound

logger = structlog.get_logger(__name__)

_MOST_TOGETHER = 64
_WRITERS = 2  # per tenant: one stores while the other waits for the disk

Store = Callable[[UUID, Sequence[NewInbound]], Awaitable[set[UUID]]]
_Waiting = tuple[NewInbound, "asyncio.Future[bool]"]


class Gathering:
    """Nobody waits for others to come: a message alone is stored at once, those that come meanwhile go together."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: defaultdict[UUID, list[_Waiting]] = defaultdict(list)
        self._writers: defaultdict[UUID, int] = defaultdict(int)
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, message: NewInbound) -> bool:
        """Store it with the others of its tenant; False when it needs more than that, and is not stored.

        Raises what PostgreSQL raises when it is away.
        """
        tenant_id = message.tenant_id
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[tenant_id].append((message, stored))
        if self._writers[tenant_id] < _WRITERS:
            self._writers[tenant_id] += 1
            task = asyncio.create_task(self._write(tenant_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await stored

    async def _write(self, tenant_id: UUID) -> None:
        try:
            while batch := self._take(tenant_id):
                await self._write_batch(tenant_id, batch)
        finally:
            self._writers[tenant_id] -= 1
            if not self._writers[tenant_id]:
                self._writers.pop(tenant_id)
                self._waiting.pop(tenant_id, None)

    def _take(self, tenant_id: UUID) -> list[_Waiting]:
        """Take the oldest messages, one of each address: the next one of the same customer comes after it."""
        taken: dict[tuple[str, str], _Waiting] = {}
        left: list[_Waiting] = []
        for waiting in self._waiting[tenant_id]:
            message, stored = waiting
            address = (message.address_kind, message.address_value)
            if stored.cancelled():
                continue
            if address in taken or len(taken) >= _MOST_TOGETHER:
                left.append(waiting)
            else:
                taken[address] = waiting
        self._waiting[tenant_id] = left
        # In one order, so that two transactions that want the same conversations do not wait in a circle.
        return [taken[address] for address in sorted(taken)]

    async def _write_batch(self, tenant_id: UUID, batch: Sequence[_Waiting]) -> None:
        done: set[UUID] = set()
        failure: Exception | None = None
        try:
            done = await self._store(tenant_id, [message for message, _ in batch])
        except RETRYABLE:
            logger.info("gathering.deadlock", messages=len(batch))
        except UNAVAILABLE as error:
            failure = error
        except Exception:
            # One of them cannot be stored so. Each is tried alone, and the culprit fails alone.
            logger.exception("gathering.failed", messages=len(batch))
        for message, stored in batch:
            if stored.done():
                continue
            if failure is not None:
                stored.set_exception(failure)
            else:
                stored.set_result(message.id in done)
