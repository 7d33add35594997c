"""Record that a person wants no contact: at once, for good, whatever asked for it (compliance 4)."""

from datetime import datetime
from uuid import UUID

from services import target_events
from store import contact_changes, opt_outs, targets
from store.database import Connection
from store.locks import lock_debtor

EVERYTHING = "all"


async def record_opt_out(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, scope: str, reason: str, now: datetime
) -> None:
    """Write the refusal under the debtor's lock and the person's row, so that "before it" means the same to every
    sender; the row is held also for a person whose document nobody knows."""
    for document in await targets.debtors_of_contact(connection, contact_id):
        await lock_debtor(connection, tenant_id, document)
    await contact_changes.touch(connection, contact_id, now=now)
    await opt_outs.put(connection, tenant_id=tenant_id, contact_id=contact_id, scope=scope, reason=reason, now=now)
    if scope == EVERYTHING:
        await contact_changes.opt_out(connection, contact_id, now=now)
    await target_events.opted_out(connection, tenant_id=tenant_id, contact_id=contact_id, now=now, scope=scope)
