"""Locks that outlive a statement: held until the transaction ends."""

from typing import LiteralString
from uuid import UUID

from store.database import Connection

_DEBTOR: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%(tenant_id)s::text || %(document)s, 0))"


async def lock_debtor(connection: Connection, tenant_id: UUID, document: str) -> None:
    """Hold a debtor until the transaction ends, so "promised before" and "contacted before" have one meaning.

    Whoever needs several debtors takes them in the order of their documents.
    """
    await connection.execute(_DEBTOR, {"tenant_id": tenant_id, "document": document})
