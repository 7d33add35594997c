"""Wake the turn runners: at once in this process, by NOTIFY in the others. Polling is the fallback for both."""

import asyncio

import structlog
from psycopg import OperationalError

from store.database import Database

logger = structlog.get_logger(__name__)

CHANNEL = "master_ia_turns"
_COALESCE_SECONDS = 0.05


class TurnBell:
    """Say that a conversation may be due. Notifications are gathered: NOTIFY takes a lock on every commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.local = asyncio.Event()
        self._pending: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Wake the runner of this process now and those of others within some 50 ms. Never fails."""
        self.local.set()
        if self._pending is None or self._pending.done():
            self._pending = asyncio.create_task(self._notify())

    async def _notify(self) -> None:
        await asyncio.sleep(_COALESCE_SECONDS)
        try:
            async with self._database.platform() as connection:
                await connection.execute(f"NOTIFY {CHANNEL}")
        except OperationalError as error:
            logger.warning("bell.notify_failed", error=type(error).__name__)

    async def close(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            await asyncio.gather(self._pending, return_exceptions=True)
