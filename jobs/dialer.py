"""Make the calls of campaigns that are due."""

from jobs.shim import run_drain
from services.contact_guard import ContactGuard
from services.dialing import Dialer
from wiring.deps import Deps

LIMIT = 1000


def make_dialer(deps: Deps) -> Dialer:
    """Make what calls, with its gate, from what this process has opened."""
    guard = ContactGuard(
        database=deps.database, tenants=deps.tenants, clock=deps.clock, is_ledger_used=deps.http_crm is None
    )
    return Dialer(
        database=deps.database, guard=guard, tenants=deps.tenants, accounts=deps.accounts, lines=deps.voice_lines,
        limiter=deps.limiter, crm_for=deps.crm_for, clock=deps.clock, worker=deps.process_name,
        failpoint=deps.failpoint, public_base_url=deps.settings.public_base_url,
    )  # fmt: skip


async def drain(deps: Deps, limit: int = LIMIT) -> int:
    """Call up to `limit` targets that are due; return how many were looked at."""
    return await make_dialer(deps).contact_due(limit)


def run() -> int:
    """RQ entry point."""
    return run_drain(drain)
