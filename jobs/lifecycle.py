"""Close conversations that have gone silent (spec 4.7)."""

from jobs.shim import run_drain
from store import conversations
from wiring.deps import Deps

LIMIT = 500


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Expire up to `limit` conversations silent for longer than their tenant allows; return how many."""
    async with deps.database.platform() as connection:
        return await conversations.expire_idle(connection, now=deps.clock.now(), limit=limit)


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
