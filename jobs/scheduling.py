"""Plan campaigns: review what was contacted, give slots to what waits, end what is done (spec 3.8)."""

from jobs.shim import run_drain
from services.planning import Planning
from wiring.deps import Deps

LIMIT = 20  # campaigns


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Plan up to `limit` due campaigns and ring the drains that have contacts to make; return how much was done."""
    planning = Planning(database=deps.database, clock=deps.clock, worker=deps.process_name)
    planned = await planning.drain(limit=limit)
    for job in sorted(planned.due_jobs):
        await deps.queue.ring(job)
    return planned.handled


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
