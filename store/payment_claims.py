"""What customers say they paid and the CRM does not show yet. At most one claim is open per document."""

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from store.database import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimRow:
    id: UUID
    document: str
    contact_id: UUID
    conversation_id: UUID | None
    notes: str | None
    hold_until: datetime
    status: str
    created_at: datetime


_COLUMNS: LiteralString = "id, document, contact_id, conversation_id, notes, hold_until, status, created_at"
_OPEN: LiteralString = f"SELECT {_COLUMNS} FROM payment_claims WHERE document = %(document)s AND status = 'open'"
_OF_DOCUMENT: LiteralString = (
    f"SELECT {_COLUMNS} FROM payment_claims WHERE document = %(document)s ORDER BY created_at, id"
)
_PUT: LiteralString = f"""
    INSERT INTO payment_claims (tenant_id, {_COLUMNS})
    VALUES (%(tenant_id)s, %(id)s, %(document)s, %(contact_id)s, %(conversation_id)s, %(notes)s, %(hold_until)s,
            %(status)s, %(created_at)s)
    ON CONFLICT (tenant_id, document) WHERE status = 'open' DO UPDATE SET
        contact_id = EXCLUDED.contact_id, conversation_id = EXCLUDED.conversation_id,
        notes = coalesce(EXCLUDED.notes, payment_claims.notes),
        hold_until = greatest(payment_claims.hold_until, EXCLUDED.hold_until)
"""
_REFUTE: LiteralString = """
    UPDATE payment_claims SET status = 'refuted'
    WHERE document = %(document)s AND status = 'open' AND hold_until <= %(now)s AND id <> %(id)s
"""
_CONFIRM: LiteralString = (
    "UPDATE payment_claims SET status = 'confirmed' WHERE document = %(document)s AND status = 'open'"
)


async def open_of(connection: Connection, document: str) -> ClaimRow | None:
    async with connection.cursor(row_factory=class_row(ClaimRow)) as cursor:
        await cursor.execute(_OPEN, {"document": document})
        return await cursor.fetchone()


async def of_document(connection: Connection, document: str) -> list[ClaimRow]:
    """List all claims of a document, oldest first."""
    async with connection.cursor(row_factory=class_row(ClaimRow)) as cursor:
        await cursor.execute(_OF_DOCUMENT, {"document": document})
        return await cursor.fetchall()


async def put(connection: Connection, tenant_id: UUID, row: ClaimRow) -> None:
    """Open a claim, or renew the open one of the document. Hold the debtor's lock."""
    parameters: dict[str, object] = {name: getattr(row, name) for name in ClaimRow.__slots__}
    await connection.execute(_PUT, parameters | {"tenant_id": tenant_id})


async def refute_expired(connection: Connection, document: str, *, renewed_by: UUID, now: datetime) -> None:
    """End a claim whose hold is over without a payment: the next one is a claim of its own."""
    await connection.execute(_REFUTE, {"document": document, "id": renewed_by, "now": now})


async def confirm_open(connection: Connection, document: str) -> bool:
    """Mark the open claim as true; say whether there was one."""
    cursor = await connection.execute(_CONFIRM, {"document": document})
    return cursor.rowcount == 1
