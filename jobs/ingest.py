"""Drain the imports: take lines of debtors' files that were sent, a batch at a time (spec 3.8)."""

from jobs.shim import run_drain
from services.imports import Intake
from store import imports
from wiring.deps import Deps

LIMIT = 1  # imports of one drain, each for some seconds


def make_intake(deps: Deps) -> Intake:
    """Make what takes files in, from what this process has opened."""
    return Intake(
        database=deps.database, clock=deps.clock, tenants=deps.tenants, worker=deps.process_name,
        feeds_ledger=deps.http_crm is None, failpoint=deps.failpoint,
    )  # fmt: skip


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Take lines of up to `limit` imports; return how many were read. What is not finished is rung for again."""
    intake = make_intake(deps)
    handled = 0
    for _ in range(limit):
        handled += await intake.drain()
    async with deps.database.platform() as connection:
        has_more = await imports.has_due(connection, now=deps.clock.now())
    if has_more:
        await deps.queue.ring("ingest")
    return handled


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
