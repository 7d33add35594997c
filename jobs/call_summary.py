"""Sum up the calls that have ended, and send the summaries where the customers write."""

import asyncio

import structlog

from agents.models import Models, open_models
from agents.prices import cost_usd
from agents.prompts import Prompts
from agents.summary import summarize
from jobs.shim import run_drain
from services.call_summaries import CallSummaries
from store.calls import CallRow
from store.database import UNAVAILABLE
from wiring.deps import Deps

logger = structlog.get_logger(__name__)

LIMIT = 200
_AT_ONCE = 20
_BUDGET_SECONDS = 8.0  # one worker may serve all queues


async def drain(deps: Deps, limit: int = LIMIT, *, models: Models | None = None) -> int:
    """Sum up to `limit` calls up, for about eight seconds; return how many were looked at."""
    if models is None:
        async with open_models(deps) as opened:
            return await _drain(deps, limit, opened)
    return await _drain(deps, limit, models)


async def _drain(deps: Deps, limit: int, models: Models) -> int:
    summaries = CallSummaries(database=deps.database, tenants=deps.tenants, clock=deps.clock, price=cost_usd)
    prompts = Prompts(deps.database, deps.clock)
    loop = asyncio.get_running_loop()
    until = loop.time() + _BUDGET_SECONDS
    handled = 0
    while handled < limit and loop.time() < until:
        rows = await summaries.claim(min(_AT_ONCE, limit - handled))
        if not rows:
            break
        sent = await asyncio.gather(*(_sum_up(row, summaries, models, prompts) for row in rows))
        if any(sent):
            await deps.queue.ring("delivery")
        handled += len(rows)
    return handled


async def _sum_up(row: CallRow, summaries: CallSummaries, models: Models, prompts: Prompts) -> bool:
    """The outermost handler of one call: one that cannot be summed up comes again and holds up no other."""
    try:
        material = await summaries.material(row)
        if material is None:
            await summaries.drop(row)
            return False
        return await summaries.finish(row, await summarize(material, models=models, prompts=prompts))
    except UNAVAILABLE:
        raise
    except Exception:
        logger.exception("call_summary.failed", call_id=str(row.id))
        return False


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
