"""Record that a person wants no contact: at once, for good, whatever asked for it (compliance 4)."""

from datetime import datetime
from uuid import UUID

from store import contact_changes, opt_outs
from store.database import Connection
from store.locks import lock_debtor

EVERYTHING = "all"


async def record_opt_out(
    connection: Connection, *, tenant_id: UUID, contact_id: UUID, scope: str, reason: str, now: datetime
) -> None:
    """Write the refusal under the debtor's lock, so that "before it" means the same to every sender."""
    document = await contact_changes.document_of(connection, contact_id)
    if document:
        await lock_debtor(connection, tenant_id, document)
    await opt_outs.put(connection, tenant_id=tenant_id, contact_id=contact_id, scope=scope, reason=reason, now=now)
    if scope == EVERYTHING:
        await contact_changes.opt_out(connection, contact_id, now=now)
