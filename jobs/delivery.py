"""Drain the outbox: what a process left over, retries whose time has come, sends that nobody finished."""

from jobs.shim import run_drain
from wiring.deps import Deps

LIMIT = 500


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Send up to `limit` due messages; return how many were handled."""
    return (await deps.delivery.drain(limit)).handled


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
