"""Make the WhatsApp and SMS contacts of campaigns that are due."""

from jobs.shim import run_drain
from services.contact_guard import ContactGuard
from services.outreach import Outreach
from wiring.deps import Deps

LIMIT = 2000


def make_outreach(deps: Deps) -> Outreach:
    """Make what contacts, with its gate, from what this process has opened."""
    guard = ContactGuard(
        database=deps.database, tenants=deps.tenants, clock=deps.clock, is_ledger_used=deps.http_crm is None
    )
    return Outreach(
        database=deps.database, guard=guard, tenants=deps.tenants, accounts=deps.accounts, channels=deps.channels,
        limiter=deps.limiter, crm_for=deps.crm_for, clock=deps.clock, worker=deps.process_name,
        failpoint=deps.failpoint,
    )  # fmt: skip


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Contact up to `limit` targets that are due; return how many were looked at."""
    return await make_outreach(deps).contact_due(limit)


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
