"""Look at the calls that have ended, fallen silent, or of which nobody knows whether they were made."""

from jobs.shim import run_drain
from services.calls import PostCall
from wiring.deps import Deps

LIMIT = 1000


def make_post_call(deps: Deps) -> PostCall:
    """Make what looks after calls from what this process has opened."""
    return PostCall(
        database=deps.database, tenants=deps.tenants, accounts=deps.accounts, lines=deps.voice_lines, clock=deps.clock,
        worker=deps.process_name,
    )  # fmt: skip


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Look at up to `limit` calls; return how many were looked at."""
    return await make_post_call(deps).drain(limit)


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
