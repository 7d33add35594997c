"""Keep LangGraph's tables small: of each conversation only the newest checkpoints stay."""

from jobs.shim import run_drain
from store import checkpoints
from wiring.deps import Deps

LIMIT = 200


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Prune up to `limit` conversations that have too many checkpoints; return how many were pruned."""
    async with deps.database.platform() as connection:
        return await checkpoints.prune(connection, limit=limit)


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
