"""Send the reminders that are due, and look at the promises whose day has passed."""

from jobs.shim import run_drain
from jobs.whatsapp import make_outreach
from services.promise_monitor import PromiseMonitor
from services.promise_reminders import PromiseReminders
from wiring.deps import Deps

LIMIT = 500


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Handle up to `limit` reminders, then as many promises as are left of it; return how many it was."""
    reminders = PromiseReminders(
        database=deps.database, tenants=deps.tenants, outreach=make_outreach(deps), clock=deps.clock,
        worker=deps.process_name,
    )  # fmt: skip
    monitor = PromiseMonitor(
        database=deps.database, tenants=deps.tenants, crm_for=deps.crm_for, clock=deps.clock, worker=deps.process_name
    )
    reminded = await reminders.drain(limit)
    return reminded + await monitor.drain(limit - reminded)


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
